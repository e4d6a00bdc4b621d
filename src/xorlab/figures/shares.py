"""Shares of a whole as bars cut into parts: causes within outcomes, outcomes within sign patterns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from xorlab.diagnosis.outcomes import ordered, phrase
from xorlab.diagnosis.signs import CERTAIN
from xorlab.figures.axes import MAX_SETTING_ROWS, PAGE
from xorlab.figures.lettering import PAGE_WIDE, breadth, headline, legend, nothing
from xorlab.figures.palette import STYLE, colour, ink, shade
from xorlab.statistics.settings import factor_label, settings, short

CAUSE_LOOKS = ((0.0, ""), (0.45, ""), (0.75, "////"), (0.85, "...."), (0.6, "xxxx"), (0.9, "||||"))
"""How much lighter than its outcome a cause is, the commonest first, and its hatch."""

BAR_HEIGHT = 0.25
"""Inches from a bar to the next."""

MIN_BARS = 2
"""Rows that a panel has room for at least."""


@dataclass(frozen=True)
class Part:
    """A part of a bar: how many runs it is, its look, and the words in it where there is room."""

    count: int
    face: str
    hatch: str = ""
    words: str = ""


@matplotlib.rc_context(STYLE)
def causes(
    causes: pd.DataFrame,
    by: Sequence[str] = (),
    *,
    width: float = PAGE,
    title: str = "Why do runs not converge?",
) -> Figure:
    """Draw the causes within each outcome, as parts of a bar in the outcome's colour.

    Without factors each outcome is a row. With factors each outcome of several causes is a panel and each setting a
    row; of more than `MAX_SETTING_ROWS` settings only the values of the last factor are rows, or none. Beside a row
    stands n, the runs of that outcome. A cause is named in a bar where there is room, and otherwise below.

    Parameters
    ----------
    causes
        As `xorlab.statistics.causes` makes them, by `by`: outcome, cause, n, count.
    by
        The factors.
    width
        Of the picture, in inches.
    title
        The question that the picture answers.
    """
    causes = causes.dropna(subset="cause")
    fewer = (kept for kept in (by, by[-1:]) if len(causes[[*kept]].drop_duplicates()) <= MAX_SETTING_ROWS)
    by = next(fewer, ())
    panels = _panels(causes, by)
    looks = _looks(causes)
    rows = [_rows(part, by if name else (), looks) for name, part in panels]
    figure, grid, inches = _page(rows, width=width, heading=0.28 if by else 0.0)
    named: set[Part] = set()
    for ax, (name, _), own in zip(grid, panels, rows, strict=True):
        named |= _bars(ax, own, inches=inches)
        ax.set_title(phrase(name), fontsize=9, pad=3)
        ax.set_ylabel(",\n".join(map(factor_label, by if name else ())))
    grid[-1].set_xlabel("share of the runs of that outcome")
    keys = [Patch(facecolor=one.face, hatch=one.hatch, edgecolor=ink(one.face), linewidth=0) for one in looks.values()]
    for key, (outcome, _), one in zip(keys, looks, looks.values(), strict=True):
        key.set_label(f"{one.words} ({phrase(outcome)})")
    legend(figure, [key for key, one in zip(keys, looks.values(), strict=True) if replace(one, count=0) not in named])
    headline(figure, title)
    return figure


def _panels(causes: pd.DataFrame, by: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """Return the panels: one for each outcome, where those of one cause in every setting share the first, unnamed."""
    kinds = causes.groupby("outcome")["cause"].transform("nunique")
    own = causes[kinds > 1] if by else causes[:0]
    shared = causes.drop(own.index)
    named = [(name, own[own["outcome"] == name]) for name in ordered(own["outcome"])]
    return [("", shared), *named] if len(shared) or not named else named


def _looks(causes: pd.DataFrame) -> dict[tuple[str, str], Part]:
    """Give each cause of each outcome its shade and hatch: the commonest is in the outcome's own colour."""
    found: dict[tuple[str, str], Part] = {}
    for outcome in ordered(causes["outcome"]):
        totals = causes[causes["outcome"] == outcome].groupby("cause")["count"].sum()
        commonest = sorted(totals.items(), key=lambda item: (-item[1], str(item[0])))
        for place, (cause, count) in enumerate(commonest):
            lighter, hatch = CAUSE_LOOKS[place % len(CAUSE_LOOKS)]
            face = shade(colour(outcome), lighter)
            found[outcome, str(cause)] = Part(int(count), face, hatch, str(cause).replace("_", " "))
    return found


def _rows(part: pd.DataFrame, by: Sequence[str], looks: Mapping[tuple[str, str], Part]) -> dict[str, list[Part]]:
    """Return the bar of each setting, or of each outcome where there are no factors."""
    if by:
        groups = [(", ".join(map(short, values)), own) for values, own in settings(part, by) if len(own)]
    else:
        groups = [(phrase(name), part[part["outcome"] == name]) for name in ordered(part["outcome"])]
    rows: dict[str, list[Part]] = {}
    for name, own in groups:
        counts = own.groupby(["outcome", "cause"])["count"].sum().to_dict()
        rows[name] = [replace(look, count=int(counts[key])) for key, look in looks.items() if key in counts]
    return rows


