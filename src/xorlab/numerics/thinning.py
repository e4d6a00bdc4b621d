"""Which epochs of a loss history are kept: those that are logged, and those that a curve needs."""

import numpy as np
from numpy.typing import NDArray

Epochs = NDArray[np.int64]


Every = int | str
"""The distance between logged epochs, or ``log`` for `PER_DECADE` epochs in each decade."""

PER_DECADE = 62
"""About 200 of 10,000 epochs: the first thirty are all logged, for a decade has only so many."""


def logged(epochs: Epochs | int, every: Every) -> Epochs:
    """Return the epochs whose losses are logged, from 0 on, and the last of each run.

    Parameters
    ----------
    epochs : how many losses each run has, (R,) or one number; a run without losses has no last epoch
    every : how far apart logged epochs are; which they are does not depend on the lengths
    """
    lengths = np.atleast_1d(np.asarray(epochs, dtype=np.int64))
    longest = int(lengths.max(initial=0))
    chosen = _logarithmic(longest) if every == "log" else np.arange(0, longest, int(every))
    return np.union1d(chosen, lengths[lengths > 0] - 1)


def _logarithmic(longest: int) -> Epochs:
    decades = np.log10(max(longest, 1))
    spaced = np.round(10 ** (np.arange(PER_DECADE * decades + 1) / PER_DECADE)).astype(np.int64) - 1
    return spaced[spaced < longest]


def log_spaced(epochs: Epochs, points: int) -> Epochs:
    """Return the places of at most `points` of the sorted `epochs`, even on a log scale, first and last included."""
    if len(epochs) <= points:
        return np.arange(len(epochs))
    wanted = np.geomspace(1, epochs[-1] + 1, points) - 1
    return np.unique(np.searchsorted(epochs, np.round(wanted)).clip(max=len(epochs) - 1))
