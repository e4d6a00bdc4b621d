"""How long converging takes, with the runs that never did: Kaplan-Meier, medians, log-rank tests."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from xorlab.statistics.comparison import holm, named
from xorlab.statistics.rates import CONFIDENCE, counted
from xorlab.statistics.settings import settings

CURVE = ["epoch", "at_risk", "events", "survival", "low", "high"]

HALF = 0.5 + 1e-12
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
    curves = [(values, _curve(group)) for values, group in settings(_watched(runs), by) if len(group)]
    rows = [(*values, *row) for values, curve in curves for row in curve.itertuples(index=False)]
    return pd.DataFrame(rows, columns=[*by, *CURVE])


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
    watched = _watched(runs)
    rows = [
        (*values, len(group), int(group["event"].sum()), *_halved(_curve(group)))
        for values, group in settings(watched, by)
        if len(group)
    ]
    return pd.DataFrame(rows, columns=[*by, "n", "events", "median", "low", "high"])


def logrank(runs: pd.DataFrame, factor: str | Sequence[str], *, within: Sequence[str] = ()) -> pd.DataFrame:
    """Test for each two values of a factor whether their runs converge equally fast.

    Parameters
    ----------
    runs, factor, within
        As for `xorlab.statistics.compare`.

    Returns
    -------
    DataFrame
        A row for each setting of `within` and each pair of values: the columns of `within`; a and b; n_a, n_b,
        events_a, events_b; statistic, chi squared with one degree of freedom; p, and p_holm adjusted for all rows.

    Notes
    -----
    The test compares whole curves and has most power where one hazard is a multiple of the other; curves that cross may
    differ and not be told apart. That runs share seeds is not used, which for starts that fare alike in both settings
    makes p too large rather than too small.

    References
    ----------
    Mantel, Cancer Chemotherapy Reports 50 (1966) 163; Peto, Peto, JRSS A 135 (1972) 185.
    """
    by = [factor] if isinstance(factor, str) else list(factor)
    rows = [
        (*values, named(by, a), named(by, b), len(A), len(B), *_events(A, B), *_test([A, B])[::2])
        for values, group in settings(_watched(runs), within)
        for (a, A), (b, B) in combinations(settings(group, by), 2)
    ]
    table = pd.DataFrame(rows, columns=[*within, "a", "b", "n_a", "n_b", "events_a", "events_b", "statistic", "p"])
    return table.assign(p_holm=holm(table["p"]))


def logrank_overall(runs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Test whether the runs of all settings converge equally fast: one row of settings, n, events, statistic, df, p."""
    watched = _watched(runs)
    parts = [group for _, group in settings(watched, by) if len(group)]
    row = (len(parts), len(watched), int(watched["event"].sum()), *_test(parts))
    return pd.DataFrame([row], columns=["settings", "n", "events", "statistic", "df", "p"])


def _watched(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that count, with the epoch up to which each was watched and whether it converged at it."""
    told = counted(runs)
    event = (told["outcome"] == "converged") & told["epochs_to_converge"].notna()
    given = told["epochs"].astype("float64")
    ran = told["epochs_run"].fillna(given) if "epochs_run" in told else given
    until = ran.where(told["outcome"] != "diverged", given)
    return told.assign(event=event, watched=told["epochs_to_converge"].astype("float64").where(event, until))


def _curve(group: pd.DataFrame) -> pd.DataFrame:
    """Return a setting's curve (`CURVE`)."""
    from statsmodels.duration.survfunc import SurvfuncRight
    from statsmodels.stats.proportion import proportion_confint

    times, last = group["watched"].to_numpy(), group["watched"].max()
    fit = SurvfuncRight(times, group["event"].to_numpy())
    steps = zip(fit.surv_times, fit.n_risk, fit.n_events, fit.surv_prob, fit.surv_prob_se, strict=True)
    rows = [(0.0, len(group), 0, 1.0, 0.0), *steps]
    if last > rows[-1][0]:
        rows.append((last, int((times == last).sum()), 0, *rows[-1][3:]))
    curve = pd.DataFrame(rows, columns=[*CURVE[:4], "error"]).astype({"at_risk": "int64", "events": "int64"})
    share = curve["survival"]
    # As many runs as would give this error; at 1 those at risk, at 0 as many as before.
    runs = (share * (1.0 - share) / curve["error"] ** 2).where(share < 1.0, curve["at_risk"]).ffill()
    low, high = proportion_confint(share * runs, runs, alpha=1.0 - CONFIDENCE, method="wilson")
    return curve.assign(low=low, high=high)[CURVE]


def _halved(curve: pd.DataFrame) -> list[float]:
    """Return the first epochs at which a curve and its limits are at one half or below, NaN for never."""
    return [float(curve["epoch"][curve[name] <= HALF].min()) for name in ("survival", "low", "high")]


def _events(*parts: pd.DataFrame) -> list[int]:
    return [int(part["event"].sum()) for part in parts]


def _test(parts: Sequence[pd.DataFrame]) -> tuple[float, int, float]:
    """Return the log-rank statistic, its degrees of freedom and p; 0 and 1 where there is nothing to tell apart."""
    from statsmodels.duration.survfunc import survdiff

    if len(parts) < 2:
        return 0.0, 0, 1.0
    runs = pd.concat([part[["watched", "event"]].assign(setting=place) for place, part in enumerate(parts)])
    first = runs["watched"][runs["event"]].min()
    seen = runs[runs.groupby("setting")["watched"].transform("max") >= first]  # none where there is no event
    df = seen["setting"].nunique() - 1
    if df < 1:
        return 0.0, 0, 1.0
    try:
        statistic = float(survdiff(seen["watched"], seen["event"], seen["setting"])[0])
    except np.linalg.LinAlgError:  # all that were still watched converged at once
        return 0.0, 0, 1.0
    return statistic, df, float(stats.chi2.sf(statistic, df))  # survdiff's own p ends at 1e-16
