"""One colour, one stroke and one phrase for each outcome, in every picture and table."""

import math
import re
from typing import Any

from matplotlib.colors import LinearSegmentedColormap, to_hex

OUTCOME_COLOURS: dict[str, str] = {
    "converged": "#08519c",
    "descending": "#4eb3d3",
    "stuck_0.347": "#e0a91b",
    "stuck_0.477": "#e8743b",
    "stuck_ln2": "#ad1f2d",
    "stuck_0.125": "#e0a91b",
    "stuck_0.167": "#e8743b",
    "stuck_0.250": "#ad1f2d",
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

_STUCK = re.compile(r"stuck_(\d+\.\d+)")
_WARM = LinearSegmentedColormap.from_list("stuck", ["#f3dc8a", "#e0a91b", "#e8743b", "#ad1f2d"])
_STROKES = {"descending": (0, (4, 1.5)), "diverged": (0, (1, 1.2)), "stuck_other": (0, (4, 1.5, 1, 1.5))}


def colour(outcome: str) -> str:
    """Return the colour of an outcome; a level unknown beforehand takes its place on the warm scale."""
    if outcome in OUTCOME_COLOURS:
        return OUTCOME_COLOURS[outcome]
    level = _STUCK.fullmatch(outcome)
    if level is None:
        return OUTCOME_COLOURS["stuck_other"]
    return to_hex(_WARM(min(1.0, float(level[1]) / math.log(2.0))))


def stroke(outcome: str) -> Any:
    """Return the line style of an outcome: solid where the run came to rest."""
    return _STROKES.get(outcome, "solid")


def phrase(outcome: str) -> str:
    """Return an outcome in words, as in ``stuck at ln 2``."""
    if outcome == "stuck_ln2":
        return "stuck at ln 2"
    if outcome == "stuck_other":
        return "stuck at no level"
    return outcome.replace("stuck_", "stuck at ")


def ordered(outcomes: Any) -> list[str]:
    """Return the outcomes that occur, from converged through descending and stuck to diverged."""
    return sorted(set(outcomes), key=lambda outcome: (_rank(outcome), outcome))


def _rank(outcome: str) -> float:
    """Place an outcome between 0 (converged) and 4 (diverged); a level stands at 2 plus its loss."""
    fixed = {"converged": 0.0, "descending": 1.0, "stuck_ln2": 2.0 + math.log(2.0), "stuck_other": 3.8}
    if outcome in fixed:
        return fixed[outcome]
    level = _STUCK.fullmatch(outcome)
    return 2.0 + min(1.7, float(level[1])) if level else 4.0
