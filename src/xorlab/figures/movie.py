"""A film of two runs side by side, as a GIF: the plane above, the loss below, epoch by epoch on a log scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image

from xorlab.diagnosis.planes import Plane
from xorlab.figures.axes import ceiling, log_epochs, loss_axes, name_levels
from xorlab.figures.lettering import folded
from xorlab.figures.mechanism import colour_bar, legend, plane
from xorlab.figures.palette import STYLE, colour, stroke

Array = NDArray[np.float64]

SHADES = 41
"""Shades of p in a film: few colours make a small file, and an odd number has one for p = 1/2."""

PANEL_WIDTH = 3.6
"""Inches: the width of each run's half."""

HOLD = 1.5
"""Seconds that the last frame stays."""


@dataclass(frozen=True)
class Reel:
    """One run of a film.

    Attributes
    ----------
    planes : the run at each of its own epochs, ascending
    losses : (E,) array, one value an epoch from 0 on
    outcome : which gives the loss its colour
    heading : what stands above it
    """

    planes: Sequence[Plane]
    losses: Array
    outcome: str
    heading: str


@matplotlib.rc_context(STYLE)
def film(path: Path, reels: Sequence[Reel], *, levels: Mapping[str, float], fps: int = 6, dpi: int = 84) -> None:
    """Write a film of runs side by side; a run that is over stays as it ended."""
    figure = Figure(figsize=(PANEL_WIDTH * len(reels) + 0.6, 6.4), layout="constrained")
    grid = figure.subplots(2, len(reels), height_ratios=[1.6, 1], squeeze=False)
    dots = [_curve(ax, reel, reels, levels) for ax, reel in zip(grid[1], reels, strict=True)]
    name_levels(grid[1, -1], levels)
    epochs = sorted({one.epoch for reel in reels for one in reel.planes})
    legend(figure, [one for reel in reels for one in reel.planes])
    _show(grid[0], dots, reels, epochs[0])
    colour_bar(figure=figure, image=grid[0, 0].images[0], axes=list(grid[0]))
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the frames keep the places of the first
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    frames = []
    for epoch in epochs:
        _show(grid[0], dots, reels, epoch)
        canvas.draw()
        frames.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    milliseconds = [round(1000 / fps)] * (len(frames) - 1) + [round(1000 * HOLD)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)


def _show(axes: Sequence[Axes], dots: Sequence[Line2D], reels: Sequence[Reel], epoch: int) -> None:
    """Draw the frame of one epoch."""
    for place, (ax, dot, reel) in enumerate(zip(axes, dots, reels, strict=True)):
        ax.clear()
        now = [one for one in reel.planes if one.epoch <= epoch][-1]
        plane(now, ax=ax, shades=SHADES)
        ax.set_title(
            f"{folded(reel.heading, inches=PANEL_WIDTH - 0.3, size=9.5)}\nepoch {now.epoch:,}, loss {now.loss:.4f}"
        )
        ax.set_ylabel("" if place else "x2")
        dot.set_data([now.epoch], [now.loss])


def _curve(ax: Axes, reel: Reel, reels: Sequence[Reel], levels: Mapping[str, float]) -> Line2D:
    """Draw a run's loss on the axes that all share, and return the dot that will move along it."""
    everything = np.concatenate([one.losses for one in reels])
    epochs = np.arange(len(reel.losses))
    ax.plot(epochs, reel.losses, color=colour(reel.outcome), linestyle=stroke(reel.outcome), linewidth=1.6)
    loss_axes(ax, last=len(reel.losses) - 1, losses=reel.losses, levels=levels)
    log_epochs(ax, max(one.planes[-1].epoch for one in reels))
    ax.set_ylim(0, ceiling(everything, levels))
    (dot,) = ax.plot([], [], "o", color="white", markeredgecolor=colour(reel.outcome), markersize=7, clip_on=False)
    return dot
