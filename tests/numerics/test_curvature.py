import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import ndtr

from networks import WAYS
from xorlab.numerics import curvature
from xorlab.numerics.network import sizes, unpack, views
from xorlab.spec import ArchSpec
from xorlab.spec.components.activations import ACTIVATIONS

KINKED = ("relu", "leaky_relu", "elu")
"""Activations whose first or second derivative jumps at 0, where finite differences are of no use."""
RUNS = 6
PLAIN = {
    "relu": lambda z: np.maximum(z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0.0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0.0, z, np.expm1(np.minimum(z, 0.0))),
    "gelu": lambda z: z * ndtr(z),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1.0 / (1.0 + np.exp(-z)),
    "identity": lambda z: z,
}


def lists(arch):
    """The activation of each layer by its formula."""
    names = [arch.activation] * len(arch.hidden) if isinstance(arch.activation, str) else arch.activation
    return [*map(PLAIN.__getitem__, names), None]


def plain_loss(theta, arch, loss, data, targets="binary"):
    """The mean loss of one network and its least |pre-activation|, by plain matrix products."""
    (X, y), hidden = data, arch.hidden
    a, start, near, units = X, 0, np.inf, (X.shape[1], *hidden, 1)
    for layer, (fan_in, fan_out) in enumerate(pairwise(units), start=1):
        W = theta[start : start + fan_in * fan_out].reshape(fan_in, fan_out)
        b = theta[start + fan_in * fan_out : start + (fan_in + 1) * fan_out]
        start += (fan_in + 1) * fan_out
        z = a @ W + b * arch.bias
        if layer < len(units) - 1:
            if arch.activation in KINKED:
                near = min(near, np.abs(z).min())
            a = lists(arch)[layer - 1](z)
    z = z[:, 0]
    o = {"sigmoid": 1.0 / (1.0 + np.exp(-z)), "linear": z, "tanh": np.tanh(z)}[arch.output]
    t = y if targets == "binary" else 2.0 * y - 1.0
    if loss in ("mae", "hinge"):
        near = min(near, np.abs(o - t).min() if loss == "mae" else np.abs(1.0 - t * o).min())
    each = {
        "bce": y * np.logaddexp(0.0, -z) + (1.0 - y) * np.logaddexp(0.0, z),
        "mse": (o - t) ** 2,
        "mae": np.abs(o - t),
        "hinge": np.maximum(0.0, 1.0 - t * o),
    }[loss]
    return each.mean(), near


def differences(f, theta, h):
    """Gradient (P,) and Hessian (P, P) of f by central differences."""
    P = len(theta)
    steps = h * np.eye(P)
    gradient = np.array([(f(theta + e) - f(theta - e)) / (2.0 * h) for e in steps])
    H = np.empty((P, P))
    for i, e in enumerate(steps):
        for j, d in enumerate(steps[: i + 1]):
            crossed = f(theta + e + d) - f(theta + e - d) - f(theta - e + d) + f(theta - e - d)
            H[i, j] = H[j, i] = crossed / (4.0 * h * h)
    return gradient, H


def points(seed=1):
    """Inputs off the grid and a target of each kind."""
    return np.random.RandomState(seed).randn(4, 2), np.array([0.0, 1.0, 1.0, 0.0])


def made(hidden, runs=RUNS, seed=0):
    """Random parameters theta (P, runs)."""
    units = (2, *hidden, 1)
    P = sum((n + 1) * k for n, k in pairwise(units))
    return np.random.RandomState(seed).randn(P, runs)


