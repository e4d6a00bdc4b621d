import math

import numpy as np
import pytest

from partitions import best, partitions
from xorlab.components import datasets
from xorlab.diagnosis import evidence
from xorlab.diagnosis.levels import spectrum
from xorlab.numerics import curvature
from xorlab.numerics.trained import Trained
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, DataSpec, RunSpec

LN2 = math.log(2.0)


def network(W1, b1, W2, b2, losses=(LN2,), **parts):
    """One made-up run of one hidden layer that ends at these parameters, with these losses."""
    spec = RunSpec(arch=ArchSpec(hidden=(len(b1),), **parts.pop("arch", {})), epochs=len(losses), **parts)
    final = {"W1": W1, "b1": b1, "W2": np.reshape(W2, (-1, 1)), "b2": [b2]}
    final = {name: np.array(array, dtype=float)[None] for name, array in final.items()}
    X, y = datasets.load(spec.data)
    at = curvature.run(
        spec.arch,
        spec.loss,
        np.concatenate([final[k].reshape(-1) for k in ("W1", "b1", "W2", "b2")])[:, None],
        X[..., None],
        y[:, None],
    )
    logits = at.A[-1][:, :, 0] @ at.W[-1][:, 0, 0]
    return Trained(
        specs=(spec,),
        losses=np.array([losses], dtype=float),
        epochs=np.array([len(losses)]),
        stopped=("epochs",),
        initial=final,
        final=final,
        final_loss=at.loss,
        logits=logits[None],
    )


def seen(trained):
    (found,) = evidence.gather(evidence.find(trained), trained)
    return found


def test_the_states_of_units():
    """Off at (0, 0) only is split; 0 is off; on at all four is on."""
    found = seen(network([[-1, 1, 1, 0], [-1, 1, 1, 0]], [0.0, -0.5, 0.5, 0.0], [1, 1, 1, 1], 0.0))
    assert found.units == (("dead", "split", "on", "dead"),)
    assert found.kink
    found = seen(network([[-1, 1], [-1, 1]], [-0.1, 0.5], [1, 1], 0.0))
    assert found.units == (("dead", "on"),)
    assert not found.kink


@pytest.mark.parametrize(("offset", "kink"), [(0.0, True), (1e-10, True), (-1e-10, True), (1e-8, False)])
def test_a_pre_activation_near_0_lies_on_the_kink(offset, kink):
    assert seen(network([[1], [1]], [offset], [1], 0.0)).kink is kink


def test_a_smooth_activation_has_neither_states_nor_kink():
    found = seen(network([[0], [0]], [0.0], [1], 0.0, arch={"activation": "tanh"}))
    assert (found.units, found.kink) == ((), False)


def test_the_interaction_and_its_bound():
    """The hand-made solution: logits 0 1 1 0, I = -2, loss 0.5032 above ln(1 + exp(-1/2)) = 0.4741."""
    trained = network([[1, 1], [1, 1]], [0.0, -1.0], [1, -2], 0.0)
    np.testing.assert_array_equal(trained.logits, [[0.0, 1.0, 1.0, 0.0]])
    found = seen(trained)
    assert found.interaction == -2.0
    assert found.bound == pytest.approx(math.log1p(math.exp(-0.5)))
    assert found.bound <= trained.final_loss[0] == pytest.approx(0.5032, abs=1e-4)


def test_the_bound_holds_for_any_logits():
    trained = train([RunSpec(seed=seed, epochs=200) for seed in range(50)])
    for loss, found in zip(trained.final_loss, evidence.gather(evidence.find(trained), trained), strict=True):
        assert loss >= found.bound - 1e-15


@pytest.mark.parametrize("parts", [{"data": DataSpec(name="and")}, {"data": DataSpec(name="xnor")}])
def test_there_is_no_interaction_off_xor(parts):
    found = seen(network([[1], [1]], [0.5], [1], 0.0, **parts))
    assert math.isnan(found.interaction)
    assert math.isnan(found.bound)


def test_the_bound_is_for_cross_entropy():
    found = seen(network([[1], [1]], [0.5], [1], 0.0, loss="mse"))
    assert math.isfinite(found.interaction)
    assert math.isnan(found.bound)


