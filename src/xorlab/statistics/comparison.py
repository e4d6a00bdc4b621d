"""Settings compared two by two: exact tests, differences with intervals, Holm over all pairs."""

import math
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from xorlab.statistics.design import REPLICATE, factors
from xorlab.statistics.rates import CONFIDENCE, Z, counted
from xorlab.statistics.settings import label, settings

Counts = NDArray[np.int64]

KINDS = {
    **dict.fromkeys(("n", "both", "only_a", "only_b", "neither"), "Int64"),
    **dict.fromkeys(("n_a", "n_b"), "int64"),
    **dict.fromkeys(("rate_a", "rate_b", "difference", "low", "high", "p", "p_holm"), "float64"),
    "method": "str",
}
"""The columns of a comparison and their types."""


def compare(
    runs: pd.DataFrame, factor: str | Sequence[str], *, within: Sequence[str] = (), outcome: str = "converged"
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
    by = [factor] if isinstance(factor, str) else list(factor)
    told = counted(runs)
    partners = _partners(told, [*within, *by])
    rows = [
        (*values, *pair)
        for values, group in settings(told, within)
        for pair in _pairs(group, by, partners[group.index], group["outcome"].to_numpy() == outcome)
    ]
    columns = [*within, "a", "b", *KINDS]
    table = pd.DataFrame(rows, columns=[name for name in columns if name != "p_holm"])
    return table.assign(p_holm=holm(table["p"]))[columns].astype(KINDS)


def holm(p: "pd.Series[float]") -> NDArray[np.float64]:
    """Adjust the p values of a family of tests by Holm's method."""
    from statsmodels.stats.multitest import multipletests

    return np.array(multipletests(p, method="holm")[1] if len(p) else [], dtype=np.float64)


def named(by: Sequence[str], values: Sequence[Any]) -> Any:
    """Return a setting as one value: that of its only column, or the label of several."""
    return values[0] if len(by) == 1 else label(by, values)


def _partners(told: pd.DataFrame, given: Sequence[str]) -> Counts:
    """Number the runs (R,) so that partners have one number; each its own, where a seed tells too little."""
    keys = [*factors(told, given), REPLICATE]
    if REPLICATE not in told or told.duplicated([*given, *keys]).any():
        return np.arange(len(told), dtype=np.int64)
    return np.asarray(told.groupby(keys, dropna=False).ngroup(), dtype=np.int64)


def _pairs(group: pd.DataFrame, by: Sequence[str], partners: Counts, hit: NDArray[np.bool_]) -> Iterator[list[Any]]:
    """Yield a row for each two settings of `group`, whose runs have these partners and did or did not hit."""
    parts = settings(group.assign(place=np.arange(len(group))), by)
    rows = np.unique(partners, return_inverse=True)[1]
    hits = np.zeros((len(group), len(parts)))  # floats, whose products are fast
    misses = hits.copy()
    for column, (_, part) in enumerate(parts):
        place = part["place"].to_numpy()
        hits[rows[place], column], misses[rows[place], column] = hit[place], ~hit[place]
    both, only_a, only_b, neither = hits.T @ hits, hits.T @ misses, misses.T @ hits, misses.T @ misses
    for a, b in combinations(range(len(parts)), 2):
        table = tuple(int(count[a, b]) for count in (both, only_a, only_b, neither))
        alone = tuple(int(count[:, at].sum()) for at in (a, b) for count in (hits, misses))
        n_a, n_b = sum(alone[:2]), sum(alone[2:])
        paired = 2 * sum(table) >= max(n_a, n_b)
        yield [
            *(named(by, parts[at][0]) for at in (a, b)),
            *((sum(table), *table) if paired else [pd.NA] * 5),
            *(n_a, n_b),
            *(_paired(*table) if paired else _unpaired(*alone)),
            "paired" if paired else "unpaired",
        ]


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
    return float(optimize.brentq(excess, (gained - lost) / n + 1e-9, 1.0, xtol=1e-14))


@cache
def _unpaired(hits_a: int, misses_a: int, hits_b: int, misses_b: int) -> tuple[float, ...]:
    """Return rate_a, rate_b, difference, low, high and p of runs without partners."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    n_a, n_b = hits_a + misses_a, hits_b + misses_b
    low, high = confint_proportions_2indep(hits_b, n_b, hits_a, n_a, method="newcomb", alpha=1.0 - CONFIDENCE)
    p = stats.fisher_exact([[hits_a, misses_a], [hits_b, misses_b]]).pvalue
    return hits_a / n_a, hits_b / n_b, hits_b / n_b - hits_a / n_a, float(low), float(high), float(p)
