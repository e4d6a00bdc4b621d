"""R trained runs as arrays, and how to take some of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.spec import RunSpec

Array = NDArray[np.float64]
Runs = slice | NDArray[np.intp]


@dataclass(frozen=True)
class Trained:
    """R trained runs of one shape, in the order of their specifications.

    Attributes
    ----------
    specs : R specifications
    losses : (R, E) array; column t is the loss before the update of epoch t, NaN after a run's last epoch
    epochs : (R,) ints, how many losses each run recorded
    stopped : R words: "epochs", the setting of the target that was reached, or "non_finite" where a loss or a parameter
        was not finite
    initial, final : W1 (R, D, H), b1 (R, H), W2, b2, …; `final` holds the last finite parameters
    final_loss : (R,) array, the loss at the final parameters
    logits : (R, N) array, the pre-activation of the output unit for each sample, at the final parameters; (R, N, K) of
        K output units
    """

    specs: tuple[RunSpec, ...]
    losses: Array
    epochs: NDArray[np.int64]
    stopped: tuple[str, ...]
    initial: dict[str, Array]
    final: dict[str, Array]
    final_loss: Array
    logits: Array

    def take(self, runs: Runs) -> "Trained":
        """Return some of the runs: views of the arrays for a slice, copies for an array of places."""
        places = np.arange(len(self.specs))[runs].tolist()
        return Trained(
            specs=tuple(self.specs[place] for place in places),
            losses=self.losses[runs],
            epochs=self.epochs[runs],
            stopped=tuple(self.stopped[place] for place in places),
            initial=take(self.initial, runs),
            final=take(self.final, runs),
            final_loss=self.final_loss[runs],
            logits=self.logits[runs],
        )

    @property
    def updated(self) -> NDArray[np.int64]:
        """How many epochs of updates lie before the final parameters, (R,)."""
        early: NDArray[np.bool_] = np.array([word != "epochs" for word in self.stopped])
        return self.epochs - early


def take(parameters: Mapping[str, Array], runs: Runs | int) -> dict[str, Array]:
    """Return the parameters of some runs; those of one run, given as an int, have no runs axis."""
    return {name: array[runs] for name, array in parameters.items()}
