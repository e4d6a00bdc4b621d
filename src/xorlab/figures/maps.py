"""Maps: an outcome's rate over one or two factors, with its interval and n in each cell."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from xorlab.diagnosis.outcomes import percent, phrase
from xorlab.figures.axes import PAGE
from xorlab.figures.lettering import PAGE_WIDE, counted, folded, headline, note, nothing
from xorlab.figures.palette import STYLE, colour, ink
from xorlab.figures.scales import Scale, across, down, scale
from xorlab.statistics.settings import label, settings

ROOMY, LEGIBLE = (0.5, 0.36), (0.27, 0.25)
"""Inches across and down from which on a cell shows rate, interval and n; rate and n. A smaller one shows nothing."""

MAX_BARE_HEIGHT = 9.0
"""Inches: the greatest height of the cells of all maps where the cells show no words."""

HATCH = "////"
"""Over a cell that has fewer runs than were planned."""


def convergence_map(
    rates: pd.DataFrame, *, x: str | None, y: str | None = None, outcome: str = "converged", ax: Axes
) -> Axes:
    """Draw an outcome's rate over one or two factors, with its interval and n in each cell.

    A factor of log-spaced numbers has a log axis with the cells' edges at geometric middles. A cell of fewer runs
    than were planned (``intended``) is hatched and says so; a cross stands where there are none.

    Parameters
    ----------
    rates
        As `xorlab.statistics.rates` makes them, by `x` and `y` and no other factor.
    x, y
        The factors across and down; without one there is a single column or row.
    outcome
        Whose rate.
    ax
        Where to draw.
    """
    chosen = rates[rates["outcome"] == outcome]
    columns, rows = (scale(key, chosen[key] if key else [""] * len(chosen[:1]), cells=True) for key in (x, y))
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    return _map(chosen, columns, rows, ax=ax, size=(box.width, box.height), with_n=True)


def _map(
    chosen: pd.DataFrame, columns: Scale, rows: Scale, *, ax: Axes, size: tuple[float, float], with_n: bool
) -> Axes:
    """Draw an outcome's rates on a panel of this size, in inches."""
    if chosen.empty:
        nothing(ax)
        ax.set(xticks=[], yticks=[])
        return ax
    across(ax, columns, inches=size[0])
    down(ax, rows, inches=size[1])
    ax.tick_params(left=False, bottom=False)
    ax.spines[:].set_visible(False)
    j, i = (_order(side, chosen) for side in (columns, rows))
    grid = np.full((len(rows.values), len(columns.values)), np.nan)
    grid[i, j] = chosen["rate"]
    ramp = _ramp(chosen["outcome"].iloc[0])
    style: Any = {"cmap": ramp, "vmin": 0, "vmax": 1, "edgecolors": "white", "linewidth": 1 if grid.size <= 900 else 0}
    ax.pcolormesh(columns.edges(), rows.edges(), np.ma.masked_invalid(grid), **style)
    if grid.size <= 900:
        for row, column in np.argwhere(np.isnan(grid)):
            cross: Any = {"ha": "center", "va": "center", "color": "#999999"}
            ax.text(columns.places[column], rows.places[row], "×", **cross)
    _cells(ax, chosen, columns, rows, i=i, j=j, size=size, with_n=with_n)
    return ax


def _order(side: Scale, chosen: pd.DataFrame) -> Any:
    """Return each row's place on a side, counted from 0."""
    values = chosen[side.factor] if side.factor else [""] * len(chosen)
    return np.searchsorted(side.places, side.place(values))


def _ramp(outcome: str) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list(outcome, ["#f4f4f4", colour(outcome)])


def _cells(
    ax: Axes,
    chosen: pd.DataFrame,
    columns: Scale,
    rows: Scale,
    *,
    i: Any,
    j: Any,
    size: tuple[float, float],
    with_n: bool,
) -> None:
    """Write into the cells as much as there is room for, and hatch those that are incomplete."""
    least = float(columns.shares().min()) * size[0], float(rows.shares().min()) * size[1]
    ramp, x, y = _ramp(chosen["outcome"].iloc[0]), _centres(columns), _centres(rows)
    size_of_words = float(np.clip(least[0] * 12, 6.2, 8.0)) if _roomy(least) else 6.5
    across_edges, down_edges = columns.edges(), rows.edges()
    for row, column, cell in zip(i, j, chosen.to_dict("records"), strict=True):
        ground = to_hex(ramp(cell["rate"]))
        incomplete = cell.get("intended", cell["n"]) > cell["n"]
        if incomplete:
            (left, right), (low, high) = across_edges[column : column + 2], down_edges[row : row + 2]
            look: Any = {"hatch": HATCH, "edgecolor": ink(ground), "alpha": 0.35, "linewidth": 0}
            ax.add_patch(Rectangle((left, low), right - left, high - low, facecolor="none", **look))
        if words := _words(cell, least, with_n=with_n):
            back: Any = {"facecolor": ground, "edgecolor": "none", "pad": 1.0} if incomplete else None
            place: Any = {"ha": "center", "va": "center", "fontsize": size_of_words, "bbox": back}
            ax.text(x[column], y[row], words, color=ink(ground), **place)


def _centres(side: Scale) -> list[float]:
    """Return the middles of the cells as they are seen."""
    edges = side.edges()
    middle = np.sqrt(edges[1:] * edges[:-1]) if side.kind == "log" else (edges[1:] + edges[:-1]) / 2
    return [float(value) for value in middle]


