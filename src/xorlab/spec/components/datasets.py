"""The data: inputs X of shape (N, D) and targets y of shape (N,), 0 or 1.

To add a data set, write the function that makes it and add a `DataSet` to `DATASETS`.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from xorlab import rules
from xorlab.errors import SpecError
from xorlab.spec.components import data_files
from xorlab.spec.components.arithmetics import ARITHMETICS
from xorlab.spec.components.parameters import Chosen, Component, Parameter, integer, positive, text

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]
Random = Callable[[int], RandomState]
Make = Callable[[Chosen, Random], Pair]
"""make(spec, random) returns X and y of a data set; noise comes from the stream random(seed)."""


def _corners(bits: int, truth: Callable[..., bool]) -> Pair:
    """Return all 2^bits binary inputs, counting up, and the truth value of each."""
    X = np.array(list(itertools.product((0.0, 1.0), repeat=bits)))
    return X, np.array([float(truth(*(int(bit) for bit in row))) for row in X])


def _gate(truth: Callable[[int, int], bool]) -> Make:
    return lambda spec, random: _corners(2, truth)


def _parity(spec: Chosen, random: Random) -> Pair:
    return _corners(spec.bits, lambda *bits: sum(bits) % 2 == 1)


def _noisy_xor(spec: Chosen, random: Random) -> Pair:
    """Put `points` points around each corner of XOR, with Gaussian noise of standard deviation `std`."""
    X, y = _corners(2, lambda a, b: a != b)
    X, y = np.repeat(X, spec.points, axis=0), np.repeat(y, spec.points)
    return X + spec.std * random(spec.seed).standard_normal(X.shape), y


def _file(spec: Chosen, random: Random) -> Pair:
    """Return the data that the specification was made with; where this process has not read it, read it again."""
    if spec.sha256 not in data_files.READ and data_files.read(spec.path, spec.target) != spec.sha256:
        raise SpecError(f"data.path={spec.path} must be the file of the specification; its numbers have changed")
    X, y = data_files.READ[spec.sha256]
    return X.copy(), y.copy()


@dataclass(frozen=True, kw_only=True)
class DataSet(Component):
    """A data set.

    Attributes
    ----------
    parameters : its own parameters
    make : see `Make`; X is (N, D), y is (N,), and an input that is a bit is 0 or 1
    """

    make: Make


ENCODINGS = ("binary", "bipolar")
"""The network gets inputs of 0 and 1 as they are (binary), or as -1 and +1 (bipolar)."""

DATASETS: dict[str, DataSet] = {
    "xor": DataSet(make=_gate(lambda a, b: a != b)),
    "and": DataSet(make=_gate(lambda a, b: bool(a and b))),
    "or": DataSet(make=_gate(lambda a, b: bool(a or b))),
    "xnor": DataSet(make=_gate(lambda a, b: a == b)),
    "parity": DataSet(make=_parity, parameters={"bits": integer(3, least=1, most=16)}),
    "noisy_xor": DataSet(
        make=_noisy_xor,
        parameters={
            "points": integer(10, least=1, most=100_000),
            "std": positive(0.1),
            "seed": Parameter(int, 0, rules.seed),
        },
    ),
    "file": DataSet(make=_file, parameters={"path": text(), "target": text(), "sha256": text()}),
}


XOR, XNOR = (0.0, 1.0, 1.0, 0.0), (1.0, 0.0, 0.0, 1.0)
"""Truth tables."""


@cache
def truth_table(spec: Chosen) -> tuple[float, ...] | None:
    """Return the targets of the points 00, 01, 10 and 11 if these are the data, in this order; None otherwise."""
    X, y = DATASETS[spec.name].make(spec, RandomState)
    return tuple(y.tolist()) if np.array_equal(X, list(itertools.product((0.0, 1.0), repeat=2))) else None


@cache
def load(spec: Chosen, numerics: str = "native") -> Pair:
    """Make the data of a specification.

    Parameters
    ----------
    spec : the data set, its parameters and its encoding
    numerics : how noise is computed, a name in `ARITHMETICS`; without noise it makes no difference

    Returns
    -------
    X : (N, D) array, read-only
        The inputs; if the encoding is bipolar, 0 and 1 have become -1 and +1.
    y : (N,) array, read-only
        The labels, 0 or 1; of one's own data any targets.
    """
    X, y = DATASETS[spec.name].make(spec, ARITHMETICS[numerics].random)
    if spec.encoding == "bipolar":
        X = 2.0 * X - 1.0
    X.flags.writeable = y.flags.writeable = False
    return X, y


@cache
def labelled(spec: Chosen) -> bool:
    """Tell whether all targets are labels, 0 or 1."""
    _, y = DATASETS[spec.name].make(spec, RandomState)
    return bool(((y == 0.0) | (y == 1.0)).all())
