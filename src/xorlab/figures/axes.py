"""What the pictures share: pages and panels, log epochs, named levels, legends, and the bytes of a file."""

import io
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
    """Render a figure to the bytes of a PNG file, and empty the figure."""
    return _render(figure, format="png", dpi=dpi)


def svg(figure: Figure) -> bytes:
    """Render a figure to the bytes of an SVG file, and empty the figure."""
    return _render(figure, format="svg", dpi=200, metadata={"Date": None})


def _render(figure: Figure, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, **options)
    figure.clear()
    return buffer.getvalue()


def page(count: int, *, columns: int) -> tuple[Figure, list[Axes]]:
    """Lay out `count` panels that share their axes."""
    rows = -(-count // columns)
    size = (2 * COLUMN if columns <= 3 else 3 * COLUMN, 1.4 + (2.9 if rows == 1 else 2.1 * rows))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
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


def short(value: Any) -> str:
    """Return a setting's value as a label: a float by %g, anything else as it is."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def outcome_legend(figure: Figure, runs: "pd.DataFrame", *, note: str = "") -> None:
    """Name the outcomes in `runs` below a figure, each with its stroke and its count, under a note."""
    counts = runs["outcome"].value_counts()
    handles = [
        Line2D(
            [],
            [],
            color=colour(name),
            linestyle=stroke(name),
            linewidth=2.2,
            label=_counted(name, counts[name]),
        )
        for name in ordered(counts.index)
    ]
    style: Any = {"alignment": "left", "title_fontsize": 8}
    figure.legend(handles=handles, loc="outside lower left", ncols=3, title=note or None, **style)


def _counted(outcome: str, count: int) -> str:
    return f"{phrase(outcome)} ({count:,} {'run' if count == 1 else 'runs'})"


def loss_axes(ax: Axes, *, last: int, losses: NDArray[np.float64], levels: Mapping[str, float]) -> None:
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


def log_epochs(ax: Axes, last: int) -> None:
    """Give the x axis epochs from 0 to `last` on a log scale that includes 0."""
    ax.set_xscale("symlog", linthresh=1, linscale=0.4)
    ax.set_xlim(0, max(1, last))
    decades = [10**power for power in range(int(np.log10(max(1, last))) + 1)]
    ax.xaxis.set_major_locator(FixedLocator([0, *decades]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda epoch, _: _thousands(epoch)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("epoch (log scale)")


def _thousands(epoch: float) -> str:
    return f"{epoch / 1000:g}k" if epoch >= 1000 else f"{epoch:g}"


def remark(ax: Axes, text: str) -> None:
    """Write small grey words at the upper right, where curves on log epochs leave room."""
    ax.text(0.99, 1.0, text, transform=ax.transAxes, ha="right", va="top", fontsize=7, color="#555555")


def name_levels(ax: Axes, levels: Mapping[str, float]) -> None:
    """Write the levels' names at the right edge, where there is room between them."""
    low, high = ax.get_ylim()
    free = high
    for name, level in sorted(levels.items(), key=lambda item: -item[1]):
        if low <= level <= free:
            place: Any = {
                "xy": (1, level),
                "xycoords": ax.get_yaxis_transform(),
                "textcoords": "offset points",
            }
            ax.annotate(name.replace("ln2", "ln 2"), xytext=(4, 0), va="center", fontsize=8, color="#444444", **place)
            free = level - 0.05 * (high - low)
