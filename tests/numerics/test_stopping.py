"""When a run stops, and that its state is then the one of its last epoch."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics import training
from xorlab.numerics.ensemble import Ensemble, kernel
from xorlab.numerics.network import pack
from xorlab.numerics.training import BLOCK, draw, train
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec


def same_as(trained, run, spec):
    """Hold a run's final state to that of a specification trained alone to its last epoch."""
    alone = train([spec])
    assert alone.stopped == ("epochs",)
    for name, array in alone.final.items():
        np.testing.assert_array_equal(trained.final[name][run], array[0])
    np.testing.assert_array_equal(trained.logits[run], alone.logits[0])
    np.testing.assert_array_equal(trained.final_loss[run], alone.final_loss[0])


def test_runs_of_different_length_go_together():
    lengths = [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 600]
    trained = train([RunSpec(epochs=length) for length in lengths])
    np.testing.assert_array_equal(trained.epochs, lengths)
    assert set(trained.stopped) == {"epochs"}
    for run, length in enumerate(lengths):
        same_as(trained, run, RunSpec(epochs=length))
        np.testing.assert_array_equal(trained.losses[run, :length], trained.losses[-1, :length])
        assert np.isnan(trained.losses[run, length:]).all()


DESCENDING = {
    "gd": RunSpec(seed=0, lr=0.01, epochs=600, arch=ArchSpec(activation="tanh")),
    "adam": RunSpec(
        seed=0,
        lr=0.001,
        epochs=600,
        arch=ArchSpec(activation="tanh"),
        optimizer=OptimizerSpec(name="adam"),
        batch_size=3,
        shuffle=True,
    ),
}


@cache
def descent(name):
    return train([DESCENDING[name]]).losses[0]


@pytest.mark.parametrize("epoch", [0, 1, 17, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 599])
@pytest.mark.parametrize("name", DESCENDING)
def test_a_run_stops_where_it_reaches_its_target(name, epoch):
    """A descending run's own loss at an epoch is the target, which is then first met there or a little before."""
    spec, losses = DESCENDING[name], descent(name)
    first = int(np.argmax(losses <= losses[epoch]))
    trained = train([replace(spec, target_loss=float(losses[epoch])), spec])
    assert trained.stopped == ("target_loss", "epochs")
    assert trained.epochs[0] == first + 1
    assert trained.final_loss[0] == trained.losses[0, first] == losses[first] <= losses[epoch]
    np.testing.assert_array_equal(trained.losses[0, : first + 1], losses[: first + 1])
    assert np.isnan(trained.losses[0, first + 1 :]).all()
    if first:
        same_as(trained, 0, replace(spec, epochs=first))
    else:
        np.testing.assert_array_equal(trained.final["W1"][0], trained.initial["W1"][0])


def test_a_target_met_only_after_the_last_update_is_not_met():
    losses = train([RunSpec(lr=0.01, epochs=50)]).losses[0]
    trained = train([RunSpec(lr=0.01, epochs=49, target_loss=float(losses[49]))])
    assert trained.stopped == ("epochs",)
    assert trained.final_loss[0] == losses[49]


def diverging(**same):
    """A deep linear network with a large learning rate: its numbers grow until they are not finite."""
    return RunSpec(arch=ArchSpec(hidden=(3,), activation="identity"), seed=1, **{"lr": 20.0, "epochs": 2_000} | same)


@cache
def rates():
    """Learning rates by the number of finite losses that they lead to, from about 230 to 280."""
    trained = train([diverging(lr=float(lr)) for lr in np.linspace(6.0, 8.0, 200)])
    return {int(finite): spec.lr for finite, spec in zip(trained.epochs, trained.specs, strict=True)}


def check_divergence(spec, finite):
    """Hold a run to what a run with `finite` finite losses, if it has as many epochs, must record."""
    calm = replace(spec, lr=1e-3, epochs=320)
    trained = train([spec, calm])
    breaks = spec.epochs >= finite
    epochs = finite if breaks else spec.epochs
    assert trained.stopped == ("non_finite" if breaks else "epochs", "epochs")
    np.testing.assert_array_equal(trained.epochs, [epochs, 320])
    assert np.isfinite(trained.losses[0, :epochs]).all()
    assert np.isnan(trained.losses[0, epochs:]).all()
    assert all(np.isfinite(array).all() for array in trained.final.values())
    same_as(trained, 0, replace(spec, epochs=finite - 1))
    if breaks:
        assert trained.final_loss[0] == trained.losses[0, finite - 1]


