"""The losses of many runs: every run where they are few, medians and bands where they are many."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xorlab.diagnosis.outcomes import ordered
from xorlab.figures.axes import PAGE, ceiling, heading_size, log_epochs, loss_axes, name_levels, outer, page
from xorlab.figures.lettering import folded, headline, nothing, outcome_legend
from xorlab.figures.palette import STYLE, colour, stroke
from xorlab.statistics.settings import label, settings

MAX_SINGLE_CURVES = 60
"""Runs in one panel from which on a median, a band and a sample stand for the single curves."""

MAX_LOSS_PANELS = 60
"""Settings up to which each has a panel of its own."""

LABEL_HEIGHT = 1.6
"""Inches: the height of a panel of many."""

SAMPLED_CURVES = 6
"""Runs of each outcome that are still drawn singly among many."""

MAX_STEP = 3
"""A line joins two epochs if the later one, counted from 1, is at most this many times as late."""

_BAND_NOTE = f"thick: an outcome's median; shade: the middle half of its runs; thin: {SAMPLED_CURVES} of them"


@matplotlib.rc_context(STYLE)
def sweep_curves(
    curves: pd.DataFrame,
    runs: pd.DataFrame,
    levels: Mapping[str, float],
    *,
    by: Sequence[str] = (),
    width: float = PAGE,
    title: str = "Which runs get stuck, and where?",
) -> Figure:
    """Draw all runs of a sweep in one picture, coloured by outcome, in a panel for each setting of `by`.

    Parameters
    ----------
    curves
        Long: run_id, epoch, loss.
    runs
        One row a run: run_id, outcome, and the columns of `by`.
    levels
        The named levels.
    by
        Columns of `runs` whose values (or combinations) each get a panel; none draws one panel, and so do more
        settings than `MAX_LOSS_PANELS`.
    width
        Of the picture, in inches.
    title
        The question that the picture answers.
    """
    if by and (runs.empty or runs.groupby(list(by), dropna=False).ngroups > MAX_LOSS_PANELS):
        by = ()
    groups = settings(runs, by)
    columns, full = _columns(groups, width=width)
    figure, grid = page(len(groups), columns=columns, width=width)
    panel = pd.concat([group[["run_id", "outcome"]].assign(panel=place) for place, (_, group) in enumerate(groups)])
    drawn = curves.merge(panel, on="run_id")
    panels = dict(iter(drawn.groupby("panel")))
    across = (width - 0.6) / columns
    size = heading_size(across)
    for place, (ax, (values, group)) in enumerate(zip(grid, groups, strict=True)):
        _draw(ax, panels.get(place, drawn[:0]), levels, runs=len(group))
        factors = by[-1:] if full and place < columns else () if full else by
        converged = int((group["outcome"] == "converged").sum())
        setting = label(factors, values[len(values) - len(factors) :])
        heading = f"{setting}\n{converged:,} of {len(group):,} converged".strip()
        ax.set_title(folded(heading, inches=across - 0.15, size=size), fontsize=size)
        outer(ax, left=place % columns == 0, bottom=place + columns >= len(groups))
        if full and place % columns == 0:
            ax.set_ylabel(f"{folded(label(by[:-1], values[:-1]), inches=LABEL_HEIGHT, size=9)}\nloss")
    grid[0].set_ylim(0, ceiling(drawn["loss"].to_numpy(), levels))
    log_epochs(grid[0], float(drawn["epoch"].max()) + 1 if len(drawn) else 1)
    for place, ax in enumerate(grid):
        if place % columns == columns - 1 or place == len(grid) - 1:
            name_levels(ax, levels)
    if runs.empty:
        nothing(grid[0])
    banded = max(len(group) for _, group in groups) > MAX_SINGLE_CURVES
    outcome_legend(figure, runs, title=_BAND_NOTE if banded else "")
    headline(figure, title)
    return figure


def _columns(groups: Sequence[tuple[tuple[Any, ...], Any]], *, width: float) -> tuple[int, bool]:
    """Return how many panels stand beside each other, and whether they make a full grid with one of its rows each."""
    last = len({values[-1:] for values, _ in groups})
    rows = len({values[:-1] for values, _ in groups})
    most = max(1, int((width - 0.5) / 1.05))
    if rows > 1 and last <= most and rows * last == len(groups):
        return last, True
    return min(len(groups), most, 3 if len(groups) <= 9 else 4), False


def loss_curves(curves: pd.DataFrame, runs: pd.DataFrame, levels: Mapping[str, float], *, ax: Axes) -> Axes:
    """Draw the losses of `runs`: each run where they are few, else median, middle half and a sample.

    A curve stops where the next epoch that was kept is more than `MAX_STEP` times as late.
    """
    return _draw(ax, curves.merge(runs[["run_id", "outcome"]], on="run_id"), levels, runs=len(runs))


def _draw(ax: Axes, curves: pd.DataFrame, levels: Mapping[str, float], *, runs: int) -> Axes:
    """Draw losses, given with their outcomes, of this number of runs."""
    many = runs > MAX_SINGLE_CURVES
    for name in reversed(ordered(curves["outcome"])):
        table = curves[curves["outcome"] == name].pivot(index="epoch", columns="run_id", values="loss")
        if many:
            _median_and_band(ax, table, name)
        _lines(ax, table, name, faint=many)
    last = int(curves["epoch"].max()) if len(curves) else 1
    loss_axes(ax, last=last, losses=curves["loss"].to_numpy(), levels=levels)
    return ax


def _median_and_band(ax: Axes, table: pd.DataFrame, name: str) -> None:
    """Draw the median and the quartiles, as long as half of the runs are still going."""
    going = table[table.notna().sum(axis=1) >= table.shape[1] / 2]
    band = going.quantile([0.25, 0.5, 0.75], axis=1).T
    for part in np.split(np.arange(len(band)), _gaps(band.index.to_numpy())):
        low, middle, high = band.iloc[part].to_numpy().T
        epochs = band.index[part]
        ax.fill_between(epochs, low, high, color=colour(name), alpha=0.2, linewidth=0)
        dot = "o" if len(part) == 1 else "None"
        ax.plot(epochs, middle, marker=dot, markersize=3, color=colour(name), ls=stroke(name), linewidth=2.0, zorder=3)


def _lines(ax: Axes, table: pd.DataFrame, name: str, *, faint: bool) -> None:
    """Draw runs singly; of many, a sample spread evenly over where they end."""
    # Runs that end at the same loss in the order of their beginnings, so that ids decide nothing.
    ends = pd.DataFrame({"last": table.ffill().iloc[-1], "first": table.bfill().iloc[0]}).sort_values(["last", "first"])
    kept = ends.index[np.unique(np.linspace(0, len(ends) - 1, SAMPLED_CURVES).astype(int))] if faint else ends.index
    curves = [np.column_stack([table.index, table[run]])[table[run].notna()] for run in kept]
    segments = [part for curve in curves for part in np.split(curve, _gaps(curve[:, 0]))]
    style: Any = {"linewidths": 0.5, "alpha": 0.5} if faint else {"linewidths": 1.1, "alpha": 0.9}
    ax.add_collection(LineCollection(segments, colors=colour(name), linestyles=[stroke(name)], **style))
    if dots := [segment[0] for segment in segments if len(segment) == 1]:
        epochs, losses = np.transpose(dots)
        ax.scatter(epochs, losses, s=4, color=colour(name), linewidths=0, alpha=style["alpha"])


def _gaps(epochs: NDArray[Any]) -> NDArray[np.int64]:
    """Return the places of ascending epochs before which too many were not kept for a line to be drawn."""
    return np.flatnonzero(epochs[1:] + 1 > MAX_STEP * (epochs[:-1] + 1)) + 1
