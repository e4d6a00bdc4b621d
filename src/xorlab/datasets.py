"""The data: inputs X of shape (N, D) and targets y of shape (N,), 0 or 1."""

import itertools
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from xorlab.spec import DataSpec

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


def _corners(bits: int, truth: Callable[..., bool]) -> Pair:
    """All 2^bits binary inputs, counting up, and the truth value of each."""
    X = np.array(list(itertools.product((0.0, 1.0), repeat=bits)))
    return X, np.array([float(truth(*(int(bit) for bit in row))) for row in X])


def _gate(truth: Callable[[int, int], bool]) -> Callable[[DataSpec], Pair]:
    return lambda spec: _corners(2, truth)


def _parity(spec: DataSpec) -> Pair:
    assert spec.bits is not None
    return _corners(spec.bits, lambda *bits: sum(bits) % 2 == 1)


def _noisy_xor(spec: DataSpec) -> Pair:
    """Gaussian clouds of `points` points and standard deviation `std` at the four corners of XOR."""
    assert spec.points is not None
    assert spec.std is not None
    X, y = _corners(2, lambda a, b: a != b)
    X, y = np.repeat(X, spec.points, axis=0), np.repeat(y, spec.points)
    return X + spec.std * np.random.RandomState(spec.seed).standard_normal(X.shape), y


DATASETS: dict[str, Callable[[DataSpec], Pair]] = {
    "xor": _gate(lambda a, b: a != b),
    "and": _gate(lambda a, b: bool(a and b)),
    "or": _gate(lambda a, b: bool(a or b)),
    "xnor": _gate(lambda a, b: a == b),
    "parity": _parity,
    "noisy_xor": _noisy_xor,
}


@cache
def load(spec: DataSpec) -> Pair:
    """Make the data of a specification.

    Returns
    -------
    X : (N, D) array, read-only
        The inputs; 0 and 1 stand as -1 and +1 where the encoding is bipolar.
    y : (N,) array, read-only
        The targets, 0 or 1.
    """
    X, y = DATASETS[spec.name](spec)
    if spec.encoding == "bipolar":
        X = 2.0 * X - 1.0
    X.flags.writeable = y.flags.writeable = False
    return X, y
