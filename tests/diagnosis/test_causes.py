"""The causes of real runs, and whether what they say holds when the runs go on."""

import dataclasses
import math
import re

import numpy as np
import pytest

from xorlab.diagnosis.causes import CAUSES
from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics import curvature
from xorlab.numerics.network import pack, unpack
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components import datasets

LN2 = math.log(2.0)
SEEDS = 300


def ended(spec, initial=None):
    """Train one run, from given parameters without their runs axis if there are any, and diagnose it."""
    given = None if initial is None else {name: np.array(array, dtype=float)[None] for name, array in initial.items()}
    (verdict,) = diagnose(train([spec], initial=given))
    return verdict


def further(trained, runs, epochs):
    """Train some runs on from where they ended."""
    specs = [dataclasses.replace(trained.specs[run], epochs=epochs) for run in runs]
    return train(specs, initial={name: array[runs] for name, array in trained.final.items()})


NEGATIVE = {"W1": [[-1.0, -0.5], [-0.7, -2.0]], "b1": [0.0, 0.0], "W2": [[1.0], [-0.5]], "b2": [0.3]}
"""A 2-2-1 network whose first-layer weights are all negative."""


def test_the_notebooks_run():
    verdict = ended(RunSpec())
    found = verdict.evidence
    assert (verdict.outcome, verdict.cause) == ("stuck_ln2", "affine_collapse")
    assert abs(found.interaction) < 1e-9
    assert found.bound == pytest.approx(LN2, abs=1e-9)
    assert found.units == (("on", "dead", "on"),)
    assert found.certified
    assert found.gradient_norm < 1e-12
    assert found.partition == "{00,01,10,11}"
    assert found.hessian_min > -1e-9


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("init", [InitSpec(name="zeros"), InitSpec(name="constant", value=0.5)])
def test_units_that_start_equal_stay_tied(init, activation):
    spec = RunSpec(init=init, arch=ArchSpec(activation=activation), epochs=3_000)
    assert ended(spec).cause == "tied_units"


def test_one_unit_alone_is_not_tied():
    assert ended(RunSpec(init=InitSpec(name="zeros"), arch=ArchSpec(hidden=(1,)), epochs=300)).cause != "tied_units"


def test_negative_first_weights_leave_all_units_dead():
    verdict = ended(RunSpec(arch=ArchSpec(hidden=(2,))), NEGATIVE)
    assert (verdict.outcome, verdict.cause) == ("stuck_ln2", "all_dead")
    assert verdict.evidence.units == (("dead", "dead"),)
    assert verdict.evidence.certified


def test_a_dead_layer_deep_down_is_enough():
    initial = {"W1": np.ones((2, 2)), "b1": np.ones(2), "W2": -np.ones((2, 2)) + np.eye(2) / 2, "b2": np.zeros(2)}
    initial |= {"W3": np.ones((2, 1)), "b3": [0.1]}
    verdict = ended(RunSpec(arch=ArchSpec(hidden=(2, 2)), epochs=3_000), initial)
    assert verdict.cause == "all_dead"
    assert verdict.evidence.units == (("on", "on"), ("dead", "dead"))


def test_too_large_a_step_oscillates_round_the_dead_network():
    """The output bias follows c <- c - lr (sigmoid(c) - 1/2), which has a 2-cycle above lr = 8 (docs/theory.md)."""
    verdict = ended(RunSpec(arch=ArchSpec(hidden=(2,)), lr=10.0), NEGATIVE)
    assert verdict.cause == "oscillating"
    assert verdict.final_loss == pytest.approx(1.0444278, abs=1e-7)
    assert not verdict.evidence.certified


def test_a_loss_that_alternates_beyond_the_stable_step_oscillates():
    """Just above lr = 8 the dead network leaves ln 2 by ever larger swings."""
    assert ended(RunSpec(arch=ArchSpec(hidden=(2,)), lr=8.5), NEGATIVE).cause == "oscillating"
    assert ended(RunSpec(arch=ArchSpec(hidden=(2,)), lr=7.5), NEGATIVE).cause == "all_dead"


