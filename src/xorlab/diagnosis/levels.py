"""Levels: the losses at which training can come to rest, from the partitions of a finite data set.

A network that gives the same output to all points of a group does best if that output is the share of ones in the
group. Every partition of the data into such groups therefore has a loss: its level. For XOR and cross-entropy the
levels are ln 2, 0.4774, 0.3466 and 0.
"""

import math
from functools import cache

from xorlab.spec import DataSpec, RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.losses import LOSSES
from xorlab.spec.components.outputs import TARGETS

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

    Notes
    -----
    The level of a partition is the sum over its groups g of n_g / N times the floor of the group: its lowest loss
    with one output. Only the numbers of ones and zeros in a group matter. So it is enough to partition the pair
    (ones, zeros), group by group.
    """
    N = ones + zeros
    floor = LOSSES[loss].floor
    if N > MOST_POINTS:
        return (floor(ones / N, span),) if 0 < ones < N else ()
    sums: dict[tuple[int, int], dict[float, float]] = {(0, 0): {0.0: 0.0}}
    for a in range(ones + 1):
        for b in range(zeros + 1):
            groups = ((i, j) for i in range(a + 1) for j in range(b + 1) if i + j)
            found = [
                (i + j) * floor(i / (i + j), span) + rest for i, j in groups for rest in sums[a - i, b - j].values()
            ]
            sums.setdefault((a, b), {}).update((round(total, 9), total) for total in found)
    return tuple(sorted((total / N for total in sums[ones, zeros].values() if total > 1e-9), reverse=True))


def name(level: float) -> str:
    """Return the name of a level in outcomes and pictures: ln2, 0.477, 0.347."""
    return "ln2" if math.isclose(level, math.log(2.0), abs_tol=1e-9) else f"{level:.3f}"


def spectrum(spec: RunSpec) -> dict[str, float]:
    """Return the levels of a run's data and loss by name: ``{"ln2": 0.6931…, "0.477": …, "0.347": …}``."""
    return of(spec.data, spec.loss)


@cache
def of(data: DataSpec, loss: str) -> dict[str, float]:
    """Return the levels of data and a loss by name; for targets that are no labels only that of chance."""
    _, y = datasets.load(data)
    chance = LOSSES[loss].chance
    if chance is not None and not datasets.labelled(data):
        return {name(chance(y)): chance(y)}
    low, high = TARGETS[data.targets]
    return {name(level): level for level in levels(int(y.sum()), int((1 - y).sum()), loss, high - low)}
