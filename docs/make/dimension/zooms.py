"""The dimension of a boundary at ever smaller scales: lines across it, zoomed at its own points."""

from collections.abc import Iterator

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from dimension.labels import BASE, CORNER, SPAN, VARIANTS, Array, Label, Labels

FIRST = 4
"""How many times as many pieces level 0 has: only some of them cross the boundary, and fewer where it is rough."""
STEPS = 64
"""Steps between the points of a piece."""
FACTOR = 16
"""How many times shorter the pieces of the next level are."""
LAGS = (1, 2, 4, 8)
"""Distances, in steps, of the points that are compared."""


def descend(
    label: Label, rng: RandomState, corner: Array, span: float, *, windows: int, levels: int
) -> Iterator[tuple[Array, Labels]]:
    """Yield the points (M, STEPS + 1, 2) and labels (M, STEPS + 1) of each level, until a level has no boundary.

    Level 0 has pieces of random lines, a third of the span long, `FIRST` times as many as the others. Each piece of a
    next level is `FACTOR` times shorter, keeps its line's direction, and has a step between unlike neighbours near its
    middle, drawn from all those steps.
    """
    angle = rng.uniform(0.0, np.pi, FIRST * windows)
    along = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    length = span / 3.0
    middle = corner + rng.uniform(length / 2.0, span - length / 2.0, (len(angle), 2))
    for _ in range(levels):
        offsets = length * (np.arange(STEPS + 1) / STEPS - 0.5)
        points = middle[:, None] + offsets[:, None] * along[:, None]
        labels = label(points.reshape(-1, 2)).reshape(-1, STEPS + 1)
        yield points, labels
        pieces, steps = np.nonzero(labels[:, 1:] != labels[:, :-1])
        if not pieces.size:
            return
        drawn = rng.randint(pieces.size, size=windows)
        piece, step = pieces[drawn], steps[drawn]
        within = (step + rng.uniform(size=windows)) / STEPS - 0.5
        middle, along = middle[piece] + (length * within)[:, None] * along[piece], along[piece]
        length /= FACTOR


def roughest(label: Label, seed: int, *, level: int) -> tuple[Array, Labels]:
    """Return the points (STEPS + 1, 2) and labels of the piece with most crossings at a level of a zoom."""
    zoom = descend(label, RandomState(seed), CORNER, SPAN, windows=VARIANTS[BASE].windows, levels=level + 1)
    points, labels = list(zoom)[-1]
    piece = (labels[:, 1:] != labels[:, :-1]).sum(axis=1).argmax()
    return points[piece], labels[piece]


def changes(labels: Labels) -> NDArray[np.int64]:
    """Count the pairs of unlike points at each of the `LAGS`, over all pieces: equally many pairs at each.

    A piece that crosses a boundary once, near its middle, has as many unlike pairs as the lag. In general their number
    grows as the lag to the power of 2 - D, where D is the boundary's dimension (Grebogi, McDonald, Ott and Yorke
    1983, doi:10.1016/0375-9601(83)90945-3).
    """
    starts = STEPS + 1 - LAGS[-1]
    return np.array([(labels[:, lag : lag + starts] != labels[:, :starts]).sum() for lag in LAGS])


def dimension(pairs: Array) -> Array:
    """Return D from the numbers of unlike pairs (…, lags), by least squares over the logarithms."""
    x = np.log2(LAGS) - np.mean(np.log2(LAGS))
    slope: Array = (np.log2(pairs) * x).sum(axis=-1) / (x**2).sum()
    return 2.0 - slope
