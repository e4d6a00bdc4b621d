"""What activations, losses and optimizers are built from: steps over arrays that are made once.

A builder is given the arrays that a step reads and writes, and returns the step: a function without arguments that
the training loop calls every epoch. Nothing is allocated after that. The runs axis is last and contiguous.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Step = Callable[[], object]

ZERO, ONE, HALF, MINUS = np.array(0.0), np.array(1.0), np.array(0.5), np.array(-1.0)


def logistic_into(z: Array, p: Array) -> None:
    """p = 1 / (1 + exp(-z)); exp may overflow to inf, and 1 / inf is the right 0."""
    np.negative(z, p)
    np.exp(p, p)
    np.add(p, ONE, p)
    np.divide(ONE, p, p)


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + exp(-z)) in an array of its own; no z overflows."""
    p: Array = 0.5 * (1.0 + np.tanh(0.5 * z))
    return p