@pytest.mark.parametrize("more", [-1, 0, 1, 300])
@pytest.mark.parametrize("finite", [BLOCK - 2, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 2])
def test_a_run_stops_at_a_loss_that_is_not_finite(finite, more):
    """Before, at and after the boundary of two blocks, and after the very last update (more = 0)."""
    check_divergence(diverging(lr=rates()[finite], epochs=finite + more), finite)


@pytest.mark.parametrize("more", [-1, 0, 1, 300])
@pytest.mark.parametrize("offset", [-1, 0, 1, None])
@pytest.mark.parametrize("same", [{}, {"batch_size": 3, "shuffle": True}], ids=str)
def test_where_the_blocks_end_makes_no_difference(monkeypatch, same, offset, more):
    finite = int(train([diverging(**same)]).epochs[0])
    assert 50 < finite < BLOCK
    monkeypatch.setattr(training, "BLOCK", 7 if offset is None else finite + offset)
    check_divergence(diverging(epochs=finite + more, **same), finite)


@pytest.mark.parametrize("epochs", [1, 2, 300])
def test_a_run_whose_first_loss_is_not_finite_has_no_losses(epochs):
    trained = train([RunSpec(init=InitSpec(std=1e200), epochs=epochs), RunSpec(epochs=epochs)])
    assert trained.stopped == ("non_finite", "epochs")
    np.testing.assert_array_equal(trained.epochs, [0, epochs])
    assert np.isnan(trained.losses[0]).all()
    assert np.isnan(trained.final_loss[0])
    for name, array in trained.final.items():
        np.testing.assert_array_equal(array[0], trained.initial[name][0])


def test_one_update_can_be_enough_to_diverge():
    for epochs in (1, 2, 300):
        trained = train([diverging(lr=1e200, epochs=epochs)])
        assert trained.stopped == ("non_finite",)
        np.testing.assert_array_equal(trained.epochs, [1])
        np.testing.assert_array_equal(trained.final["W1"], trained.initial["W1"])
        assert trained.final_loss[0] == trained.losses[0, 0]


def boundless(**same):
    """A network whose weights grow beyond all bounds while its units, saturated, keep the loss finite."""
    arch, init = ArchSpec(activation="sigmoid"), InitSpec(name="zeros")
    return RunSpec(arch=arch, init=init, **{"data": DataSpec(name="and"), "lr": 1e200, "epochs": 40} | same)


def finite_rows(spec):
    """Count, one epoch at a time, those with a finite loss and parameters; the last is after all updates."""
    initial = {name: array[None] for name, array in draw(spec)[0].items()}
    ensemble = Ensemble([spec], pack(initial, (2, 3, 1)))
    with kernel():
        for epoch in range(spec.epochs + 1):
            if not (np.isfinite(ensemble.theta).all() and np.isfinite(ensemble.losses()).all()):
                return epoch
            ensemble.epochs(np.empty((1, 8)), None)
    return spec.epochs + 1


@pytest.mark.parametrize("block", [1, 2, 7, BLOCK])
@pytest.mark.parametrize("epochs", [1, 2, 3, 40])
@pytest.mark.parametrize("encoding", ["binary", "bipolar"])
def test_a_run_stops_at_parameters_that_are_not_finite_though_its_loss_is(monkeypatch, encoding, epochs, block):
    spec = boundless(data=DataSpec(name="and", encoding=encoding), epochs=epochs)
    rows = finite_rows(spec)
    monkeypatch.setattr(training, "BLOCK", block)
    trained = train([spec, replace(spec, lr=0.1)])
    assert trained.stopped == ("non_finite" if rows <= epochs else "epochs", "epochs")
    np.testing.assert_array_equal(trained.epochs, [min(rows, epochs), epochs])
    assert np.isfinite(trained.losses[0, : trained.epochs[0]]).all()
    assert all(np.isfinite(array).all() for array in trained.final.values())


def test_a_boundless_run_is_lost_and_its_loss_alone_does_not_tell():
    spec = boundless()
    assert 0 < finite_rows(spec) < spec.epochs
    later = replace(spec, epochs=finite_rows(spec))
    ensemble = Ensemble([later], pack({name: array[None] for name, array in draw(later)[0].items()}, (2, 3, 1)))
    losses = np.empty((spec.epochs, 8))
    with kernel():
        ensemble.epochs(losses, None)
    assert np.isfinite(losses).all()


