import math

import numpy as np
import pytest

from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics.trained import Trained
from xorlab.numerics.training import draw, train
from xorlab.spec import ArchSpec, DataSpec, InitSpec, RunSpec
from xorlab.spec.components import datasets

LN2 = math.log(2.0)
RIGHT = [-5.0, 5.0, 5.0, -5.0]
"""Logits of XOR that are right with a margin."""


def told(losses, logits=(0.0, 0.0, 0.0, 0.0), *, stopped="epochs", converged_below=0.1, final_loss=None, **parts):
    """Tell the outcome of one run with these losses and final logits."""
    losses = np.asarray(losses, dtype=float)
    spec = RunSpec(epochs=max(losses.size, 1), **parts)
    parameters = {name: array[None] for name, array in draw(spec)[0].items()}
    trained = Trained(
        specs=(spec,),
        losses=losses[None],
        epochs=np.array([losses.size]),
        stopped=(stopped,),
        initial=parameters,
        final=parameters,
        final_loss=np.array([losses[-1] if final_loss is None else final_loss]),
        logits=np.array([logits], dtype=float),
    )
    (verdict,) = diagnose(trained, converged_below=converged_below)
    return verdict


def settling(level, epochs=10_000):
    """Losses that fall from 1 towards a level and are there long before the end."""
    return level + (1 - level) * np.exp(-np.arange(epochs) / 300)


@pytest.mark.parametrize(
    ("parts", "level", "outcome"),
    [
        ({}, LN2, "stuck_ln2"),
        ({}, 0.4773856, "stuck_0.477"),
        ({}, LN2 / 2, "stuck_0.347"),
        ({"loss": "mse"}, 0.25, "stuck_0.250"),
        ({"loss": "mse"}, 1 / 6, "stuck_0.167"),
        ({"loss": "mse"}, 0.125, "stuck_0.125"),
        ({"data": DataSpec(name="and")}, 0.5623351, "stuck_0.562"),
        (
            {"data": DataSpec(name="parity", bits=3)},
            7 / 8 * -(3 / 7 * math.log(3 / 7) + 4 / 7 * math.log(4 / 7)),
            "stuck_0.598",
        ),
    ],
)
def test_a_run_that_rests_at_a_level_is_stuck_there(parts, level, outcome):
    points = len(datasets.load(parts.get("data", DataSpec()))[1])
    verdict = told(settling(level), [0.0] * points, **parts)
    assert verdict.outcome == outcome
    assert verdict.level == pytest.approx(level, abs=1e-6)
    assert verdict.epochs_to_converge is None


def test_a_run_that_rests_elsewhere_is_stuck_but_at_no_level():
    verdict = told(settling(0.6))
    assert (verdict.outcome, verdict.level) == ("stuck_other", None)
    assert told(settling(1.0444278), lr=10.0).outcome == "stuck_other"


def test_passing_a_level_is_not_being_there():
    """Flatness decides as well as value: here the last losses lie within 0.02 of ln 2, and fall."""
    losses = np.linspace(0.9, LN2, 10_000)
    assert told(losses).outcome == "descending"
    assert told(losses).level is None
    assert told(np.linspace(0.9, 0.2, 10_000)).outcome == "descending"


def test_an_oscillating_loss_does_not_rest():
    losses = LN2 + 0.2 * (-1.0) ** np.arange(10_000)
    assert told(losses).outcome == "undecided"


@pytest.mark.parametrize("level", [LN2, 0.4773856, LN2 / 2])
@pytest.mark.parametrize(("lr", "epochs"), [(0.1, 10_000), (1.0, 1_000)])
def test_a_slow_approach_is_already_stuck(level, lr, epochs):
    losses = level + 0.3 / (lr * (np.arange(epochs) + 1))
    assert told(losses, lr=lr).level == pytest.approx(level, abs=1e-6)


