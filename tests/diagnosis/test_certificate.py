"""Where convergence to ln 2 is certified, each condition broken in turn, and what the runs do afterwards."""

import math

import numpy as np
import pytest

from networks import network, seen
from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components import datasets

LN2 = math.log(2.0)
ON = ([[1, 1], [1, -1]], [0.5, 1.5], [0.0, 0.0], 1e-6)
"""Two units that are on at every point with a margin of 1/2, and p near 1/2."""


def certified(*parameters, **parts):
    return seen(network(*parameters, **parts)).certified


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"data": DataSpec(name="xnor")},
        {"data": DataSpec(name="parity", bits=2)},
        {"arch": {"activation": "leaky_relu"}},
        {"arch": {"relu_grad_at_zero": 1.0}},
    ],
    ids=str,
)
def test_units_that_are_on_with_a_margin_are_certified(parts):
    assert certified(*ON, **parts)


@pytest.mark.parametrize(
    "parts",
    [
        {"loss": "mse"},
        {"data": DataSpec(name="and")},
        {"data": DataSpec(name="noisy_xor")},
        {"data": DataSpec(encoding="bipolar")},  # the units are split there
        {"arch": {"activation": "tanh"}},
        {"arch": {"activation": "elu"}},
        {"batch_size": 1},
        {"optimizer": OptimizerSpec(name="momentum")},
        {"optimizer": OptimizerSpec(name="adam")},
        {"lr": 100.0},
    ],
    ids=str,
)
def test_what_the_proof_does_not_cover_is_not_certified(parts):
    assert not certified(*ON, **parts)


def test_two_hidden_layers_are_not_certified():
    """All on, all dead: the proof is for one layer."""
    zeros = {"W1": np.zeros((1, 2, 2)), "W2": np.zeros((1, 2, 2)), "W3": np.zeros((1, 2, 1)), "b3": np.zeros((1, 1))}
    for bias in (1.0, -1.0):
        spec = RunSpec(arch=ArchSpec(hidden=(2, 2)), epochs=1)
        trained = train([spec], initial=zeros | {"b1": np.full((1, 2), bias), "b2": np.full((1, 2), bias)})
        assert not seen(trained).certified


def test_a_split_unit_or_one_on_its_kink_is_not_certified():
    W1, _, W2, b2 = ON
    assert not certified(W1, [0.5, 0.5], W2, b2)
    assert not certified(W1, [0.0, 1.5], W2, b2)
    assert not certified(W1, [1e-12, 1.5], [1.0, 1.0], b2)


@pytest.mark.parametrize("slack", [0.98, 1.02])
@pytest.mark.parametrize("seed", range(4))
def test_lr_must_be_below_2_over_the_largest_curvature(seed, slack):
    """Where p is 1/2 to rounding, the bound on the curvature near the end is the curvature there."""
    rng = np.random.RandomState(seed)
    W1, W2 = rng.randn(2, 2), rng.randn(2, 1)
    b1 = 1.0 + np.abs(np.minimum(W1, 0.0)).sum(axis=0)
    # W1 W2 = 0 and b1 W2 + b2 = 0 need dependent units: the second is a multiple of the first.
    W1[:, 1], b1[1], W2[1] = 2.0 * W1[:, 0], 2.0 * b1[0], -0.5 * W2[0]
    largest = seen(network(W1, b1, W2, 1e-9)).hessian_max
    # Dependent units have no curvature but along one affine function and the bias.
    assert certified(W1, b1, W2, 1e-9, lr=2.0 * slack / largest) == (slack < 1.0)


def test_all_dead_is_certified_up_to_the_step_that_oscillates():
    """lr 8, wherever the output bias is: see theory.cycle."""
    dead = ([[-1], [-1]], [-1.0], [1])
    assert [certified(*dead, 0.5, lr=lr) for lr in (0.1, 7.9, 8.1)] == [True, True, False]


