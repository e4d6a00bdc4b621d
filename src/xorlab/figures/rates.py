"""Rates along one factor, with their intervals and what theory says they cannot exceed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from matplotlib.transforms import ScaledTranslation

from xorlab.diagnosis.outcomes import ordered, phrase
from xorlab.figures.axes import PAGE
from xorlab.figures.lettering import counted, headline, legend, nothing
from xorlab.figures.palette import SETTING_MARKERS, STYLE, colour, marker, sequence
from xorlab.figures.scales import MAX_LARGE_MARKS, Scale, across, down, fits, scale
from xorlab.statistics.settings import factor_label, label, natural, short

BOUND_LABEL = "theory's upper bound"
"""The legend's name of what the rate of converging cannot exceed."""


@dataclass(frozen=True)
class Series:
    """Rates that are one line: an outcome's, or those with one value of a second factor."""

    name: str
    colour: str
    marker: str
    rates: pd.DataFrame


@matplotlib.rc_context(STYLE)
def rates_along(
    rates: pd.DataFrame,
    x: str,
    *,
    hue: str | None = None,
    outcomes: Sequence[str] = ("converged",),
    bounds: pd.DataFrame | None = None,
    width: float = PAGE,
    title: str = "",
) -> Figure:
    """Draw rates and their intervals along one factor: a line for each outcome, or each value of a second factor.

    Parameters
    ----------
    rates
        As `xorlab.statistics.rates` makes them, by `x` and `hue` and no other factor; where there is a column
        ``intended``, rates of fewer runs are hollow.
    x
        The factor along which to draw: on a log or linear axis where it is numbers, see `xorlab.figures.scales.scale`,
        else side by side, or down the side where there is no room for the names.
    hue
        A second factor; with one there is a panel for each outcome.
    outcomes
        Whose rates.
    bounds
        Columns `x` and bound (and `hue`): theory's bound on the rate of converging, NaN where it knows none.
    width
        Of the picture, in inches.
    title
        The question that the picture answers; how often things happen by `x`, if none is given.

    Raises
    ------
    ValueError
        Where several rates stand for the same point.
    """
    chosen = rates[rates["outcome"].isin(outcomes)]
    if chosen.duplicated([x, "outcome", *([hue] if hue else [])]).any():
        raise ValueError(f"rates must be by {' and '.join(filter(None, (x, hue)))} alone; got several for one point")
    placed, inches = scale(x, chosen[x]), width - 0.8
    upright = placed.kind == "categories" and not fits(placed, inches=inches)
    panels = [outcomes] if hue is None else [[outcome] for outcome in outcomes]
    figure = _page(
        len(panels),
        placed,
        series=max(chosen[hue].nunique(), 1) if hue else len(outcomes),
        width=width,
        upright=upright,
    )
    lines: list[Series] = []
    for ax, shown in zip(figure.axes, panels, strict=True):
        lines = list(_series(chosen[chosen["outcome"].isin(shown)], hue=hue, outcomes=ordered(shown)))
        _panel(ax, lines, placed, upright=upright, inches=inches)
        if "converged" in shown and bounds is not None:
            _bounds(ax, bounds, lines if hue and hue in bounds else [], placed, hue=hue, upright=upright)
        if len(panels) > 1:
            ax.set_title(phrase(shown[0]))
        ax.label_outer()
    handles = [Line2D([], [], color=one.colour, marker=one.marker, label=one.name, markersize=5) for one in lines]
    if bounds is not None and bounds["bound"].notna().any() and "converged" in outcomes:
        handles.append(Line2D([], [], color="#111111", linestyle=(0, (4, 2)), label=BOUND_LABEL))
    legend(figure, handles if len(chosen) else [], title=_note(chosen, x, hue))
    headline(figure, title or _question(x, outcomes))
    return figure


def _question(x: str, outcomes: Sequence[str]) -> str:
    """Ask what the rates answer."""
    if len(outcomes) > 1:
        return f"How do runs end, by {factor_label(x)}?"
    happens = "does a run converge" if outcomes[0] == "converged" else f"is a run {phrase(outcomes[0])}"
    return f"How often {happens}, by {factor_label(x)}?"


def _page(panels: int, placed: Scale, *, series: int, width: float, upright: bool) -> Figure:
    """Lay out panels below each other: each as tall as the rows that it holds, or of a pleasing height."""
    row = np.clip(0.09 * series, 0.2, 0.6)
    tall = min(0.35 + row * len(placed.values), 12.0) if upright else 0.28 * width + 0.8
    figure = Figure(figsize=(width, 0.55 + panels * tall), layout="constrained")
    figure.subplots(panels, 1, sharex=True, sharey=True)
    return figure


