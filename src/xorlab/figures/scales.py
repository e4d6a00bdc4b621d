"""Where the values of a factor stand on an axis: on a logarithmic one, a linear one, or side by side."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from xorlab.figures.lettering import breadth
from xorlab.statistics.settings import factor_label, natural, short

Array = NDArray[np.float64]

UNEVEN = 4.0
"""Cells of a map may differ by this factor in their width; where values are more uneven they stand side by side."""

MAX_LARGE_MARKS = 40
"""Values of a factor from which on marks are small, and a tick without a label is left out."""

TICK_LABEL_SIZE = 8.0
"""The font size of an axis's labels."""


@dataclass(frozen=True)
class Scale:
    """The places of a factor's values.

    Attributes
    ----------
    factor : its name; empty for none
    kind : "log" or "linear", where a value stands at its number; "categories", where it stands at 0, 1, 2, …
    values : K values in their natural order
    places : (K,) array, ascending
    """

    factor: str
    kind: Literal["log", "linear", "categories"]
    values: tuple[Any, ...]
    places: Array

    @property
    def labels(self) -> list[str]:
        """The values in words."""
        return [short(value) for value in self.values] if self.factor else [""] * len(self.values)

    def place(self, values: Iterable[Any]) -> Array:
        """Return where values stand, by what they are called."""
        at = dict(zip(map(short, self.values), self.places.tolist(), strict=True))
        return np.array([at[short(value)] for value in values], dtype=np.float64)

    def edges(self) -> Array:
        """Return the K + 1 edges of the values' cells: the middles, geometric ones on a log scale."""
        at = np.log(self.places) if self.kind == "log" else self.places
        if len(at) < 2:
            return np.append(at - 0.5, at + 0.5)
        inner = (at[1:] + at[:-1]) / 2
        edges = np.concatenate([[2 * at[0] - inner[0]], inner, [2 * at[-1] - inner[-1]]])
        return np.asarray(np.exp(edges) if self.kind == "log" else edges)

    def shares(self) -> Array:
        """Return the part of the axis that each cell takes, (K,)."""
        edges = np.log(self.edges()) if self.kind == "log" else self.edges()
        return np.diff(edges) / (edges[-1] - edges[0]) if len(self.places) else np.zeros(0)


def scale(factor: str | None, values: Iterable[Any], *, cells: bool = False) -> Scale:
    """Find the scale of a factor from its values.

    Numbers, and one-layer widths such as ``[8]``, stand on a log axis where their logarithms are spaced more evenly
    than they are themselves, else on a linear one. All else, and a lone value, are categories; so are numbers that
    would make cells of a map too uneven, see `UNEVEN`.
    """
    distinct = sorted(dict(zip(map(short, found := list(values)), found, strict=True)).values(), key=natural)
    numbers = [_number(value) for value in distinct]
    aside = Scale(factor or "", "categories", tuple(distinct), np.arange(len(distinct), dtype=np.float64))
    if len(distinct) < 2 or any(number is None for number in numbers):
        return aside
    at = np.array(numbers, dtype=np.float64)
    kind: Literal["log", "linear"] = "log" if _log_spaced(at) else "linear"
    if kind == "linear" and at[0] == 0.0 and len(at) > 3 and _log_spaced(at[1:]):
        return aside  # such as 0, 0.001, 0.01, 0.1, which no axis shows at their places
    placed = Scale(factor or "", kind, tuple(distinct), at)
    shares = placed.shares()
    return aside if cells and shares.max() > UNEVEN * shares.min() else placed


def _number(value: Any) -> float | None:
    """Return what a value is on an axis of numbers; None where it is no finite number."""
    if isinstance(value, str):
        width = re.fullmatch(r"\[(\d+)\]", value)
        return float(width[1]) if width else None
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return None
    return float(value) if np.isfinite(float(value)) else None


def _log_spaced(at: Array) -> bool:
    """Tell whether ascending numbers are spaced more evenly by their ratios than by their differences."""
    if at[0] <= 0.0:
        return False
    if len(at) == 2:
        return bool(at[1] >= 4.0 * at[0])
    gaps, ratios = np.diff(at), np.diff(np.log(at))
    return bool(ratios.std() / ratios.mean() < gaps.std() / gaps.mean())


def fits(scale: Scale, *, inches: float) -> bool:
    """Tell whether all labels fit next to each other on an axis of this length."""
    room = np.diff(_along(scale, inches)).min(initial=inches)
    return bool(max((breadth(text, size=TICK_LABEL_SIZE) for text in scale.labels), default=0.0) + 0.06 <= room)


def across(ax: Axes, scale: Scale, *, inches: float) -> None:
    """Make a panel's x axis that of a scale; of labels that would collide on its inches some are left out."""
    _set(ax, "x", scale)
    wide = np.array([breadth(text, size=TICK_LABEL_SIZE) + 0.06 for text in scale.labels])
    _tick(ax.set_xticks, scale, _thinned(scale.labels, _along(scale, inches), wide))
    ax.set_xlabel(factor_label(scale.factor))


def down(ax: Axes, scale: Scale, *, inches: float) -> None:
    """Make a panel's y axis that of a scale: numbers grow upwards, categories are read from the top."""
    _set(ax, "y", scale)
    tall = np.full(len(scale.values), 0.13)
    _tick(ax.set_yticks, scale, _thinned(scale.labels, _along(scale, inches), tall))
    ax.set_ylabel(factor_label(scale.factor))


def _set(ax: Axes, side: str, scale: Scale) -> None:
    """Set the kind of an axis and its limits, the outer edges of the first and the last value's cells."""
    limits = tuple(scale.edges()[[0, -1]].tolist()) if scale.values else (0.0, 1.0)
    kind = "log" if scale.kind == "log" else "linear"
    limits = limits[::-1] if side == "y" and scale.kind == "categories" else limits
    ax.set(**{f"{side}scale": kind, f"{side}lim": limits})
    {"x": ax.xaxis, "y": ax.yaxis}[side].set_minor_locator(NullLocator())


def _along(scale: Scale, inches: float) -> Array:
    """Return where the values stand on an axis of this length, in inches, (K,)."""
    edges = np.concatenate([[0.0], np.cumsum(scale.shares())])
    return np.asarray(inches * (edges[1:] + edges[:-1]) / 2)


def _tick(set_ticks: Any, scale: Scale, labels: list[str]) -> None:
    """Set a tick at each value, of very many only where there is a label."""
    kept = [place for place, label in enumerate(labels) if label or len(labels) <= MAX_LARGE_MARKS]
    set_ticks(scale.places[kept], [labels[place] for place in kept])


def _thinned(labels: list[str], at: Array, sizes: Array) -> list[str]:
    """Return the labels, every one that would touch the one kept before it left empty."""
    kept, end = [], -np.inf
    for label, middle, size in zip(labels, at.tolist(), sizes.tolist(), strict=True):
        free = middle - size / 2 >= end
        kept.append(label if free else "")
        end = middle + size / 2 if free else end
    return kept
