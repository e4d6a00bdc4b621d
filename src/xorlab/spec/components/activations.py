"""Activations: value, first and second derivative, and the properties that the diagnosis uses.

To add one, write its step and add an `Activation` to `ACTIVATIONS`. Conventions are PyTorch's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from xorlab.spec.components.arithmetics import Arithmetic
from xorlab.spec.components.steps import HALF, ONE, ZERO, Step, sigmoid

Array = NDArray[np.float64]

LEAK = 0.01
"""The default slope of leaky ReLU below 0."""
ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))


@dataclass(frozen=True, kw_only=True)
class Activation:
    """An activation f of a hidden unit's pre-activation z.

    Attributes
    ----------
    build : build(z, a, slope, arithmetic=…, **settings) makes the step that reads z (N, H, R) and writes a = f(z) and
        slope = f'(z)
    second : z -> f''(z), of any shape; 0 at a kink
    settings : the names of the fields of `arch` that `build` takes by keyword
    pieces : if f is linear on both sides of a kink at 0, its slopes on the left and on the right with the default
        settings; otherwise None
    saturates : whether f' goes to 0 at both ends, so that a unit can get stuck at either
    linear : whether f is linear everywhere, so that the network computes an affine function
    monotone : whether f never falls
    """

    build: Callable[..., Step]
    second: Callable[[Array], Array]
    settings: tuple[str, ...] = ()
    pieces: tuple[float, float] | None = None
    saturates: bool = False
    linear: bool = False
    monotone: bool = True


def _relu(z: Array, a: Array, slope: Array, *, arithmetic: Arithmetic, relu_grad_at_zero: float) -> Step:
    """a = max(z, 0), as z times the slope; f'(0) is `relu_grad_at_zero`."""
    at_zero = relu_grad_at_zero
    if at_zero not in (0.0, 1.0):

        def between() -> None:
            np.heaviside(z, at_zero, slope)
            np.multiply(z, slope, a)

        return between

    above = np.greater if at_zero == 0.0 else np.greater_equal
    mask = np.empty_like(z, dtype=bool)

    def step() -> None:
        above(z, ZERO, mask)
        np.copyto(slope, mask)
        np.multiply(z, slope, a)

    return step


def _leaky_relu(z: Array, a: Array, slope: Array, *, arithmetic: Arithmetic, leaky_slope: float) -> Step:
    """a = z where z > 0, otherwise `leaky_slope` times z."""
    mask = np.empty_like(z, dtype=bool)
    rise, leak = np.array(1.0 - leaky_slope), np.array(leaky_slope)

    def step() -> None:
        np.greater(z, ZERO, mask)
        np.copyto(slope, mask)
        np.multiply(slope, rise, slope)
        np.add(slope, leak, slope)
        np.multiply(z, slope, a)

    return step


def _elu(z: Array, a: Array, slope: Array, *, arithmetic: Arithmetic) -> Step:
    """a = z where z > 0, otherwise exp(z) - 1; the slope is exp(min(z, 0))."""
    positive = np.empty_like(z)
    expm1, exp = arithmetic.expm1(slope, a), arithmetic.exp(slope, slope)

    def step() -> None:
        np.minimum(z, ZERO, out=slope)
        expm1()
        exp()
        np.maximum(z, ZERO, out=positive)
        np.add(a, positive, a)

    return step


def _gelu(z: Array, a: Array, slope: Array, *, arithmetic: Arithmetic) -> Step:
    """a = z Phi(z), exactly; the slope is Phi(z) + z phi(z) (Hendrycks & Gimpel, arXiv 1606.08415)."""
    phi = np.empty_like(z)
    distribution, exp = arithmetic.normal_cdf(z, slope), arithmetic.exp(phi, phi)

    def step() -> None:
        distribution()
        np.multiply(z, slope, a)
        np.square(z, phi)
        np.multiply(phi, -HALF, phi)
        exp()
        np.divide(phi, ROOT_TWO_PI, phi)
        np.multiply(z, phi, phi)
        np.add(slope, phi, slope)

    return step


def _softplus(z: Array, a: Array, slope: Array, *, arithmetic: Arithmetic) -> Step:
    return arithmetic.softplus(z, a, slope)


def _tanh(z: Array, a: Array, slope: Array, *, arithmetic: Arithmetic) -> Step:
    tanh = arithmetic.tanh(z, a)

    def step() -> None:
        tanh()
        np.square(a, slope)
        np.subtract(ONE, slope, slope)

    return step


def _sigmoid(z: Array, a: Array, slope: Array, *, arithmetic: Arithmetic) -> Step:
    logistic = arithmetic.logistic(z, a)

    def step() -> None:
        logistic()
        np.subtract(ONE, a, slope)
        np.multiply(slope, a, slope)

    return step


def _identity(z: Array, a: Array, slope: Array, *, arithmetic: Arithmetic) -> Step:
    slope.fill(1.0)
    return partial(np.copyto, a, z)


def _sigmoid_second(z: Array) -> Array:
    p = sigmoid(z)
    return p * (1.0 - p) * (1.0 - 2.0 * p)


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(build=_relu, second=np.zeros_like, settings=("relu_grad_at_zero",), pieces=(0.0, 1.0)),
    "leaky_relu": Activation(build=_leaky_relu, second=np.zeros_like, settings=("leaky_slope",), pieces=(LEAK, 1.0)),
    "elu": Activation(build=_elu, second=lambda z: np.where(z > 0.0, 0.0, np.exp(np.minimum(z, 0.0)))),
    "gelu": Activation(
        build=_gelu,
        second=lambda z: (2.0 - z * z) * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi),
        monotone=False,
    ),
    "softplus": Activation(build=_softplus, second=lambda z: sigmoid(z) * sigmoid(-z)),
    "tanh": Activation(build=_tanh, second=lambda z: -2.0 * np.tanh(z) * (1.0 - np.tanh(z) ** 2), saturates=True),
    "sigmoid": Activation(build=_sigmoid, second=_sigmoid_second, saturates=True),
    "identity": Activation(build=_identity, second=np.zeros_like, linear=True),
}