def test_converged_needs_every_point_on_its_side_with_margin():
    losses = np.geomspace(1.0, 0.05, 1_000)
    assert told(losses, RIGHT).outcome == "converged"
    for wrong in ([5.0, 5.0, 5.0, -5.0], [-5.0, 5.0, 5.0, -0.3], [0.0, 5.0, 5.0, -5.0]):
        assert told(losses, wrong).outcome != "converged"
    assert told(losses, [-5.0, 5.0, 5.0, math.log(0.39 / 0.61)]).outcome == "converged"
    assert told(losses, [-5.0, 5.0, 5.0, math.log(0.41 / 0.59)]).outcome != "converged"


def test_converged_needs_a_low_loss():
    losses = np.geomspace(1.0, 0.15, 1_000)
    assert told(losses, RIGHT).outcome == "descending"
    assert told(losses, RIGHT, converged_below=0.2).outcome == "converged"


def test_a_run_that_reached_its_target_has_reached_its_goal():
    losses = np.geomspace(1.0, 0.05, 100)
    assert told(losses, RIGHT, stopped="target_loss", target_loss=0.05).outcome == "converged"
    assert told(np.geomspace(1.0, 0.5, 100), RIGHT, stopped="target_loss", target_loss=0.5).outcome == "at_target"


def test_epochs_to_converge_is_where_the_loss_comes_to_stay_low():
    falling = np.concatenate([np.full(40, 0.5), np.full(60, 0.05)])
    assert told(falling, RIGHT).epochs_to_converge == 40
    again = np.concatenate([np.full(20, 0.05), np.full(30, 0.5), np.full(50, 0.05)])
    assert told(again, RIGHT).epochs_to_converge == 50
    assert told(np.full(9, 0.05), RIGHT).epochs_to_converge == 0
    assert told(np.full(9, 0.12), RIGHT, final_loss=0.09).epochs_to_converge == 9


def test_a_run_with_numbers_that_are_not_finite_has_diverged():
    assert told(settling(LN2), stopped="non_finite").outcome == "diverged"
    assert told(np.full(100, 0.01), RIGHT, stopped="non_finite").outcome == "diverged"


@pytest.mark.parametrize(
    ("logits", "accuracy"),
    [
        (RIGHT, 1.0),
        ([5.0, -5.0, -5.0, 5.0], 0.0),
        ([5.0, 5.0, 5.0, -5.0], 0.75),
        ([0.0, 1e-14, -1e-14, 0.0], 0.5),
        ([-5.0, 5.0, 3e-6, 0.0], 0.75),
        ([-5.0, 5.0, 5e-6, 0.0], 0.875),
        ([-1000.0, 1000.0, np.inf, -np.inf], 1.0),
    ],
)
def test_accuracy_counts_undecided_points_half(logits, accuracy):
    """|p - 1/2| < 1e-6 is |z| < 4e-6."""
    assert told(settling(LN2), logits).accuracy == accuracy


def test_a_run_without_any_finite_loss_is_told_quietly():
    trained = train([RunSpec(init=InitSpec(std=1e200), epochs=300), RunSpec(epochs=300)])
    diverged, other = diagnose(trained)
    assert (diverged.outcome, diverged.level, diverged.epochs_to_converge) == ("diverged", None, None)
    assert math.isnan(diverged.final_loss)
    assert 0.0 <= diverged.accuracy <= 1.0
    assert repr(other) == repr(diagnose(train([RunSpec(epochs=300)]))[0])


def test_each_run_is_told_by_its_own_losses():
    """Runs of different length, data and outcome in one ensemble are told as they are alone."""
    specs = [RunSpec(seed=seed, epochs=epochs) for seed in range(6) for epochs in (1, 40, 3_000)]
    specs += [RunSpec(seed=seed, data=DataSpec(name="and"), epochs=3_000) for seed in range(6)]
    together = diagnose(train(specs))
    assert repr(together) == repr([diagnose(train([spec]))[0] for spec in specs])
    assert len({verdict.outcome for verdict in together}) >= 4


