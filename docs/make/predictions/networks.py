"""Networks drawn by xorlab's initialisers, and their pre-activations by its forward pass."""

from collections.abc import Iterable, Iterator
from itertools import repeat

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from xorlab.numerics.initialization import initialize
from xorlab.numerics.network import Network, pack, pad, sizes
from xorlab.spec import ArchSpec, InitSpec

Array = NDArray[np.float64]


def of_seeds(seeds: Iterable[int]) -> Iterator[RandomState]:
    """Return each seed's own stream of random numbers."""
    return map(RandomState, seeds)


def of_one(seed: int, count: int) -> Iterator[RandomState]:
    """Return one stream for all `count` networks, which is quicker than one each."""
    return repeat(RandomState(seed), count)


def preactivations(arch: ArchSpec, init: InitSpec, X: Array, streams: Iterable[RandomState]) -> list[Array]:
    """Draw a network from each of R streams; return the pre-activations at X (N, D), (N, H, R) for each layer."""
    units = sizes(X.shape[1], arch)
    draws = [initialize(init, units, rng) for rng in streams]
    theta = pad(pack({name: np.stack([one[name] for one in draws]) for name in draws[0]}, units))
    network = Network(arch, "bce", theta, np.empty_like(theta), batch=len(X), inputs=X.shape[1], each=False)
    network.load(X, np.zeros((len(X), 1)))
    network.forward()
    return [z[..., : len(draws)] for z in network.z]


def interaction(logits: Array) -> Array:
    """Return f00 + f11 - f01 - f10 for logits (4, R) at the corners of the square: 0 for an affine function."""
    return logits[0] + logits[3] - logits[1] - logits[2]