@pytest.mark.parametrize(
    ("logits", "text"),
    [
        ([0, 0, 0, 0], "{00,01,10,11}"),
        ([-1, -1, -1, 9], "{00,01,10}|{11}"),
        ([-9, 0, 0, 9], "{01,10}|{00}|{11}"),
        ([-9, 9, 9, -9], "{00,11}|{01,10}"),
        ([0.0, 0.3, 0.6, 9], "{00,01,10}|{11}"),  # p = 0.5, 0.574, 0.646: tied through one another
        ([-9, -1, 1, 9], "{00}|{01}|{10}|{11}"),
    ],
)
def test_partitions_are_written_out(logits, text):
    tied = evidence._tied(np.array([logits], dtype=float))
    bits = np.packbits(tied.reshape(1, -1), axis=1)[0].tobytes()
    assert evidence.partition(DataSpec(), bits) == text


@pytest.mark.parametrize("loss", ["bce", "mse"])
@pytest.mark.parametrize("data", [DataSpec(), DataSpec(name="and"), DataSpec(name="parity", bits=3)])
def test_every_partition_has_the_level_of_its_groups(data, loss):
    """All 15 of four points; of eight points every 40th."""
    _, y = datasets.load(data)
    N = len(y)
    every = list(partitions(list(range(N))))
    for groups in every[:: 1 if N == 4 else 40]:
        tied = np.zeros((N, N), dtype=bool)
        for group in groups:
            tied[np.ix_(group, group)] = True
        bits = np.packbits(tied.reshape(-1)).tobytes()
        expected = sum(best(y[group], loss) for group in groups) / N
        assert evidence.level(data, loss, bits) == pytest.approx(expected, abs=1e-12)
        assert sorted(map(sorted, evidence.groups(N, bits))) == sorted(map(sorted, groups))


def test_many_points_have_no_partition():
    spec = RunSpec(data=DataSpec(name="noisy_xor"), epochs=3)
    found = seen(train([spec]))
    assert found.partition is None
    assert list(found.epochs_at) == ["ln2"]


def history(losses, **parts):
    found = seen(network([[1], [1]], [0.5], [1], 0.0, losses=losses, **parts))
    return found.epochs_at, found.left_at


def test_plateaus_are_counted_and_left():
    """Ten epochs at ln 2, two away, five there again, then eight at 0.477 to the end."""
    levels = spectrum(RunSpec())
    losses = [levels["ln2"] + 0.004] * 10 + [0.6] * 2 + [LN2 - 0.004] * 5 + [levels["0.477"]] * 8
    assert history(losses) == ({"ln2": 15, "0.477": 8, "0.347": 0}, {"ln2": 17})


def test_a_plateau_ends_at_five_thousandths():
    assert history([LN2 + 0.0049, LN2 + 0.0051, LN2 - 0.0051, 0.6])[0]["ln2"] == 1


def test_a_plateau_that_lasts_to_the_end_is_not_left():
    epochs_at, left_at = history([0.9, LN2, LN2])
    assert (epochs_at["ln2"], left_at) == (2, {})


def test_plateaus_of_runs_of_several_lengths_and_levels():
    """Shorter runs end in NaN: what lasts to a run's own end is not left; the names are those of each run's data."""
    specs = [RunSpec(seed=seed, epochs=epochs) for seed in range(4) for epochs in (5, 900)]
    specs += [RunSpec(seed=seed, epochs=300, data=DataSpec(name="and")) for seed in range(3)]
    trained = train(specs)
    for run, found in enumerate(evidence.gather(evidence.find(trained), trained)):
        names = spectrum(specs[run])
        assert list(found.epochs_at) == list(names)
        own = trained.losses[run, : trained.epochs[run]]
        for name, level in names.items():
            near = [epoch for epoch, loss in enumerate(own) if abs(loss - level) < 0.005]
            assert found.epochs_at[name] == len(near)
            assert found.left_at.get(name) == (near[-1] + 1 if near and near[-1] + 1 < len(own) else None)


