"""The words of a picture, in the room that it has: headline, note, legend, remarks."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import TextToPath

from xorlab.diagnosis.outcomes import ordered, phrase
from xorlab.figures.palette import colour, stroke

if TYPE_CHECKING:
    import pandas as pd

PAGE_WIDE = 5.0
"""Inches: a narrower picture is as wide as a column, and its words are fewer and smaller."""


def breadth(text: str, *, size: float) -> float:
    """Return how many inches a line of text takes at a font size."""
    points, _, _ = TextToPath().get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(points) / 72.0


def headline(figure: Figure, title: str) -> None:
    """Write the question that a picture answers above it, which grows by as many lines as that needs."""
    width = figure.get_figwidth()
    size = 11.0 if width >= PAGE_WIDE else 9.5
    words = textwrap.fill(title, max(12, int(width * 72 / (0.68 * size))))
    figure.suptitle(words, x=0.01, ha="left", fontsize=size)
    _grow(figure, 0.1 + _lines(words, size))


def note(figure: Figure, words: str) -> None:
    """Write below a picture, which grows by that, what its marks mean."""
    size = _small(figure)
    said = folded(words, inches=figure.get_figwidth() - 0.2, size=size)
    figure.supxlabel(said, x=0.01, ha="left", fontsize=size, color="#444444")
    _grow(figure, 0.08 + _lines(said, size))


def _grow(figure: Figure, inches: float) -> None:
    figure.set_figheight(figure.get_figheight() + inches)


def _lines(text: str, size: float) -> float:
    """Return how many inches the lines of a text take."""
    return (text.count("\n") + 1) * 1.35 * size / 72


def _small(figure: Figure) -> float:
    return 8.0 if figure.get_figwidth() >= PAGE_WIDE else 7.0


def folded(text: str, *, inches: float, size: float) -> str:
    """Break each line of a text where it would be wider than `inches`."""
    lines = []
    for line in text.split("\n"):
        characters = max(6, int(len(line) * inches / breadth(line, size=size))) if line else 6
        lines.append(textwrap.fill(line, characters, break_long_words=False, break_on_hyphens=False))
    return "\n".join(lines)


def legend(figure: Figure, handles: Sequence[Any], *, title: str = "") -> None:
    """Name the marks below a figure, which grows by that, in as many columns as there is room for, under a note."""
    if not handles:
        return
    size = 8.5 if figure.get_figwidth() >= PAGE_WIDE else 7.5
    widest = max(breadth(str(handle.get_label()), size=size) for handle in handles) + 5.2 * size / 72
    columns = min(len(handles), max(1, int((figure.get_figwidth() - 0.1) / widest)))
    style: Any = {"alignment": "left", "title_fontsize": _small(figure), "fontsize": size, "columnspacing": 1.5}
    head = folded(title, inches=figure.get_figwidth() - 0.2, size=_small(figure)) if title else None
    figure.legend(handles=list(handles), loc="outside lower left", ncols=columns, title=head, **style)
    _grow(
        figure, 0.15 + -(-len(handles) // columns) * 1.7 * size / 72 + (_lines(head, _small(figure)) if head else 0.0)
    )


def outcome_legend(figure: Figure, runs: "pd.DataFrame", *, title: str = "", dots: bool = False) -> None:
    """Name the outcomes in `runs`, each with its stroke, or as dots, and its count."""
    counts = runs["outcome"].value_counts()
    handles = []
    for name in ordered(counts.index):
        line: Any = {"linestyle": stroke(name), "linewidth": 2.2}
        look = {"marker": "o", "markersize": 5, "linestyle": ""} if dots else line
        said = f"{phrase(name)} ({counts[name]:,} {'run' if counts[name] == 1 else 'runs'})"
        handles.append(Line2D([], [], color=colour(name), label=said, **look))
    legend(figure, handles, title=title)


def remark(ax: Axes, text: str) -> None:
    """Write small grey words at the upper right, where curves on log epochs leave room."""
    ax.text(0.99, 1.0, text, transform=ax.transAxes, ha="right", va="top", fontsize=7, color="#555555")


def nothing(ax: Axes, words: str = "no runs") -> None:
    """Say in the middle of an empty panel that there is nothing to draw."""
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color="#555555")


def counted(ns: Sequence[int], *, each: str = "") -> str:
    """Say how many runs stand behind each mark: once if all are equal, else from least to most."""
    least, most = min(ns, default=0), max(ns, default=0)
    said = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"n = {said}{each}"
