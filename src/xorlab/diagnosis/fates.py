"""What became of a run, in one word for a map: its outcome, or what kind of it, by the cause."""

from collections.abc import Iterable

from xorlab.diagnosis.outcomes import ordered as by_outcome
from xorlab.diagnosis.outcomes import phrase as outcome_phrase

FAILED = "failed"
"""The fate of a run that could not be trained or judged."""
OSCILLATING = "oscillating"
"""The fate of a run whose steps do not follow the gradient, at whatever loss."""
KINDS = {"affine_collapse": "affine", "all_dead": "dead", "killed": "dead"}
"""The causes that divide a level into kinds."""
WORDS = {"affine": "affine collapse", "dead": "a layer's units all dead"}


def fate(outcome: str | None, cause: str | None) -> str:
    """Return a run's fate: an outcome, ``stuck_ln2:affine`` or ``stuck_ln2:dead``, ``oscillating``, or ``failed``."""
    if not outcome:
        return FAILED
    if cause == OSCILLATING:
        return OSCILLATING
    kind = KINDS.get(cause or "")
    return f"{outcome}:{kind}" if kind and outcome.startswith("stuck") else outcome


def phrase(name: str) -> str:
    """Return a fate in words, as in ``stuck at ln 2, affine collapse``."""
    outcome, _, kind = name.partition(":")
    if outcome in (FAILED, OSCILLATING):
        return outcome
    return outcome_phrase(outcome) + (f", {WORDS[kind]}" if kind else "")


def ordered(names: Iterable[str]) -> list[str]:
    """Return the distinct fates in the order of their outcomes; those that are no outcomes come last."""
    distinct = set(names)
    places = {outcome: n for n, outcome in enumerate(by_outcome(name.partition(":")[0] for name in distinct))}
    return sorted(distinct, key=lambda name: (name in (FAILED, OSCILLATING), places[name.partition(":")[0]], name))
