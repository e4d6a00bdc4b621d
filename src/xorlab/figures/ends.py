"""Where runs end, and how long converging takes: a dot for each run, a row for each setting."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xorlab.diagnosis.outcomes import ordered
from xorlab.figures.axes import MAX_SETTING_ROWS, PAGE, ceiling
from xorlab.figures.lettering import headline, nothing, outcome_legend
from xorlab.figures.palette import STYLE, colour
from xorlab.statistics.settings import factor_label, settings, short

DOT_BINS = 120
"""Bins across a picture of dots. Dots in one bin are stacked."""


@matplotlib.rc_context(STYLE)
def final_losses(
    runs: pd.DataFrame,
    levels: Mapping[str, float],
    *,
    by: Sequence[str] = (),
    width: float = PAGE,
    title: str = "Where do runs end?",
) -> Figure:
    """Draw every run's final loss against the levels, a row of dots for each setting."""
    runs = runs.dropna(subset=["outcome", "final_loss"])
    losses = runs["final_loss"]
    top = ceiling(losses.to_numpy(), levels)
    figure, ax, groups = _rows(runs.assign(final_loss=losses.clip(upper=top)), by, width=width)
    _dots(ax, [group.set_index("final_loss")["outcome"] for group in groups], span=np.linspace(0.0, top, DOT_BINS))
    ax.set(xlim=(-0.02 * top, 1.02 * top), xlabel="final loss")
    _name_levels(ax, levels, top=top, inches=width - 1.9)
    for row, group in enumerate(groups):
        at: Any = {"transform": ax.get_yaxis_transform(), "va": "center"}
        ax.text(1.01, row, f"n = {len(group):,}", fontsize=8, color="#444444", **at)
    higher = (losses > top).sum()
    said = f"at the right edge: {higher:,} higher, up to {losses.max():.3g}" if higher else ""
    if runs.empty:
        nothing(ax)
    outcome_legend(figure, runs, title=said, dots=True)
    headline(figure, title)
    return figure


def _name_levels(ax: Axes, levels: Mapping[str, float], *, top: float, inches: float) -> None:
    """Draw the levels and name them above, those that come too near to one another on two lines."""
    gap, before, raised = 0.36 * top / max(inches, 1.0), -np.inf, False
    for name, level in sorted(levels.items(), key=lambda item: item[1]):
        ax.axvline(level, color="#777777", linewidth=0.7, linestyle=(0, (2, 2)), zorder=0.5)
        raised = level - before < gap and not raised
        place: Any = {"xy": (level, 1), "xycoords": ax.get_xaxis_transform(), "textcoords": "offset points"}
        words = "ln 2" if name == "ln2" else name
        ax.annotate(words, xytext=(0, 12 if raised else 3), ha="center", fontsize=8, color="#444444", **place)
        before = level


def _rows(runs: pd.DataFrame, by: Sequence[str], *, width: float) -> tuple[Figure, Axes, list[pd.DataFrame]]:
    """Lay out a row for each setting of `by`, the first on top; of too many settings only for the last factor."""
    by = by if len(runs) else ()
    if by and runs.groupby(list(by), dropna=False).ngroups > MAX_SETTING_ROWS:
        by = by[-1:] if runs[by[-1]].nunique(dropna=False) <= MAX_SETTING_ROWS else ()
    groups = settings(runs, by)
    row = 0.42 if len(groups) <= 8 else 0.3
    figure = Figure(figsize=(width, 0.75 + row * len(groups)), layout="constrained")
    ax = figure.subplots()
    ax.set_yticks(range(len(groups)), [", ".join(map(short, values)) or "all runs" for values, _ in groups])
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ax.set_ylabel(",\n".join(map(factor_label, by)))
    ax.tick_params(axis="y", length=0)
    return figure, ax, [group for _, group in groups]


def _dots(ax: Axes, rows: Sequence["pd.Series[str]"], *, span: NDArray[np.float64]) -> None:
    """Draw a dot for each run at its x. The dots of one bin are stacked, in proportion to their number.

    Parameters
    ----------
    ax
        Where to draw; row 0 is at y = 0, row 1 at 1, …
    rows
        For each row the outcomes of its runs, indexed by their x.
    span
        The edges of the bins.
    """
    bins = [np.searchsorted(span, row.index.to_numpy(dtype=float)) for row in rows]
    most = max((int(np.bincount(each).max()) for each in bins if len(each)), default=1)
    total = sum(map(len, rows))
    for place, (row, each) in enumerate(zip(rows, bins, strict=True)):
        rank = {name: number for number, name in enumerate(ordered(row))}
        order = np.lexsort((row.map(rank).to_numpy(dtype=int), each))
        sizes = np.bincount(each)[each[order]] if len(each) else each
        within = np.arange(len(order)) - np.searchsorted(each[order], each[order])
        height = 0.7 * (sizes - 1) / max(most - 1, 1)
        offset = height * (within / np.maximum(sizes - 1, 1) - 0.5)
        style: Any = {"s": 16 if total <= 400 else 3, "linewidths": 0, "rasterized": total > 2000}
        tones = row.map({name: colour(name) for name in rank}).to_numpy()[order]
        ax.scatter(row.index.to_numpy()[order], place + offset, c=tones.tolist(), **style)
