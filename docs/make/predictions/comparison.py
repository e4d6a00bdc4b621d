"""The form of a comparison: a prediction and a simulation, each a range that the other should meet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

CONFIDENCE = 0.99
"""The confidence of every interval."""


@dataclass(frozen=True)
class Check:
    """One prediction and what was seen.

    Attributes
    ----------
    what : the quantity, in words
    theory : the prediction, or the bounds that it gives, as (low, high)
    seen : the interval of what was simulated, as (low, high)
    """

    what: str
    theory: tuple[float, float]
    seen: tuple[float, float]

    @property
    def holds(self) -> bool:
        """Tell whether the two ranges meet."""
        return self.seen[0] <= self.theory[1] and self.theory[0] <= self.seen[1]


@dataclass(frozen=True)
class Comparison:
    """A section of the page: its checks, what it fills in the page's template, and its picture."""

    checks: Sequence[Check]
    words: dict[str, str]
    draw: Callable[[], Figure] | None = field(default=None, compare=False)


def interval(count: int, n: int) -> tuple[float, float]:
    """Return the exact interval of a rate at 99 %, given `count` of `n` (Clopper & Pearson, Biometrika 26, 1934)."""
    from scipy.stats import binomtest

    found = binomtest(count, n).proportion_ci(confidence_level=CONFIDENCE, method="exact")
    return float(found.low), float(found.high)
