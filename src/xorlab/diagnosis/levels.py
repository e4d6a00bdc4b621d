"""Levels: the losses at which training can come to rest, from the partitions of a finite data set.

A network that gives the same output to all points of a group does best if that output is the share of ones in the
group. Every partition of the data into such groups therefore has a loss: its level. For XOR and cross-entropy the
levels are ln 2, 0.4774, 0.3466 and 0.
"""

import math
from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from xorlab.spec import DataSpec, RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.losses import LOSSES
from xorlab.spec.components.outputs import SOFTMAX, TARGETS

MOST_POINTS = 8
"""With more points than this only the highest level is named; the others lie too close together."""


@cache
def levels(ones: int, zeros: int, loss: str, span: float = 1.0) -> tuple[float, ...]:
    """Return the levels of a data set above 0, highest first.

    Parameters
    ----------
    ones, zeros : the number of points with each label
    loss : the name of the loss
    span : the distance between the targets

    """
    floor = LOSSES[loss].floor
    return _levels((ones, zeros), lambda group: floor(group[0] / sum(group), span))


def _levels(counts: tuple[int, ...], floor: Callable[[tuple[int, ...]], float]) -> tuple[float, ...]:
    """Return the levels of data with so many points of each class, by the floor of a group of points.

    Notes
    -----
    The level of a partition is the sum over its groups g of n_g / N times the floor of the group: its lowest loss
    with one output. Only the numbers of points of each class in a group matter. So it is enough to partition the
    counts, group by group.
    """
    N = sum(counts)
    if N > MOST_POINTS:
        return (floor(counts),) if N not in counts else ()
    sums: dict[tuple[int, ...], dict[float, float]] = {(0,) * len(counts): {0.0: 0.0}}
    for whole in product(*(range(count + 1) for count in counts)):
        groups = [group for group in product(*(range(count + 1) for count in whole)) if any(group)]
        found = [
            sum(group) * floor(group) + rest
            for group in groups
            for rest in sums[tuple(n - taken for n, taken in zip(whole, group, strict=True))].values()
        ]
        sums.setdefault(whole, {}).update((round(total, 9), total) for total in found)
    return tuple(sorted((total / N for total in sums[counts].values() if total > 1e-9), reverse=True))


def name(level: float) -> str:
    """Return the name of a level in outcomes and pictures: ln2, 0.477, 0.347."""
    return "ln2" if math.isclose(level, math.log(2.0), abs_tol=1e-9) else f"{level:.3f}"


def spectrum(spec: RunSpec) -> dict[str, float]:
    """Return the levels of a run's data and loss by name: ``{"ln2": 0.6931…, "0.477": …, "0.347": …}``."""
    return of(spec.data, spec.loss)


@cache
def of(data: DataSpec, loss: str) -> dict[str, float]:
    """Return the levels of data and a loss by name.

    For targets that are no labels, and for several outputs that are not of classes, only that of chance is known.
    """
    _, y = datasets.load(data)
    if SOFTMAX in LOSSES[loss].outputs:
        found = _levels(tuple(y.sum(axis=0).astype(int).tolist()), lambda group: _entropy(loss, group))
    elif y.ndim == 2 or not datasets.labelled(data):
        found = (constant(data, loss, y),)
    else:
        low, high = TARGETS[data.targets]
        found = levels(int(y.sum()), int((1 - y).sum()), loss, high - low)
    return {name(level): level for level in found}


def _entropy(loss: str, group: tuple[int, ...]) -> float:
    return LOSSES[loss].floor(np.array(group) / sum(group), 1.0)


def constant(data: DataSpec, loss: str, y: NDArray[np.float64]) -> float:
    """Return the least mean loss of one constant output for points with the targets y, (n,) or (n, K)."""
    rule, (low, high) = LOSSES[loss], TARGETS[data.targets]
    if SOFTMAX in rule.outputs:
        return rule.floor(y.mean(axis=0), 1.0)
    outputs = y.reshape(len(y), -1).T
    if rule.chance is None or datasets.labelled(data):
        each = [rule.floor(float(own.mean()), high - low) for own in outputs]
    else:
        each = [rule.chance(own) for own in outputs]
    return sum(each) / len(each)
