"""How long the loss of a run stayed near each level, and when it left."""

import numpy as np

from xorlab.diagnosis.levels import spectrum
from xorlab.numerics.trained import Trained
from xorlab.numerics.training import grouped

NEAR_PLATEAU = 0.005
"""A loss that differs from a level by less than this is on its plateau."""
ROWS = 256
"""Runs whose histories are searched at a time, so that the memory this needs does not grow with the runs."""


def plateaus(trained: Trained) -> list[tuple[dict[str, int], dict[str, int]]]:
    """Count the epochs on each plateau and find when it was left for the last time.

    Returns
    -------
    for each run, the epochs near each level of its data by the level's name, and the first epoch after the last of
    them. Levels that the run never reached, or where it still is, are missing from the second.
    """
    found: list[tuple[dict[str, int], dict[str, int]]] = [({}, {}) for _ in trained.specs]
    for runs in grouped((spec.data, spec.loss) for spec in trained.specs):
        for start in range(0, len(runs), ROWS):
            _search(trained, runs[start : start + ROWS], found)
    return found


def _search(trained: Trained, runs: list[int], found: list[tuple[dict[str, int], dict[str, int]]]) -> None:
    """Enter the plateaus of runs that share their levels."""
    losses, epochs = trained.losses[runs], trained.epochs[runs]
    for name, level in spectrum(trained.specs[runs[0]]).items():
        near = np.abs(losses - level) < NEAR_PLATEAU
        counts = near.sum(axis=1)
        after = near.shape[1] - near[:, ::-1].argmax(axis=1)
        left = (counts > 0) & (after < epochs)
        for run, count, gone, epoch in zip(runs, counts.tolist(), left.tolist(), after.tolist(), strict=True):
            found[run][0][name] = count
            if gone:
                found[run][1][name] = epoch