def test_a_dead_unit_on_its_kink_may_move_where_the_slope_there_is_not_0():
    dead = ([[-1], [-1]], [0.0], [1], 0.0)
    assert certified(*dead)
    assert not certified(*dead, arch={"relu_grad_at_zero": 1.0})


def test_a_margin_must_be_longer_than_the_path_that_is_left():
    """The output is off 1/2 by 1e-5 / 4: steps of some 1e-5 together are left."""

    def proved(margin):
        return certified([[1, 1], [1, -1]], [margin, 1.0 + margin], [0.0, 0.0], 1e-5)

    assert [proved(margin) for margin in (1e-2, 1e-7)] == [True, False]


def test_nearly_singular_weights_are_not_certified():
    """The network can hardly change its output along x: the loss may shrink too slowly for a short path."""
    W1 = np.array([[1e-7, 1e-7], [0.0, 0.0]])
    assert not certified(W1, [0.5, 0.5], [1e-7, -1e-7], 1e-3)


def runs_near_ln_2(activation, *, bias=(-9.0, -1.0), seed=0, R=400):
    """Two live units with margins of every size, moved off ln 2 by every size, and every stable lr."""
    rng = np.random.RandomState(seed)
    side = rng.choice([-1.0, 1.0], (R, 1, 2)) if activation == "leaky_relu" else np.ones((R, 1, 2))
    W1 = rng.randn(R, 2, 2)
    b1 = 10.0 ** rng.uniform(-6, 0, (R, 2)) + np.abs(np.minimum(W1, 0.0)).sum(axis=1)
    W2 = 10.0 ** rng.uniform(*bias, (R, 1, 1)) * rng.randn(R, 2, 1)
    b2 = 10.0 ** rng.uniform(*bias, (R, 1)) * rng.randn(R, 1)
    made = {"W1": side * W1, "b1": side[:, 0] * b1, "W2": W2, "b2": b2}
    arch = ArchSpec(hidden=(2,), activation=activation)
    return [RunSpec(arch=arch, lr=lr, epochs=1) for lr in rng.uniform(0.1, 4.0, R)], made


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_what_is_certified_converges_to_ln_2_and_no_unit_crosses_its_kink(activation):
    specs, made = runs_near_ln_2(activation)
    start = train(specs, initial=made)
    proved = np.array([verdict.evidence.certified for verdict in diagnose(start)])
    assert 40 <= proved.sum() <= 360
    longer = [RunSpec(arch=spec.arch, lr=spec.lr, epochs=3_000) for spec in specs]
    end = train(longer, initial=start.final)
    X, _ = datasets.load(DataSpec())
    sides = [np.einsum("nd,rdh->rnh", X, made["W1"]) + made["b1"][:, None] > 0.0 for made in (start.final, end.final)]
    np.testing.assert_array_equal(*(side[proved] for side in sides))
    assert (np.diff(end.losses[proved], axis=1) <= 1e-15).all()
    np.testing.assert_allclose(end.losses[proved, -1], LN2, atol=1e-6)
    assert (sides[0] != sides[1]).any()  # others do cross


def test_of_runs_from_drawn_starts_those_that_leave_ln_2_are_not_certified():
    specs = [RunSpec(arch=ArchSpec(hidden=(2,)), seed=seed, epochs=200, init=InitSpec(std=0.3)) for seed in range(300)]
    early = train(specs)
    late = train([RunSpec(arch=spec.arch, seed=spec.seed, epochs=20_000, init=spec.init) for spec in specs])
    left = late.final_loss < LN2 - 1e-3
    proved = np.array([verdict.evidence.certified for verdict in diagnose(early)])
    assert (left & (np.abs(early.final_loss - LN2) < 0.01)).sum() >= 5
    assert proved.sum() >= 5
    assert not (left & proved).any()


