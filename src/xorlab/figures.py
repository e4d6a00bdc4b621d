"""Frames and arrays into pictures: one language of colours, levels, counts and log epochs.

Functions that take axes draw one frame on them and return them; functions that return a
:class:`~matplotlib.figure.Figure` lay out a whole picture. Nothing here touches pyplot's state.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from xorlab.axes import (
    COLUMN,
    log_epochs,
    name_levels,
    outcome_legend,
    outer,
    page,
    png,
    remark,
    short,
    svg,
)
from xorlab.palette import OUTCOME_COLOURS, STYLE, colour, ordered, stroke

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "OUTCOME_COLOURS",
    "decision_surface",
    "loss_curves",
    "png",
    "run_loss",
    "svg",
    "sweep_curves",
]

MANY = 60
"""Runs in one panel from which on a median, a band and a sample stand for the single curves."""

SAMPLE = 6
"""Runs of each outcome that are still drawn singly among many."""

UNDECIDED = 1e-6
"""How near to 1/2 an output says nothing."""

_MANY_NOTE = f"thick: an outcome's median; shade: the middle half of its runs; thin: {SAMPLE} of them"


@matplotlib.rc_context(STYLE)
def run_loss(losses: ArrayLike, *, levels: Mapping[str, float], title: str) -> Figure:
    """Draw one run's loss against the epoch.

    Parameters
    ----------
    losses
        Shape (E,), one value an epoch from 0 on; NaN after the last.
    levels
        The named levels where a network that ties points must rest, as in ``{"ln 2": 0.693}``.
    title
        The picture's title.
    """
    values = np.asarray(losses, dtype=float)
    figure = Figure(figsize=(2 * COLUMN, 3.4), layout="constrained")
    ax = figure.subplots()
    ax.plot(np.arange(len(values)), values, color="#222222", linewidth=1.6)
    _loss_axes(ax, last=int(np.isfinite(values).sum()) - 1, losses=values, levels=levels)
    name_levels(ax, levels)
    ax.set_title(title)
    return figure


@matplotlib.rc_context(STYLE)
def decision_surface(  # noqa: PLR0917 -- a grid, its values, the data and a title have one natural order
    grid_x1: ArrayLike, grid_x2: ArrayLike, p: ArrayLike, X: ArrayLike, y: ArrayLike, title: str
) -> Figure:
    """Draw the network's p(x1, x2) over the plane, the line p = 1/2 and the data.

    Parameters
    ----------
    grid_x1, grid_x2
        The grid's coordinates, shapes (A,) and (B,), or both (B, A) as meshgrid makes them.
    p
        The output on the grid, shape (B, A).
    X, y
        The data, shapes (N, 2) and (N,) or (N, 1).
    title
        The picture's title.
    """
    surface = np.asarray(p, dtype=float)
    figure = Figure(figsize=(4.4, 3.7), layout="constrained")
    ax = figure.subplots()
    shade: Any = {"cmap": "cividis", "vmin": 0.0, "vmax": 1.0, "shading": "gouraud", "rasterized": True}
    mesh = ax.pcolormesh(grid_x1, grid_x2, surface, **shade)
    bar = figure.colorbar(mesh, ax=ax, ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.set_label("p(y = 1 | x1, x2)")
    _boundary(ax, grid_x1, grid_x2, surface)
    _points(ax, np.asarray(X, dtype=float), np.asarray(y, dtype=float).ravel())
    ax.set(xlabel="x1", ylabel="x2", aspect="equal")
    ax.locator_params(nbins=5)
    ax.set_title(title)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _boundary(ax: Axes, x1: ArrayLike, x2: ArrayLike, surface: NDArray[np.float64]) -> None:
    """Draw p = 1/2 where the output crosses it; where it is 1/2 to 1e-6 a line would be rounding noise."""
    decided = np.ma.masked_where(np.abs(surface - 0.5) < UNDECIDED, surface)
    if decided.count() and decided.min() < 0.5 < decided.max():
        line = ax.contour(x1, x2, decided, levels=[0.5], colors="white", linewidths=1.4)
        ax.clabel(line, fmt="p = ½", fontsize=8)
    if decided.count() <= surface.size / 2:
        where: Any = {"transform": ax.transAxes, "ha": "center", "va": "center"}
        ax.text(0.5, 0.5, "p = ½: nothing is decided", color="white", **where)


def _points(ax: Axes, X: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """Mark the data: a black disc for 0, a white square for 1, small where they are many."""
    size, edge = (70, 1.2) if len(X) <= 8 else (16, 0.6)
    marks: Any = (
        {"marker": "o", "facecolor": "black", "edgecolor": "white"},
        {"marker": "s", "facecolor": "white"},
    )
    for target, mark in enumerate(marks):
        place = X[y == target].T
        style: Any = {"edgecolor": "black", "s": size, "linewidth": edge, "zorder": 3, "clip_on": False}
        ax.scatter(*place, label=f"y = {target}", **(style | mark))


@matplotlib.rc_context(STYLE)
def sweep_curves(
    curves: "pd.DataFrame",
    runs: "pd.DataFrame",
    levels: Mapping[str, float],
    *,
    by: Sequence[str] = (),
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
        Columns of `runs` whose values (or combinations) each get a panel; none draws one panel.
    title
        The question that the picture answers.
    """
    groups = list(runs.groupby(list(by), sort=True)) if by else [((), runs)]
    columns = min(len(groups), 3 if len(groups) <= 9 else 5)
    figure, grid = page(len(groups), columns=columns)
    for place, (ax, (values, group)) in enumerate(zip(grid, groups, strict=True)):
        loss_curves(curves, group, levels, ax=ax)
        ax.set_title(_heading(by, values, group))
        outer(ax, left=place % columns == 0, bottom=place + columns >= len(groups))
        if (place + 1) % columns == 0:
            name_levels(ax, levels)
    sizes = [len(group) for _, group in groups]
    outcome_legend(figure, runs, note=_MANY_NOTE if max(sizes) > MANY else "")
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _heading(by: Sequence[str], values: Any, group: "pd.DataFrame") -> str:
    """Return a panel's setting and its count, each on its line."""
    converged = int((group["outcome"] == "converged").sum())
    setting = ", ".join(f"{name} = {short(value)}" for name, value in zip(by, values, strict=False))
    return f"{setting}\n{converged:,} of {len(group):,} converged".strip()


