"""Networks that another program trained: here a plain loop in NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from xorlab.diagnosis.verdict import diagnose
from xorlab.errors import XorlabError
from xorlab.numerics.trained import take
from xorlab.numerics.training import train
from xorlab.remedies import elsewhere, summary, trials
from xorlab.spec import RunSpec

X, Y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
SPEC = RunSpec(epochs=1500)


def loop(seed, epochs, *, lr=0.1):
    """Train a 2-3-1 ReLU network, and return its weights and the losses before each update."""
    rng = np.random.RandomState(seed)
    W1, b1 = rng.standard_normal((2, 3)), np.zeros(3)
    W2, b2 = rng.standard_normal((3, 1)), np.zeros(1)
    losses = []
    for _ in range(epochs):
        z = X @ W1 + b1
        a = np.maximum(z, 0)
        p = 1 / (1 + np.exp(-(a @ W2 + b2)))
        losses.append(-np.mean(np.log(np.where(Y == 1, p, 1 - p))))
        dlogit = (p - Y) / 4
        dz = dlogit @ W2.T * (z > 0)
        W2, b2 = W2 - lr * a.T @ dlogit, b2 - lr * dlogit.sum(axis=0)
        W1, b1 = W1 - lr * X.T @ dz, b1 - lr * dz.sum(axis=0)
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}, np.array(losses)


@pytest.mark.parametrize("seed", [42, 0, 2])
def test_another_programs_run_gets_the_verdict_of_our_own(seed):
    parameters, losses = loop(seed, 1500)
    (own,) = diagnose(train([replace(SPEC, seed=seed)]))
    run = elsewhere.trained(SPEC, parameters, losses)
    verdict, text = elsewhere.describe(run, losses=True)
    assert (verdict.outcome, verdict.cause, verdict.evidence.units) == (own.outcome, own.cause, own.evidence.units)
    assert verdict.final_loss == pytest.approx(own.final_loss, rel=1e-9)
    assert verdict.epochs_to_converge == own.epochs_to_converge
    assert "But the last loss" not in text


def test_weights_alone_do_not_show_that_a_loss_rests():
    parameters, _ = loop(42, 1500)
    verdict, text = elsewhere.describe(elsewhere.trained(SPEC, parameters, None), losses=False)
    assert "Weights alone do not show whether a loss rests; --losses does. If it rests: Stuck at ln 2" in text
    assert (verdict.outcome, verdict.cause) == ("stuck_ln2", "affine_collapse")


def test_where_the_gradient_is_not_zero_nothing_rests():
    parameters, _ = loop(42, 5)
    verdict, text = elsewhere.describe(elsewhere.trained(SPEC, parameters, None), losses=False)
    assert text.endswith("so gradient descent goes on from here.")
    assert verdict.outcome == "undecided"


def test_a_network_that_solves_it_has_converged_whatever_its_losses_were():
    parameters, _ = loop(0, 3000, lr=0.5)
    verdict, text = elsewhere.describe(elsewhere.trained(SPEC, parameters, None), losses=False)
    assert verdict.outcome == "converged"
    assert text.startswith("Converged: every point is on the right side of p = 1/2, and the loss is 0.0")


def test_losses_of_other_weights_are_noticed():
    parameters, _ = loop(42, 1500)
    text = elsewhere.describe(elsewhere.trained(SPEC, parameters, np.full(900, 0.25)), losses=True)[1]
    assert "But the last loss on record is 0.2500, and these weights give 0.6931" in text


def test_losses_that_are_no_number_diverged():
    parameters, losses = loop(42, 30)
    run = elsewhere.trained(SPEC, parameters, np.append(losses, [np.nan, np.nan]))
    assert run.epochs[0] == 30
    assert elsewhere.describe(run, losses=True)[0].outcome == "diverged"


def test_remedies_go_on_from_the_given_weights(monkeypatch):
    monkeypatch.setattr(trials, "SEEDS", range(1000, 1002))
    spec = replace(SPEC, seed=1, epochs=100)
    ours = train([spec])
    run = elsewhere.trained(spec, take(ours.final, 0), ours.losses[0])
    verdict, _ = elsewhere.describe(run, losses=True)
    (one,) = trials.try_on([run], [verdict])
    (expected,) = trials.try_remedies([spec])
    ends = [
        [(each.remedy, each.epochs, each.verdict.outcome, each.verdict.final_loss) for each in found.continuations]
        for found in (one, expected)
    ]
    assert ends[0] == ends[1]
    assert one.restarts == expected.restarts
    commands = [section.command for section in summary.sections(one, weights="my weights.pt")]
    assert commands[0].endswith("""init=file 'init.path='"'"'my weights.pt'"'"''""")


@pytest.mark.parametrize(
    ("text", "losses"),
    [
        ("0.7\n0.6\n", [0.7, 0.6]),
        ("loss\n0.7\n0.6\n", [0.7, 0.6]),
        ("epoch,accuracy,loss\n0,0.5,0.7\n1,0.5,0.6\n", [0.7, 0.6]),
        ("Wall time,Step,Value\n1.5,0,0.7\n2.5,3,0.6\n", [0.7, 0.7, 0.7, 0.6]),
        ("Epoch,Train_Loss\n1,0.7\n2,0.6\n4,0.5\n", [0.7, 0.6, 0.6, 0.5]),
        ("7e-1\n\nnan\n", [0.7, np.nan]),
    ],
)
def test_losses_are_read(tmp_path, text, losses):
    path = tmp_path / "losses.csv"
    path.write_text(text)
    np.testing.assert_array_equal(elsewhere.read_losses(str(path)), losses)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must have losses of ascending epochs; got 0"),
        ("a,b\n1,2\n", "must have a column named loss; got a, b"),
        ("1,2\n", "must have a column named loss; got columns without names"),
        ("loss\n0.7\nhigh\n", "must have a number in each line; got 'high'"),
        ("epoch,loss\n1,0.7\n1,0.6\n", "ascending epochs"),
        ("epoch,loss\n0.5,0.7\n", "ascending epochs"),
    ],
)
def test_other_files_of_losses_are_refused(tmp_path, text, said):
    path = tmp_path / "losses.csv"
    path.write_text(text)
    with pytest.raises(XorlabError, match=said):
        elsewhere.read_losses(str(path))
