"""Settings compared two by two: exact tests, differences with intervals, Holm over all pairs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from xorlab.statistics.design import REPLICATE, factors
from xorlab.statistics.rates import CONFIDENCE, Z, counted
from xorlab.statistics.settings import label, numbered

Counts = NDArray[np.int64]

COLUMN_TYPES = {
    **dict.fromkeys(("n", "both", "only_a", "only_b", "neither"), "Int64"),
    **dict.fromkeys(("n_a", "n_b"), "int64"),
    **dict.fromkeys(("rate_a", "rate_b", "difference", "low", "high", "p", "p_holm"), "float64"),
    "method": "str",
}
"""The columns of a comparison and their types."""


def compare(
    runs: pd.DataFrame,
    factor: str | Sequence[str],
    *,
    within: Sequence[str] = (),
    outcome: str = "converged",
    neighbours: bool = False,
) -> pd.DataFrame:
    """Compare how often an outcome comes with each two values of a factor.

    Two settings are paired where at least half of the runs of either have a partner in the other: the run of the
    same seed and of the same value of every other parameter that varies. What has no partner is then left out.

    Parameters
    ----------
    runs
        One row a run, as for `xorlab.statistics.rates`.
    factor
        The column, or columns, whose values are compared.
    within
        The columns in whose settings the comparison is made, each setting for itself.
    neighbours
        Compare each value with the next one only, in natural order. The pairs of all values are quadratic in
        their number.

    Returns
    -------
    DataFrame
        A row for each setting of `within` and each pair of values: the columns of `within`; a and b (a value, or
        for several columns their label, in natural order); n, the pairs of runs, and of these both, only_a, only_b,
        neither, with the outcome (missing where unpaired); n_a and n_b, the runs of each; rate_a, rate_b and
        difference, rate_b - rate_a, of the runs compared, with its interval at 95 %, low and high; p, of the exact
        test that the rates are equal; p_holm, the same adjusted for all rows; method, which is "paired" or
        "unpaired".

    Notes
    -----
    Paired: McNemar's exact test and Tango's score interval. Unpaired: Fisher's exact test and Newcombe's hybrid score
    interval. As the tests are exact and the intervals are not, they can differ about a borderline difference.

    Pairs that share a seed, at several values of a further factor, share their initial weights: they are less than
    independent, and p too small. Such a factor belongs in `within`.

    References
    ----------
    McNemar, Psychometrika 12 (1947). Holm, Scandinavian Journal of Statistics 6 (1979). Tango, "Equivalence test and
    confidence interval for the difference in proportions for the paired-sample design", Statistics in Medicine 17
    (1998) 891. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in
    Medicine 17 (1998) 873. On the choice: Fagerland, Lydersen, Laake, Statistics in Medicine 33 (2014) 2850.
    """
    columns = [factor] if isinstance(factor, str) else list(factor)
    runs = counted(runs)
    partner = _partners(runs, [*within, *columns])
    pairs = Pairs.of(runs, within, columns, neighbours=neighbours)
    hit = (runs["outcome"] == outcome).to_numpy()
    alone = np.bincount(2 * pairs.number + ~hit, minlength=2 * len(pairs.values)).reshape(-1, 2).tolist()
    rows = []
    for (a, b), table in zip(pairs, _tables(pairs, partner, hit), strict=True):
        n_a, n_b = sum(alone[a]), sum(alone[b])
        if 2 * sum(table) >= max(n_a, n_b):
            found = [sum(table), *table, n_a, n_b, *_paired(*table), "paired"]
        else:
            found = [*[pd.NA] * 5, n_a, n_b, *_unpaired(*alone[a], *alone[b]), "unpaired"]
        rows.append([*pairs.names(a, b), *found])
    names = [*within, "a", "b", *COLUMN_TYPES]
    frame = pd.DataFrame(rows, columns=[name for name in names if name != "p_holm"])
    return frame.assign(p_holm=holm(frame["p"]))[names].astype(COLUMN_TYPES)


@dataclass(frozen=True)
class Pairs:
    """The pairs of settings to compare, each two of the same setting of `within`.

    Attributes
    ----------
    within, factors : how many columns of a setting are held fixed, and the names of those that are compared
    values : the values of each setting, `within` first, in natural order
    number : (R,) the number of each run's setting
    a, b : (P,) the numbers of the two settings of each pair, a before b
    """

    within: int
    factors: Sequence[str]
    values: list[tuple[Any, ...]]
    number: Counts
    a: Counts
    b: Counts

    @classmethod
    def of(cls, runs: pd.DataFrame, within: Sequence[str], factors: Sequence[str], *, neighbours: bool) -> "Pairs":
        """Pair the settings of `runs`: all of each setting of `within`, or only those that are neighbours."""
        values, number = numbered(runs, [*within, *factors])
        own = numbered(runs, within)[1]
        fixed = np.zeros(len(values), dtype=np.int64)
        fixed[number] = own  # ascending: settings of the same `within` are next to each other
        ends = np.searchsorted(fixed, fixed, side="right")
        starts = np.arange(len(values))
        ends = np.minimum(ends, starts + 2) if neighbours else ends
        counts = ends - starts - 1
        a = np.repeat(starts, counts)
        b = a + 1 + np.arange(len(a)) - np.repeat(np.cumsum(counts) - counts, counts)
        return cls(len(within), factors, values, number, a, b)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.a.tolist(), self.b.tolist(), strict=True)

    def names(self, a: int, b: int) -> tuple[Any, ...]:
        """Return the values that two settings share, then the value or label of each."""
        own = (self.values[setting][self.within :] for setting in (a, b))
        names = (values[0] if len(self.factors) == 1 else label(self.factors, values) for values in own)
        return *self.values[a][: self.within], *names


def _tables(pairs: Pairs, partner: Counts, hit: NDArray[np.bool_]) -> list[list[int]]:
    """Count for each pair its partners of whom both hit, only a, only b and neither, over hits (R,) and partners (R,).

    For each distance between two settings in their order one search finds the partners of all runs.
    """
    tables = np.zeros((len(pairs.a), 4), dtype=np.int64)
    settings = len(pairs.values)
    key = partner * settings + pairs.number
    order = np.argsort(key)
    key, hit, number = key[order], hit[order], pairs.number[order]
    distance = pairs.b - pairs.a
    for step in np.unique(distance):
        pair_of = np.full(settings, -1)  # which pair a setting begins that has this distance
        pair_of[pairs.a[distance == step]] = np.flatnonzero(distance == step)
        own = np.flatnonzero(pair_of[number] >= 0)
        found = np.searchsorted(key, key[own] + step)
        own, found = own[found < len(key)], found[found < len(key)]
        same = key[found] == key[own] + step
        own, found = own[same], found[same]
        np.add.at(tables, (pair_of[number[own]], 2 * ~hit[own] + ~hit[found]), 1)
    return tables.tolist()


def holm(p: "pd.Series[float]") -> NDArray[np.float64]:
    """Adjust the p values of a family of tests by Holm's method.

    Statsmodels has it too, but collects garbage in each call, which takes longer than all the rest of a comparison.
    """
    values = p.to_numpy(dtype=np.float64)
    order = values.argsort()
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return np.minimum(adjusted, 1.0)


def _partners(runs: pd.DataFrame, given: Sequence[str]) -> Counts:
    """Number the runs (R,) so that partners share a number; each has its own where a seed does not identify a run."""
    keys = [*factors(runs, given), REPLICATE]
    if REPLICATE not in runs or runs.duplicated([*given, *keys]).any():
        return np.arange(len(runs), dtype=np.int64)
    return np.asarray(runs.groupby(keys, dropna=False).ngroup(), dtype=np.int64)


@cache
def _paired(both: int, only_a: int, only_b: int, neither: int) -> tuple[float, ...]:
    """Return rate_a, rate_b, difference, low, high and p of paired runs."""
    from statsmodels.stats.contingency_tables import mcnemar

    n = both + only_a + only_b + neither
    p = mcnemar([[both, only_a], [only_b, neither]], exact=True).pvalue
    low, high = -_score_limit(only_a, only_b, n), _score_limit(only_b, only_a, n)
    return (both + only_a) / n, (both + only_b) / n, (only_b - only_a) / n, low, high, float(p)


def _score_limit(gained: int, lost: int, n: int) -> float:
    """Return Tango's upper limit for the difference of paired rates, (gained - lost) / n.

    It is the greatest difference d that a score test does not refuse: (gained - lost - n d)^2 is z^2 times the
    variance n (2 q + d (1 - d)), where q is the likeliest probability of a loss, given d.
    """
    if gained == n:
        return 1.0

    def excess(d: float) -> float:
        linear = (2 * n - gained + lost) * d - gained - lost
        root = math.sqrt(max(linear**2 + 8.0 * n * lost * d * (1.0 - d), 0.0))
        variance = n * ((root - linear) / (2.0 * n) + d * (1.0 - d))
        return float((gained - lost - n * d) ** 2 - Z**2 * variance)

    # Just beyond the estimate, at which the variance may be 0.
    return float(scipy.optimize.brentq(excess, (gained - lost) / n + 1e-9, 1.0, xtol=1e-14))


@cache
def _unpaired(hits_a: int, misses_a: int, hits_b: int, misses_b: int) -> tuple[float, ...]:
    """Return rate_a, rate_b, difference, low, high and p of runs without partners."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    n_a, n_b = hits_a + misses_a, hits_b + misses_b
    low, high = confint_proportions_2indep(hits_b, n_b, hits_a, n_a, method="newcomb", alpha=1.0 - CONFIDENCE)
    p = scipy.stats.fisher_exact([[hits_a, misses_a], [hits_b, misses_b]]).pvalue
    return hits_a / n_a, hits_b / n_b, hits_b / n_b - hits_a / n_a, float(low), float(high), float(p)
