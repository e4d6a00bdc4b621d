"""How long converging takes, with the runs that never did: Kaplan-Meier, medians, log-rank tests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from xorlab.statistics.comparison import Pairs, holm
from xorlab.statistics.rates import CONFIDENCE, counted
from xorlab.statistics.settings import numbered

Array = NDArray[np.float64]

CURVE_COLUMNS = ["epoch", "at_risk", "events", "survival", "low", "high"]

ONE_HALF = 0.5 + 1e-12
"""One half, with room for rounding: 5 of 10 runs are half of them."""


def survival(runs: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Estimate the share of runs that have not yet converged, by epoch (Kaplan-Meier).

    Parameters
    ----------
    runs
        One row a run, with outcome, epochs (what it was given), epochs_to_converge, and epochs_run where runs can stop
        early; a run without an outcome is not counted.
    by
        The columns that make a setting.

    Returns
    -------
    DataFrame
        The columns of `by`; epoch, at_risk (runs that had not converged before it and were still watched), events
        (runs that converged at it), survival (the share that has not converged by then), low and high (its pointwise
        interval at 95 %). Each setting has a row at epoch 0, at each epoch with an event, and at the last epoch that
        a run of it was watched: the curve is a step that holds until the next row.

    Notes
    -----
    A run that converged has its event at epochs_to_converge. One that did not is watched without an event to the
    last epoch it was given, also when it is stuck or diverged: it never will converge, and to leave it out would
    flatter the setting. Only one that its target_loss stopped, neither converged nor diverged, is watched no longer
    than it ran: what it would have done is not known.

    The interval is Rothman's: Wilson's for as many runs as would give the variance of Greenwood's formula. It stays
    within 0 and 1, has a width where nothing or everything converged, and while no run has gone out of sight it is
    Wilson's interval itself, so that the end of a curve agrees with the rate of convergence.

    References
    ----------
    Kaplan, Meier, JASA 53 (1958). Greenwood, "The natural duration of cancer", 1926. Rothman, "Estimation of confidence
    limits for the cumulative probability of survival in life table analysis", J. Chronic Diseases 31 (1978) 557.
    """
    values, curves = _curves(runs, by)
    rows = [(*values[setting], *row) for setting, *row in curves.itertuples(index=False)]
    return pd.DataFrame(rows, columns=[*by, *CURVE_COLUMNS])


