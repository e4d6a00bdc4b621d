"""A prediction and a simulated interval, and whether they agree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

CONFIDENCE = 0.99
"""The confidence of every interval."""


@dataclass(frozen=True)
class Check:
    """One prediction beside its simulation.

    Attributes
    ----------
    quantity : what is predicted
    theory : the prediction, or its bounds, as (low, high)
    simulated : the interval from simulation, as (low, high)
    """

    quantity: str
    theory: tuple[float, float]
    simulated: tuple[float, float]

    @property
    def holds(self) -> bool:
        """Whether the two ranges overlap."""
        return self.simulated[0] <= self.theory[1] and self.theory[0] <= self.simulated[1]


@dataclass(frozen=True)
class Comparison:
    """A section of the page: its checks, the fields it fills in the template, and its picture."""

    checks: Sequence[Check]
    fields: dict[str, str]
    draw: Callable[[], Figure] | None = field(default=None, compare=False)


def interval(count: int, n: int) -> tuple[float, float]:
    """Return the exact 99 % interval of a rate, given `count` of `n` (Clopper & Pearson, Biometrika 26, 1934)."""
    from scipy.stats import binomtest

    found = binomtest(count, n).proportion_ci(confidence_level=CONFIDENCE, method="exact")
    return float(found.low), float(found.high)
