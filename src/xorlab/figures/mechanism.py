"""Pictures of the mechanism: p(x1, x2), the data, and the line and active side of each unit of the first layer."""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from xorlab.diagnosis.planes import Plane, segment
from xorlab.figures.axes import loss_axes, name_levels
from xorlab.figures.palette import STYLE, colour
from xorlab.figures.run import boundary, mark

Array = NDArray[np.float64]

STATE_STROKES: dict[str, Any] = {"split": "solid", "on": (0, (5, 2)), "dead": (0, (1, 1.2)), "off": (0, (1, 1.2))}
"""The line of a unit, by its state on the data."""

STATE_LABELS = {"dead": "dead", "off": "off at every point", "on": "on at every point", "split": "split"}
"""Units' states, in the margin and in the legend."""

CASED: Any = ({"color": "black", "linewidth": 3.0, "zorder": 2.0}, {"color": "white", "linewidth": 1.4, "zorder": 2.2})
"""White in black is seen on any ground."""

MAX_THICK_LINES = 4
"""Units up to which lines are drawn thick."""

MARGIN_LINES = 3
"""Lines below a panel: as many in each, for panels of one size."""

TICKS, TICK = 14, 0.05
"""Ticks along a line as long as the frame, and their length as part of it."""


@matplotlib.rc_context(STYLE)
def run_planes(
    planes: Sequence[Plane], losses: Array, *, levels: Mapping[str, float], outcome: str, title: str
) -> Figure:
    """Draw one run at some epochs over the plane, above its loss.

    Parameters
    ----------
    planes
        The run at each epoch.
    losses
        Shape (E,), one value an epoch from 0 on.
    levels
        The named levels.
    outcome
        Which gives the loss its colour.
    title
        The picture's title.
    """
    columns = min(len(planes), 4)
    rows = -(-len(planes) // columns)
    width = max(2.5 * columns + 0.7, 5.6)
    figure = Figure(figsize=(width, 2.95 * rows + 2.5), layout="constrained")
    halves = figure.add_gridspec(2, 1, height_ratios=[2.95 * rows, 2.0])
    upper, lower = (figure.add_subfigure(halves[half]) for half in (0, 1))
    grid = upper.subplots(rows, columns, squeeze=False).ravel()
    for ax, one in zip(grid, planes, strict=False):
        image = plane(one, ax=ax)
        ax.set_title(f"epoch {one.epoch:,}, loss {one.loss:.4f}")
    for ax in grid[len(planes) :]:
        ax.remove()
    colour_bar(figure=upper, image=image, axes=list(grid[: len(planes)]))
    _loss(lower.subplots(), losses, [one.epoch for one in planes], levels=levels, outcome=outcome)
    legend(figure, planes)
    figure.suptitle(textwrap.fill(title, int(13 * width)), x=0.01, ha="left")
    return figure


@matplotlib.rc_context(STYLE)
def grid_planes(planes: Sequence[Plane], headings: Sequence[str], outcomes: Sequence[str], *, title: str) -> Figure:
    """Draw many runs over the plane, one panel a run, framed in the colour of its outcome."""
    columns = min(len(planes), 4)
    rows = -(-len(planes) // columns)
    figure = Figure(figsize=(2.3 * columns + 0.8, 3.05 * rows + 1.0), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for place, (ax, one, heading, outcome) in enumerate(zip(grid, planes, headings, outcomes, strict=False)):
        image = plane(one, ax=ax, small=True)
        ax.set_title(heading, fontsize=8)
        ax.spines[:].set(visible=True, color=colour(outcome), linewidth=3)
        ax.tick_params(labelleft=place % columns == 0)
        if place % columns:
            ax.set_ylabel("")
    for ax in grid[len(planes) :]:
        ax.remove()
    colour_bar(figure=figure, image=image, axes=list(grid[: len(planes)]))
    legend(figure, planes)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def plane(one: Plane, *, ax: Axes, small: bool = False, shades: int = 256) -> AxesImage:
    """Draw one network over the plane, say in the margin what its units do, and return the image of p."""
    frame = (one.x1[0], one.x1[-1], one.x2[0], one.x2[-1])
    cividis = matplotlib.colormaps["cividis"].resampled(shades)
    style: Any = {"cmap": cividis, "vmin": 0.0, "vmax": 1.0, "origin": "lower", "interpolation": "bilinear"}
    image = ax.imshow(one.p, extent=frame, **style)
    boundary(ax, one.x1, one.x2, one.p, words=False)
    ax.set(xlim=frame[:2], ylim=frame[2:], aspect="equal", xlabel="x1", ylabel="x2")
    mark(ax, one.X, one.y)
    outside = _lines(ax, one, frame, small=small or len(one.b) > MAX_THICK_LINES)
    ax.locator_params(nbins=4)
    said = margin_lines(one, outside)
    said += [""] * (MARGIN_LINES - len(said))
    ax.set_xlabel("\n".join(["x1", *said]), loc="left", fontsize=6.5 if small else 7.5, linespacing=1.3)
    return image


def _lines(ax: Axes, one: Plane, frame: tuple[float, float, float, float], *, small: bool) -> list[int]:
    """Draw the units' lines, each with its number, and return the units whose line lies outside the frame."""
    badges: list[Array] = []
    outside = []
    for unit, (w, b) in enumerate(zip(one.W.T, one.b.tolist(), strict=True)):
        ends = segment(w, b, frame)
        if ends is None:
            outside.append(unit)
            continue
        _line(ax, ends, STATE_STROKES[one.states[unit] if one.states else "split"], small=small)
        badges.append(_badge(ax, ends, str(unit + 1), badges, small=small))
    return outside


def _line(ax: Axes, ends: Array, dashes: Any, *, small: bool) -> None:
    """Draw a unit's line with ticks on its active side, which lies at the left hand."""
    low, high = ax.get_xlim()
    along = ends[1] - ends[0]
    length = float(np.hypot(*along))
    count = max(1, round(TICKS * length / (high - low)))
    roots = ends[0] + (np.arange(count) + 0.5)[:, None] / count * along
    tips = roots + TICK * (high - low) / length * np.array([-along[1], along[0]])
    for case, tick, style in zip(CASED, (2.6, 1.1), ("solid", dashes), strict=True):
        look = {**case, "linewidth": case["linewidth"] * (0.75 if small else 1.0), "linestyle": style}
        teeth = LineCollection(list(np.stack([roots, tips], axis=1)), **{**case, "linewidth": tick})
        ax.add_collection(teeth, autolim=False)
        ax.plot(*ends.T, solid_capstyle="butt", **look)


def _badge(ax: Axes, ends: Array, text: str, taken: Sequence[Array], *, small: bool) -> Array:
    """Number a unit near the end of its line that is further from the numbers that stand already."""
    inset = np.array([[0.93, 0.07], [0.07, 0.93]]) @ ends
    room = [min((float(np.hypot(*(end - other))) for other in taken), default=0.0) for end in inset]
    place = inset[int(np.argmax(room))]
    box: Any = {"boxstyle": "circle,pad=0.18", "facecolor": "white", "edgecolor": "black", "linewidth": 0.8}
    style: Any = {"ha": "center", "va": "center", "clip_on": False, "zorder": 4}
    ax.text(place[0], place[1], text, fontsize=6 if small else 7.5, bbox=box, **style)
    return np.asarray(place)


def margin_lines(one: Plane, outside: Sequence[int]) -> list[str]:
    """Say what the units of the first layer do at the data, and whose line lies outside the frame."""
    said = [
        f"{word}: {spans([unit for unit, state in enumerate(one.states) if state == name])}"
        for name, word in STATE_LABELS.items()
        if name in one.states
    ]
    if outside:
        said.append(f"line outside the frame: {spans(outside)}")
    return said


def spans(units: Sequence[int]) -> str:
    """Number units from 1, neighbours as a span, as in ``1, 3–5``."""
    runs = [[unit + 1 for _, unit in group] for _, group in groupby(enumerate(units), lambda pair: pair[1] - pair[0])]
    return ", ".join(
        str(run[0]) if len(run) == 1 else f"{run[0]}{'–' if len(run) > 2 else ', '}{run[-1]}" for run in runs
    )


def colour_bar(*, figure: Any, image: AxesImage, axes: list[Axes]) -> None:
    """Add the scale of p, for all panels."""
    bar = figure.colorbar(image, ax=axes, ticks=[0, 0.25, 0.5, 0.75, 1], aspect=25, pad=0.01)
    bar.set_label("p(y = 1 | x1, x2)")


def legend(figure: Figure, planes: Sequence[Plane]) -> None:
    """Explain the marks: the data, the line p = 1/2, and units' lines by their state."""
    found = {state for one in planes for state in one.states}
    point: Any = {"linestyle": "", "markeredgecolor": "black", "markersize": 7}
    entries: dict[str, Any] = {
        "y = 0": Line2D([], [], marker="o", color="black", **point),
        "y = 1": Line2D([], [], marker="s", color="white", **point),
        "p = ½": tuple(
            Line2D([], [], color=shade, linewidth=width) for shade, width in (("#7c7b78", 6), ("white", 1.4))
        ),
    }
    names = {state: f"unit {word}" for state, word in STATE_LABELS.items() if state in found} or {
        "split": "unit's line"
    }
    for state, name in names.items():
        entries[name] = tuple(
            Line2D([], [], **case, linestyle=dashes)
            for case, dashes in zip(CASED, ("solid", STATE_STROKES[state]), strict=True)
        )
    note = "A unit's line is w·x + b = 0 in the first layer; ticks stand on its positive side, where a ReLU is active."
    style: Any = {"title": note, "alignment": "left", "title_fontsize": 8, "handlelength": 2.8}
    figure.legend(list(entries.values()), list(entries), loc="outside lower left", ncols=len(entries), **style)


def _loss(ax: Axes, losses: Array, epochs: Sequence[int], *, levels: Mapping[str, float], outcome: str) -> None:
    """Draw a run's loss, with a dot where it is looked at."""
    values = np.asarray(losses)[np.isfinite(losses)]
    ax.plot(np.arange(len(values)), values, color=colour(outcome), linewidth=1.6)
    loss_axes(ax, last=len(values) - 1, losses=values, levels=levels)
    seen = np.array([min(epoch, len(values) - 1) for epoch in epochs])
    seen = seen[values[seen] <= ax.get_ylim()[1]]
    style: Any = {"facecolor": "white", "zorder": 3, "linewidth": 1.4, "clip_on": False}
    ax.scatter(seen, values[seen], edgecolor=colour(outcome), s=28, **style)
    name_levels(ax, levels)
