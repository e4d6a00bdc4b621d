"""Survival: what share of the runs has not yet converged, as training goes on."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from xorlab.figures.axes import PAGE, heading_size, log_epochs, outer, page
from xorlab.figures.lettering import counted, folded, headline, legend, note, nothing
from xorlab.figures.palette import SETTING_STROKES, STYLE, sequence
from xorlab.statistics.settings import factor_label, label, natural, settings, short

MAX_NAMED_CURVES = 10
"""Curves in a panel up to which each has its band, its stroke and its name."""

MAX_SURVIVAL_PANELS = 24
"""Panels up to which the factors before the last make panels; more settings are drawn in one."""


@matplotlib.rc_context(STYLE)
def survival_curves(
    survival: pd.DataFrame,
    by: Sequence[str] = (),
    *,
    width: float = PAGE,
    title: str = "How long until a run converges?",
) -> Figure:
    """Draw the share of runs that have not yet converged, a curve for each value of the last of `by`.

    The factors before the last make panels. Colours go from dark to light in the order of the last factor's values;
    more than `MAX_NAMED_CURVES` of them are thin lines beside a scale of colours.

    Parameters
    ----------
    survival
        As `xorlab.statistics.survival` makes it, by `by`: epoch, at_risk, events, survival, low, high. Runs that are
        at risk no more without an event are censored: a cross stands where they leave.
    by
        The factors.
    width
        Of the picture, in inches.
    title
        The question that the picture answers.
    """
    by = by if len(survival) else ()
    survival = survival.assign(left=_left(survival, by))
    groups = settings(survival, by[:-1])
    if len(groups) > MAX_SURVIVAL_PANELS:
        survival = survival.assign(setting=survival[list(by)].map(short).agg(", ".join, axis=1))
        by = ["setting"]
        groups = settings(survival, ())
    looks = _looks(survival, by)
    columns = min(len(groups), max(1, int(width / 1.65)), 2 if len(groups) in (2, 4) else 3)
    figure, grid = page(len(groups), columns=columns, width=width)
    across = (width - 0.6) / columns
    size = heading_size(across)
    for place, (ax, (values, group)) in enumerate(zip(grid, groups, strict=True)):
        _panel(ax, group, by, looks)
        ax.set_title(folded(label(by[:-1], values), inches=across - 0.1, size=size), fontsize=size)
        outer(ax, left=place % columns == 0, bottom=place + columns >= len(groups))
    first, last = survival["epoch"][survival["events"] > 0].min(), survival["epoch"].max()
    log_epochs(grid[0], 1.15 * float(last) if len(survival) else 1.0, first=max(0.0, float(first)))
    _name(figure, grid, survival, by, looks)
    headline(figure, title)
    return figure


def _looks(survival: pd.DataFrame, by: Sequence[str]) -> dict[str, tuple[str, Any]]:
    """Give each value of the last factor its colour and its stroke."""
    if not by:
        return {"": ("#222222", "solid")}
    values = sorted(dict(zip(map(short, survival[by[-1]]), survival[by[-1]], strict=True)).values(), key=natural)
    strokes = SETTING_STROKES if len(values) <= MAX_NAMED_CURVES else ("solid",)
    return {
        short(value): (tone, strokes[place % len(strokes)])
        for place, (value, tone) in enumerate(zip(values, sequence(len(values)), strict=True))
    }


def _panel(ax: Axes, group: pd.DataFrame, by: Sequence[str], looks: dict[str, tuple[str, Any]]) -> None:
    """Draw the curves of one panel."""
    ax.set(ylim=(-0.02, 1.02), xlabel="epoch (log scale)", ylabel="not yet converged")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    if group.empty:
        nothing(ax)
        return
    parts = [(looks[short(values[0]) if values else ""], own) for values, own in settings(group, by[-1:])]
    few = len(looks) <= MAX_NAMED_CURVES
    line: Any = {"linewidth": 1.8, "alpha": 1.0} if few else {"linewidth": 0.8, "alpha": 0.8}
    for (tone, dashes), own in parts:
        epochs, shares = [0.0, *own["epoch"]], [1.0, *own["survival"]]  # all runs at first
        ax.step(epochs, shares, where="post", color=tone, linestyle=dashes, **line)
    for (tone, _), own in parts if few else []:
        low, high = own["low"].fillna(0.0), own["high"].fillna(1.0)
        ax.fill_between(own["epoch"], low, high, step="post", color=tone, alpha=0.13, linewidth=0)
    left = group[group["left"] > 0]
    own_tones = [looks[name][0] for name in (left[by[-1]].map(short) if by else [""] * len(left))]
    crosses: Any = {"marker": "+", "s": 34 if few else 10, "linewidths": 1.2 if few else 0.5, "zorder": 3}
    ax.scatter(left["epoch"], left["survival"], c=own_tones, **crosses)


def _left(survival: pd.DataFrame, by: Sequence[str]) -> "pd.Series[Any]":
    """Count the runs that leave after each row without an event; after a curve's last row all that are left."""
    at_risk = survival["at_risk"]
    later = at_risk.groupby([survival[key] for key in by], dropna=False).shift(-1) if by else at_risk.shift(-1)
    return at_risk - survival["events"] - later.fillna(0)


def _name(
    figure: Figure, grid: Sequence[Axes], survival: pd.DataFrame, by: Sequence[str], looks: dict[str, tuple[str, Any]]
) -> None:
    """Name the curves, and say how many runs stand behind each."""
    if survival.empty:
        return
    first = survival.drop_duplicates(list(by)) if by else survival[:1]
    sizes = counted(first["at_risk"].tolist(), each=" runs a curve")
    crosses = "+: runs whose epochs ended before they had converged"
    if len(looks) > MAX_NAMED_CURVES:
        _scale(figure, grid, by[-1], looks)
        note(figure, f"{crosses}; {sizes}")
        return
    said = {name: f"{factor_label(by[-1])}={name}" if by else "all runs" for name in looks}
    parts = settings(survival, by)
    if len(parts) == len(looks):
        said = {
            name: f"{words}, {own['events'].sum():,} of {own['at_risk'].iloc[0]:,} converged"
            for (name, words), (_, own) in zip(said.items(), parts, strict=True)
        }
    handles = [
        Line2D([], [], color=tone, linestyle=dashes, linewidth=1.8, label=said[name])
        for name, (tone, dashes) in looks.items()
    ]
    legend(figure, handles, title=f"shades: 95 % intervals; {crosses}; {sizes}")


def _scale(figure: Figure, grid: Sequence[Axes], factor: str, looks: dict[str, tuple[str, Any]]) -> None:
    """Add the scale of colours beside the panels."""
    tones = ListedColormap([tone for tone, _ in looks.values()])
    kept = np.unique(np.linspace(0, len(looks) - 1, 8).astype(int))
    shades = ScalarMappable(Normalize(-0.5, len(looks) - 0.5), tones)
    bar = figure.colorbar(shades, ax=list(grid), ticks=kept, aspect=30, pad=0.01, label=factor_label(factor))
    bar.ax.set_yticklabels([list(looks)[place] for place in kept])
