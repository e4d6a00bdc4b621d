"""Rates of outcomes with their uncertainty."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from xorlab.diagnosis.outcomes import ordered, percent, phrase
from xorlab.errors import XorlabError
from xorlab.statistics.settings import numbered

CONFIDENCE = 0.95
"""The confidence of every interval."""

Z = 1.959963984540054
"""The standard normal's quantile of that confidence; SciPy, which has it, takes most of a second to import."""


@cache
def wilson(count: int, n: int) -> tuple[float, float]:
    """Return Wilson's interval for a rate, given `count` of `n`.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    p = count / n
    centre = (2 * n * p + Z**2) / (2 * (n + Z**2))
    delta = Z / (2 * (n + Z**2)) * math.sqrt(4 * n * p * (1.0 - p) + Z**2)
    return 0.0 if count == 0 else centre - delta, 1.0 if count == n else centre + delta


def rates(
    runs: pd.DataFrame,
    by: Sequence[str] = (),
    *,
    outcomes: Sequence[str] = ("converged",),
    coverage: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Count each outcome in each setting.

    Parameters
    ----------
    runs
        One row a run, with its outcome; a run without one (failed, killed, running) is not counted, and a
        repeated one counts once (`distinct`).
    by
        The columns that make a setting; none makes one setting of all runs.
    outcomes
        The outcomes that have their rows even if they never occur.
    coverage
        What `xorlab.statistics.coverage` says of these runs, by at least the columns of `by`.

    Returns
    -------
    DataFrame
        A row for each setting and each outcome that occurs in `runs`: the columns of `by`, outcome, n (the
        setting's runs), count, rate, and Wilson's interval at 95 %, low and high. With `coverage` also
        intended, the planned runs: where n is less, the rate is of an incomplete setting. A
        setting without any outcome has no rate, hence no row.
    """
    runs = counted(runs)
    shown = ordered({*outcomes, *runs["outcome"]})
    values, number = numbered(runs, by)
    kind = pd.Index(shown).get_indexer(pd.Index(runs["outcome"]))
    counts = np.bincount(number * len(shown) + kind, minlength=len(values) * len(shown)).reshape(-1, len(shown))
    rows = [
        (*setting, outcome, sum(own), count)
        for setting, own in zip(values, counts.tolist(), strict=True)
        if sum(own)
        for outcome, count in zip(shown, own, strict=True)
    ]
    table = pd.DataFrame(rows, columns=[*by, "outcome", "n", "count"])
    intervals = [wilson(count, n) for count, n in zip(table["count"], table["n"], strict=True)]
    table["rate"] = table["count"] / table["n"]
    table[["low", "high"]] = pd.DataFrame(intervals, columns=["low", "high"], dtype="float64")
    return table if coverage is None else table.assign(intended=_intended(table, by, coverage))


def _intended(table: pd.DataFrame, by: Sequence[str], coverage: pd.DataFrame) -> "pd.Series[int]":
    """Return for each row of `table` how many runs its setting was meant to have."""
    if not by:
        return pd.Series(int(coverage["intended"].sum()), index=table.index, dtype="int64")
    asked = coverage.groupby(list(by), dropna=False, as_index=False)["intended"].sum()
    return table[[*by]].merge(asked, on=list(by), how="left")["intended"].fillna(0).astype("int64")


def more_seeds(count: int, n: int, *, width: float) -> int:
    """Count the seeds still needed until Wilson's interval is no wider than `width`, if the rate stays `count` of `n`.

    Parameters
    ----------
    width
        Of the interval from low to high, between 0 and 1: 0.2 for 40 to 60 %.

    Raises
    ------
    XorlabError
        Where there is no run to take the rate from, or the width is not between 0 and 1.

    Notes
    -----
    At a fixed rate p the width 2 z sqrt(p (1 - p) n + z^2 / 4) / (n + z^2) falls strictly with n, and is at most
    z / sqrt(n + z^2): so a bisection up to n = (z / width)^2 finds the least n. The counts it asks about are p n,
    which need not be whole.
    """
    if not 0 <= count <= n or n == 0:
        raise XorlabError(f"count must be from 0 to n, and n at least 1; got {count} of {n}")
    if not 0.0 < width < 1.0:
        raise XorlabError(f"width must be between 0 and 1; got {width:g}")
    variance, most = count / n * (1.0 - count / n), max(n, math.ceil((Z / width) ** 2))

    def narrow(n: int) -> bool:
        return 2.0 * Z * math.sqrt(variance * n + Z**2 / 4.0) / (n + Z**2) <= width

    return bisect_left(range(n, most), True, key=narrow)


def sentence(count: int, n: int, outcome: str = "converged") -> str:
    """Say a rate with its interval: ``7 of 10 converged: 40 to 89 %``.

    None and all get the one limit of Wilson's interval at 95 % that is not trivial: ``10 of 10 converged: at
    least 72 %``, ``0 of 10 stuck at ln 2: at most 28 %``.
    """
    counted = f"{count:,} of {n:,} {phrase(outcome)}"
    if n == 0:
        return f"{counted}: nothing is known"
    low, high = map(percent, wilson(count, n))
    limits = {0: f"at most {high}", n: f"at least {low}"}
    return f"{counted}: {limits.get(count, f'{low} to {high}')} %"


def counted(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that count: those with an outcome, each once, numbered anew."""
    return distinct(runs.dropna(subset="outcome")).reset_index(drop=True)


def distinct(runs: pd.DataFrame) -> pd.DataFrame:
    """Return runs without repetition: one of those with the same tag ``spec``, which have the same bits.

    A repeated run adds no information and counts once. One with an outcome is kept before one
    without, else the first; a run without the tag is its own.
    """
    if "spec" not in runs:
        return runs
    kept = runs.sort_values("outcome", key=lambda column: column.isna(), kind="stable")
    repeated = kept["spec"].duplicated() & kept["spec"].notna()
    return runs[~repeated.reindex(runs.index)]


def causes(runs: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Count the causes within each outcome of each setting.

    Parameters
    ----------
    runs
        One row a run, with its outcome and cause; what converged has no cause, and no row here.
    by
        The columns that make a setting.

    Returns
    -------
    DataFrame
        A row for each setting, outcome and cause that occur: the columns of `by`, outcome, cause, n (the
        setting's runs with this outcome) and count (those of them with this cause), the commonest first.
    """
    runs = counted(runs).dropna(subset="cause")
    values, number = numbered(runs, by)
    counts = Counter(zip(number.tolist(), runs["outcome"], runs["cause"], strict=True))
    totals = Counter(zip(number.tolist(), runs["outcome"], strict=True))
    rank = {outcome: place for place, outcome in enumerate(ordered(runs["outcome"]))}
    order = sorted(counts, key=lambda key: (key[0], rank[key[1]], -counts[key], key[2]))
    rows = [
        (*values[setting], outcome, cause, totals[setting, outcome], counts[setting, outcome, cause])
        for setting, outcome, cause in order
    ]
    return pd.DataFrame(rows, columns=[*by, "outcome", "cause", "n", "count"])
