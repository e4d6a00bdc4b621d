"""The losses at which a network can come to rest: levels, from the partitions of a finite data set.

A network that gives one output to all points of a group can do no better on them than their label frequency. For
XOR and cross-entropy the levels are ln 2, 0.4774, 0.3466 and 0.
"""

import math
from functools import cache

from xorlab.components import datasets
from xorlab.components.losses import LOSSES
from xorlab.spec import DataSpec, RunSpec

MOST_POINTS = 8
"""With more points than this the levels lie too densely to tell apart, but for the highest."""


@cache
def levels(ones: int, zeros: int, loss: str) -> tuple[float, ...]:
    """Find the losses at which a network can rest that ties points in groups, highest first, without 0.

    Parameters
    ----------
    ones, zeros : how many points have each label
    loss : the name of the loss

    Notes
    -----
    The level of a partition is the sum of n_g / N times the floor of each group. Only the numbers of ones
    and zeros in a group matter, so these are partitions of a pair of numbers, built up group by group.
    """
    N = ones + zeros
    floor = LOSSES[loss].floor
    if N > MOST_POINTS:
        return (floor(ones / N),) if 0 < ones < N else ()
    sums: dict[tuple[int, int], dict[float, float]] = {(0, 0): {0.0: 0.0}}
    for a in range(ones + 1):
        for b in range(zeros + 1):
            groups = ((i, j) for i in range(a + 1) for j in range(b + 1) if i + j)
            found = [(i + j) * floor(i / (i + j)) + rest for i, j in groups for rest in sums[a - i, b - j].values()]
            sums.setdefault((a, b), {}).update((round(total, 9), total) for total in found)
    return tuple(sorted((total / N for total in sums[ones, zeros].values() if total > 1e-9), reverse=True))


def name(level: float) -> str:
    """Name a level as outcomes and pictures do: ln2, 0.477, 0.347."""
    return "ln2" if math.isclose(level, math.log(2.0), abs_tol=1e-9) else f"{level:.3f}"


def spectrum(spec: RunSpec) -> dict[str, float]:
    """Name the levels of a run's data and loss: ``{"ln2": 0.6931…, "0.477": …, "0.347": …}``."""
    return _spectrum(spec.data, spec.loss)


@cache
def _spectrum(data: DataSpec, loss: str) -> dict[str, float]:
    _, y = datasets.load(data)
    return {name(level): level for level in levels(int(y.sum()), int((1 - y).sum()), loss)}
