import math

import numpy as np
import pytest

from networks import WAYS
from xorlab.numerics.ensemble import kernel
from xorlab.spec.components.arithmetics import ARITHMETICS
from xorlab.spec.components.losses import objective

R = 8

pytestmark = pytest.mark.parametrize("numerics", ARITHMETICS)

PLAIN = {
    "bce": lambda o, t: -np.log(np.where(t == 1, o, 1.0 - o)),
    "mse": lambda o, t: (o - t) ** 2,
    "mae": lambda o, t: np.abs(o - t),
    "hinge": lambda o, t: np.maximum(0.0, 1.0 - t * o),
}
OUTPUT = {"sigmoid": lambda z: 1.0 / (1.0 + np.exp(-z)), "linear": lambda z: z, "tanh": np.tanh}


def lose(name, z, y, numerics, *way):
    """Mean loss (R,) and its derivative (N, R) for pre-activations z (N, R) and labels y (N,)."""
    z = np.asarray(z, dtype=float)[:, None]
    total, dz = np.full((1, z.shape[2]), np.nan), np.full_like(z, np.nan)
    rule = objective(name, *(way or ("sigmoid", "binary")))
    target, weight = (
        array + np.zeros_like(z) for array in rule.encode(np.asarray(y, dtype=float)[:, None, None], len(y))
    )
    rule.build(z, target, weight, total, dz, arithmetic=ARITHMETICS[numerics])()
    return total[0] / len(y), dz[:, 0]


def test_bce_is_minus_the_log_likelihood(numerics):
    rng = np.random.RandomState(1)
    z, y = 3.0 * rng.randn(5, R), np.array([0, 1, 1, 0, 1])
    loss, dz = lose("bce", z, y, numerics)
    p = 1.0 / (1.0 + np.exp(-z))
    right = np.where(y[:, None] == 1, p, 1.0 - p)
    np.testing.assert_allclose(loss, -np.log(right).mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(dz, (p - y[:, None]) / 5, rtol=1e-13)


def test_mse_is_the_mean_squared_error_of_the_probability(numerics):
    rng = np.random.RandomState(2)
    z, y = 3.0 * rng.randn(5, R), np.array([0, 1, 1, 0, 1])
    loss, dz = lose("mse", z, y, numerics)
    p = 1.0 / (1.0 + np.exp(-z))
    np.testing.assert_allclose(loss, ((p - y[:, None]) ** 2).mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(dz, 2 * (p - y[:, None]) * p * (1 - p) / 5, rtol=1e-12)


def test_bce_is_stable_at_huge_logits(numerics):
    """No floating point error is raised but underflow: there is no log of 0 and no overflow of exp."""
    z = np.repeat(np.array([[1000.0], [-1000.0], [1000.0], [-1000.0]]), R, axis=1)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        right, flat = lose("bce", z, [1, 0, 1, 0], numerics)
        wrong, steep = lose("bce", z, [0, 1, 0, 1], numerics)
    np.testing.assert_array_equal(right, 0.0)
    np.testing.assert_array_equal(flat, 0.0)
    np.testing.assert_array_equal(wrong, 1000.0)
    np.testing.assert_array_equal(steep, np.sign(z) / 4)


@pytest.mark.parametrize("z", [30.0, 50.0, 300.0, 700.0])
def test_bce_keeps_its_digits_in_the_tail(z, numerics):
    """A right and confident answer costs exp(-z), not 0 and not rounding noise of log(1 - p)."""
    loss, dz = lose("bce", np.full((1, R), -z), [0], numerics)
    np.testing.assert_allclose(loss, math.exp(-z), rtol=1e-12)
    np.testing.assert_allclose(dz, math.exp(-z), rtol=1e-12)


def test_mse_is_bounded_at_huge_logits(numerics):
    with kernel():
        loss, dz = lose("mse", np.repeat([[1000.0], [-1000.0]], R, axis=1), [0, 1], numerics)
    np.testing.assert_array_equal(loss, 1.0)
    np.testing.assert_array_equal(dz, 0.0)


@pytest.mark.parametrize(("name", "output", "targets"), WAYS)
def test_every_loss_is_its_formula_and_its_derivatives_are_differences(name, output, targets, numerics):
    rng = np.random.RandomState(3)
    z, y, h = 1.5 * rng.randn(5, R), np.array([0, 1, 1, 0, 1])[:, None], 1e-4
    t = y if targets == "binary" else 2 * y - 1

    def plain(z):
        return PLAIN[name](OUTPUT[output](z), t)

    rule = objective(name, output, targets)
    loss, dz = lose(name, z, y[:, 0], numerics, output, targets)
    np.testing.assert_allclose(rule.value(z, y), plain(z), rtol=1e-12)
    np.testing.assert_allclose(loss, plain(z).mean(axis=0), rtol=1e-12)
    smooth = np.ones_like(z, dtype=bool) if rule.kink is None else np.abs(rule.kink(z, y)) > 0.01
    assert smooth.sum() > 30
    first, second = (plain(z + h) - plain(z - h)) / (2 * h), (plain(z + h) - 2 * plain(z) + plain(z - h)) / h**2
    np.testing.assert_allclose(rule.first(z, y)[smooth], first[smooth], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(5 * dz[smooth], first[smooth], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(rule.second(z, y)[smooth], second[smooth], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("name", "output", "targets"), WAYS)
@pytest.mark.parametrize("z", [np.nan, np.inf])
def test_losses_pass_on_what_is_not_a_number(name, output, targets, z, numerics):
    with kernel():
        loss, _ = lose(name, np.full((2, R), z), [0, 0], numerics, output, targets)
    assert np.isnan(loss).all() if np.isnan(z) else np.isin(loss, [np.inf, 1.0, 2.0, 4.0]).all()