def _roomy(least: tuple[float, float]) -> bool:
    """Tell whether a cell holds three lines, or all of them beside each other."""
    return (least[0] >= ROOMY[0] and least[1] >= ROOMY[1]) or (least[0] >= 4 * ROOMY[0] and least[1] >= 0.2)


def _legible(least: tuple[float, float]) -> bool:
    """Tell whether a cell holds its rate."""
    return least[0] >= LEGIBLE[0] and least[1] >= LEGIBLE[1]


def _words(cell: dict[Any, Any], least: tuple[float, float], *, with_n: bool) -> str:
    """Write a cell: the rate, its interval where there is room for it, and n where cells differ in it."""
    rate, low, high = (percent(cell[name]) for name in ("rate", "low", "high"))
    n, intended = cell["n"], cell.get("intended", cell["n"])
    of = f" of {intended:,}" if intended > n else ""
    if _roomy(least):
        count = f"{n:,}{of}" if of and least[0] < 0.75 else f"n = {n:,}{of}"
        lines = [f"{rate} %", f"({low}–{high} %)", *([count] if with_n else [])]
        return ("   " if least[1] < ROOMY[1] else "\n").join(lines)
    if _legible(least):
        count = f"\nn={n:,}" + (f"/{intended:,}" if of else "")
        return f"{rate}%" + (count if with_n else "")
    return ""


@matplotlib.rc_context(STYLE)
def convergence_maps(
    rates: pd.DataFrame, by: Sequence[str], *, outcome: str = "converged", width: float = PAGE, title: str = ""
) -> Figure:
    """Draw maps of an outcome's rate: the last of `by` across, the one before it down, a map for each of the rest.

    Parameters
    ----------
    rates
        As `xorlab.statistics.rates` makes them, by `by`; with a column ``intended`` incomplete cells are hatched.
    by
        The factors.
    outcome
        Whose rate.
    width
        Of the picture, in inches.
    title
        The question that the picture answers; how often the outcome happens, if none is given.
    """
    chosen = rates[rates["outcome"] == outcome]
    x, y, rest = _sides(chosen, by)
    columns, rows = (scale(key, chosen[key] if key else [""] * len(chosen[:1]), cells=True) for key in (x, y))
    groups = settings(chosen, rest)
    beside = max(1, min(len(groups), int((width - 0.3) / (0.75 + 0.62 / columns.shares().min(initial=1.0)))))
    inches = _inches(columns, rows, width=width / beside, maps=-(-len(groups) // beside))
    size = 9.5 if width >= PAGE_WIDE else 8.0
    names = [folded(label(rest, values), inches=inches[0], size=size) for values, _ in groups]
    heading = 0.22 + 0.17 * max((name.count("\n") + 1 for name in names), default=0) if rest else 0.15
    height = 0.5 + -(-len(groups) // beside) * (inches[1] + heading)
    figure = Figure(figsize=(width, max(height, 1.0)), layout="constrained")
    grid = figure.subplots(-(-len(groups) // beside), beside, sharex=True, sharey=True, squeeze=False)
    incomplete = "intended" in chosen and bool((chosen["intended"] > chosen["n"]).any())
    same_n = chosen["n"].nunique() == 1 and not incomplete  # then n stands once, below the maps
    for ax, name, (_, group) in zip(grid.flat, names, groups, strict=False):
        _map(group, columns, rows, ax=ax, size=inches, with_n=not same_n)
        ax.set_title(name, fontsize=size)
    for ax in grid.flat[len(groups) :]:
        ax.set_axis_off()
    for ax in grid.flat:
        ax.label_outer()
    happens = "does a run converge" if outcome == "converged" else f"is a run {phrase(outcome)}"
    headline(figure, title or f"How often {happens}?")
    least = inches[0] * columns.shares().min(initial=1.0), inches[1] * rows.shares().min(initial=1.0)
    cells = f"rate (Wilson's 95 % interval){'' if same_n else ', n runs'}; " if _roomy(least) else ""
    cells += counted(chosen["n"].tolist(), each=" runs in each cell")
    note(figure, cells + ("; hatched: fewer runs than were planned" if incomplete else ""))
    if len(chosen) and not (_roomy(least) or _legible(least)):
        shades = ScalarMappable(Normalize(0, 100), _ramp(outcome))
        figure.colorbar(shades, ax=grid, label="rate, %", aspect=30, pad=0.01)
    return figure


def _inches(columns: Scale, rows: Scale, *, width: float, maps: int) -> tuple[float, float]:
    """Return how wide and how tall a map's panel is."""
    wide = width - (0.75 if rows.factor else 0.25)
    cell = wide * columns.shares().min(initial=1.0)
    tall = 0.26 if cell >= 4 * ROOMY[0] else 0.5 if cell >= ROOMY[0] else 0.34
    if cell < LEGIBLE[0]:
        tall = min(0.26, MAX_BARE_HEIGHT / max(maps * len(rows.values), 1))
    return wide, min(tall / rows.shares().min(initial=1.0), 40.0)


def _sides(rates: pd.DataFrame, by: Sequence[str]) -> tuple[str | None, str | None, list[str]]:
    """Return the factors across, down and left over; a lone factor of many words stands down the side."""
    if len(by) > 1:
        return by[-1], by[-2], list(by[:-2])
    words = scale(by[0], rates[by[0]]).kind == "categories"
    return (None, by[0], []) if words and rates[by[0]].nunique() > 5 else (by[0], None, [])
