"""Steps, from which activations, losses and optimizers are built, and the sigmoid.

A builder takes the arrays that a step reads and writes, and returns the step: a function without arguments that the
training loop calls in every epoch. A step allocates nothing. The runs axis is last and contiguous.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Step = Callable[[], object]

ZERO, ONE, HALF, MINUS = np.array(0.0), np.array(1.0), np.array(0.5), np.array(-1.0)


def chain(steps: Sequence[Step]) -> Step:
    """Make the step that takes these steps in turn."""

    def step() -> None:
        for each in steps:
            each()

    return step


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + exp(-z)); no z overflows. Its last bits may differ from those of a run."""
    p: Array = 0.5 * (1.0 + np.tanh(0.5 * z))
    return p