def test_numbers_that_overflow_diverge():
    verdict = ended(RunSpec(init=InitSpec(std=1e200), epochs=300))
    assert (verdict.outcome, verdict.cause) == ("diverged", "diverged")


@pytest.mark.parametrize("epochs", [50, 300])
def test_a_run_that_still_falls_is_slow(epochs):
    """Stopped while falling, of those that converge in the end."""
    trained = train([RunSpec(seed=seed, epochs=epochs, arch=ArchSpec(hidden=(4,))) for seed in range(60)])
    verdicts, later = diagnose(trained), diagnose(further(trained, np.arange(60), 10_000))
    fell = [early for early, late in zip(verdicts, later, strict=True) if late.outcome == "converged"]
    fell = [verdict for verdict in fell if verdict.outcome != "converged"]
    assert len(fell) >= 20
    assert {verdict.cause for verdict in fell} <= {"slow", "too_early", "oscillating"}
    assert sum(verdict.cause == "slow" for verdict in fell) > 0.8 * len(fell)


@pytest.fixture(scope="module")
def smooth():
    """Runs of smooth networks, trained on and on: the first 2,000 epochs, and what came of them."""
    pairs = []
    for activation in ("tanh", "sigmoid"):
        arch = ArchSpec(hidden=(2,), activation=activation)
        trained = train([RunSpec(arch=arch, seed=seed, lr=0.3, epochs=400) for seed in range(100)])
        pairs.append((trained, diagnose(trained), further(trained, np.arange(100), 20_000)))
    return pairs


def test_smooth_plateaus_are_never_certified(smooth):
    left = 0
    for _, verdicts, later in smooth:
        assert not any(verdict.evidence.certified for verdict in verdicts)
        for verdict, end in zip(verdicts, later.final_loss, strict=True):
            left += abs(verdict.final_loss - LN2) < 0.005 and end < LN2 - 0.1
    assert left >= 10


def test_no_cause_but_a_way_out_is_given_to_plateaus_that_are_left(smooth):
    for _, verdicts, later in smooth:
        for verdict, end in zip(verdicts, later.final_loss, strict=True):
            if abs(verdict.final_loss - LN2) < 0.005 and end < LN2 - 0.1:
                assert verdict.cause in ("slow", "too_early", "saddle", "degenerate_saddle", "saturated")


PATIENCE = 100_000
"""Epochs given to a run to leave a saddle."""


@pytest.mark.parametrize(("activation", "std"), [("tanh", 0.02), ("sigmoid", 0.1), ("gelu", 0.03)])
def test_every_saddle_is_left_along_its_direction_down(activation, std):
    """A small step along the eigenvector, either way, and the loss falls well below the level.

    In 20 / (lr |lambda|) epochs such a step grows by exp(20); the steeper saddles are given at least that.
    """
    arch = ArchSpec(hidden=(3,), activation=activation)
    trained = train([RunSpec(arch=arch, seed=seed, init=InitSpec(std=std), lr=1.0, epochs=60) for seed in range(30)])
    verdicts = diagnose(trained)
    steep = [verdict.cause == "saddle" and verdict.evidence.hessian_min < -20 / PATIENCE for verdict in verdicts]
    runs, shape = np.flatnonzero(steep), trained.specs[0].units
    assert runs.size >= 2
    theta = pack({name: array[runs] for name, array in trained.final.items()}, shape)
    X, y = datasets.load(trained.specs[0].data)
    H = curvature.hessian(curvature.run(arch, "bce", theta, X[..., None], y[:, None]))
    down = np.linalg.eigh(H)[1][:, :, 0].T
    longer = [dataclasses.replace(trained.specs[run], epochs=PATIENCE, target_loss=0.65) for run in runs]
    for step in (-1e-3, 1e-3):
        end = train(longer, initial=unpack(theta + step * down, shape))
        assert set(end.stopped) == {"target_loss"}


