"""Pictures over settings: how often they converge, where their runs end, how long converging takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xorlab.columns import called, label, natural, settings, short
from xorlab.figures.axes import COLUMN, ceiling, log_epochs, outcome_legend, remark, spaced
from xorlab.figures.palette import STYLE, colour
from xorlab.outcomes import ordered, percent, phrase

ROWS = 40
"""Settings that still get a row of their own in one picture."""

ROOMY, LEGIBLE = 8, 20
"""Columns of a map up to which its cells tell their interval, and n."""

BINS = 120
"""Bins across a picture of dots; the dots of one bin stand above each other."""


def convergence_map(
    rates: pd.DataFrame, *, x: str | None, y: str | None = None, outcome: str = "converged", ax: Axes
) -> Axes:
    """Draw an outcome's rate over one or two factors, with its interval and n in each cell.

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
    import seaborn as sns

    chosen = rates[rates["outcome"] == outcome]
    if chosen.empty:
        remark(ax, "no runs")
        return ax
    chosen = chosen.assign(**{side: chosen[key].map(short) if key else "" for side, key in (("x", x), ("y", y))})
    columns, rows = (
        [short(value) for value in sorted(rates[key].unique(), key=natural)] if key else [""] for key in (x, y)
    )
    text = chosen.assign(text=[_cell(cell, columns=len(columns)) for cell in chosen.to_dict("records")])
    rate, words = (
        text.pivot(index="y", columns="x", values=name).reindex(index=rows, columns=columns)
        for name in ("rate", "text")
    )
    style: Any = {"vmin": 0, "vmax": 1, "linewidths": 1, "annot_kws": {"fontsize": 8 if len(columns) <= ROOMY else 6.5}}
    shade = LinearSegmentedColormap.from_list(outcome, ["#f7f7f7", colour(outcome)])
    sns.heatmap(rate, annot=words if len(columns) <= LEGIBLE else False, fmt="", cmap=shade, cbar=False, ax=ax, **style)
    for cell, value in zip(ax.texts, rate.to_numpy()[rate.notna()], strict=False):
        cell.set_color("white" if value > 0.7 else "black")
    ax.set(xlabel=called(x) if x else "", ylabel=called(y) if y else "", facecolor="#cccccc")
    ax.tick_params(left=False, bottom=False)
    ax.tick_params(axis="y", labelrotation=0)
    return ax


def _cell(cell: dict[Any, Any], *, columns: int) -> str:
    """Write a cell: the rate, its interval where there is room for it, and n."""
    rate, low, high = (percent(cell[name]) for name in ("rate", "low", "high"))
    n = f"{cell['n']:,}"
    if columns > ROOMY:
        return f"{rate}\n{n}"
    lines = [f"{rate} %", f"({low}–{high} %)", f"n = {n}"]
    return (" " if columns == 1 else "\n").join(lines)


@matplotlib.rc_context(STYLE)
def convergence_maps(rates: pd.DataFrame, by: Sequence[str], *, outcome: str = "converged") -> Figure:
    """Draw maps of an outcome's rate: the last of `by` across, the one before it down, a map for each of the rest."""
    chosen = rates[rates["outcome"] == outcome]
    x, y, rest = _sides(chosen, by)
    groups = settings(chosen, rest)
    across, down = (chosen[key].nunique(dropna=False) if key else 1 for key in (x, y))
    cell = 0.28 if across == 1 else 0.58 if across <= ROOMY else 0.42
    height = 1.1 + len(groups) * (0.45 + down * cell)
    figure = Figure(figsize=(2 * COLUMN, max(height, 1.9)), layout="constrained")
    grid = figure.subplots(len(groups), 1, sharex=True, squeeze=False)
    for ax, (values, group) in zip(grid.flat, groups, strict=True):
        convergence_map(group, x=x, y=y, outcome=outcome, ax=ax)
        ax.set_title(label(rest, values))
        ax.label_outer()
    happens = "does a run converge" if outcome == "converged" else f"is a run {phrase(outcome)}"
    figure.suptitle(f"How often {happens}?", x=0.01, ha="left")
    _say_what_cells_say(figure, chosen, across)
    return figure


def _sides(rates: pd.DataFrame, by: Sequence[str]) -> tuple[str | None, str | None, list[str]]:
    """Return the factors across, down and left over; a lone factor of many words stands down the side."""
    if len(by) > 1:
        return by[-1], by[-2], list(by[:-2])
    words = rates[by[0]].dtype.kind not in "fiu"
    return (None, by[0], []) if words and rates[by[0]].nunique() > 5 else (by[0], None, [])


def _say_what_cells_say(figure: Figure, chosen: pd.DataFrame, across: int) -> None:
    """Write below the maps what their cells hold."""
    least, most = (0, 0) if chosen.empty else (chosen["n"].min(), chosen["n"].max())
    runs = f"{least:,} runs in each cell" if least == most else f"{least:,} to {most:,} runs in a cell"
    words = f"above: the rate in %; below: n, the number of runs; {runs}"
    words = "rate (Wilson's 95 % interval), n runs" if across <= ROOMY else words if across <= LEGIBLE else runs
    figure.supxlabel(words, x=0.01, ha="left", fontsize=8, color="#444444")