def loss_curves(
    curves: "pd.DataFrame", runs: "pd.DataFrame", levels: Mapping[str, float], *, ax: Axes
) -> Axes:
    """Draw the losses of `runs`: each run where they are few, else median, middle half and a sample."""
    chosen = curves.merge(runs[["run_id", "outcome"]], on="run_id")
    many = len(runs) > MANY
    for name in reversed(ordered(chosen["outcome"])):
        table = chosen[chosen["outcome"] == name].pivot(index="epoch", columns="run_id", values="loss")
        if many:
            _median_and_band(ax, table, name)
        _lines(ax, table, name, faint=many)
    last = int(chosen["epoch"].max()) if len(chosen) else 1
    _loss_axes(ax, last=last, losses=chosen["loss"].to_numpy(), levels=levels)
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


def _loss_axes(ax: Axes, *, last: int, losses: NDArray[np.float64], levels: Mapping[str, float]) -> None:
    """Set log epochs (0 included) and a linear loss up to a little above the levels; say what lies higher."""
    log_epochs(ax, last + 1)
    highest = float(np.nanmax(losses, initial=0.0))
    ceiling = 1.7 * max(levels.values(), default=highest)
    ax.set_ylim(0, min(1.05 * highest, ceiling) or 1.0)
    if highest > ceiling:
        remark(ax, f"↑ up to {highest:.3g}")
    for level in levels.values():
        ax.axhline(level, color="#777777", linewidth=0.7, linestyle=(0, (2, 2)), zorder=0.5)
    ax.set_ylabel("loss")
