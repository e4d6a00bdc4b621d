"""The state of a hidden unit on the data, for activations that are linear on both sides of a kink at 0."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from xorlab.numerics.network import activations
from xorlab.spec import ArchSpec
from xorlab.spec.components.activations import ACTIVATIONS

STATES = ("dead", "off", "on", "split")


def states(arch: ArchSpec, z: NDArray[np.float64], layer: int = 0) -> NDArray[np.str_]:
    """Name the state of each unit of a hidden layer.

    Parameters
    ----------
    arch : the architecture
    z : (N, H, ...) array, the layer's pre-activations at the N points
    layer : which hidden layer, from 0

    Returns
    -------
    (H, ...) array of names, or (0, ...) for an activation without two linear pieces, which has no states:

    - ``on``: z > 0 at every point.
    - ``off``: z <= 0 at every point, but the slope is not 0 everywhere. The unit has a gradient and may come back.
    - ``dead``: z <= 0 and the slope exactly 0 at every point. The output and every gradient of the unit are exactly 0.
    - ``split``: on at some points and off at others.

    Notes
    -----
    Only ReLU has dead units. With `relu_grad_at_zero` other than 0, a ReLU unit with z = 0 at some point is not dead.
    """
    if ACTIVATIONS[arch.activations[layer]].pieces is None:
        return np.empty((0, *z.shape[2:]), dtype="<U5")
    slope = np.empty_like(z)
    activations(arch)[layer](z, np.empty_like(z), slope)()
    off, on, flat = (z <= 0.0).all(axis=0), (z > 0.0).all(axis=0), (slope == 0.0).all(axis=0)
    return np.select([off & flat, off, on], ["dead", "off", "on"], "split")


@cache
def possible(arch: ArchSpec) -> tuple[str, ...]:
    """List the states that a unit of this architecture can be in, in the order of `STATES`."""
    z = np.array([[-1.0, 0.0, 1.0]])
    alone = {state for layer in range(len(arch.hidden)) for state in states(arch, z, layer).tolist()}
    return tuple(state for state in STATES if alone and (state in alone or state == "split"))
