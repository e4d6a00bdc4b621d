"""Maps of labels, computed row by row and kept in a file, and the boxes that their boundary takes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dimension.labels import Array, Label, Labels

UNKNOWN = 255
"""A pixel that is not computed yet."""
BAND = 4096
"""About how many pixels are computed at a time, at least a row."""


def compute(path: Path, label: Label, side: int, corner: Array, span: float) -> Iterator[int]:
    """Compute the rows of a map that the file lacks, some at a time; yield how many are left.

    The file is a NumPy array (side + 1, side + 1) of 0, 1 and `UNKNOWN`, from the corner on.
    """
    shape = (side + 1, side + 1)
    if not path.exists():
        new = path.with_suffix(".new.npy")
        np.save(new, np.full(shape, UNKNOWN, dtype=np.uint8))
        new.replace(path)
    pixels = np.load(path, mmap_mode="r+")
    across, up = (low + span * np.arange(side + 1) / side for low in corner)
    rows = np.flatnonzero((pixels == UNKNOWN).any(axis=1))
    band = max(1, BAND // side)
    for start in range(0, len(rows), band):
        some = rows[start : start + band]
        plane = np.stack(np.meshgrid(across, up[some]), axis=-1)
        pixels[some] = label(plane.reshape(-1, 2)).reshape(plane.shape[:2])
        pixels.flush()
        yield len(rows) - start - len(some)


def boxes(labels: Labels | NDArray[np.uint8]) -> dict[int, int]:
    """Count the boxes that hold labels of both kinds, by their side in pixels, a power of 2.

    A box of side b has the (b + 1) x (b + 1) points on its edges and within, so that a boundary between two boxes
    counts in one of them. The labels are (2^n + 1, 2^n + 1).
    """
    corners = labels[:-1, :-1], labels[:-1, 1:], labels[1:, :-1], labels[1:, 1:]
    mixed = np.logical_or.reduce([corner != corners[0] for corner in corners])
    counts = {}
    for power in range(len(mixed).bit_length()):
        counts[2**power] = int(mixed.sum())
        if len(mixed) > 1:
            mixed = mixed[::2, ::2] | mixed[::2, 1::2] | mixed[1::2, ::2] | mixed[1::2, 1::2]
    return counts