def test_a_target_counts_where_it_is_reached_before_the_numbers_break():
    losses = train([diverging()]).losses[0]
    reached, never = (diverging(target_loss=target) for target in (float(np.nanmin(losses)), 1e-9))
    assert train([reached, never]).stopped == ("target_loss", "non_finite")


@pytest.mark.parametrize("epochs", [1, BLOCK, 700])
def test_progress_adds_up_to_all_epochs(epochs):
    calls = []
    specs = [diverging(epochs=epochs), diverging(epochs=epochs + 5, lr=0.1)]
    specs.append(diverging(epochs=epochs, lr=0.1, target_loss=0.75))
    specs.append(diverging(epochs=epochs, init=InitSpec(std=1e200)))
    trained = train(specs, progress=calls.append)
    assert epochs == 1 or set(trained.stopped) == {"non_finite", "target_loss", "epochs"}
    assert sum(calls) == 4 * epochs + 5
    assert min(calls) > 0


@pytest.mark.parametrize(
    ("goal", "target", "measure"),
    [
        ("target_rmse", 0.2, lambda error: np.sqrt(np.mean(error**2)) <= 0.2),
        ("target_max_error", 0.4, lambda error: np.max(np.abs(error)) <= 0.4),
        ("target_accuracy", 1.0, lambda error: (np.abs(error) < 0.5).all()),
    ],
)
@pytest.mark.parametrize("way", [("bce", "sigmoid", "binary"), ("mse", "tanh", "bipolar")], ids=str)
def test_a_run_stops_at_the_first_epoch_that_reaches_its_goal(goal, target, measure, way):
    """The outputs after every epoch, from runs that end there; a run beside it without a goal goes on."""
    loss, output, targets = way
    same = {"loss": loss, "lr": 1.0 if output == "sigmoid" else 0.1, "seed": 3}
    same |= {"arch": ArchSpec(activation="tanh", output=output), "data": DataSpec(targets=targets)}
    span = 1.0 if targets == "binary" else 2.0
    trained = train([RunSpec(epochs=600, **{goal: target}, **same), RunSpec(epochs=600, **same)])
    assert trained.stopped == (goal, "epochs")
    ends = train([RunSpec(epochs=epoch, **same) for epoch in range(1, int(trained.epochs[0]))])
    o = 1.0 / (1.0 + np.exp(-ends.logits)) if output == "sigmoid" else (np.tanh(ends.logits) + 1.0) / 2.0
    scale = 1.0 if goal == "target_accuracy" else span
    met = [bool(measure(scale * (row - [0.0, 1.0, 1.0, 0.0]))) for row in o]
    assert met.index(True) == len(met) - 1
    np.testing.assert_array_equal(trained.logits[0], ends.logits[-1])
    (verdict, _) = diagnose(trained)
    assert (verdict.outcome, verdict.goal, verdict.epochs_to_converge) == ("converged", goal, trained.epochs[0] - 1)


def test_a_run_that_repeats_itself_is_written_to_its_end_without_computing(monkeypatch):
    """All units are dead, and only the output's bias moves: to rest at lr = 1, to a cycle of two epochs at lr = 10."""
    specs = [RunSpec(lr=lr, epochs=epochs) for lr in (1.0, 10.0) for epochs in (3000, 3001)] + [RunSpec(epochs=900)]
    ones = np.ones((len(specs), 1, 1))
    initial = {"W1": np.zeros((2, 3)) * ones, "b1": -ones[0] * np.ones((len(specs), 3)), "W2": np.ones((3, 1)) * ones}
    initial["b2"] = 0.5 * ones[:, 0]
    ensemble = Ensemble(specs, pack(initial, specs[0].units))
    rows, final = np.empty((3001, ensemble.theta.shape[1])), {}
    with kernel():
        for epoch in range(3001):
            ensemble.epochs(rows[epoch : epoch + 1], None)
            final[epoch + 1] = ensemble.theta.copy()
    lengths = []
    compute = Ensemble.epochs
    monkeypatch.setattr(
        Ensemble, "epochs", lambda self, rows, *rest: (lengths.append(len(rows)), compute(self, rows, *rest))
    )
    trained = train(specs, initial=initial)
    assert sum(lengths) < 2000
    for run, spec in enumerate(specs):
        np.testing.assert_array_equal(trained.losses[run, : spec.epochs], rows[: spec.epochs, run])
        np.testing.assert_array_equal(pack(trained.final, spec.units)[:, run], final[spec.epochs][:, run])
        assert trained.stopped[run] == "epochs"
        assert trained.epochs[run] == spec.epochs