@pytest.fixture(scope="module", params=[2, 3, 4, 8])
def many(request):
    """Runs of the defaults, of one width."""
    trained = train([RunSpec(arch=ArchSpec(hidden=(request.param,)), seed=seed) for seed in range(SEEDS)])
    return trained, diagnose(trained)


def test_every_run_rests_at_a_level_or_converges(many):
    _, verdicts = many
    levels = {"stuck_ln2", "stuck_0.477", "stuck_0.347"}
    assert {verdict.outcome for verdict in verdicts} <= {"converged", *levels}
    assert sum(verdict.cause == "unknown" for verdict in verdicts) < 0.005 * SEEDS
    assert all((verdict.cause is None) == (verdict.outcome == "converged") for verdict in verdicts)


def test_a_run_whose_loss_only_falls_does_not_oscillate(many):
    trained, verdicts = many
    for verdict, losses in zip(verdicts, trained.losses, strict=True):
        if (np.diff(losses[-50:]) < 0.0).all():
            assert verdict.cause != "oscillating"


@pytest.mark.parametrize("many", [2, 3, 4], indirect=True)
def test_what_is_certified_is_there_after_four_times_the_epochs(many):
    trained, verdicts = many
    runs = np.flatnonzero([verdict.evidence.certified for verdict in verdicts])
    assert runs.size >= 10
    later = further(trained, runs, 30_000)
    np.testing.assert_allclose(later.losses, np.full(later.losses.shape, LN2), atol=1e-6)


def test_affine_networks_have_no_interaction_and_ties_have_their_level(many):
    _, verdicts = many
    for verdict in verdicts:
        found = verdict.evidence
        if verdict.cause in ("affine_collapse", "all_dead"):
            assert abs(found.interaction) < 1e-9
            assert verdict.outcome == "stuck_ln2"
        if verdict.cause == "tied_inputs":
            groups = sorted(len(group.split(",")) for group in found.partition.split("|"))
            assert groups == {"stuck_0.477": [1, 3], "stuck_0.347": [1, 1, 2]}.get(verdict.outcome, [2, 2])


def test_a_verdict_does_not_depend_on_the_batch():
    specs = [
        RunSpec(seed=seed, lr=lr, epochs=epochs, data=DataSpec(name=data))
        for seed in range(42)
        for lr in (0.01, 0.1, 1.0)
        for epochs in (1, 300, 2_000, 3_000)
        for data in ("xor", "and")
    ]
    together = diagnose(train(specs))
    for run in range(0, len(specs), 25):
        (alone,) = diagnose(train([specs[run]]))
        one, other = together[run], alone
        assert (one.outcome, one.cause) == (other.outcome, other.cause)
        for field in dataclasses.fields(one.evidence):
            ours, theirs = getattr(one.evidence, field.name), getattr(other.evidence, field.name)
            if isinstance(ours, float):
                assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12, nan_ok=True), field.name
            else:
                assert ours == theirs, field.name


QUIET = [
    {"init": InitSpec(std=1e200)},
    {"init": InitSpec(std=1e100), "lr": 1e-3},
    {"lr": 1e6},
    {"lr": 1e300},
    {"epochs": 1},
    {"epochs": 2},
    {"arch": ArchSpec(hidden=())},
    {"arch": ArchSpec(hidden=()), "lr": 100.0},
    {"arch": ArchSpec(hidden=(3, 2), activation="leaky_relu")},
    {"data": DataSpec(name="parity", bits=3)},
    {"data": DataSpec(name="parity", bits=1)},
    {"data": DataSpec(name="parity", bits=5)},
    {"data": DataSpec(name="noisy_xor")},
    {"data": DataSpec(name="noisy_xor", points=1)},
    {"data": DataSpec(encoding="bipolar")},
    {"batch_size": 1, "shuffle": True},
    {"optimizer": OptimizerSpec(name="adam")},
    {"arch": ArchSpec(hidden=(40, 40)), "epochs": 20},
    {"loss": "mse", "lr": 50.0},
]


