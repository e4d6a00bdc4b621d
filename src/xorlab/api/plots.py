"""Pictures of a study and of a run. Each returns its first Axes and makes the picture pyplot's current one.

So ``plt.savefig`` saves it, ``plt.show`` shows it, and a notebook shows it below its cell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xorlab import figures, statistics
from xorlab.api import keys
from xorlab.diagnosis.levels import spectrum
from xorlab.diagnosis.outcomes import phrase
from xorlab.diagnosis.planes import planes
from xorlab.figures.mechanism import run_planes
from xorlab.numerics.snapshots import histories
from xorlab.spec import RunSpec
from xorlab.spec.components.outputs import SOFTMAX
from xorlab.spec.text import title
from xorlab.sweeps import recording

POINTS = 200
"""Epochs of a curve in a picture of many, on a log scale."""


def _shown(figure: Figure) -> Axes:
    """Give a picture to pyplot, so that a notebook shows it and `plt.show` too."""
    plt.figure(figure)
    return figure.axes[0]


@dataclass(frozen=True)
class StudyPlots:
    """Pictures of a study."""

    _runs: pd.DataFrame
    _curves: Callable[[int | None], pd.DataFrame]

    def rates(self, x: str, *, hue: str | None = None, outcomes: Sequence[str] = ("converged",)) -> Axes:
        """Draw rates with their intervals along a key, and theory's upper bound; `hue` is a second key."""
        by = [keys.parameter(key) for key in (x, hue) if key]
        return _shown(
            figures.rates_along(
                statistics.rates(self._runs, by, outcomes=outcomes),
                by[0],
                hue=by[1] if hue else None,
                outcomes=outcomes,
                bounds=statistics.bounds(self._runs, by),
            )
        )

    def map(self, *by: str, outcome: str = "converged") -> Axes:
        """Draw the rate of an outcome in each setting of some keys, those that differ unless given."""
        chosen = list(map(keys.parameter, by)) or statistics.factors(self._runs)
        return _shown(figures.convergence_maps(statistics.rates(self._runs, chosen), chosen, outcome=outcome))

    def curves(self, *by: str) -> Axes:
        """Draw the loss of every run, coloured by outcome, in a panel for each setting of some keys."""
        chosen = list(map(keys.parameter, by))
        points = POINTS if len(self._runs) > figures.MAX_SINGLE_CURVES else None
        levels = statistics.levels(self._runs)
        return _shown(figures.sweep_curves(self._curves(points), self._runs, levels, by=chosen))

    def ends(self, *by: str) -> Axes:
        """Draw where each loss ends, in a row for each setting of some keys."""
        chosen = list(map(keys.parameter, by)) or statistics.factors(self._runs)
        return _shown(figures.final_losses(self._runs, statistics.levels(self._runs), by=chosen))


@dataclass(frozen=True)
class RunPlots:
    """Pictures of a run."""

    _spec: RunSpec
    _outcome: str
    _curve: Callable[[], pd.DataFrame]

    def loss(self) -> Axes:
        """Draw the loss against the epoch, with the levels at which it can rest."""
        curve = self._curve()
        heading = f"{title(self._spec)}: {phrase(self._outcome)}"
        levels = spectrum(self._spec)
        return _shown(figures.run_loss(curve["loss"], epochs=curve["epoch"], levels=levels, title=heading))

    def plane(self, *epochs: int) -> Axes:
        """Draw p over the plane of two inputs, with the line of each hidden unit, at some epochs, the end unless given.

        Of a network with softmax the regions of its classes are drawn instead, at the end only.

        Raises
        ------
        XorlabError
            Where the data does not have two inputs, or the network has several outputs without softmax.
        """
        (history,) = histories([self._spec], epochs or [self._spec.epochs])
        heading = f"{title(self._spec)}: {phrase(self._outcome)}"
        if self._spec.arch.output == SOFTMAX and not epochs:
            regions = recording.over_the_plane(self._spec, history.trained.final, heading)
            if regions is not None:
                return _shown(regions)
        losses, levels = history.trained.losses[0], spectrum(self._spec)
        return _shown(run_planes(planes(history), losses, levels=levels, outcome=self._outcome, title=heading))