def test_the_notebooks_run_is_stuck_at_ln_2():
    (verdict,) = diagnose(train([RunSpec()]))
    assert verdict.outcome == "stuck_ln2"
    assert verdict.level == pytest.approx(LN2, abs=1e-15)
    assert verdict.final_loss == pytest.approx(LN2, abs=1e-12)
    assert verdict.accuracy == 0.5


@pytest.fixture(scope="module")
def two_units():
    """Runs of 2-2-1 with zero biases; each unit's signs of w1, w2 and of its output weight; outcomes."""
    trained = train([RunSpec(arch=ArchSpec(hidden=(2,)), seed=seed) for seed in range(300)])
    words = np.where(
        np.concatenate([trained.initial["W1"], np.moveaxis(trained.initial["W2"], 1, 2)], axis=1) > 0, "+", "-"
    )
    units = [sorted("".join(unit) for unit in run.T) for run in words]
    return units, [verdict.outcome for verdict in diagnose(trained)]


def outcomes_where(two_units, rule):
    found = {outcome for units, outcome in zip(*two_units, strict=True) if rule(units)}
    assert found
    return found


def dead(unit):
    return unit.startswith("--")


def test_two_dead_units_are_always_at_ln_2(two_units):
    assert outcomes_where(two_units, lambda units: all(map(dead, units))) == {"stuck_ln2"}


def test_two_opposite_units_with_positive_outputs_always_converge(two_units):
    assert outcomes_where(two_units, lambda units: units == ["+-+", "-++"]) == {"converged"}


def test_a_mixed_unit_with_positive_output_beside_a_dead_one_is_always_at_0477(two_units):
    def rule(units):
        return any(map(dead, units)) and any(unit in ("+-+", "-++") for unit in units)

    assert outcomes_where(two_units, rule) == {"stuck_0.477"}


def test_with_a_dead_unit_no_run_converges(two_units):
    assert "converged" not in outcomes_where(two_units, lambda units: any(map(dead, units)))


def test_every_run_of_the_notebooks_length_is_decided(two_units):
    _, outcomes = two_units
    assert set(outcomes) == {"converged", "stuck_ln2", "stuck_0.477", "stuck_0.347"}


def test_a_linear_network_ends_at_ln_2():
    trained = train([RunSpec(arch=ArchSpec(hidden=()), seed=seed) for seed in range(9)])
    assert {verdict.outcome for verdict in diagnose(trained)} == {"stuck_ln2"}
    assert (trained.losses >= LN2 - 1e-15).all()


def test_a_longer_run_may_not_unsettle_a_verdict():
    """What is called stuck or converged after 10,000 epochs at lr 0.1 is so after 30,000."""
    specs = [RunSpec(seed=seed, epochs=epochs) for epochs in (10_000, 30_000) for seed in range(30)]
    verdicts = diagnose(train(specs))
    for early, late in zip(verdicts[:30], verdicts[30:], strict=True):
        assert early.outcome in ("descending", late.outcome)


@pytest.mark.parametrize("lr", [1e-3, 1e-2, 0.1])
@pytest.mark.parametrize("epochs", [2, 5, 100])
def test_a_run_with_a_gradient_is_not_at_rest_however_short_it_is(lr, epochs):
    trained = train([RunSpec(lr=lr, epochs=epochs, seed=seed) for seed in range(20)])
    squared_gradient = (trained.losses[:, epochs - 2] - trained.losses[:, epochs - 1]) / lr
    outcomes = np.array([verdict.outcome for verdict in diagnose(trained)])
    assert (squared_gradient > 0.03).any()
    assert set(outcomes[squared_gradient > 0.03]) <= {"descending", "undecided"}


def test_a_run_thrown_far_off_is_told_quietly():
    (verdict,) = diagnose(train([RunSpec(lr=1e6, epochs=300)]))
    assert verdict.outcome != "converged"