def _page(rows: Sequence[Mapping[str, Any]], *, width: float, heading: float) -> tuple[Figure, list[Axes], float]:
    """Lay out a panel for each set of rows, below each other; say how many inches a full bar will have."""
    heights = [max(len(own), MIN_BARS) * BAR_HEIGHT for own in rows]
    figure = Figure(figsize=(width, 0.6 + sum(heights) + heading * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=heights).ravel().tolist()
    labels = max((breadth(name, size=8.5) for own in rows for name in own), default=0.0)
    return figure, grid, width - labels - 1.1


def _bars(
    ax: Axes, rows: Mapping[str, Sequence[Part]], *, inches: float, taken: Sequence[tuple[float, float]] = ()
) -> set[Part]:
    """Draw a bar for each row, with n beside it; return the parts, counted as 0, whose words had room in one.

    Words stay off the shares, from low to high, that are `taken` in each row.
    """
    written: set[Part] = set()
    size = 8.0 if ax.figure.get_figwidth() >= PAGE_WIDE else 7.0  # type: ignore[union-attr]
    for row, parts in enumerate(rows.values()):
        n, left = sum(part.count for part in parts), 0.0
        for part in parts:
            share = part.count / n
            look: Any = {"color": part.face, "hatch": part.hatch, "edgecolor": ink(part.face), "linewidth": 0}
            ax.barh(row, share, left=left, height=0.8, **look)
            ax.plot([left + share] * 2, [row - 0.4, row + 0.4], color="white", linewidth=1.0)
            at, room = _room(left, left + share, *(taken[row] if taken else (0.0, 0.0)))
            if part.words and breadth(part.words, size=size) + 0.12 <= room * inches:
                place: Any = {"ha": "center", "va": "center", "color": ink(part.face), "fontsize": size}
                back: Any = {"facecolor": part.face, "edgecolor": "none", "pad": 1.0} if part.hatch else None
                ax.text(at, row, part.words, bbox=back, **place)
                written.add(replace(part, count=0))
            left += share
        ax.text(1.01, row, f"n = {n:,}", transform=ax.get_yaxis_transform(), va="center", fontsize=8, color="#444444")
    _axes(ax, list(rows))
    return written


def _room(left: float, right: float, low: float, high: float) -> tuple[float, float]:
    """Return the middle and the length of the longer piece of a bar's part that the taken shares leave."""
    pieces = [(left, max(left, min(right, low))), (min(right, max(left, high)), right)]
    start, end = max(pieces, key=lambda piece: piece[1] - piece[0])
    return (start + end) / 2, end - start


def _axes(ax: Axes, names: Sequence[str]) -> None:
    """Name the rows, the first on top, and set shares across."""
    if not names:
        nothing(ax)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlim=(0, 1), ylim=(max(len(names), MIN_BARS) - 0.5, -0.5), xticks=[0, 0.25, 0.5, 0.75, 1])
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.spines["left"].set_visible(False)
    ax.label_outer(remove_inner_ticks=True)
    ax.tick_params(axis="y", length=0)
    ax.spines["bottom"].set_visible(ax.get_subplotspec().is_last_row())  # type: ignore[union-attr]


@matplotlib.rc_context(STYLE)
def fates(
    runs: pd.DataFrame, *, width: float = PAGE, title: str = "Do the signs of the first weights decide how a run ends?"
) -> Figure:
    """Draw how runs of 2-2-1 networks end, by the sign pattern of their initial weights.

    A row is a pattern, those that converge most on top, its bar cut by outcome; the interval lies around the end of
    what converged. Where the signs alone decide the outcome (`xorlab.diagnosis.signs.CERTAIN`), and all runs agree,
    the row says ``always``.

    Parameters
    ----------
    runs
        One row a run: outcome, and signs as `xorlab.diagnosis.signs.pattern` gives them.
    width
        Of the picture, in inches.
    title
        The question that the picture answers.
    """
    from xorlab import statistics  # its SciPy takes a second, which who draws other pictures need not wait for

    runs = runs.dropna(subset=["outcome", "signs"])
    rates = statistics.rates(runs, ["signs"])
    converged = rates[rates["outcome"] == "converged"].sort_values(
        ["rate", "n", "signs"], ascending=[False, False, True]
    )
    rows = {signs.replace("-", "−"): _ends(rates[rates["signs"] == signs], signs) for signs in converged["signs"]}
    figure, (ax,), inches = _page([rows], width=width, heading=0.0)
    intervals = list(zip(converged["low"], converged["high"], strict=True))
    _bars(ax, rows, inches=inches, taken=intervals)
    for row, (low, high) in enumerate(intervals):
        for tone, thick in (("white", 3.4), ("black", 1.4)):
            ax.plot(
                [low, high], [row, row], color=tone, linewidth=thick, marker="|", markersize=6, markeredgewidth=thick
            )
    for label, parts in zip(ax.get_yticklabels(), rows.values(), strict=True):
        label.set_fontweight("bold" if parts[0].words.startswith("always") else "normal")
    ax.set_xlabel("share of the runs")
    handles = [Patch(color=colour(name), label=phrase(name)) for name in ordered(runs["outcome"])]
    interval = Line2D([], [], color="black", linewidth=1.4, marker="|", label="95 % interval of converging")
    note = "a unit: (sign from x1, from x2) sign to the output; (−,−) is dead; order of units and inputs left aside"
    decided = "; bold: the signs alone decide, derived for gradient descent at lr 0.1"
    certain = any(parts[0].words.startswith("always") for parts in rows.values())
    legend(figure, [*handles, interval] if rows else [], title=note + (decided if certain else ""))
    headline(figure, title)
    return figure


def _ends(rates: pd.DataFrame, signs: str) -> list[Part]:
    """Return a pattern's bar, the outcomes in their order; one that is certain, and has come true, says so."""
    counts = {name: int(count) for name, count in zip(rates["outcome"], rates["count"], strict=True) if count}
    if list(counts) == [CERTAIN.get(signs)]:
        return [Part(count, colour(name), words=f"always {phrase(name)}") for name, count in counts.items()]
    words = {name: phrase(name).removeprefix("stuck at ") for name in counts if name.startswith("stuck")}
    return [Part(counts[name], colour(name), words=words.get(name, "")) for name in ordered(counts)]
