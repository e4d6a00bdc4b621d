"""The order and the wording of outcomes, the same in every picture, table and sentence."""

import math
import re
from collections.abc import Iterable

_STUCK = re.compile(r"stuck_(\d+\.\d+)")
_RANKS = {"converged": 0.0, "at_target": 0.5, "descending": 1.0, "undecided": 1.5, "stuck_other": 3.8}


def level(outcome: str) -> float | None:
    """Return the level that an outcome names; None if it names none."""
    if outcome == "stuck_ln2":
        return math.log(2.0)
    found = _STUCK.fullmatch(outcome)
    return float(found[1]) if found else None


def phrase(outcome: str) -> str:
    """Return an outcome in words, as in ``stuck at ln 2``."""
    if outcome == "stuck_other":
        return "stuck at no level"
    if outcome == "at_target":
        return "at its target"
    return outcome.replace("stuck_", "stuck at ").replace("ln2", "ln 2")


def percent(rate: float) -> str:
    """Write a rate in percent, rounded to whole percent except near 0 and 1: 44, 0.1, 99.9.

    Only a rate of exactly 0 is written as 0, and only a rate of exactly 1 as 100.
    """
    if 0.0 < rate < 0.01:
        return f"{max(100.0 * rate, 0.1):.1f}"
    if 0.99 < rate < 1.0:
        return f"{min(100.0 * rate, 99.9):.1f}"
    return f"{100.0 * rate:.0f}"


def ordered(outcomes: Iterable[str]) -> list[str]:
    """Return the distinct outcomes in order: converged, descending, stuck (lowest level first), diverged."""
    return sorted(set(outcomes), key=lambda outcome: (_rank(outcome), outcome))


def _rank(outcome: str) -> float:
    """Return the place of an outcome, from 0 (converged) to 4 (diverged); a level has the place 2 plus its loss."""
    at = level(outcome)
    return _RANKS.get(outcome, 4.0) if at is None else 2.0 + min(1.7, at)
