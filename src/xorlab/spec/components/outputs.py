"""Outputs: what the output units make of their pre-activations z, and the targets that they are trained to give.

The outputs in `OUTPUTS` are of each unit alone; softmax is of all units together. To add one, add an `Output` to
`OUTPUTS`. A loss says which outputs it takes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.arithmetics import ARITHMETICS, Arithmetic, additions
from xorlab.spec.components.steps import Step, chain, sigmoid

Array = NDArray[np.float64]

SOFTMAX = "softmax"
"""The output of a unit for each class: p_k = exp(z_k) / sum_j exp(z_j)."""

TARGETS: dict[str, tuple[float, float]] = {"binary": (0.0, 1.0), "bipolar": (-1.0, 1.0)}
"""The targets of the labels 0 and 1."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """An output o of the pre-activation z.

    Attributes
    ----------
    build : build(z, o, slope, arithmetic=…) makes the step that reads z and writes o and do/dz
    value, first, second : z -> o, do/dz and its derivative, of any shape
    low, high : the ends of the interval that o lies in
    """

    build: Callable[..., Step]
    value: Callable[[Array], Array]
    first: Callable[[Array], Array]
    second: Callable[[Array], Array]
    low: float
    high: float


OUTPUTS: dict[str, Output] = {
    "sigmoid": Output(
        build=ACTIVATIONS["sigmoid"].build,
        value=sigmoid,
        first=lambda z: sigmoid(z) * sigmoid(-z),
        second=ACTIVATIONS["sigmoid"].second,
        low=0.0,
        high=1.0,
    ),
    "linear": Output(
        build=ACTIVATIONS["identity"].build,
        value=lambda z: z,
        first=np.ones_like,
        second=np.zeros_like,
        low=-np.inf,
        high=np.inf,
    ),
    "tanh": Output(
        build=ACTIVATIONS["tanh"].build,
        value=np.tanh,
        first=lambda z: 1.0 - np.tanh(z) ** 2,
        second=ACTIVATIONS["tanh"].second,
        low=-1.0,
        high=1.0,
    ),
}


def softmax(z: Array, p: Array, logs: Array, *, arithmetic: Arithmetic) -> Step:
    """Make the step that writes p = softmax(z) and ln p from z (…, K, …); the units are on the second axis."""
    most, total = np.empty_like(z[:, 0]), np.empty_like(z[:, 0])
    exp = arithmetic.exp(logs, p)
    add_up = chain(additions([p[:, k] for k in range(z.shape[1])], total))
    log = arithmetic.log(total, most)

    def step() -> None:
        np.maximum.reduce(z, axis=1, out=most)
        np.subtract(z, most[:, None], logs)
        exp()
        add_up()
        log()
        np.subtract(logs, most[:, None], logs)
        np.divide(p, total[:, None], p)

    return step


def position(output: str, targets: str, z: Array, numerics: str = "native", *, axis: int = -1) -> Array:
    """Return where outputs lie between the targets: 0 at that of label 0, 1 at that of label 1.

    For a sigmoid with targets 0 and 1, and for softmax, this is the probability p. A point is on the side of label 1
    above 1/2.

    Parameters
    ----------
    output, targets : names in `OUTPUTS` and `TARGETS`, or `SOFTMAX`
    z : the output units' pre-activations, of any shape
    numerics : how the output is computed, a name in `ARITHMETICS`
    axis : that of the units, for softmax
    """
    if output == SOFTMAX:
        units = np.moveaxis(z, axis, 1)
        p, logs = np.empty_like(units), np.empty_like(units)
        softmax(units, p, logs, arithmetic=ARITHMETICS[numerics])()
        return np.moveaxis(p, 1, axis)
    low, high = TARGETS[targets]
    entry = OUTPUTS[output]
    if numerics == "native":
        o = entry.value(z)
    else:
        o, slope = np.empty_like(z), np.empty_like(z)
        entry.build(z, o, slope, arithmetic=ARITHMETICS[numerics])()
    found: Array = (o - low) / (high - low)
    return found


def margin(output: str, p: Array, y: Array, *, axis: int = -1) -> Array:
    """Return how far points are on the side of their labels: at most 1/2, above 0 where every output is right.

    Of softmax the class with the greatest p must be the label's: its lead over the next one, halved, which for two
    classes is p - 1/2.

    Parameters
    ----------
    output : the name of the output
    p : as `position` returns it
    y : labels that broadcast with p
    axis : that of the units; it is dropped
    """
    if output == SOFTMAX:
        others = np.where(y > 0.5, -np.inf, p).max(axis=axis)
        lead: Array = 0.5 * (np.where(y > 0.5, p, -np.inf).max(axis=axis) - others)
        return lead
    least: Array = ((2.0 * y - 1.0) * (p - 0.5)).min(axis=axis)
    return least
