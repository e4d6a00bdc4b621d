"""The data: inputs X of shape (N, D) and targets y, 0 or 1, of shape (N,), or (N, K) for K outputs.

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
from xorlab.spec.components.parameters import Chosen, Component, Parameter, integer, optional, positive, text

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


def _file_settings(spec: Chosen) -> tuple[str, str | None, int | None, bool]:
    """Return the arguments of `data_files.read`."""
    return spec.path, spec.target, spec.outputs, bool(spec.classes)


def _file(spec: Chosen, random: Random) -> Pair:
    """Return the data that the specification was made with; where this process has not read it, read it again."""
    if spec.sha256 not in data_files.READ and data_files.read(*_file_settings(spec)) != spec.sha256:
        raise SpecError(f"data.path={spec.path} must be the file of the specification; its numbers have changed")
    X, y = data_files.READ[spec.sha256]
    return X.copy(), y.copy()


@dataclass(frozen=True, kw_only=True)
class DataSet(Component):
    """A data set.

    Attributes
    ----------
    parameters : its own parameters
    make : see `Make`; X is (N, D), y is (N,) or (N, K), and an input that is a bit is 0 or 1
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
    "file": DataSet(
        make=_file, parameters={"path": text(), "target": text(), "outputs": optional(2), "sha256": text()}
    ),
}


XOR, XNOR = (0.0, 1.0, 1.0, 0.0), (1.0, 0.0, 0.0, 1.0)
"""Truth tables."""


@cache
def truth_table(spec: Chosen) -> tuple[float, ...] | None:
    """Return the targets of the points 00, 01, 10 and 11 if these are the data, in this order; None otherwise.

    There is no truth table of several outputs.
    """
    X, y = _made(spec, RandomState)
    corners = y.ndim == 1 and np.array_equal(X, list(itertools.product((0.0, 1.0), repeat=2)))
    return tuple(y.tolist()) if corners else None


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
    y : (N,) array, or (N, K) for K > 1 outputs, read-only
        The labels, 0 or 1; of one's own data any targets.
    """
    X, y = _made(spec, ARITHMETICS[numerics].random)
    if spec.encoding == "bipolar":
        X = 2.0 * X - 1.0
    X.flags.writeable = y.flags.writeable = False
    return X, y


@cache
def labelled(spec: Chosen) -> bool:
    """Tell whether all targets are labels, 0 or 1."""
    _, y = _made(spec, RandomState)
    return bool(((y == 0.0) | (y == 1.0)).all())


def _made(spec: Chosen, random: Random) -> Pair:
    X, y = DATASETS[spec.name].make(spec, random)
    return X, data_files.one_hot(y, f"data={spec.name}")[0] if spec.classes and y.ndim == 1 else y


def class_names(spec: Chosen) -> tuple[str, ...]:
    """Return what the outputs of a data set with several outputs are called: the classes' names, or numbers from 1."""
    _, y = DATASETS[spec.name].make(spec, RandomState)
    known = data_files.NAMES.get(spec.sha256 or "")
    if spec.classes and y.ndim == 1:
        known = data_files.one_hot(y, f"data={spec.name}")[1]
    return known or tuple(str(number) for number in range(1, _made(spec, RandomState)[1].shape[1] + 1))
