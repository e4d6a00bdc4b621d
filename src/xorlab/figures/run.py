"""Pictures of one run: its loss, and what it says over the plane."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from xorlab.diagnosis.verdict import UNDECIDED
from xorlab.figures.axes import PAGE, loss_axes, name_levels
from xorlab.figures.palette import STYLE

MARKERS = "osD^vP"
"""The marks of classes, in turn."""


@matplotlib.rc_context(STYLE)
def run_loss(
    losses: ArrayLike,
    *,
    levels: Mapping[str, float],
    title: str,
    epochs: ArrayLike | None = None,
    width: float = PAGE,
) -> Figure:
    """Draw one run's loss against the epoch.

    Parameters
    ----------
    losses
        Shape (E,); NaN after the last.
    levels
        The named levels where a network that ties points must rest, as in ``{"ln 2": 0.693}``.
    title
        The picture's title.
    epochs
        Shape (E,), ascending; every epoch from 0 on unless given.
    width
        Of the picture, in inches.
    """
    values = np.asarray(losses, dtype=float)
    when = np.arange(len(values)) if epochs is None else np.asarray(epochs)
    figure = Figure(figsize=(width, 0.22 * width + 1.9), layout="constrained")
    ax = figure.subplots()
    ax.plot(when, values, color="#222222", linewidth=1.6)
    loss_axes(ax, last=int(when[np.isfinite(values)].max(initial=0)), losses=values, levels=levels)
    name_levels(ax, levels)
    ax.set_title(textwrap.fill(title, max(12, int(13 * width))))
    return figure


@matplotlib.rc_context(STYLE)
def decision_surface(  # noqa: PLR0917 -- a grid, its values, the data and a title have one natural order
    grid_x1: ArrayLike, grid_x2: ArrayLike, p: ArrayLike, X: ArrayLike, y: ArrayLike, title: str
) -> Figure:
    """Draw the network's p(x1, x2) over the plane, the line p = 1/2 and the data.

    Parameters
    ----------
    grid_x1, grid_x2
        The grid's coordinates, evenly spaced, shapes (A,) and (B,), or both (B, A) as meshgrid makes them.
    p
        The output on the grid, shape (B, A).
    X, y
        The data, shapes (N, 2) and (N,) or (N, 1).
    title
        The picture's title.
    """
    surface = np.asarray(p, dtype=float)
    figure = Figure(figsize=(4.4, 3.7), layout="constrained")
    ax = figure.subplots()
    (left, right), (bottom, top) = ((np.min(grid), np.max(grid)) for grid in (grid_x1, grid_x2))
    # An image ends half a cell beyond its outer points.
    beyond = 0.5 * (right - left) / (surface.shape[1] - 1), 0.5 * (top - bottom) / (surface.shape[0] - 1)
    extent = (left - beyond[0], right + beyond[0], bottom - beyond[1], top + beyond[1])
    shade: Any = {"cmap": "cividis", "vmin": 0.0, "vmax": 1.0, "interpolation": "bilinear", "origin": "lower"}
    image = ax.imshow(surface, extent=extent, **shade)
    ax.set(xlim=(left, right), ylim=(bottom, top))
    bar = figure.colorbar(image, ax=ax, ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.set_label("p(y = 1 | x1, x2)")
    boundary(ax, grid_x1, grid_x2, surface)
    mark(ax, np.asarray(X, dtype=float), np.asarray(y, dtype=float).ravel())
    ax.set(xlabel="x1", ylabel="x2", aspect="equal")
    ax.locator_params(nbins=5)
    ax.set_title(textwrap.fill(title, 46))
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@matplotlib.rc_context(STYLE)
def class_regions(  # noqa: PLR0917 -- as decision_surface
    grid_x1: ArrayLike,
    grid_x2: ArrayLike,
    p: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    title: str,
    *,
    names: Sequence[str],
) -> Figure:
    """Draw the class of the greatest p over the plane, paler where it leads by less, and the data.

    Parameters
    ----------
    grid_x1, grid_x2
        The grid's coordinates, evenly spaced, shapes (A,) and (B,).
    p
        The softmax on the grid, shape (B, A, K).
    X, y
        The data, shapes (N, 2) and (N, K) with a 1 for each point's class.
    title
        The picture's title.
    names
        The names of the K classes.
    """
    x1, x2, values, labels = (np.asarray(each, dtype=float) for each in (grid_x1, grid_x2, p, y))
    K = values.shape[2]
    shades = np.array([to_rgb(colour) for colour in matplotlib.colormaps["cividis"](np.linspace(0.0, 1.0, K))])
    order = np.sort(values, axis=2)
    lead = (order[..., -1] - order[..., -2])[..., None]
    image = 1.0 - (0.25 + 0.6 * lead) * (1.0 - shades[values.argmax(axis=2)])
    figure = Figure(figsize=(4.4, 3.9), layout="constrained")
    ax = figure.subplots()
    ax.imshow(image, extent=(x1[0], x1[-1], x2[0], x2[-1]), origin="lower", interpolation="nearest")
    points, size = np.asarray(X, dtype=float), 70 if len(labels) <= 8 else 16
    shown = [textwrap.shorten(f"class {name}", 46, placeholder="…") for name in names]
    for k, label in enumerate(shown):
        place = points[labels[:, k] == 1.0].T
        look: Any = {"marker": MARKERS[k % len(MARKERS)], "s": size, "zorder": 3, "clip_on": False}
        edge = "black" if shades[k].mean() > 0.5 else "white"
        ax.scatter(*place, color=shades[k], edgecolor=edge, linewidth=0.8, label=label, **look)
    ax.set(xlabel="x1", ylabel="x2", aspect="equal", xlim=(x1[0], x1[-1]), ylim=(x2[0], x2[-1]))
    ax.locator_params(nbins=5)
    ax.set_title(textwrap.fill(title, 46))
    columns = 52 // (8 + max(map(len, shown)))  # as many as fit
    figure.legend(loc="outside lower center", ncols=min(K, max(columns, 1)))
    return figure


def boundary(ax: Axes, x1: ArrayLike, x2: ArrayLike, surface: NDArray[np.float64], *, words: bool = True) -> None:
    """Draw p = 1/2 where the output crosses it; where all is 1/2 to 1e-6 a line would be rounding noise."""
    around = sliding_window_view(np.pad(surface, 1, mode="edge"), (3, 3))
    crossed = (around.max(axis=(2, 3)) > 0.5 + UNDECIDED) & (around.min(axis=(2, 3)) < 0.5 - UNDECIDED)
    decided = np.ma.masked_where((np.abs(surface - 0.5) < UNDECIDED) & ~crossed, surface)
    if decided.count() and decided.min() < 0.5 < decided.max():
        line = ax.contour(x1, x2, decided, levels=[0.5], colors="white", linewidths=1.4)
        if words:
            ax.clabel(line, fmt="p = ½", fontsize=8)
    if words and decided.count() <= surface.size / 2:
        where: Any = {"transform": ax.transAxes, "ha": "center", "va": "center"}
        ax.text(0.5, 0.5, "p = ½: nothing is decided", color="white", **where)


def mark(ax: Axes, X: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """Mark the data: a black disc for 0, a white square for 1, small where they are many."""
    size, edge = (70, 1.2) if len(X) <= 8 else (16, 0.6)
    marks: Any = (
        {"marker": "o", "facecolor": "black", "edgecolor": "white"},
        {"marker": "s", "facecolor": "white"},
    )
    for target, mark in enumerate(marks):
        place = X[y == target].T
        style: Any = {"edgecolor": "black", "s": size, "linewidth": edge, "zorder": 3, "clip_on": False}
        ax.scatter(*place, label=f"y = {target}", **(style | mark))