def medians(runs: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Give the epoch by which half the runs of each setting have converged.

    Returns
    -------
    DataFrame
        The columns of `by`; n, events (runs that converged), median, and its interval at 95 %, low and high. The
        median is the first epoch at which no more than half have not converged; low and high are where the limits of
        `survival` come down to one half. NaN is what was not reached in the epochs given.

    References
    ----------
    Brookmeyer, Crowley, "A confidence interval for the median survival time", Biometrics 38 (1982) 29.
    """
    values, curves = _curves(runs, by)
    halves = {name: curves["epoch"].where(curves[name] <= ONE_HALF) for name in ("survival", "low", "high")}
    found = (
        curves.assign(**halves)
        .groupby("setting")
        .agg({"at_risk": "max", "events": "sum", "survival": "min", "low": "min", "high": "min"})
    )
    rows = [(*values[setting], *row) for setting, *row in found.itertuples()]
    return pd.DataFrame(rows, columns=[*by, "n", "events", "median", "low", "high"])


def logrank(
    runs: pd.DataFrame, factor: str | Sequence[str], *, within: Sequence[str] = (), neighbours: bool = False
) -> pd.DataFrame:
    """Test for each two values of a factor whether their runs converge equally fast.

    Parameters
    ----------
    runs, factor, within, neighbours
        As for `xorlab.statistics.compare`.

    Returns
    -------
    DataFrame
        A row for each setting of `within` and each pair of values: the columns of `within`; a and b; n_a, n_b,
        events_a, events_b; statistic, chi squared with one degree of freedom; p, and p_holm adjusted for all rows.

    Notes
    -----
    The test compares whole curves. It has most power where one hazard is a multiple of the other, and may miss a
    difference between curves that cross. It does not use that runs share seeds; where a start does equally well in
    both settings, p is therefore too large rather than too small.

    References
    ----------
    Mantel, Cancer Chemotherapy Reports 50 (1966) 163; Peto, Peto, JRSS A 135 (1972) 185.
    """
    columns = [factor] if isinstance(factor, str) else list(factor)
    runs = _watched(runs)
    pairs = Pairs.of(runs, within, columns, neighbours=neighbours)
    statistic, p = _test(pairs, runs["watched"].to_numpy(), runs["event"].to_numpy())
    n = np.bincount(pairs.number, minlength=len(pairs.values)).tolist()
    events = np.bincount(pairs.number[runs["event"]], minlength=len(pairs.values)).tolist()
    rows = [
        (*pairs.names(a, b), n[a], n[b], events[a], events[b], *tested)
        for (a, b), *tested in zip(pairs, statistic.tolist(), p.tolist(), strict=True)
    ]
    table = pd.DataFrame(rows, columns=[*within, "a", "b", "n_a", "n_b", "events_a", "events_b", "statistic", "p"])
    return table.assign(p_holm=holm(table["p"]))


def _watched(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that count, with the epoch up to which each was watched and whether it converged at it."""
    runs = counted(runs)
    event = (runs["outcome"] == "converged") & runs["epochs_to_converge"].notna()
    given = runs["epochs"].astype("float64")
    ran = runs["epochs_run"].fillna(given) if "epochs_run" in runs else given
    until = ran.where(runs["outcome"] != "diverged", given)
    return runs.assign(event=event, watched=runs["epochs_to_converge"].astype("float64").where(event, until))


def _curves(runs: pd.DataFrame, by: Sequence[str]) -> tuple[list[tuple[Any, ...]], pd.DataFrame]:
    """Return the values of each setting, and the curves of all (`CURVE_COLUMNS`) with the number of their setting."""
    from statsmodels.stats.proportion import proportion_confint

    runs = _watched(runs)
    values, setting = numbered(runs, by)
    counts = {"setting": setting, "epoch": runs["watched"], "events": runs["event"].astype("int64"), "left": 1}
    steps = pd.DataFrame(counts).groupby(["setting", "epoch"], as_index=False).sum()
    left = steps.groupby("setting")["left"]
    steps["at_risk"] = left.transform("sum") - (left.cumsum() - steps["left"])
    last = ~steps.duplicated("setting", keep="last")
    start = steps[~steps.duplicated("setting")].assign(epoch=0.0, events=0)
    curves = pd.concat([start, steps[(steps["events"] > 0) | (last & (steps["epoch"] > 0))]])
    curves = curves.sort_values(["setting", "epoch", "events"], kind="stable", ignore_index=True)

    groups = curves["setting"]
    at_risk, events = curves["at_risk"].astype("float64"), curves["events"].astype("float64")
    share = (1.0 - events / at_risk).groupby(groups).cumprod()
    # Greenwood's formula, the relative variance of the share; where the share is 0 it has no value.
    relative = (events / (at_risk * (at_risk - events)).where(at_risk > events)).groupby(groups).cumsum()
    # As many runs as would give this variance; at 1 those at risk, at 0 as many as before.
    as_many = ((1.0 - share) / (share * relative)).where(share < 1.0, at_risk).where(share > 0.0)
    as_many = as_many.groupby(groups).ffill()
    low, high = proportion_confint(share * as_many, as_many, alpha=1.0 - CONFIDENCE, method="wilson")
    return values, curves.assign(survival=share, low=low, high=high)[["setting", *CURVE_COLUMNS]]


def _test(pairs: Pairs, watched: Array, event: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return the log-rank statistic and p of each pair; 0 and 1 where the two cannot differ."""
    epoch = np.unique(watched, return_inverse=True)[1]
    statistic = np.zeros(len(pairs.a))
    distance = pairs.b - pairs.a
    for step in np.unique(distance):
        chosen = np.flatnonzero(distance == step)
        pair = np.full((2, len(pairs.values)), -1)  # of which pair a setting is the first, and the second
        pair[0, pairs.a[chosen]] = pair[1, pairs.b[chosen]] = np.arange(len(chosen))
        second, run = np.nonzero(pair[:, pairs.number] >= 0)
        of = pair[second, pairs.number[run]]
        statistic[chosen] = _statistics(of, second == 0, epoch[run], event[run], len(chosen))
    return statistic, np.asarray(scipy.stats.chi2.sf(statistic, 1))


def _statistics(
    pair: NDArray[np.int64], first: NDArray[np.bool_], epoch: NDArray[np.int64], event: NDArray[np.bool_], pairs: int
) -> Array:
    """Return the log-rank statistic of each pair of settings, (pairs,).

    Over the runs of all pairs: of which pair, whether of its first setting, until when it was watched, and whether it
    converged then.
    """
    order = np.lexsort((epoch, pair))
    pair, first, epoch, event = pair[order], first[order], epoch[order], event[order]
    new = np.append(True, (np.diff(pair) != 0) | (np.diff(epoch) != 0))  # a pair's next epoch
    starts = np.flatnonzero(new)
    d, d_a = (np.add.reduceat(count.astype(np.float64), starts) for count in (event, event & first))
    own = pair[starts]
    n, n_a = (
        total[own] - (np.cumsum(count) - count)[starts] + (np.cumsum(total) - total)[own]
        for count in (np.ones(len(pair)), first.astype(np.float64))
        for total in [np.bincount(pair, count, minlength=pairs)]
    )
    share = n_a / n
    gap = np.bincount(own, d_a - d * share, minlength=pairs)
    variance = np.bincount(own, d * share * (1.0 - share) * (n - d) / np.maximum(n - 1.0, 1.0), minlength=pairs)
    return np.divide(gap**2, variance, out=np.zeros(pairs), where=variance > 0.0)
