"""The parameters of a run at chosen epochs, from training it again: it repeats itself to the bit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xorlab.errors import XorlabError
from xorlab.numerics.trained import Trained, take
from xorlab.numerics.training import grouped, shape, train
from xorlab.spec import RunSpec

Array = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """A run that was trained again, and its parameters at T epochs.

    Attributes
    ----------
    spec : its specification
    trained : the whole run, an ensemble of one
    epochs : (T,) ints, ascending, the number of epochs of updates before each snapshot
    losses : (T,) array
    parameters : W1 (T, D, H), b1 (T, H), W2, b2, …
    """

    spec: RunSpec
    trained: Trained
    epochs: NDArray[np.int64]
    losses: Array
    parameters: dict[str, Array]


def histories(specs: Sequence[RunSpec], epochs: Sequence[int]) -> list[History]:
    """Train each run again, together with a shorter run for each epoch to look at.

    An epoch after the end of a run, which may stop early, becomes its end.

    Raises
    ------
    XorlabError
        Where an epoch is below 0.
    """
    if min(epochs) < 0:
        raise XorlabError(f"an epoch must be at least 0; got {min(epochs)}")
    found: dict[int, History] = {}
    for places in grouped(map(shape, specs)):
        chosen = [specs[place] for place in places]
        found |= zip(places, _together(chosen, sorted(set(epochs))), strict=True)
    return [found[place] for place in range(len(specs))]


def _together(specs: list[RunSpec], epochs: list[int]) -> list[History]:
    """Train runs of one shape, each for its own epochs and for those of each snapshot."""
    shorter = [replace(spec, epochs=min(max(t, 1), spec.epochs)) for spec in specs for t in epochs]
    trained = train([*specs, *shorter])
    R, T = len(specs), len(epochs)
    return [
        _history(trained.take(slice(run, run + 1)), trained.take(slice(R + run * T, R + (run + 1) * T)), epochs)
        for run in range(R)
    ]


def _history(whole: Trained, shorter: Trained, epochs: list[int]) -> History:
    """Keep one snapshot per epoch. A run has at least one epoch, so epoch 0 comes from the initial parameters."""
    kept, first = np.unique(np.minimum(epochs, whole.updated[0]), return_index=True)
    start = kept == 0
    parameters = take(shorter.final, first)
    for name, array in parameters.items():
        array[start] = whole.initial[name]
    losses = np.where(start, whole.losses[0, 0], shorter.final_loss[first])
    return History(whole.specs[0], whole, kept, losses, parameters)
