import math

import numpy as np
import pytest

from xorlab.components.losses import LOSSES
from xorlab.numerics.ensemble import kernel

R = 8


def lose(name, z, y):
    """Mean loss (R,) and its derivative (N, R) for logits z (N, R) and targets y (N,)."""
    z = np.asarray(z, dtype=float)[:, None]
    total, dz = np.full((1, z.shape[2]), np.nan), np.full_like(z, np.nan)
    target, weight = LOSSES[name].encode(np.asarray(y, dtype=float)[:, None, None], len(y))
    LOSSES[name].build(z, target, weight, total, dz)()
    return total[0] / len(y), dz[:, 0]


def test_bce_is_minus_the_log_likelihood():
    rng = np.random.RandomState(1)
    z, y = 3.0 * rng.randn(5, R), np.array([0, 1, 1, 0, 1])
    loss, dz = lose("bce", z, y)
    p = 1.0 / (1.0 + np.exp(-z))
    right = np.where(y[:, None] == 1, p, 1.0 - p)
    np.testing.assert_allclose(loss, -np.log(right).mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(dz, (p - y[:, None]) / 5, rtol=1e-13)


def test_mse_is_the_mean_squared_error_of_the_probability():
    rng = np.random.RandomState(2)
    z, y = 3.0 * rng.randn(5, R), np.array([0, 1, 1, 0, 1])
    loss, dz = lose("mse", z, y)
    p = 1.0 / (1.0 + np.exp(-z))
    np.testing.assert_allclose(loss, ((p - y[:, None]) ** 2).mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(dz, 2 * (p - y[:, None]) * p * (1 - p) / 5, rtol=1e-12)


def test_bce_is_stable_at_huge_logits():
    """No floating point error is raised but underflow: there is no log of 0 and no overflow of exp."""
    z = np.repeat(np.array([[1000.0], [-1000.0], [1000.0], [-1000.0]]), R, axis=1)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        right, flat = lose("bce", z, [1, 0, 1, 0])
        wrong, steep = lose("bce", z, [0, 1, 0, 1])
    np.testing.assert_array_equal(right, 0.0)
    np.testing.assert_array_equal(flat, 0.0)
    np.testing.assert_array_equal(wrong, 1000.0)
    np.testing.assert_array_equal(steep, np.sign(z) / 4)


@pytest.mark.parametrize("z", [30.0, 50.0, 300.0, 700.0])
def test_bce_keeps_its_digits_in_the_tail(z):
    """A right and confident answer costs exp(-z), not 0 and not rounding noise of log(1 - p)."""
    loss, dz = lose("bce", np.full((1, R), -z), [0])
    np.testing.assert_allclose(loss, math.exp(-z), rtol=1e-12)
    np.testing.assert_allclose(dz, math.exp(-z), rtol=1e-12)


def test_mse_is_bounded_at_huge_logits():
    with kernel():
        loss, dz = lose("mse", np.repeat([[1000.0], [-1000.0]], R, axis=1), [0, 1])
    np.testing.assert_array_equal(loss, 1.0)
    np.testing.assert_array_equal(dz, 0.0)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("z", [np.nan, np.inf])
def test_losses_pass_on_what_is_not_a_number(name, z):
    with kernel():
        loss, _ = lose(name, np.full((2, R), z), [0, 0])
    assert np.isnan(loss).all() if np.isnan(z) else np.isin(loss, [np.inf, 1.0]).all()
