"""A picture of the loss around a run's end: a map along two directions, and the two profiles through the centre."""

import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xorlab.diagnosis.landscape import ROUNDING, Slice
from xorlab.figures.axes import COLUMN, name_levels
from xorlab.figures.palette import STYLE

Array = NDArray[np.float64]

MIN_EDGE_POINTS = 25
"""Points of a slice where units keep their sides, for their edge to be drawn; fewer hide below the star."""


@matplotlib.rc_context(STYLE)
def loss_slice(slice_: Slice, *, levels: Mapping[str, float], title: str) -> Figure:
    """Draw the loss around a run's end, on one scale along both directions.

    Parameters
    ----------
    slice_
        The loss along the directions of least and of greatest curvature.
    levels
        The named levels.
    title
        The picture's title.
    """
    figure = Figure(figsize=(2.7 * COLUMN, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.2, 1])
    _map(left, slice_, levels)
    _profiles(right, slice_, levels)
    figure.suptitle(textwrap.fill(title, 100), x=0.01, ha="left")
    figure.supxlabel(textwrap.fill(description(slice_), 150), x=0.01, ha="left", fontsize=8)
    return figure


def _map(ax: Axes, slice_: Slice, levels: Mapping[str, float]) -> None:
    """Draw the map: darker is higher; the run's end in the middle; where the pattern of active units ends."""
    steps, loss = slice_.steps, slice_.loss
    lowest, spread = float(loss.min()), float(np.ptp(loss))
    image = ax.contourf(steps, steps, loss, levels=24, cmap="Greys", vmin=lowest, vmax=lowest + 1.3 * spread)
    ax.contour(steps, steps, loss, levels=12, colors="#777777", linewidths=0.4)
    for place, (name, level) in enumerate(levels.items()):
        if loss.min() < level < loss.max():
            line = ax.contour(steps, steps, loss, levels=[level], colors="#c0302f", linewidths=0.6 if place else 1.3)
            if place == 0:
                ax.clabel(line, fmt="ln 2" if name == "ln2" else name, fontsize=8)
    if _edged(slice_):
        edge: Any = {"colors": "#08386f", "linewidths": 1.6, "linestyles": [(0, (4, 2))]}
        ax.contour(steps, steps, slice_.margin, levels=[0.0], **edge)
    ax.plot(0, 0, marker="*", color="white", markeredgecolor="black", markersize=13)
    ax.set(xlabel="along the least curvature", ylabel="along the greatest curvature", aspect="equal")
    bar = ax.figure.colorbar(image, ax=ax, aspect=22, pad=0.02, shrink=0.8)
    bar.set_label("loss")
    bar.locator = MaxNLocator(5)


def _profiles(ax: Axes, slice_: Slice, levels: Mapping[str, float]) -> None:
    """Draw the two profiles, and what slope and curvature at the end foretell."""
    steps, centre = slice_.steps, slice_.loss.shape[0] // 2
    cuts = (
        (slice_.loss[:, centre], slice_.greatest, slice_.slopes[1], "greatest", "#08386f", "solid"),
        (slice_.loss[centre], slice_.least, slice_.slopes[0], "least", "#ea8548", (0, (5, 1.5))),
    )
    top = max(float(cut.max()) for cut, *_ in cuts)
    bottom = min(float(cut.min()) for cut, *_ in cuts)
    for cut, value, slope, word, shade, dashes in cuts:
        said = f"{word} curvature, λ = {'0' if _zero(value, slice_) else f'{value:.3g}'}"
        ax.plot(steps, cut, color=shade, linewidth=2.0, linestyle=dashes, label=said)
        ax.plot(
            steps,
            slice_.loss[centre, centre] + slope * steps + 0.5 * value * steps**2,
            color=shade,
            linewidth=0.8,
            linestyle=":",
        )
    ax.plot(0, slice_.loss[centre, centre], marker="*", color="white", markeredgecolor="black", markersize=13)
    room = max(0.12 * (top - bottom), 1e-3)
    ax.set(xlim=(steps[0], steps[-1]), ylim=(bottom - room, top + room))
    for level in levels.values():
        ax.axhline(level, color="#777777", linewidth=0.7, linestyle=(0, (2, 2)), zorder=0.5)
    name_levels(ax, levels)
    ax.set(xlabel="distance from the run's end", ylabel="loss")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), title="dotted: what slope and curvature foretell", alignment="left"
    )


def _edged(slice_: Slice) -> bool:
    """Tell whether there is an edge to draw: units keep their sides in a part of the slice, and not in all."""
    return bool((slice_.margin < 0.0).any() and (slice_.margin > 0.0).sum() >= MIN_EDGE_POINTS)


def _zero(value: float, slice_: Slice) -> bool:
    return abs(value) <= ROUNDING * abs(slice_.greatest)


def description(slice_: Slice) -> str:
    """Say what the slice shows, and where it claims nothing."""
    said = ["Star: the run's end."]
    if slice_.flat:
        also = ", and that of least curvature is any one of them" if _zero(slice_.least, slice_) else ""
        said.append(f"{slice_.flat} of the Hessian's {slice_.parameters} directions are flat, but for rounding{also}.")
    if _edged(slice_):
        said.append("Blue dashes: beyond them some unit is on the other side of its kink at some point.")
    elif (slice_.margin < 0.0).any():
        said.append("Some unit changes its side of the kink at some point so near to the star that no edge is drawn.")
    if slice_.kink:
        said.append(
            "A pre-activation lies on a kink (0 to 1e-9) at the star: the loss has no second derivative there. "
            "The curvature is that of one side, and finite differences would mislead."
        )
    return " ".join(said)
