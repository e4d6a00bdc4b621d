"""The losses of many runs: every run where they are few, medians and bands where they are many."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from xorlab.diagnosis.outcomes import ordered
from xorlab.figures.axes import PAGE, ceiling, heading_size, log_epochs, loss_axes, name_levels, outer, page
from xorlab.figures.lettering import folded, headline, nothing, outcome_legend
from xorlab.figures.palette import STYLE, colour, stroke
from xorlab.statistics.settings import label, settings

if TYPE_CHECKING:
    import pandas as pd

MANY = 60
"""Runs in one panel from which on a median, a band and a sample stand for the single curves."""

PANELS = 60
"""Settings up to which each has a panel of its own."""

TALL = 1.6
"""Inches: the height of a panel of many."""

SAMPLE = 6
"""Runs of each outcome that are still drawn singly among many."""

_MANY_NOTE = f"thick: an outcome's median; shade: the middle half of its runs; thin: {SAMPLE} of them"


@matplotlib.rc_context(STYLE)
def sweep_curves(
    curves: "pd.DataFrame",
    runs: "pd.DataFrame",
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
        settings than `PANELS`.
    width
        Of the picture, in inches.
    title
        The question that the picture answers.
    """
    by = by if len(runs) and len(settings(runs, by)) <= PANELS else ()
    groups = settings(runs, by)
    columns, full = _columns(groups, width=width)
    figure, grid = page(len(groups), columns=columns, width=width)
    drawn = curves[curves["run_id"].isin(runs["run_id"])]
    across = (width - 0.6) / columns
    size = heading_size(across)
    for place, (ax, (values, group)) in enumerate(zip(grid, groups, strict=True)):
        loss_curves(drawn, group, levels, ax=ax)
        said = by[-1:] if full and place < columns else () if full else by
        ax.set_title(folded(_heading(said, values, group), inches=across - 0.15, size=size), fontsize=size)
        outer(ax, left=place % columns == 0, bottom=place + columns >= len(groups))
        if full and place % columns == 0:
            ax.set_ylabel(f"{folded(label(by[:-1], values[:-1]), inches=TALL, size=9)}\nloss")
    grid[0].set_ylim(0, ceiling(drawn["loss"].to_numpy(), levels))
    log_epochs(grid[0], float(drawn["epoch"].max()) + 1 if len(drawn) else 1)
    for place, ax in enumerate(grid):
        if place % columns == columns - 1 or place == len(grid) - 1:
            name_levels(ax, levels)
    if runs.empty:
        nothing(grid[0])
    outcome_legend(figure, runs, title=_MANY_NOTE if max(len(group) for _, group in groups) > MANY else "")
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


def _heading(by: Sequence[str], values: Any, group: "pd.DataFrame") -> str:
    """Return what is told of a panel's setting, and its count, each on its line."""
    converged = int((group["outcome"] == "converged").sum())
    told = label(by, values[len(values) - len(by) :])
    return f"{told}\n{converged:,} of {len(group):,} converged".strip()


def loss_curves(curves: "pd.DataFrame", runs: "pd.DataFrame", levels: Mapping[str, float], *, ax: Axes) -> Axes:
    """Draw the losses of `runs`: each run where they are few, else median, middle half and a sample."""
    chosen = curves.merge(runs[["run_id", "outcome"]], on="run_id")
    many = len(runs) > MANY
    for name in reversed(ordered(chosen["outcome"])):
        table = chosen[chosen["outcome"] == name].pivot(index="epoch", columns="run_id", values="loss")
        if many:
            _median_and_band(ax, table, name)
        _lines(ax, table, name, faint=many)
    last = int(chosen["epoch"].max()) if len(chosen) else 1
    loss_axes(ax, last=last, losses=chosen["loss"].to_numpy(), levels=levels)
    return ax


def _median_and_band(ax: Axes, table: "pd.DataFrame", name: str) -> None:
    """Draw the median and the quartiles, as long as half of the runs are still going."""
    going = table[table.notna().sum(axis=1) >= table.shape[1] / 2]
    low, middle, high = (going.quantile(q, axis=1) for q in (0.25, 0.5, 0.75))
    ax.fill_between(going.index, low, high, color=colour(name), alpha=0.2, linewidth=0)
    ax.plot(middle.index, middle, color=colour(name), linestyle=stroke(name), linewidth=2.0, zorder=3)


def _lines(ax: Axes, table: "pd.DataFrame", name: str, *, faint: bool) -> None:
    """Draw runs singly; of many, a sample spread evenly over where they end."""
    last = table.ffill().iloc[-1].sort_values()
    kept = last.index[np.unique(np.linspace(0, len(last) - 1, SAMPLE).astype(int))] if faint else last.index
    segments = [np.column_stack([table.index, table[run]])[table[run].notna()] for run in kept]
    style: Any = {"linewidths": 0.5, "alpha": 0.5} if faint else {"linewidths": 1.1, "alpha": 0.9}
    ax.add_collection(LineCollection(segments, colors=colour(name), linestyles=[stroke(name)], **style))