@pytest.mark.parametrize("hidden", [(), (3,), (2, 3)], ids=str)
@pytest.mark.parametrize(
    ("activation", "loss", "output", "targets"),
    [
        *((activation, loss, "sigmoid", "binary") for activation in ACTIVATIONS for loss in ("bce", "mse")),
        *(("tanh", *way) for way in WAYS if way[1] != "sigmoid" or way[0] == "mae"),
    ],
)
def test_derivatives_are_the_differences_of_a_plain_loss(activation, loss, output, targets, hidden):
    arch, theta, (X, y) = ArchSpec(hidden=hidden, activation=activation, output=output), made(hidden), points()
    way = curvature.run(arch, loss, theta, X[..., None], y[:, None], targets=targets)
    gradients, hessians = curvature.gradient(way), curvature.hessian(way)
    compared = 0
    for run in range(RUNS):
        value, near = plain_loss(theta[:, run], arch, loss, (X, y), targets)
        assert way.loss[run] == pytest.approx(value, rel=1e-12)
        if near < 5e-3:
            continue
        compared += 1
        gradient, H = differences(lambda moved: plain_loss(moved, arch, loss, (X, y), targets)[0], theta[:, run], 2e-4)
        np.testing.assert_allclose(gradients[:, run], gradient, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(hessians[run], H, rtol=1e-4, atol=5e-6)
    assert compared >= RUNS // 2


@pytest.mark.parametrize(
    "arch",
    [
        ArchSpec(hidden=(2, 3), activation=("tanh", "softplus")),
        ArchSpec(hidden=(2, 3), activation="tanh", bias=False),
        ArchSpec(hidden=(3,), activation="sigmoid", bias=False),
    ],
)
def test_layers_of_their_own_and_no_biases(arch):
    """Without biases the loss, its gradient and its Hessian know nothing of those rows of theta."""
    theta, (X, y) = made(arch.hidden), points()
    way = curvature.run(arch, "bce", theta, X[..., None], y[:, None])
    gradients, hessians = curvature.gradient(way), curvature.hessian(way)
    kept = curvature.trained(arch, (2, *arch.hidden, 1))
    assert kept.sum() == len(theta) - (0 if arch.bias else sum(arch.hidden) + 1)
    for run in range(RUNS):
        gradient, H = differences(lambda moved: plain_loss(moved, arch, "bce", (X, y))[0], theta[:, run], 2e-4)
        assert not gradient[~kept].any()
        np.testing.assert_allclose(gradients[:, run], gradient, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(hessians[run], H, rtol=1e-4, atol=5e-6)


def test_each_run_has_its_own_data():
    """Data of shape (N, D, R) give each run what it has alone."""
    arch, theta = ArchSpec(hidden=(3,), activation="tanh"), made((3,))
    data = [points(seed) for seed in range(RUNS)]
    X, y = np.stack([x for x, _ in data], axis=-1), np.stack([y for _, y in data], axis=-1)
    together = curvature.hessian(curvature.run(arch, "bce", theta, X, y))
    for run in range(RUNS):
        alone = curvature.run(arch, "bce", theta[:, [run]], X[..., [run]], y[:, [run]])
        np.testing.assert_allclose(curvature.hessian(alone)[0], together[run], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_layout_is_the_networks(activation):
    """A Hessian's rows are the rows of theta, which the network's own views name."""
    theta = made((3,))
    way = curvature.run(ArchSpec(hidden=(3,), activation=activation), "bce", theta, *(a[..., None] for a in points()))
    for own, view in zip(way.W, views(theta, sizes(2, ArchSpec(hidden=(3,)))), strict=True):
        np.testing.assert_array_equal(own, view)
    assert unpack(theta, (2, 3, 1))["b2"].shape == (RUNS, 1)


def test_a_logistic_regression_at_zero():
    """By hand: at p = 1/2 the Hessian is X1^T X1 / (4 N), X1 the corners with a 1."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    way = curvature.run(
        ArchSpec(hidden=()), "bce", np.zeros((3, 1)), X[..., None], np.array([0.0, 1.0, 1.0, 0.0])[:, None]
    )
    expected = np.array([[2.0, 1.0, 2.0], [1.0, 2.0, 2.0], [2.0, 2.0, 4.0]]) / 16.0
    np.testing.assert_allclose(curvature.hessian(way)[0], expected, atol=1e-16)
    np.testing.assert_allclose(curvature.gradient(way), 0.0, atol=1e-16)
    root = math.sqrt(33.0)
    np.testing.assert_allclose(
        curvature.eigenvalues(expected[None]), [[(7.0 - root) / 32.0, 1.0 / 16.0, (7.0 + root) / 32.0]], rtol=1e-12
    )


def test_a_product_of_two_weights_is_a_saddle():
    """One identity unit without biases: f = w v x has Hessian r [[0, 1], [1, 0]] in (w, v) at 0."""
    X, y = np.array([[1.0, 0.0]]), np.array([1.0])
    way = curvature.run(ArchSpec(hidden=(1,), activation="identity"), "bce", np.zeros((5, 1)), X[..., None], y[:, None])
    H = curvature.hessian(way)[0]
    expected = np.zeros((5, 5))
    expected[0, 3] = expected[3, 0] = expected[2, 3] = expected[3, 2] = -0.5  # w1 and b1 with v; r = p - y = -1/2
    expected[4, 4] = 0.25
    np.testing.assert_allclose(H, expected, atol=1e-16)
    assert curvature.eigenvalues(H[None])[0, 0] == pytest.approx(-0.5 * math.sqrt(2.0))


def test_an_all_dead_network_has_the_curvature_of_its_output_bias():
    theta = np.concatenate([-np.ones(9), np.zeros(4)])[:, None]
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    way = curvature.run(ArchSpec(hidden=(3,)), "bce", theta, X[..., None], np.array([0.0, 1.0, 1.0, 0.0])[:, None])
    np.testing.assert_array_equal(curvature.eigenvalues(curvature.hessian(way))[0], [0.0] * 12 + [0.25])


def test_eigenvalues_are_nan_where_a_matrix_is_not_finite():
    H = np.stack([np.diag([3.0, -1.0]), np.full((2, 2), np.inf), np.array([[0.0, 2.0], [2.0, 0.0]])])
    np.testing.assert_allclose(curvature.eigenvalues(H), [[-1.0, 3.0], [np.nan, np.nan], [-2.0, 2.0]])


def test_the_hessian_does_not_depend_on_the_batch():
    arch, theta, (X, y) = ArchSpec(hidden=(3,), activation="tanh"), made((3,), runs=200), points()

    def found(runs):
        way = curvature.run(arch, "bce", theta[:, runs], X[..., None], y[:, None])
        return curvature.eigenvalues(curvature.hessian(way))

    together = found(slice(None))
    for run in range(0, 200, 20):
        np.testing.assert_allclose(found([run])[0], together[run], rtol=0.0, atol=1e-12)
