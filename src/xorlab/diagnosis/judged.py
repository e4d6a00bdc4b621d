"""What verdicts on thousands of drawn runs were worth: how often each came true, and which changes helped.

`judged.csv` beside this file holds the counts; `docs/make/judge.py` writes it and docs/verdicts.md, which has the same
numbers for readers. A verdict says only what this table supports.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_suffix(".csv")
PAGE = "docs/verdicts.md"
LEAST, GROUPS = 20, 5
"""A change helps if so many runs had it, and if it made runs of so many groups converge."""
FUTILE = 0.05
"""A change does not help if no more runs than this converge with it, at the upper end of the interval."""


@dataclass(frozen=True)
class Score:
    """How often something came true.

    Attributes
    ----------
    about : "outcome" (what an outcome predicts came true), "cause" (without the cause the run converged), or "remedy"
        (with the change the run converged)
    name : the outcome, or the cause
    change : what was changed; empty for an outcome
    n, true : the runs, and those for which it came true
    groups : the groups of runs in which it did
    low, high : the 95 % Wilson interval of the share
    against : the upper end of the interval without the change: of ten times the epochs or of another seed, whichever is
        higher, each where it applies
    """

    about: str
    name: str
    change: str
    n: int
    true: int
    groups: int
    low: float
    high: float
    against: float

    @property
    def share(self) -> float:
        """The share of the runs for which it came true."""
        return self.true / self.n

    @property
    def better(self) -> bool:
        """Whether the interval lies above that without the change."""
        return self.n >= LEAST and self.groups >= GROUPS and self.low > self.against

    @property
    def futile(self) -> bool:
        """Whether the change is known not to help."""
        return self.high <= FUTILE


@cache
def scores() -> tuple[Score, ...]:
    """Read the table."""
    with TABLE.open(newline="") as file:
        return tuple(
            Score(
                about=row["about"],
                name=row["name"],
                change=row["change"],
                n=int(row["n"]),
                true=int(row["true"]),
                groups=int(row["groups"]),
                low=float(row["low"]),
                high=float(row["high"]),
                against=float(row["against"]),
            )
            for row in csv.DictReader(file)
        )


@cache
def outcome(name: str) -> Score | None:
    """Return how often the outcome comes true; None for one that predicts nothing."""
    return next((score for score in scores() if (score.about, score.name) == ("outcome", name)), None)


@cache
def confirmed(cause: str) -> bool:
    """Tell whether runs converge without the cause more often than from another seed."""
    return any(score.better for score in scores() if (score.about, score.name) == ("cause", cause))


@cache
def remedies(cause: str) -> tuple[Score, ...]:
    """Return the changes that were tried on enough runs with a cause, the best first."""
    found = [score for score in scores() if (score.about, score.name) == ("remedy", cause) and score.n >= LEAST]
    return tuple(sorted(found, key=lambda score: -score.share))
