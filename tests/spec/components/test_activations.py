import math

import numpy as np
import pytest

from xorlab.numerics.ensemble import kernel
from xorlab.numerics.network import activations
from xorlab.spec import ArchSpec
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.arithmetics import ARITHMETICS

R = 8
Z = np.array([-700.0, -40.0, -20.0, -5.0, -1.3, -1e-3, -1e-9, 1e-9, 1e-3, 0.7, 2.0, 5.0, 19.0, 40.0, 700.0])


def sigmoid(z):
    return 1.0 / (1.0 + math.exp(-z))


def phi(z):
    """The normal distribution function, by erfc so that its lower tail keeps its digits."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


FORMULAS = {
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "leaky_relu": (lambda z: z if z > 0 else 0.01 * z, lambda z: 1.0 if z > 0 else 0.01),
    "elu": (lambda z: z if z > 0 else math.expm1(z), lambda z: 1.0 if z > 0 else math.exp(z)),
    "gelu": (
        lambda z: z * phi(z),
        lambda z: phi(z) + z * math.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi),
    ),
    "softplus": (lambda z: max(z, 0.0) + math.log1p(math.exp(-abs(z))), sigmoid),
    "tanh": (math.tanh, lambda z: math.cosh(min(abs(z), 300.0)) ** -2),
    "sigmoid": (sigmoid, lambda z: math.exp(-abs(z)) * sigmoid(abs(z)) ** 2),
    "identity": (lambda z: z, lambda z: 1.0),
}
"""Value and derivative of each activation, as its definition says."""

AT_ZERO = {
    "relu": (0.0, 0.0),
    "leaky_relu": (0.0, 0.01),
    "elu": (0.0, 1.0),
    "gelu": (0.0, 0.5),
    "softplus": (math.log(2.0), 0.5),
    "tanh": (0.0, 1.0),
    "sigmoid": (0.5, 0.25),
    "identity": (0.0, 1.0),
}
"""Value and derivative at 0, as PyTorch has them."""


def spread(values):
    """Values (N,) as z (N, 1, R), the same for every run."""
    return np.repeat(np.asarray(values, dtype=float)[:, None, None], R, axis=2)


def activate(arch, z, numerics="native"):
    a, slope = np.full_like(z, np.nan), np.full_like(z, np.nan)
    step = activations(arch, numerics)[0](z, a, slope)
    with kernel():
        step()
    return a, slope


@pytest.mark.parametrize("numerics", ARITHMETICS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_their_formulas(name, numerics):
    value, derivative = FORMULAS[name]
    a, slope = activate(ArchSpec(activation=name), spread(Z), numerics)
    lost = 1e-15 if (name, numerics) == ("gelu", "portable") else 1e-300  # its tail has no digits, as in PyTorch
    for run in range(R):
        np.testing.assert_allclose(a[:, 0, run], [value(z) for z in Z], rtol=1e-12, atol=lost)
        np.testing.assert_allclose(slope[:, 0, run], [derivative(z) for z in Z], rtol=1e-12, atol=4e-16)


@pytest.mark.parametrize("numerics", ARITHMETICS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_at_zero_follow_pytorch(name, numerics):
    for zero in (0.0, -0.0):
        a, slope = activate(ArchSpec(activation=name), spread([zero]), numerics)
        np.testing.assert_allclose((a[0, 0, 0], slope[0, 0, 0]), AT_ZERO[name], rtol=1e-15)


@pytest.mark.parametrize("at_zero", [0.0, 0.25, 1.0])
def test_relus_derivative_at_zero_is_a_setting(at_zero):
    a, slope = activate(ArchSpec(relu_grad_at_zero=at_zero), spread([-2.0, -0.0, 0.0, 3.0]))
    np.testing.assert_array_equal(slope[:, 0, 0], [0.0, at_zero, at_zero, 1.0])
    np.testing.assert_array_equal(a[:, 0, 0], [0.0, 0.0, 0.0, 3.0])


@pytest.mark.parametrize("numerics", ARITHMETICS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_pass_on_what_is_not_a_number(name, numerics):
    a, _ = activate(ArchSpec(activation=name), spread([np.nan]), numerics)
    assert np.isnan(a).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_step_reads_its_arrays_anew(name):
    z = spread([0.5, -0.5])
    a, slope = np.empty_like(z), np.empty_like(z)
    step = activations(ArchSpec(activation=name))[0](z, a, slope)
    step()
    z[...] = -z
    step()
    expected = activate(ArchSpec(activation=name), spread([-0.5, 0.5]))
    np.testing.assert_array_equal((a, slope), expected)
