"""Which epochs of a loss history are kept: those that are logged, and those that a curve needs."""

import numpy as np
from numpy.typing import NDArray

Epochs = NDArray[np.int64]


def logged(epochs: Epochs | int, every: int) -> Epochs:
    """Return the epochs whose losses are logged: every `every`-th from 0 on, and the last of each run.

    Parameters
    ----------
    epochs : how many losses each run has, (R,) or one number; a run without losses has no last epoch
    every : the distance between logged epochs
    """
    lengths = np.atleast_1d(np.asarray(epochs, dtype=np.int64))
    return np.union1d(np.arange(0, lengths.max(initial=0), every), lengths[lengths > 0] - 1)


def log_spaced(epochs: Epochs, points: int) -> Epochs:
    """Return the places of at most `points` of the sorted `epochs`, even on a log scale, first and last included."""
    if len(epochs) <= points:
        return np.arange(len(epochs))
    wanted = np.geomspace(1, epochs[-1] + 1, points) - 1
    return np.unique(np.searchsorted(epochs, np.round(wanted)).clip(max=len(epochs) - 1))
