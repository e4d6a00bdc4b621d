"""Which points a network ties, that is, gives the same output; and the loss that such a partition allows."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis.levels import MOST_POINTS, constant
from xorlab.spec import DataSpec
from xorlab.spec.components import datasets

TIED = 0.1
"""Two points are tied where their outputs differ by less than this part of the distance between the targets."""

Partition = tuple[tuple[int, ...], ...]
"""Groups of points, the larger first; empty where there are more than `MOST_POINTS`."""


def partitions(p: NDArray[np.float64]) -> list[Partition]:
    """Group the points of R runs by outputs p, (R, N) or (R, N, K), see `outputs.position`. Ties are transitive."""
    R, N = p.shape[:2]
    if N > MOST_POINTS:
        return [()] * R
    outputs = p.reshape(R, N, -1)
    tied = (np.abs(outputs[:, :, None] - outputs[:, None, :]) < TIED).all(axis=-1) | np.eye(N, dtype=bool)
    for _ in range(N.bit_length()):
        tied = tied @ tied
    return [_groups(N, bits.tobytes()) for bits in np.packbits(tied.reshape(R, N * N), axis=1)]


@cache
def _groups(N: int, bits: bytes) -> Partition:
    tied = np.unpackbits(np.frombuffer(bits, dtype=np.uint8))[: N * N].reshape(N, N)
    found = {tuple(np.flatnonzero(row).tolist()) for row in tied}
    return tuple(sorted(found, key=lambda group: (-len(group), group)))


@cache
def text(data: DataSpec, partition: Partition) -> str | None:
    """Write a partition as in ``{00,01,10}|{11}``; None where it is empty."""
    X, _ = datasets.load(data)
    bits = np.isin(X, (-1.0, 0.0, 1.0)).all()
    names = ["".join(str(int(x > 0.0)) for x in point) if bits else str(n) for n, point in enumerate(X, start=1)]
    groups = ("{" + ",".join(names[point] for point in group) + "}" for group in partition)
    return "|".join(groups) or None


@cache
def level(data: DataSpec, loss: str, partition: Partition) -> float:
    """Return the least loss of a network that ties the points of each group; NaN for an empty partition."""
    if not partition:
        return math.nan
    _, y = datasets.load(data)
    return sum(len(group) / len(y) * constant(data, loss, y[list(group)]) for group in partition)