@matplotlib.rc_context(STYLE)
def final_losses(
    runs: pd.DataFrame, levels: Mapping[str, float], *, by: Sequence[str] = (), title: str = "Where do runs end?"
) -> Figure:
    """Draw every run's final loss against the levels, a row of dots for each setting."""
    told = runs.dropna(subset=["outcome", "final_loss"])
    losses = told["final_loss"]
    top = ceiling(losses.to_numpy(), levels)
    figure, ax, groups = _rows(told.assign(final_loss=losses.clip(upper=top)), by)
    _dots(ax, [group.set_index("final_loss")["outcome"] for group in groups], span=np.linspace(0.0, top, BINS))
    ax.set(xlim=(-0.02 * top, 1.02 * top), xlabel="final loss")
    for name, level in spaced(levels, gap=0.05 * top).items():
        place: Any = {"xy": (level, 1), "xycoords": ax.get_xaxis_transform(), "textcoords": "offset points"}
        ax.annotate(name, xytext=(0, 4), ha="center", fontsize=8, color="#444444", **place)
    for level in levels.values():
        ax.axvline(level, color="#777777", linewidth=0.7, linestyle=(0, (2, 2)), zorder=0.5)
    _at_right(ax, [f"n = {len(group):,}" for group in groups])
    if losses.max() > top:
        remark(ax, f"{(losses > top).sum():,} higher, up to {losses.max():.3g} →")
    outcome_legend(figure, told, marker="o")
    figure.suptitle(title, x=0.01, ha="left")
    return figure


@matplotlib.rc_context(STYLE)
def epochs_to_convergence(
    runs: pd.DataFrame, *, by: Sequence[str] = (), title: str = "How long does converging take?"
) -> Figure:
    """Draw when each run converged, a row of dots for each setting; the others are counted at the right."""
    told = runs.dropna(subset="outcome")
    figure, ax, groups = _rows(told, by)
    done = [group[group["outcome"] == "converged"].dropna(subset="epochs_to_converge") for group in groups]
    epochs = pd.concat(done)["epochs_to_converge"]
    first, last = (float(epochs.min()), float(epochs.max())) if len(epochs) else (0.0, 1.0)
    bins = np.expm1(np.linspace(np.log1p(first), np.log1p(last), BINS))
    _dots(ax, [group.set_index("epochs_to_converge")["outcome"] for group in done], span=bins)
    medians = [group["epochs_to_converge"].median() for group in done]
    for side in (-0.42, 0.42):
        ax.scatter(medians, np.arange(len(done)) + side, marker="|", s=40, color="black", linewidths=1.8)
    log_epochs(ax, 1.1 * last)
    ax.set_xlim(left=10.0 ** np.floor(np.log10(first)) if first >= 1 else 0)
    ax.set_xlabel("epoch from which the loss stays low (log scale)")
    _at_right(ax, [f"{len(kept):,} of {len(group):,}" for kept, group in zip(done, groups, strict=True)])
    note = "dots: the runs that converged; ticks: their median; at the right: how many did. The others are not drawn."
    figure.supxlabel(note, x=0.01, ha="left", fontsize=8, color="#444444")
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _rows(runs: pd.DataFrame, by: Sequence[str]) -> tuple[Figure, Axes, list[pd.DataFrame]]:
    """Lay out a row for each setting of `by`, the first on top; of too many settings only for the last factor."""
    by = by if len(runs) else ()
    groups = settings(runs, by)
    if len(groups) > ROWS:
        by = by[-1:] if runs[by[-1]].nunique() <= ROWS else ()
        groups = settings(runs, by)
    figure = Figure(figsize=(2 * COLUMN, 1.6 + 0.42 * len(groups)), layout="constrained")
    ax = figure.subplots()
    ax.set_yticks(range(len(groups)), [", ".join(map(short, values)) or "all runs" for values, _ in groups])
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ax.set_ylabel(",\n".join(map(called, by)))
    ax.tick_params(axis="y", length=0)
    return figure, ax, [group for _, group in groups]


def _dots(ax: Axes, rows: Sequence["pd.Series[str]"], *, span: NDArray[np.float64]) -> None:
    """Draw a dot for each run at its true x, those of one bin spread over a height that tells how many they are.

    Parameters
    ----------
    ax
        Where to draw; row 0 is at y = 0, row 1 at 1, …
    rows
        For each row the outcomes of its runs, indexed by their x.
    span
        The edges of the bins.
    """
    bins = [np.searchsorted(span, row.index.to_numpy(dtype=float)) for row in rows]
    most = max((int(np.bincount(each).max()) for each in bins if len(each)), default=1)
    total = sum(map(len, rows))
    for place, (row, each) in enumerate(zip(rows, bins, strict=True)):
        rank = {name: number for number, name in enumerate(ordered(row))}
        order = np.lexsort((row.map(rank).to_numpy(dtype=int), each))
        sizes = np.bincount(each)[each[order]] if len(each) else each
        within = np.arange(len(order)) - np.searchsorted(each[order], each[order])
        height = 0.7 * (sizes - 1) / max(most - 1, 1)
        offset = height * (within / np.maximum(sizes - 1, 1) - 0.5)
        style: Any = {"s": 16 if total <= 400 else 3, "linewidths": 0, "rasterized": total > 2000}
        ax.scatter(row.index.to_numpy()[order], place + offset, c=[colour(row.iloc[i]) for i in order], **style)


def _at_right(ax: Axes, texts: Sequence[str]) -> None:
    """Write a text at the right end of each row."""
    for row, text in enumerate(texts):
        ax.text(1.01, row, text, transform=ax.get_yaxis_transform(), va="center", fontsize=8, color="#444444")
