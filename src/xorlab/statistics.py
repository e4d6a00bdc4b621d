"""Tidy frames of runs into what they say: the factors that vary, rates with their uncertainty."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import pandas as pd
from scipy import stats

from xorlab.columns import PARAMETERS, settings
from xorlab.levels import spectrum
from xorlab.outcomes import ordered
from xorlab.spec import DataSpec, RunSpec

CONFIDENCE = 0.95
"""The confidence of every interval."""

REPLICATE = "seed"
"""The parameter that is repeated to count over, not compared."""


@cache
def wilson(count: int, n: int) -> tuple[float, float]:
    """Return Wilson's interval for a rate, given `count` of `n`.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    interval = stats.binomtest(count, n).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def rates(runs: pd.DataFrame, by: Sequence[str] = (), *, outcomes: Sequence[str] = ("converged",)) -> pd.DataFrame:
    """Count each outcome in each setting.

    Parameters
    ----------
    runs
        One row a run, with its outcome; a run without one (failed, killed, running) is not counted.
    by
        The columns that make a setting; none makes one setting of all runs.
    outcomes
        The outcomes that have their rows even if they never occur.

    Returns
    -------
    DataFrame
        A row for each setting and each outcome that occurs in `runs`: the columns of `by`, outcome, n (the
        setting's runs), count, rate, and Wilson's interval at 95 %, low and high.
    """
    told = runs.dropna(subset="outcome")
    counted = ordered({*outcomes, *told["outcome"]})
    rows = [
        (*values, outcome, len(group), int((group["outcome"] == outcome).sum()))
        for values, group in settings(told, by)
        if len(group)
        for outcome in counted
    ]
    table = pd.DataFrame(rows, columns=[*by, "outcome", "n", "count"])
    intervals = [wilson(count, n) for count, n in zip(table["count"], table["n"], strict=True)]
    table["rate"] = table["count"] / table["n"]
    table[["low", "high"]] = pd.DataFrame(intervals, columns=["low", "high"], dtype="float64")
    return table


def factors(runs: pd.DataFrame) -> list[str]:
    """Return the parameters that tell the settings of `runs` apart, seeds aside.

    One that only follows from those before it does not count: with ``init.name`` comes ``init.std``.
    """
    varying = [key for key in PARAMETERS if key in runs and key != REPLICATE and runs[key].nunique(dropna=False) > 1]
    kept: list[str] = []
    settings = 1
    for key in varying:
        refined = runs.groupby([*kept, key], dropna=False).ngroups
        if refined > settings:
            kept.append(key)
            settings = refined
    return kept


def levels(runs: pd.DataFrame) -> dict[str, float]:
    """Name the levels at which the loss of `runs` can come to rest, highest first.

    Parameters
    ----------
    runs
        One row a run, with the parameters of its data and its loss.
    """
    keys = [key for key in PARAMETERS if key in runs and (key == "loss" or key.startswith("data."))]
    found: dict[str, float] = {}
    for row in runs[keys].drop_duplicates().dropna(subset="loss").to_dict("records"):
        found |= spectrum(RunSpec(data=DataSpec(**_data(row)), loss=row["loss"]))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _data(row: dict[Any, Any]) -> dict[str, Any]:
    """Return the arguments of the data's specification; what is missing does not belong to this data."""
    given = {str(key).removeprefix("data."): value for key, value in row.items() if str(key).startswith("data.")}
    return {key: value for key, value in given.items() if not pd.isna(value)}
