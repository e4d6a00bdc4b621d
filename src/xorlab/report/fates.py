"""The map of fates of a recorded sweep: what became of each run, by the two keys that vary."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xorlab.diagnosis import fates
from xorlab.errors import XorlabError
from xorlab.figures.fate_map import draw
from xorlab.runs import columnar, members
from xorlab.runs.columnar import Columnar
from xorlab.spec.product import Axis
from xorlab.spec.text import title


@dataclass(frozen=True)
class FateMap:
    """What became of the runs of a product of two axes of numbers.

    Attributes
    ----------
    sweep : the record
    x, y : the axis that varies fastest, across; the other, upwards
    names : the fates that occur, in order
    codes : (H, W) array, each run's place in `names`; row 0 is the first value of y
    epochs : (H, W) array, the epoch from which a run's loss stays low; NaN where it did not converge
    losses : (H, W) array, the final losses; NaN where a loss was not finite
    causes : (H, W) array of words, "" where a run has none
    """

    sweep: Columnar
    x: Axis
    y: Axis
    names: list[str]
    codes: NDArray[np.uint8]
    epochs: NDArray[np.float64]
    losses: NDArray[np.float64]
    causes: NDArray[Any]

    @property
    def counts(self) -> dict[str, int]:
        """How many runs have each fate."""
        found = np.bincount(self.codes.ravel(), minlength=len(self.names))
        return dict(zip(self.names, found.tolist(), strict=True))

    @property
    def title(self) -> str:
        """What all runs have in common."""
        first = self.sweep.product.first
        return title(first).replace(f" lr={first.lr:g}", "")

    def figure(self) -> Figure:
        """Draw the map."""
        axes = {axis.key: _numbers(axis) for axis in (self.x, self.y)}
        length = self.sweep.product.first.epochs
        return draw(self.codes, self.counts, self.epochs, axes, title=self.title, length=length)


def read(name: str, uri: str | None = None, *, experiment: str = "xorlab") -> FateMap:
    """Read the map of a sweep: its run id, the beginning of it, or ``latest``.

    Raises
    ------
    XorlabError
        Where there is no such sweep, or it is no complete product of two axes of numbers recorded with track=sweep.
    """
    run_id = members.find(name, uri, experiment=experiment)
    sweep = columnar.find(run_id, uri)
    if sweep is None:
        raise XorlabError(f"a map needs a sweep that was recorded with track=sweep; {run_id[:8]} was not")
    product = sweep.product
    if len(product.axes) != 2 or not all(isinstance(_numbers(axis)[0], float | int) for axis in product.axes):
        raise XorlabError(
            "a map needs a sweep over two keys with numbers, as lr and init.std; "
            f"{run_id[:8]} is over {', '.join(axis.key for axis in product.axes) or 'none'}"
        )
    if product.blocks:
        raise XorlabError(
            f"a map needs a sweep of one grid; {run_id[:8]} was widened. Start a new sweep of the whole grid"
        )
    if sweep.missing:
        raise XorlabError(
            f"a map needs all runs of its sweep; {run_id[:8]} has {sweep.there:,} of {len(product):,}. "
            f"Train the rest with -m sweep={run_id[:8]}"
        )
    y, x = product.axes
    found = sweep.read(["outcome", "cause", "epochs_to_converge", "final_loss"]).to_pandas()
    pairs = found[["outcome", "cause"]].fillna("").astype("str")
    groups = pairs.groupby(["outcome", "cause"], sort=True)
    kinds = [fates.fate(outcome, cause) for outcome, cause in groups.groups]
    names = fates.ordered(kinds)
    codes = np.array([names.index(kind) for kind in kinds], dtype=np.uint8)[groups.ngroup().to_numpy()]
    shape = product.shape
    return FateMap(
        sweep,
        x,
        y,
        names,
        codes.reshape(shape),
        found["epochs_to_converge"].to_numpy(np.float64).reshape(shape),
        found["final_loss"].to_numpy(np.float64).reshape(shape),
        pairs["cause"].to_numpy().reshape(shape),
    )


def _numbers(axis: Axis) -> list[Any]:
    """Return the values of an axis that sets one parameter; a word in their place where it sets several."""
    columns = [*axis.columns.values()]
    return list(columns[0]) if len(columns) == 1 else [axis.text(0)]
