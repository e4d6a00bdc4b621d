"""One colour and one stroke for each outcome in every picture, and the pictures' style."""

import math
from typing import Any

from matplotlib.colors import LinearSegmentedColormap, to_hex

from xorlab.outcomes import level

OUTCOME_COLOURS: dict[str, str] = {
    "converged": "#08386f",
    "descending": "#4eb3d3",
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
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "xorlab",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}
"""Matplotlib's settings for every picture: quiet, and the same bytes each time."""

_WARM = LinearSegmentedColormap.from_list("stuck", ["#f3dc8a", "#e3b023", "#ea8548", "#c0302f"])
_STROKES = {"descending": (0, (4, 1.5)), "diverged": (0, (1, 1.2)), "stuck_other": (0, (4, 1.5, 1, 1.5))}


def colour(outcome: str) -> str:
    """Return the colour of an outcome; a level unknown beforehand takes its place on the warm scale."""
    if outcome in OUTCOME_COLOURS:
        return OUTCOME_COLOURS[outcome]
    at = level(outcome)
    return OUTCOME_COLOURS["stuck_other"] if at is None else to_hex(_WARM(min(1.0, at / math.log(2.0))))


def stroke(outcome: str) -> Any:
    """Return the line style of an outcome: solid where the run came to rest."""
    return _STROKES.get(outcome, "solid")
