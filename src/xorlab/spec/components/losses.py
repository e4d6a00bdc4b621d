"""Losses: value, derivatives, and the least loss of a constant output.

A `Loss` compares an output o with its target t. An `Objective` is a loss as a network meets it: of the output units'
pre-activations z against the labels y, 0 or 1, through an output and with targets. The loss of several outputs is the
mean of their losses; softmax has one loss for all. To add a loss, write a `Pointwise` and add a `Loss` to `LOSSES`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xorlab.spec.components.arithmetics import ARITHMETICS, Arithmetic, additions
from xorlab.spec.components.outputs import OUTPUTS, SOFTMAX, TARGETS, softmax
from xorlab.spec.components.steps import ONE, ZERO, Step, chain, sigmoid

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A loss of the pre-activations z of output units against the labels y.

    Attributes
    ----------
    encode : encode(y, N) returns two arrays of y's shape that `build` reads: the targets in the form that the loss
        needs, and in the form that its derivative needs
    build : build(z, target, weight, total, dz, arithmetic=…) makes the step that writes the sum of the losses over N
        samples, (1, R), and dz = d (total / N) / d z, (N, 1, R), from z (N, 1, R); each output of a sample is a sample
        of its own, but for a joint loss, whose z is (N, K, R)
    value : value(z, y), the loss of each sample
    first, second : first(z, y) and second(z, y), its derivatives with respect to z
    kink : kink(z, y) is 0 where the loss of a sample has a kink; None for a smooth loss
    joint : whether it is one loss for the K outputs of a sample. Then z is (N, K, R), value (N, 1, R), first (N, K, R)
        and second (N, K, K, R).
    """

    encode: Callable[[Array, int], tuple[Array, Array]]
    build: Callable[..., Step]
    value: Callable[[Array, Array], Array]
    first: Callable[[Array, Array], Array]
    second: Callable[[Array, Array], Array]
    kink: Callable[[Array, Array], Array] | None = None
    joint: bool = False


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss of an output against its target.

    Attributes
    ----------
    objective : objective(output, targets), by the names of the output and of the targets
    floor : floor(share, span), the least mean loss of one output for a group of points, by the share of ones among
        them and the distance of the targets; for softmax by the shares of the classes, (K,)
    outputs, targets : those that it takes
    chance : chance(y), the least mean loss of one output for real targets y; None where targets must be labels
    """

    objective: Callable[[str, str], Objective]
    floor: Callable[[Any, float], float]
    chance: Callable[[Array], float] | None = None
    outputs: tuple[str, ...] = tuple(OUTPUTS)
    targets: tuple[str, ...] = tuple(TARGETS)


@dataclass(frozen=True, kw_only=True)
class Pointwise:
    """The loss of one sample, by its output o and target t.

    Attributes
    ----------
    build : build(o, t, each, slope) makes the step that writes the loss of each sample and its derivative by o
    value, first, second : the loss and its derivatives by o, 0 at a kink
    kink : 0 where the loss has a kink; None for a smooth loss
    """

    build: Callable[[Array, Array, Array, Array], Step]
    value: Callable[[Array, Array], Array]
    first: Callable[[Array, Array], Array]
    second: Callable[[Array, Array], Array]
    kink: Callable[[Array, Array], Array] | None = None


def through(loss: Pointwise, output: str, targets: str) -> Objective:
    """Chain a loss with an output: dL/dz = L'(o) o' and d2L/dz2 = L''(o) o'^2 + L'(o) o''."""
    out, (low, high) = OUTPUTS[output], TARGETS[targets]

    def target(y: Array) -> Array:
        return low + (high - low) * y

    def build(z: Array, t: Array, weight: Array, total: Array, dz: Array, *, arithmetic: Arithmetic) -> Step:
        o, slope, each = np.empty_like(z), np.empty_like(z), np.empty_like(z)
        emit, compare = out.build(z, o, slope, arithmetic=arithmetic), loss.build(o, t, each, dz)
        add_up = arithmetic.total(each, total)

        def step() -> None:
            emit()
            compare()
            add_up()
            np.multiply(dz, slope, dz)
            np.multiply(dz, weight, dz)

        return step

    def second(z: Array, y: Array) -> Array:
        o, t = out.value(z), target(y)
        bent: Array = loss.second(o, t) * out.first(z) ** 2 + loss.first(o, t) * out.second(z)
        return bent

    kink = loss.kink
    return Objective(
        encode=lambda y, count: (target(y), np.full_like(y, 1.0 / count)),
        build=build,
        value=lambda z, y: loss.value(out.value(z), target(y)),
        first=lambda z, y: loss.first(out.value(z), target(y)) * out.first(z),
        second=second,
        kink=None if kink is None else lambda z, y: kink(out.value(z), target(y)),
    )


def _encode_bce(y: Array, count: int) -> tuple[Array, Array]:
    flip = 1.0 - 2.0 * y
    return flip, flip / count


def _build_bce(z: Array, flip: Array, weight: Array, total: Array, dz: Array, *, arithmetic: Arithmetic) -> Step:
    """Binary cross-entropy from logits: softplus(v) with v = (1 - 2y) z, so no log of 0 is ever taken."""
    v, e = np.empty_like(z), np.empty_like(z)
    softplus, add_up = arithmetic.softplus(v, e, dz), arithmetic.total(e, total)

    def step() -> None:
        np.multiply(z, flip, v)
        softplus()
        add_up()
        np.multiply(dz, weight, dz)

    return step


def _encode_mse(y: Array, count: int) -> tuple[Array, Array]:
    return y, np.full_like(y, 2.0 / count)


def _build_mse(z: Array, y: Array, weight: Array, total: Array, dz: Array, *, arithmetic: Arithmetic) -> Step:
    """Mean squared error of p = sigmoid(z): (p - y)^2, with derivative 2 (p - y) p (1 - p)."""
    p, e = np.empty_like(z), np.empty_like(z)
    logistic, add_up = arithmetic.logistic(z, p), arithmetic.total(e, total)

    def step() -> None:
        logistic()
        np.subtract(p, y, e)
        np.multiply(e, weight, dz)
        np.square(e, e)
        add_up()
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


_BCE = Objective(
    encode=_encode_bce,
    build=_build_bce,
    value=lambda z, y: np.logaddexp(0.0, (1.0 - 2.0 * y) * z),
    first=lambda z, y: sigmoid(z) - y,
    second=lambda z, y: sigmoid(z) * sigmoid(-z),
)
_MSE_OF_SIGMOID = Objective(
    encode=_encode_mse,
    build=_build_mse,
    value=lambda z, y: (sigmoid(z) - y) ** 2,
    first=_mse_first,
    second=_mse_second,
)


def _softmax(z: Array) -> tuple[Array, Array]:
    """Return softmax of z (N, K, R) over K, and its logarithm."""
    p, logs = np.empty_like(z), np.empty_like(z)
    softmax(z, p, logs, arithmetic=ARITHMETICS["native"])()
    return p, logs


def _build_cross_entropy(z: Array, t: Array, weight: Array, total: Array, dz: Array, *, arithmetic: Arithmetic) -> Step:
    """-ln p of the class with t = 1, p = softmax(z), with derivative p - t."""
    p, logs, each = np.empty_like(z), np.empty_like(z), np.empty_like(z[:, :1])
    emit, add_up = softmax(z, p, logs, arithmetic=arithmetic), arithmetic.total(each, total)
    gather = chain(additions([logs[:, k : k + 1] for k in range(z.shape[1])], each))

    def step() -> None:
        emit()
        np.multiply(logs, t, logs)
        gather()
        np.negative(each, each)
        add_up()
        np.subtract(p, t, dz)
        np.multiply(dz, weight, dz)

    return step


def _cross_entropy_second(z: Array, y: Array) -> Array:
    """dp_j / dz_k = p_j ([j = k] - p_k)."""
    p, _ = _softmax(z)
    same = np.eye(z.shape[1])[:, :, None]
    found: Array = p[:, :, None] * (same - p[:, None])
    return found


_CROSS_ENTROPY = Objective(
    encode=lambda y, count: (y, np.full_like(y, 1.0 / count)),
    build=_build_cross_entropy,
    value=lambda z, y: -(y * _softmax(z)[1]).sum(axis=1, keepdims=True),
    first=lambda z, y: _softmax(z)[0] - y,
    second=_cross_entropy_second,
    joint=True,
)


def _build_squared(o: Array, t: Array, each: Array, slope: Array) -> Step:
    """(o - t)^2, with slope 2 (o - t)."""

    def step() -> None:
        np.subtract(o, t, each)
        np.add(each, each, slope)
        np.square(each, each)

    return step


def _build_absolute(o: Array, t: Array, each: Array, slope: Array) -> Step:
    """|o - t|, with slope sign(o - t)."""

    def step() -> None:
        np.subtract(o, t, each)
        np.sign(each, slope)
        np.absolute(each, each)

    return step


def _build_hinge(o: Array, t: Array, each: Array, slope: Array) -> Step:
    """max(0, 1 - t o), with slope -t where it is above 0."""
    positive = np.empty_like(o, dtype=bool)

    def step() -> None:
        np.multiply(o, t, each)
        np.subtract(ONE, each, each)
        np.greater(each, ZERO, positive)
        np.multiply(positive, t, slope)
        np.negative(slope, slope)
        np.maximum(each, ZERO, out=each)

    return step


_SQUARED = Pointwise(
    build=_build_squared,
    value=lambda o, t: (o - t) ** 2,
    first=lambda o, t: 2.0 * (o - t),
    second=lambda o, t: np.full_like(o, 2.0),
)
_ABSOLUTE = Pointwise(
    build=_build_absolute,
    value=lambda o, t: np.abs(o - t),
    first=lambda o, t: np.sign(o - t),
    second=lambda o, t: np.zeros_like(o),
    kink=lambda o, t: o - t,
)
_HINGE = Pointwise(
    build=_build_hinge,
    value=lambda o, t: np.maximum(0.0, 1.0 - t * o),
    first=lambda o, t: -t * (t * o < 1.0),
    second=lambda o, t: np.zeros_like(o),
    kink=lambda o, t: 1.0 - t * o,
)


def _mse(output: str, targets: str) -> Objective:
    return _MSE_OF_SIGMOID if output == "sigmoid" else through(_SQUARED, output, targets)


LOSSES: dict[str, Loss] = {
    "bce": Loss(
        objective=lambda output, targets: _BCE,
        floor=lambda share, span: _entropy(share),
        outputs=("sigmoid",),
        targets=("binary",),
    ),
    "mse": Loss(
        objective=_mse,
        floor=lambda share, span: span * span * (share * (1.0 - share)),
        chance=lambda y: float(y.var()),
    ),
    "mae": Loss(
        objective=partial(through, _ABSOLUTE),
        floor=lambda share, span: span * min(share, 1.0 - share),
        chance=lambda y: float(np.abs(y - np.median(y)).mean()),
    ),
    "cross_entropy": Loss(
        objective=lambda output, targets: _CROSS_ENTROPY,
        floor=lambda shares, span: float(-sum(p * math.log(p) for p in shares if p > 0.0)),
        outputs=(SOFTMAX,),
        targets=("binary",),
    ),
    "hinge": Loss(
        objective=partial(through, _HINGE),
        floor=lambda share, span: span * min(share, 1.0 - share),
        outputs=("linear", "tanh"),
        targets=("bipolar",),
    ),
}


@cache
def objective(loss: str, output: str, targets: str) -> Objective:
    """Return a loss as a network with this output meets it, by the names of the three."""
    return LOSSES[loss].objective(output, targets)
