"""Steps, from which activations, losses and optimizers are built, and the sigmoid.

A builder takes the arrays that a step reads and writes, and returns the step: a function without arguments that the
training loop calls in every epoch. A step allocates nothing. The runs axis is last and contiguous.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Step = Callable[[], object]

ZERO, ONE, HALF, MINUS = np.array(0.0), np.array(1.0), np.array(0.5), np.array(-1.0)


def logistic_into(z: Array, p: Array) -> None:
    """Write 1 / (1 + exp(-z)) into p; exp may overflow to inf, and 1 / inf is the correct 0."""
    np.negative(z, p)
    np.exp(p, p)
    np.add(p, ONE, p)
    np.divide(ONE, p, p)


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + exp(-z)); no z overflows. Its last bits may differ from those of `logistic_into`."""
    p: Array = 0.5 * (1.0 + np.tanh(0.5 * z))
    return p
