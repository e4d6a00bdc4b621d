"""What the pictures share: pages and panels, log epochs, named levels, legends, and the bytes of a file."""

import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from xorlab.figures.palette import STYLE, colour, stroke
from xorlab.outcomes import ordered, phrase

if TYPE_CHECKING:
    import pandas as pd

COLUMN = 3.4
"""Inches: a column of a page; a full page is two."""


def png(figure: Figure, *, dpi: int = 200) -> bytes:
    """Render a figure to the bytes of a PNG file."""
    return _render(figure, format="png", dpi=dpi)


def svg(figure: Figure) -> bytes:
    """Render a figure to the bytes of an SVG file, the same bytes each time."""
    return _render(figure, format="svg", dpi=200, metadata={"Date": None})


def _render(figure: Figure, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, **options)
    return buffer.getvalue()


def page(count: int, *, columns: int) -> tuple[Figure, list[Axes]]:
    """Lay out `count` panels that share their axes."""
    rows = -(-count // columns)
    size = (2 * COLUMN if columns <= 3 else 3 * COLUMN, 1.4 + (2.9 if rows == 1 else 2.1 * rows))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax in grid.flat:
        ax.title.set_fontsize(9.5 if columns <= 3 else 8)
    for ax in grid.flat[count:]:
        ax.remove()
    return figure, list(grid.flat[:count])


def outer(ax: Axes, *, left: bool, bottom: bool) -> None:
    """Label a panel's axes only at the left and at the bottom of the page."""
    ax.tick_params(labelleft=left, labelbottom=bottom)
    if not left:
        ax.set_ylabel("")
    if not bottom:
        ax.set_xlabel("")


def outcome_legend(figure: Figure, runs: "pd.DataFrame", *, note: str = "", marker: str = "") -> None:
    """Name the outcomes in `runs` below a figure, each with its stroke and its count, under a note."""
    counts = runs["outcome"].value_counts()
    handles = [_handle(name, counts[name], marker=marker) for name in ordered(counts.index)]
    style: Any = {"alignment": "left", "title_fontsize": 8}
    figure.legend(handles=handles, loc="outside lower left", ncols=3, title=note or None, **style)


def _handle(outcome: str, count: int, *, marker: str) -> Line2D:
    look: Any = {"marker": marker, "linestyle": ""} if marker else {"linestyle": stroke(outcome), "linewidth": 2.2}
    said = f"{phrase(outcome)} ({count:,} {'run' if count == 1 else 'runs'})"
    return Line2D([], [], color=colour(outcome), label=said, **look)


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


def log_epochs(ax: Axes, last: float) -> None:
    """Give the x axis epochs from 0 to `last` on a log scale that includes 0."""
    ax.set_xscale("symlog", linthresh=1, linscale=0.4)
    ax.set_xlim(0, max(1, last))
    decades = [10**power for power in range(int(np.log10(max(1, last))) + 1)]
    ax.xaxis.set_major_locator(FixedLocator([0, *decades]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda epoch, _: _thousands(epoch)))
    ax.xaxis.set_minor_locator(NullLocator())


def _thousands(epoch: float) -> str:
    return f"{epoch / 1000:g}k" if epoch >= 1000 else f"{epoch:g}"


def remark(ax: Axes, text: str) -> None:
    """Write small grey words at the upper right, where curves on log epochs leave room."""
    ax.text(0.99, 1.0, text, transform=ax.transAxes, ha="right", va="top", fontsize=7, color="#555555")


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
