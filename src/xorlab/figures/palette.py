"""One colour, stroke and marker for each outcome in every picture, another language for settings, and the style."""

import math
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb

from xorlab.diagnosis.outcomes import level

OUTCOME_COLOURS: dict[str, str] = {
    "converged": "#08386f",
    "at_target": "#3f7fc0",
    "descending": "#4eb3d3",
    "undecided": "#b9d9c4",
    "stuck_0.347": "#e3b023",
    "stuck_0.477": "#ea8548",
    "stuck_ln2": "#c0302f",
    "stuck_0.125": "#e3b023",
    "stuck_0.167": "#ea8548",
    "stuck_0.250": "#c0302f",
    "stuck_other": "#8a8a8a",
    "diverged": "#111111",
}
"""Cool where the loss goes to zero, warm where it stays, the darker the higher: the order survives greyscale.
The three levels of mse stand for the same ties as those of bce and share their colours."""

STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "figure.facecolor": "white",
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "font.size": 9,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "xorlab",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}
"""Matplotlib's settings for every picture: quiet, and the same bytes each time."""

_WARM = LinearSegmentedColormap.from_list("stuck", ["#f3dc8a", "#e3b023", "#ea8548", "#c0302f"])
_MARKERS = {
    "converged": "o",
    "at_target": "p",
    "descending": "v",
    "undecided": "d",
    "stuck_0.347": "D",
    "stuck_0.477": "s",
    "stuck_ln2": "X",
    "stuck_0.125": "D",
    "stuck_0.167": "s",
    "stuck_0.250": "X",
    "diverged": "*",
}
_STROKES = {
    "descending": (0, (4, 1.5)),
    "undecided": (0, (2, 1)),
    "diverged": (0, (1, 1.2)),
    "stuck_other": (0, (4, 1.5, 1, 1.5)),
}


def colour(outcome: str) -> str:
    """Return the colour of an outcome; a level unknown beforehand takes its place on the warm scale."""
    if outcome in OUTCOME_COLOURS:
        return OUTCOME_COLOURS[outcome]
    at = level(outcome)
    return OUTCOME_COLOURS["stuck_other"] if at is None else to_hex(_WARM(min(1.0, at / math.log(2.0))))


def stroke(outcome: str) -> Any:
    """Return the line style of an outcome: solid where the run came to rest."""
    return _STROKES.get(outcome, "solid")


def marker(outcome: str) -> str:
    """Return the marker of an outcome, which distinguishes it without colour."""
    return _MARKERS.get(outcome, "P")


SETTING_STROKES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
SETTING_MARKERS = "os^Dv<>phP"
"""The strokes and markers of settings, which take turns."""


def sequence(count: int) -> list[str]:
    """Return colours for as many settings in their order, from dark to light: none of them is an outcome's."""
    viridis = matplotlib.colormaps["viridis"]
    return [to_hex(viridis(place)) for place in np.linspace(0.0, 0.8, max(count, 2))[:count]]


def shade(colour: str, share: float) -> str:
    """Mix a colour with white: 0 leaves it, 1 is white."""
    red, green, blue = (part + share * (1.0 - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))


def ink(ground: str) -> str:
    """Return black or white, whichever is read better on a ground (the contrast of WCAG 2)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(ground)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "white"
