"""Losses of the logit z against targets y, 0 or 1: value, derivatives, and the least loss of a constant output.

To add one, write its encoder and builder and add a `Loss` to `LOSSES`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.components.steps import MINUS, ONE, ZERO, Step, logistic_into, sigmoid

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss.

    Attributes
    ----------
    encode : encode(y, N) returns two arrays of y's shape that `build` reads: the targets in the form that the loss
        needs, and in the form that its derivative needs
    build : build(z, target, weight, total, dz) makes the step that writes the sum of the losses over N samples,
        (1, R), and dz = d (total / N) / d z, (N, 1, R), from z (N, 1, R)
    value : value(z, y), the loss of each sample
    first, second : first(z, y) and second(z, y), its derivatives with respect to z
    floor : floor(share), the least mean loss of one output for a group of points, by the share of ones among them
    """

    encode: Callable[[Array, int], tuple[Array, Array]]
    build: Callable[[Array, Array, Array, Array, Array], Step]
    value: Callable[[Array, Array], Array]
    first: Callable[[Array, Array], Array]
    second: Callable[[Array, Array], Array]
    floor: Callable[[float], float]


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
        logistic_into(z, p)
        np.subtract(p, y, e)
        np.multiply(e, weight, dz)
        np.square(e, e)
        np.add.reduce(e, axis=0, out=total)
        np.multiply(dz, p, dz)
        np.subtract(ONE, p, p)
        np.multiply(dz, p, dz)

    return step


def _mse_first(z: Array, y: Array) -> Array:
    p, q = sigmoid(z), sigmoid(-z)
    return 2.0 * (p - y) * p * q


def _mse_second(z: Array, y: Array) -> Array:
    p, q = sigmoid(z), sigmoid(-z)
    return 2.0 * (p * q) ** 2 + 2.0 * (p - y) * p * q * (q - p)


def _entropy(p: float) -> float:
    return 0.0 if p in (0.0, 1.0) else -p * math.log(p) - (1.0 - p) * math.log1p(-p)


LOSSES: dict[str, Loss] = {
    "bce": Loss(
        encode=_encode_bce,
        build=_build_bce,
        value=lambda z, y: np.logaddexp(0.0, (1.0 - 2.0 * y) * z),
        first=lambda z, y: sigmoid(z) - y,
        second=lambda z, y: sigmoid(z) * sigmoid(-z),
        floor=_entropy,
    ),
    "mse": Loss(
        encode=_encode_mse,
        build=_build_mse,
        value=lambda z, y: (sigmoid(z) - y) ** 2,
        first=_mse_first,
        second=_mse_second,
        floor=lambda p: p * (1.0 - p),
    ),
}
