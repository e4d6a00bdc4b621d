"""Activations and losses with their derivatives, as steps over arrays made once.

Each builder is given the arrays a step reads and writes, and returns the step: a function without
arguments that the training loop calls every epoch. Nothing is allocated after that. The runs axis
is last and contiguous in all of them.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xorlab.spec import ArchSpec

Array = NDArray[np.float64]
Step = Callable[[], object]
Activation = Callable[[Array, Array, Array], Step]
"""build(z, a, slope): a step that reads z (N, H, R) and writes a = f(z) and slope = f'(z)."""

ZERO, ONE, HALF, MINUS = np.array(0.0), np.array(1.0), np.array(0.5), np.array(-1.0)
LEAK = 0.01
ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))


def _relu(z: Array, a: Array, slope: Array, *, at_zero: float = 0.0) -> Step:
    """a = max(z, 0), by the mask that is its derivative; f'(0) is `at_zero`."""
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


def _leaky_relu(z: Array, a: Array, slope: Array) -> Step:
    """a = z where z > 0, otherwise 0.01 z."""
    mask = np.empty_like(z, dtype=bool)
    rise, leak = np.array(1.0 - LEAK), np.array(LEAK)

    def step() -> None:
        np.greater(z, ZERO, mask)
        np.copyto(slope, mask)
        np.multiply(slope, rise, slope)
        np.add(slope, leak, slope)
        np.multiply(z, slope, a)

    return step


def _elu(z: Array, a: Array, slope: Array) -> Step:
    """a = z where z > 0, otherwise exp(z) - 1; the slope is exp(min(z, 0))."""
    positive = np.empty_like(z)

    def step() -> None:
        np.minimum(z, ZERO, out=slope)
        np.expm1(slope, a)
        np.exp(slope, slope)
        np.maximum(z, ZERO, out=positive)
        np.add(a, positive, a)

    return step


def _gelu(z: Array, a: Array, slope: Array) -> Step:
    """a = z Phi(z), exactly; the slope is Phi(z) + z phi(z) (Hendrycks & Gimpel, arXiv 1606.08415)."""
    from scipy.special import ndtr

    phi = np.empty_like(z)

    def step() -> None:
        ndtr(z, slope)
        np.multiply(z, slope, a)
        np.square(z, phi)
        np.multiply(phi, -HALF, phi)
        np.exp(phi, phi)
        np.divide(phi, ROOT_TWO_PI, phi)
        np.multiply(z, phi, phi)
        np.add(slope, phi, slope)

    return step


def _softplus(z: Array, a: Array, slope: Array) -> Step:
    """a = ln(1 + exp(z)) without overflow; the slope is exp(z - a)."""
    positive = np.empty_like(z)

    def step() -> None:
        np.copysign(z, MINUS, slope)
        np.exp(slope, slope)
        np.log1p(slope, slope)
        np.maximum(z, ZERO, out=positive)
        np.add(positive, slope, a)
        np.subtract(z, a, slope)
        np.exp(slope, slope)

    return step


def _tanh(z: Array, a: Array, slope: Array) -> Step:
    def step() -> None:
        np.tanh(z, a)
        np.square(a, slope)
        np.subtract(ONE, slope, slope)

    return step


def _logistic(z: Array, p: Array) -> None:
    """p = 1 / (1 + exp(-z)); exp may overflow to inf, and 1 / inf is the right 0."""
    np.negative(z, p)
    np.exp(p, p)
    np.add(p, ONE, p)
    np.divide(ONE, p, p)


def _sigmoid(z: Array, a: Array, slope: Array) -> Step:
    def step() -> None:
        _logistic(z, a)
        np.subtract(ONE, a, slope)
        np.multiply(slope, a, slope)

    return step


def _identity(z: Array, a: Array, slope: Array) -> Step:
    slope.fill(1.0)
    return partial(np.copyto, a, z)


ACTIVATIONS: dict[str, Activation] = {
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": _gelu,
    "softplus": _softplus,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "identity": _identity,
}


def activation(arch: ArchSpec) -> Activation:
    """Return the builder of an architecture's activation, in PyTorch's conventions."""
    if arch.activation == "relu":
        return partial(_relu, at_zero=arch.relu_grad_at_zero)
    return ACTIVATIONS[arch.activation]


class Loss(NamedTuple):
    """A loss of the output's logit z against targets y, both (N, …).

    encode(y, N) gives two arrays shaped as y, which `build` reads: what the loss and what its derivative
    need of the targets. build(z, target, weight, total, dz) makes the step that writes the sum of the losses
    over N, (1, R), and dz = d (total / N) / d z, (N, 1, R).
    """

    encode: Callable[[Array, int], tuple[Array, Array]]
    build: Callable[[Array, Array, Array, Array, Array], Step]


def _encode_bce(y: Array, count: int) -> tuple[Array, Array]:
    flip = 1.0 - 2.0 * y
    return flip, flip / count


def _build_bce(z: Array, flip: Array, weight: Array, total: Array, dz: Array) -> Step:
    """Binary cross-entropy from logits: softplus(v) with v = (1 - 2y) z, so no log of 0 is ever taken.

    softplus(v) = max(v, 0) + ln(1 + exp(-|v|)), and its derivative is exp(v - softplus(v)).
    """
    v, e = np.empty_like(z), np.empty_like(z)

    def step() -> None:
        np.multiply(z, flip, v)
        np.copysign(v, MINUS, e)
        np.exp(e, e)
        np.log1p(e, e)
        np.maximum(v, ZERO, out=dz)
        np.add(e, dz, e)
        np.add.reduce(e, axis=0, out=total)
        np.subtract(v, e, v)
        np.exp(v, v)
        np.multiply(v, weight, dz)

    return step


def _encode_mse(y: Array, count: int) -> tuple[Array, Array]:
    return y, np.full_like(y, 2.0 / count)


def _build_mse(z: Array, y: Array, weight: Array, total: Array, dz: Array) -> Step:
    """Mean squared error of p = sigmoid(z): (p - y)^2, with derivative 2 (p - y) p (1 - p)."""
    p, e = np.empty_like(z), np.empty_like(z)

    def step() -> None:
        _logistic(z, p)
        np.subtract(p, y, e)
        np.multiply(e, weight, dz)
        np.square(e, e)
        np.add.reduce(e, axis=0, out=total)
        np.multiply(dz, p, dz)
        np.subtract(ONE, p, p)
        np.multiply(dz, p, dz)

    return step


LOSSES: dict[str, Loss] = {
    "bce": Loss(_encode_bce, _build_bce),
    "mse": Loss(_encode_mse, _build_mse),
}
