from dataclasses import replace

import numpy as np
import pytest

from xorlab.diagnosis.verdict import diagnose
from xorlab.errors import XorlabError
from xorlab.numerics.training import train
from xorlab.remedies import trials
from xorlab.remedies.changes import continuations
from xorlab.remedies.trials import Trials, try_remedies
from xorlab.spec import ArchSpec, InitSpec, RunSpec
from xorlab.statistics import wilson

SLOW = RunSpec(seed=1, epochs=100)
"""Still falling at its end; with ten times the epochs it converges."""
SHORT = RunSpec(epochs=1500)
"""The notebook's run, cut where it rests at ln 2."""


@pytest.fixture(scope="module")
def answers() -> list[Trials]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "SEEDS", range(1000, 1006))
        return try_remedies([SHORT, SLOW, replace(SHORT, seed=SHORT.seed + 1)])


def by_name(found: Trials):
    return {each.remedy.name: each for each in found.continuations}


def test_gradient_descent_does_not_take_the_notebooks_run_away_from_its_minimum(answers):
    """It rests at a minimum of ln 2, so smaller steps and more of them leave it there.

    What larger steps, momentum and Adam do depends on the last bits, which differ between processors.
    """
    notebook = answers[0]
    assert (notebook.spec, notebook.epochs, notebook.verdict.outcome) == (SHORT, 1500, "stuck_ln2")
    found = by_name(notebook)
    assert len(found) == 7
    for name in ("more epochs", "a tenth of the learning rate"):
        assert found[name].verdict.outcome == "stuck_ln2"


def test_more_epochs_are_the_epochs_of_a_longer_run(answers):
    """Gradient descent remembers nothing, so rounds of the run's own epochs are one long run."""
    slow = answers[1]
    assert slow.verdict.outcome != "converged"
    longer = by_name(slow)["more epochs"]
    (whole,) = diagnose(train([replace(SLOW, epochs=11 * SLOW.epochs)]))
    assert longer.converged
    assert longer.epochs == 1000
    assert longer.verdict.epochs_to_converge == whole.epochs_to_converge - SLOW.epochs


def test_a_remedy_starts_where_the_run_ended(answers):
    trained = train([SLOW])
    for remedy in continuations(SLOW, answers[1].verdict.evidence.hessian_max)[1:]:
        (expected,) = diagnose(train([remedy.spec], initial=trained.final))
        got = by_name(answers[1])[remedy.name].verdict
        assert (got.outcome, got.final_loss) == (expected.outcome, expected.final_loss)


def test_what_works_comes_first(answers):
    for found in answers:
        converged = [each.converged for each in found.continuations]
        assert converged == sorted(converged, reverse=True)
        quick = [each.verdict.epochs_to_converge for each in found.continuations if each.converged]
        assert quick == sorted(quick)
        counts = [new.converged for new in found.restarts]
        assert counts == sorted(counts, reverse=True)
    assert any(each.converged for each in answers[1].continuations)


def test_a_rate_counts_runs_trained_one_by_one(answers):
    for new in answers[1].restarts[::5]:
        alone = [train([replace(new.remedy.spec, seed=seed)]) for seed in range(1000, 1006)]
        expected = sum(diagnose(trained)[0].outcome == "converged" for trained in alone)
        assert (new.converged, new.n) == (expected, 6)
        assert new.interval == wilson(expected, 6)


def test_runs_that_differ_in_their_seeds_have_new_runs_in_common(answers):
    counts = [[(each.remedy.name, each.converged) for each in found.restarts] for found in answers]
    assert counts[0] == counts[2] != counts[1]


def test_intervals_that_overlap_do_not_order_rates():
    remedy = continuations(SHORT, 0.0)[0]
    plain, more, less, near = (trials.Restarts(remedy, 100, count) for count in (50, 90, 10, 60))
    assert [each.compare(plain) for each in (more, near, plain, less)] == [1, 0, 0, -1]


def test_a_run_that_converged_is_not_continued(monkeypatch):
    monkeypatch.setattr(trials, "SEEDS", range(2))
    (found,) = try_remedies([RunSpec(seed=1, lr=1.0, epochs=2000, arch=ArchSpec(hidden=(8,)))])
    assert found.verdict.outcome == "converged"
    assert found.continuations == ()
    assert found.restarts


def test_a_run_that_can_not_be_trained_is_one_line(tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, W1=np.ones((2, 3)), W2=np.ones((3, 1)))
    spec = RunSpec(init=InitSpec(name="file", path=str(path)), epochs=5)
    path.unlink()
    with pytest.raises(XorlabError, match=r"^the run must be trainable again; .*w\.npz"):
        try_remedies([spec])
