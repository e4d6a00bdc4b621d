"""What the pictures share: pages and panels, log epochs, named levels."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from xorlab.figures.lettering import remark

COLUMN = 3.4
"""Inches: a column of a page."""

PAGE = 2 * COLUMN
"""Inches: a full page."""

MAX_SETTING_ROWS = 40
"""Settings up to which each has a row of its own in a picture."""


def page(count: int, *, columns: int, width: float = PAGE, height: float | None = None) -> tuple[Figure, list[Axes]]:
    """Lay out `count` panels that share their axes on a page as wide as this, each of a height in inches."""
    rows = -(-count // columns)
    across = (width - 0.6) / columns
    height = height or (min(2.9, 0.42 * across + 1.2) if rows == 1 else min(2.1, 0.55 * across + 0.95))
    figure = Figure(figsize=(width, 0.5 + rows * height), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax in grid.flat[count:]:
        ax.remove()
    return figure, list(grid.flat[:count])


def heading_size(across: float) -> float:
    """Return the font size of the heading of a panel, given its width in inches."""
    return 9.5 if across >= 2.0 else 8.0 if across >= 1.5 else 7.0


def outer(ax: Axes, *, left: bool, bottom: bool) -> None:
    """Label a panel's axes only at the left and at the bottom of the page."""
    ax.tick_params(labelleft=left, labelbottom=bottom)
    if not left:
        ax.set_ylabel("")
    if not bottom:
        ax.set_xlabel("")


def loss_axes(ax: Axes, *, last: int, losses: NDArray[np.float64], levels: Mapping[str, float]) -> None:
    """Set log epochs (0 included) and a linear loss up to a little above the levels; say what lies higher."""
    log_epochs(ax, last + 1)
    top = ceiling(losses, levels)
    ax.set_ylim(0, top)
    highest = float(np.nanmax(losses, initial=0.0))
    if highest > top:
        remark(ax, f"↑ up to {highest:.3g}")
    for level in levels.values():
        ax.axhline(level, color="#777777", linewidth=0.7, linestyle=(0, (2, 2)), zorder=0.5)
    ax.set(xlabel="epoch (log scale)", ylabel="loss")


def ceiling(losses: NDArray[np.float64], levels: Mapping[str, float]) -> float:
    """Return where an axis of losses ends: above the levels and all losses, but not far above the levels."""
    highest, level = float(np.nanmax(losses, initial=0.0)), max(levels.values(), default=0.0)
    return min(max(1.05 * highest, 1.1 * level), 1.7 * level or math.inf) or 1.0


def log_epochs(ax: Axes, last: float, *, first: float = 0.0) -> None:
    """Give the x axis epochs on a log scale up to `last`, from 0 on or from the decade of the `first` of interest."""
    ax.set_xscale("symlog", linthresh=1, linscale=0.4)
    left = 10.0 ** math.floor(math.log10(first)) if first >= 1.0 else 0.0
    right = max(1.0, last, 2.0 * left)
    ax.set_xlim(left, right)
    steps = (1, 2, 5) if right < 100.0 * left else (1,)
    ticks = [step * 10**power for power in range(int(math.log10(right)) + 1) for step in steps]
    ax.xaxis.set_major_locator(FixedLocator([0, *ticks]))
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda epoch, _: f"{epoch / 1000:g}k" if epoch >= 1000 else f"{epoch:g}")
    )
    ax.xaxis.set_minor_locator(NullLocator())


def name_levels(ax: Axes, levels: Mapping[str, float]) -> None:
    """Write the levels' names at the right edge, where there is room between them."""
    low, high = ax.get_ylim()
    for name, level in spaced(levels, gap=0.05 * (high - low)).items():
        if low <= level <= high:
            place: Any = {"xy": (1, level), "xycoords": ax.get_yaxis_transform(), "textcoords": "offset points"}
            ax.annotate(name, xytext=(4, 0), va="center", fontsize=8, color="#444444", **place)


def spaced(levels: Mapping[str, float], *, gap: float) -> dict[str, float]:
    """Return the levels, highest first, that lie at least `gap` below the last one kept, with readable names."""
    kept: dict[str, float] = {}
    for name, level in sorted(levels.items(), key=lambda item: -item[1]):
        if not kept or min(kept.values()) - level >= gap:
            kept["ln 2" if name == "ln2" else name] = level
    return kept
