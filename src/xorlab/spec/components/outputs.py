"""Outputs: what the output unit makes of its pre-activation z, and the targets that it is trained to give.

To add one, add an `Output` to `OUTPUTS`. A loss says which outputs it takes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.arithmetics import ARITHMETICS
from xorlab.spec.components.steps import Step, sigmoid

Array = NDArray[np.float64]

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


def position(output: str, targets: str, z: Array, numerics: str = "native") -> Array:
    """Return where outputs lie between the targets: 0 at that of label 0, 1 at that of label 1.

    For a sigmoid with targets 0 and 1 this is the probability p. A point is on the side of label 1 above 1/2.

    Parameters
    ----------
    output, targets : names in `OUTPUTS` and `TARGETS`
    z : the output unit's pre-activations, of any shape
    numerics : how the output is computed, a name in `ARITHMETICS`
    """
    low, high = TARGETS[targets]
    entry = OUTPUTS[output]
    if numerics == "native":
        o = entry.value(z)
    else:
        o, slope = np.empty_like(z), np.empty_like(z)
        entry.build(z, o, slope, arithmetic=ARITHMETICS[numerics])()
    found: Array = (o - low) / (high - low)
    return found
