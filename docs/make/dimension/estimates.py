"""Dimensions from counts, and their means over seeds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from dimension import zooms
from dimension.record import Boxes, Levels

LEAST = 5
"""Seeds that an interval needs."""
FINEST = (1, 2, 4, 8, 16)
"""The boxes, in pixels, over which the dimension of a map is taken."""


@dataclass(frozen=True)
class Estimate:
    """The mean of a number over seeds, its standard error between seeds, and its 95 % interval from a bootstrap."""

    n: int
    mean: float
    error: float
    low: float
    high: float

    def __str__(self) -> str:
        if not self.n:
            return "–"
        if self.n < LEAST:
            return f"{self.mean:.2f}"
        return f"{self.mean:.2f} ({self.low:.2f} to {self.high:.2f})"


def estimate(values: Sequence[float]) -> Estimate:
    """Estimate a mean from one value a seed; fewer than `LEAST` seeds give no interval."""
    n = len(values)
    if n < LEAST:
        mean = float(np.mean(values)) if n else np.nan
        return Estimate(n, mean, np.nan, -np.inf, np.inf)
    found = bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    error = float(np.std(values, ddof=1) / np.sqrt(n))
    return Estimate(n, float(np.mean(values)), error, float(found.low), float(found.high))


def dimensions(found: Iterable[Levels], levels: Iterable[int]) -> list[float]:
    """Return D of each zoom over some levels together, of those that have a boundary in all of them."""
    wanted = list(levels)
    whole = [[own[level] for level in wanted] for own in found if len(own) > wanted[-1]]
    pairs = [np.sum([[row[f"lag{lag}"] for lag in zooms.LAGS] for row in own], axis=0) for own in whole]
    return [float(zooms.dimension(each)) for each in pairs if each.all()]


def box_dimension(counts: Boxes) -> float:
    """Return D from the numbers of the smallest boxes, by least squares over the logarithms."""
    slope, _ = np.polyfit(np.log(FINEST), np.log([counts[box] for box in FINEST]), 1)
    return -float(slope)
