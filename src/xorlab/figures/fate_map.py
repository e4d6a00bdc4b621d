"""A map of fates: every run of a grid as a pixel, its fate by the colour, its epoch of converging by the lightness."""

import io
from collections.abc import Mapping, Sequence

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image

from xorlab.diagnosis.fates import phrase
from xorlab.diagnosis.outcomes import percent
from xorlab.figures.axes import PAGE
from xorlab.figures.lettering import headline, legend
from xorlab.figures.palette import STYLE, colour

Array = NDArray[np.float64]

COLOURS = {"oscillating": "#9a6fc4", "failed": "#ffffff", "dead": "#591016"}
"""Of fates that are no outcomes, and of the kinds of a level that do not keep the level's own colour."""
LIGHTEST = 0.55
"""The share of white in the colour of a run that converged in the last epoch."""


def fate_colour(name: str) -> str:
    """Return the colour of a fate: that of its outcome, unless it or its kind has its own."""
    outcome, _, kind = name.partition(":")
    return COLOURS.get(kind or outcome) or colour(outcome)


def pixels(codes: NDArray[np.uint8], names: Sequence[str], epochs: Array, *, length: int) -> NDArray[np.uint8]:
    """Colour a map.

    Parameters
    ----------
    codes : (H, W) array of places in `names`
    names : the fates
    epochs : (H, W) array, the epoch of converging; NaN where a run did not
    length : the epochs of a run

    Returns
    -------
    (H, W, 3) array of bytes; a run that converged is the lighter the later it did, on a log scale.
    """
    ground = np.array([to_rgb(fate_colour(name)) for name in names])[codes]
    late = np.log1p(np.nan_to_num(epochs)) / np.log1p(length)
    light = np.where(np.isnan(epochs), 0.0, LIGHTEST * late.clip(0.0, 1.0))[..., None]
    return np.asarray(np.rint(255 * (ground + light * (1.0 - ground))), dtype=np.uint8)


def image_png(codes: NDArray[np.uint8], names: Sequence[str], epochs: Array, *, length: int) -> bytes:
    """Return the bytes of a PNG file with a pixel for each run and nothing else, as for `pixels`; the top row first."""
    buffer = io.BytesIO()
    Image.fromarray(pixels(codes, names, epochs, length=length)[::-1]).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


@matplotlib.rc_context(STYLE)
def draw(
    codes: NDArray[np.uint8],
    counts: Mapping[str, int],
    epochs: Array,
    axes: Mapping[str, Sequence[float]],
    *,
    title: str,
    length: int,
    width: float = PAGE,
) -> Figure:
    """Draw a map.

    Parameters
    ----------
    codes, epochs : (H, W) arrays as for `pixels`, the first row at the bottom
    counts : how many runs have each fate, in the order that `codes` counts in
    axes : the key across and the key upwards with their values
    title : what all runs have in common
    length : the epochs of a run
    width : of the picture, in inches
    """
    (across, x), (up, y) = axes.items()
    figure = Figure(figsize=(width, width * codes.shape[0] / codes.shape[1]), layout="constrained")
    ax = figure.subplots()
    image = pixels(codes, [*counts], epochs, length=length)
    ax.imshow(image, origin="lower", interpolation="nearest", aspect="auto", extent=(0, len(x), 0, len(y)))
    _ticks(ax, "x", across, x)
    _ticks(ax, "y", up, y)
    headline(figure, title)
    runs = sum(counts.values())
    handles = [
        Patch(
            facecolor=fate_colour(name),
            edgecolor="#777777",
            label=f"{phrase(name)}: {count:,} ({_share(count / runs)})",
        )
        for name, count in counts.items()
        if count
    ]
    said = f"{runs:,} runs of up to {length:,} epochs; of those that converged, the darker the sooner"
    legend(figure, handles, title=said)
    return figure


def _share(rate: float) -> str:
    return "under 0.1 %" if rate < 0.001 else f"{percent(rate)} %"


def _ticks(ax: Axes, side: str, key: str, values: Sequence[float]) -> None:
    """Name an axis and mark round values on it; in a narrow range, round distances from its middle."""
    found = np.asarray(values, dtype=np.float64)
    middle, span = found[len(found) // 2], np.ptp(found)
    narrow = span < 0.02 * abs(middle)
    if narrow:
        label, shown = f"{key}, relative distance from {float(middle)!r}", found / middle - 1.0
    else:
        label, shown = f"{key} ({'log' if _geometric(found) else 'linear'} scale)", found
    places = _marks(shown, geometric=not narrow and _geometric(found))
    at = np.interp(places, shown, np.arange(len(shown)) + 0.5)
    words = [f"{place:.3g}" for place in places]
    if side == "x":
        ax.set_xticks(at, words)
        ax.set_xlabel(label)
    else:
        ax.set_yticks(at, words)
        ax.set_ylabel(label)


def _geometric(values: Array) -> bool:
    """Tell whether values are evenly spaced on a log scale rather than a linear one."""
    return bool(values[0] > 0 and np.ptp(np.diff(np.log(values))) < np.ptp(np.diff(values)))


def _marks(values: Array, *, geometric: bool) -> Array:
    """Choose round numbers between the first and the last of ascending values."""
    low, high = values[0], values[-1]
    if geometric and high > 5.0 * low:
        decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        steps = (1, 2, 5) if high < 2000.0 * low else (1,)
        found = np.array([step * 10.0**power for power in decades for step in steps])
    else:
        found = np.asarray(matplotlib.ticker.MaxNLocator(5).tick_values(low, high))
    return np.asarray(found[(found >= low * (1 - 1e-9 * np.sign(low))) & (found <= high * (1 + 1e-9 * np.sign(high)))])