def _series(chosen: pd.DataFrame, *, hue: str | None, outcomes: Sequence[str]) -> Iterator[Series]:
    """Yield the lines of one panel."""
    if hue is None:
        for outcome in outcomes:
            own = chosen[chosen["outcome"] == outcome]
            yield Series(phrase(outcome), colour(outcome), marker(outcome), own)
        return
    values = sorted(dict(zip(map(short, chosen[hue]), chosen[hue], strict=True)).values(), key=natural)
    names = chosen[hue].map(short)
    for place, (value, tone) in enumerate(zip(values, sequence(len(values)), strict=True)):
        look = SETTING_MARKERS[place % len(SETTING_MARKERS)]
        yield Series(label([hue], [value]), tone, look, chosen[names == short(value)])


def _panel(ax: Axes, lines: Sequence[Series], placed: Scale, *, upright: bool, inches: float) -> None:
    """Draw the lines of a panel on their axes."""
    if upright:
        down(ax, placed, inches=ax.get_figure().get_figheight() / 1.2)  # type: ignore[union-attr]
    else:
        across(ax, placed, inches=inches)
    if not placed.values:
        nothing(ax)
    share = ax.xaxis if upright else ax.yaxis
    share.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set(**{("x" if upright else "y") + key: value for key, value in _SHARE.items()})
    ax.grid(axis="x" if upright else "y", color="#e4e4e4", linewidth=0.6)
    if upright and len(placed.values) <= MAX_LARGE_MARKS:
        for edge in placed.edges()[1:-1]:
            ax.axhline(edge, color="#e4e4e4", linewidth=0.6)
    for place, one in enumerate(lines):
        _line(ax, one, placed, shift=place - (len(lines) - 1) / 2, upright=upright)


_SHARE: Any = {"lim": (-0.03, 1.03), "ticks": [0.0, 0.25, 0.5, 0.75, 1.0], "label": "share of runs"}


def _line(ax: Axes, one: Series, placed: Scale, *, shift: float, upright: bool) -> None:
    """Draw one line: intervals, points joined where the factor is numbers, hollow where runs are missing."""
    rates = one.rates.assign(at=placed.place(one.rates[placed.factor])).sort_values("at")
    small = len(placed.values) > MAX_LARGE_MARKS
    aside = 0.0 if small else 4.5 * shift / 72  # inches along the factor's axis, so that intervals do not overlap
    move = ScaledTranslation(*((0.0, -aside) if upright else (aside, 0.0)), ax.figure.dpi_scale_trans)
    look: Any = {"color": one.colour, "transform": ax.transData + move}
    bars: Any = {"linewidth": 0.7 if small else 1.4, "alpha": 0.6 if small else 1.0, **look}
    (ax.hlines if upright else ax.vlines)(rates["at"], rates["low"], rates["high"], **bars)
    if placed.kind != "categories":
        ax.plot(rates["at"], rates["rate"], linewidth=0.9, zorder=2, **look)
    whole = rates["intended"] <= rates["n"] if "intended" in rates else np.full(len(rates), True)
    for kept, face in ((rates[whole], one.colour), (rates[~whole], "white")):
        points = (kept["rate"], kept["at"]) if upright else (kept["at"], kept["rate"])
        dots: Any = {"marker": one.marker, "linestyle": "", "markersize": 2 if small else 5.5, "zorder": 3}
        ax.plot(*points, markerfacecolor=face, markeredgewidth=1.2, **dots, **look)


def _bounds(
    ax: Axes, bounds: pd.DataFrame, lines: Sequence[Series], placed: Scale, *, hue: str | None, upright: bool
) -> None:
    """Draw theory's bound: dashes over the values it is known for, in a line's colour where it is a line's own."""
    known = bounds.dropna(subset="bound")
    known = known[known[placed.factor].map(short).isin(placed.labels)]
    parts = [(one.colour, known[known[hue].map(short) == short(one.rates[hue].iloc[0])]) for one in lines if hue]
    for tone, part in parts or [("#111111", known.drop_duplicates(placed.factor))]:
        edges, cells = placed.edges(), np.searchsorted(placed.places, placed.place(part[placed.factor]))
        draw = ax.vlines if upright else ax.hlines
        look: Any = {"color": tone, "linewidth": 1.3, "linestyle": (0, (4, 2)), "zorder": 1.5}
        draw(part["bound"], edges[cells], edges[cells + 1], **look)


def _note(chosen: pd.DataFrame, x: str, hue: str | None) -> str:
    """Say what the marks are, how many runs stand behind each, and which settings are incomplete."""
    if chosen.empty:
        return ""
    words = f"points: rates; bars: Wilson's 95 % intervals; {counted(chosen['n'].tolist(), each=' runs each')}"
    if "intended" not in chosen:
        return words
    by = [x, *([hue] if hue else [])]
    short_of = chosen[chosen["n"] < chosen["intended"]].drop_duplicates(by)
    if short_of.empty:
        return words
    parts = [
        f"n = {row['n']:,} of {row['intended']:,} at {label(by, [row[key] for key in by])}"
        for row in short_of.to_dict("records")
    ]
    more = f" and {len(parts) - 3:,} more" if len(parts) > 3 else ""
    return f"{words}; hollow, incomplete: {'; '.join(parts[:3])}{more}"