@pytest.mark.parametrize("parts", QUIET, ids=str)
@pytest.mark.parametrize("activation", [None, "tanh", "gelu"])
def test_any_run_is_explained_without_a_warning(parts, activation):
    """Warnings are errors here."""
    arch = parts.get("arch", ArchSpec())
    arch = dataclasses.replace(arch, activation=activation or arch.activation)
    verdicts = diagnose(train([RunSpec(**{"epochs": 400, **parts, "arch": arch, "seed": seed}) for seed in range(8)]))
    for verdict in verdicts:
        assert (verdict.cause is None) == (verdict.outcome == "converged")
        if verdict.cause == "diverged":
            assert verdict.outcome == "diverged"


@pytest.mark.parametrize("name", CAUSES)
def test_a_cause_says_what_it_means_in_sentences(name):
    cause = CAUSES[name]
    assert all(re.fullmatch(r"[A-Z\"l].*", sentence) for sentence in cause.why.removesuffix(".").split(". "))
    assert cause.why.endswith(".")


def test_without_biases_no_weights_fit_the_point_at_zero():
    """A relu or tanh network without biases says p = 1/2 at (0, 0); of a sigmoid's units this is not so."""
    for activation, cause in (("relu", True), ("tanh", True), ("sigmoid", False)):
        spec = RunSpec(arch=ArchSpec(activation=activation, bias=False), epochs=500, lr=1.0)
        assert (ended(spec).cause == "no_bias") == cause
    fits = RunSpec(arch=ArchSpec(activation="tanh", bias=False, output="linear"), loss="mse", epochs=500)
    assert ended(fits).cause != "no_bias"


def test_a_step_over_the_kink_of_a_loss_is_no_oscillation():
    """The gradient of mae does not fade, so the loss jumps about its level at any lr; no cause may blame lambda_max."""
    spec = RunSpec(arch=ArchSpec(output="linear"), loss="mae", lr=0.01, seed=3, epochs=5000)
    found = ended(spec)
    assert found.final_loss == pytest.approx(0.25, abs=0.02)
    assert found.cause not in ("oscillating", "slow")


def test_killed_by_the_size_of_the_first_steps_and_not_by_their_direction():
    """By the signs of the pre-activations: dead after ten epochs, not at the start, nor after 100 of a tenth of lr."""
    specs = [RunSpec(arch=ArchSpec(hidden=(2,)), lr=3.0, epochs=300, seed=seed) for seed in range(40)]
    X, _ = datasets.load(specs[0].data)

    def dead(parameters):
        z = np.einsum("ni,rij->rnj", X, parameters["W1"]) + parameters["b1"][:, None]
        return (z <= 0.0).all(axis=(1, 2))

    trained = train(specs)
    fast = train([dataclasses.replace(spec, epochs=10) for spec in specs])
    slow = train([dataclasses.replace(spec, epochs=100, lr=0.3) for spec in specs])
    expected = dead(trained.final) & ~dead(trained.initial) & dead(fast.final) & ~dead(slow.final)
    causes = np.array([str(verdict.cause) for verdict in diagnose(trained)])
    assert set(causes[dead(trained.final)]) == {"killed", "all_dead"}
    np.testing.assert_array_equal(causes == "killed", expected)


def test_leaky_units_at_rest_above_the_level_of_their_tie():
    """Two points are nearly tied; the other two are not quite fitted, so the loss is above ln 2 / 2."""
    spec = RunSpec(arch=ArchSpec(hidden=(2,), activation="leaky_relu"), lr=1.0, epochs=3000, seed=1)
    verdict = ended(spec)
    assert verdict.final_loss == pytest.approx(0.36249, abs=1e-5)
    assert (verdict.outcome, verdict.cause) == ("stuck_other", "tied_inputs")
    assert verdict.evidence.partition == "{01,11}|{00}|{10}"