def test_a_gradient_and_a_hessian_by_hand():
    """All dead: only b2 moves; p = sigmoid(2), gradient p - 1/2, curvature p (1 - p)."""
    p = 1.0 / (1.0 + math.exp(-2.0))
    found = seen(network([[-1], [-1]], [-1.0], [1], 2.0, lr=3.0))
    assert found.gradient_norm == pytest.approx(p - 0.5)
    assert found.hessian_max == pytest.approx(p * (1.0 - p))
    assert found.hessian_min == 0.0
    assert found.lr_lambda_max == pytest.approx(3.0 * p * (1.0 - p))


def test_large_networks_have_no_eigenvalues():
    found = seen(train([RunSpec(arch=ArchSpec(hidden=(30, 30)), epochs=2)]))
    assert math.isnan(found.hessian_max)
    assert math.isnan(found.lr_lambda_max)
    assert math.isfinite(found.gradient_norm)


def test_all_dead_is_certified_up_to_the_step_that_oscillates():
    def proved(lr):
        return seen(network([[-1], [-1]], [-1.0], [1], 0.0, lr=lr)).certified

    assert [proved(lr) for lr in (0.1, 7.9, 8.1)] == [True, True, False]


ON = ([[1, 1], [1, -1]], [0.5, 1.5], [0.0, 0.0], 0.0)
"""Two live units, on everywhere with a margin of 1/2, and p = 1/2."""


def test_units_on_everywhere_with_margins_are_certified():
    assert seen(network(*ON)).certified


@pytest.mark.parametrize(
    "parts",
    [
        {"loss": "mse"},
        {"data": DataSpec(name="and")},
        {"arch": {"activation": "leaky_relu"}},
        {"arch": {"activation": "tanh"}},
        {"batch_size": 1},
        {"lr": 100.0},
    ],
)
def test_what_the_proof_does_not_cover_is_not_certified(parts):
    assert not seen(network(*ON, **parts)).certified


def test_a_unit_near_its_kink_or_an_output_off_one_half_is_not_certified():
    W1, _, W2, _ = ON
    assert not seen(network(W1, [1e-12, 1.5], [1.0, 1.0], 0.0)).certified
    assert not seen(network(W1, [0.0, 1.5], W2, 0.0)).certified
    assert not seen(network(*ON[:3], 0.1)).certified


def test_a_margin_must_be_longer_than_the_way_that_is_left():
    """The output is off 1/2 by 1e-5 / 4, and curvature about 1/10: steps of some 1e-5 together are left."""

    def proved(margin):
        return seen(network([[1, 1], [1, -1]], [margin, 1.0 + margin], [0.0, 0.0], 1e-5)).certified

    assert [proved(margin) for margin in (1e-2, 1e-7)] == [True, False]


def test_a_dead_unit_on_its_kink_may_move_where_the_setting_lets_it():
    dead = ([[-1], [-1]], [0.0], [1], 0.0)
    assert seen(network(*dead)).certified
    assert not seen(network(*dead, arch={"relu_grad_at_zero": 1.0})).certified


def test_what_is_certified_of_made_up_networks_stays():
    """Networks of two live units moved a little off ln 2: those that are certified are still affine and there."""
    rng = np.random.RandomState(0)
    made, R = {}, 200
    made["W1"] = rng.randn(R, 2, 2)
    made["b1"] = 0.02 + rng.rand(R, 2) + np.abs(np.minimum(made["W1"], 0.0)).sum(axis=1)
    made["W2"] = 10.0 ** rng.uniform(-9, -3, (R, 1, 1)) * rng.randn(R, 2, 1)
    made["b2"] = 10.0 ** rng.uniform(-9, -3, (R, 1)) * rng.randn(R, 1)
    specs = [RunSpec(arch=ArchSpec(hidden=(2,)), lr=lr, epochs=1) for lr in rng.uniform(0.1, 4.0, R)]
    start = train(specs, initial=made)
    proved = np.array([found.certified for found in evidence.gather(evidence.find(start), start)])
    assert proved.sum() >= 20
    longer = [RunSpec(arch=ArchSpec(hidden=(2,)), lr=spec.lr, epochs=5_000) for spec in specs]
    end = train(longer, initial=start.final)
    X, _ = datasets.load(DataSpec())
    z = np.einsum("nd,rdh->rnh", X, end.final["W1"]) + end.final["b1"][:, None]
    assert (z[proved] > 0.0).all()
    np.testing.assert_allclose(end.losses[proved], LN2, atol=1e-6)