def by_the_formulas(W1, b1, W2, b2, *, slopes, lr):
    """Which conditions of docs/theory.md hold, by the singular values of its matrices; units with slope 0 are dead."""
    X = np.hstack([datasets.load(DataSpec())[0], np.ones((4, 1))])
    W, v, live = np.vstack([W1, b1]), W2[:, 0], slopes > 0.0
    z = X @ W
    F = np.sqrt(np.mean((X @ (W @ (slopes * v)) + b2) ** 2))
    output = [W * slopes, np.eye(3)[:, -1:]]
    every = [*output, *(s * u * np.eye(3) for s, u in zip(slopes, v, strict=True))]
    singular = [np.linalg.svd(X @ np.hstack(columns) / 2.0, compute_uv=False)[:3] for columns in (every, output)]
    rank = min(3, 1 + live.sum())
    a, b = max(np.append(singular[0], [0.0] * 3)[2], singular[1][rank - 1]), singular[0][0]
    k = slopes.max() * np.linalg.norm(X / 2.0, 2)
    margin = np.abs(z[:, live]).min() if live.any() else np.inf

    def bound(r):
        lam = ((b + k * r) ** 2 + k * (F + (b + k * r) * r)) / 4.0
        return F * np.exp(F**2 / 2.0) / ((a - k * r) * (1.0 - lr * lam / 2.0)), 1.0 - lr * lam / 2.0

    length, stable = bound(0.0)
    r = 2.0 * length
    again, still = bound(r)
    return {
        "stable": stable > 0.0,
        "margin": r * np.sqrt(3.0) < margin,
        "regular": a > k * r,
        "stable in the ball": still > 0.0,
        "short": again < r,
    }


def drawn(rng, low):
    """One to three units, on, dead or off, some of them with a short way to the next kink; their slopes."""
    H = rng.randint(1, 4)
    side = np.where(rng.rand(H) < 0.3, -1.0, 1.0)
    W1 = rng.randn(2, H) * 10.0 ** rng.uniform(-1, 1)
    b1 = side * (10.0 ** rng.uniform(-3, 1) + np.maximum(0.0, -side * W1).sum(axis=0))
    W2 = rng.randn(H, 1) * 10.0 ** rng.uniform(-4, 0)
    return (W1, b1, W2, rng.randn() * 10.0 ** rng.uniform(-5, 0)), np.where(side > 0.0, 1.0, low)


@pytest.mark.parametrize(("activation", "low"), [("relu", 0.0), ("leaky_relu", 0.01)])
def test_each_condition_is_that_of_the_formulas(activation, low):
    rng = np.random.RandomState(1)
    failures = []
    for _ in range(250):
        parameters, slopes = drawn(rng, low)
        lr = 10.0 ** rng.uniform(-2, 1)
        conditions = by_the_formulas(*parameters, slopes=slopes, lr=lr)
        assert certified(*parameters, arch={"activation": activation}, lr=lr) == all(conditions.values()), conditions
        failures.append({name for name, holds in conditions.items() if not holds})
    assert failures.count(set()) >= 10
    assert all({name} in failures for name in ("margin", "short"))
    assert all(any(name in failed for failed in failures) for name in conditions)


@pytest.mark.parametrize(("activation", "low"), [("relu", 0.0), ("leaky_relu", 0.01)])
def test_the_largest_certified_lr_is_that_of_the_formulas(activation, low):
    """To one part in a thousand, for networks whose logits are off 0 by up to a few tenths."""
    rng = np.random.RandomState(2)
    tried = 0
    for _ in range(150):
        parameters, slopes = drawn(rng, low)
        below, above = 0.001, 100.0
        if not all(by_the_formulas(*parameters, slopes=slopes, lr=below).values()):
            continue
        for _ in range(40):
            middle = np.sqrt(below * above)
            holds = all(by_the_formulas(*parameters, slopes=slopes, lr=middle).values())
            below, above = (middle, above) if holds else (below, middle)
        found = [
            certified(*parameters, arch={"activation": activation}, lr=lr) for lr in (0.999 * below, 1.001 * above)
        ]
        assert found == [True, False]
        tried += 1
    assert tried >= 12
