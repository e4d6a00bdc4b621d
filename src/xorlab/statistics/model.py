"""Which factor explains most: a logistic regression on all of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from xorlab.statistics.rates import Z, counted
from xorlab.statistics.settings import natural, short

Array = NDArray[np.float64]

ABOVE_ROUNDING = 1e-6
"""What is above this is not rounding, in linear programs and projections of zeros and ones."""

MAX_CATEGORIES = 20
"""Values of a factor up to which each has a coefficient; more are put together in as many groups."""


@dataclass(frozen=True, eq=False)
class Model:
    """A logistic regression of an outcome on factors.

    Attributes
    ----------
    outcome : what is explained
    n : the runs it rests on
    explained : the share of the null deviance that all factors together take away
    separated : whether some settings are predicted as certain, so that some estimates do not exist
    terms : a row a factor, the one that explains most first: factor, df (free coefficients), deviance (by how much
        leaving this factor out makes the fit worse), share (of the null deviance), p (likelihood ratio test)
    coefficients : a row for each value of a factor but its first, the reference: factor, value, reference, log_odds
        against the reference, its interval at 95 %, low and high, odds_ratio, p (Wald)
    """

    outcome: str
    n: int
    explained: float
    separated: bool
    terms: pd.DataFrame
    coefficients: pd.DataFrame


def model(runs: pd.DataFrame, by: Sequence[str], *, outcome: str = "converged") -> Model:
    """Explain how often an outcome comes by the factors of `by`, each with its own effect on the log odds.

    Parameters
    ----------
    runs
        One row a run, as for `xorlab.statistics.rates`.
    by
        The factors, taken as categories; a value of one is missing where it does not apply. The values of a factor
        with more than `MAX_CATEGORIES` of them are taken in that many groups of neighbours, named by their ends.

    Notes
    -----
    The null deviance is that of single runs at one rate for all. What seeds decide stays unexplained, so that the
    shares of useful factors can be small. A factor's share is what it adds to all others; shares need not add up
    to `explained`.

    Where a combination of factors tells some settings' outcomes with certainty (separation), as where a value of a
    factor never converges, no finite estimate fits best. These settings are then found by a linear program, and what is
    left is fitted: the limit that the likelihood tends to. A coefficient that exists has its estimate; one that
    grows without end is inf or -inf, its interval and p missing; one that may go either way is missing, as is one
    that follows from others. The deviances exist all the same; their p is rough then, for df counts every coefficient.

    The errors are those of independent runs. Runs that share seeds over settings are not: for two settings `compare` is
    the test.

    References
    ----------
    McCullagh, Nelder, Generalized linear models, 2nd ed. 1989. Albert, Anderson, "On the existence of maximum
    likelihood estimates in logistic regression models", Biometrika 71 (1984) 1. Geyer, "Likelihood inference in
    exponential families and directions of recession", Electronic Journal of Statistics 3 (2009) 259.
    """
    runs = counted(runs)
    values, codes = zip(*(_categories(runs[factor]) for factor in by), strict=True) if by else ((), ())
    keys = np.stack([*codes, runs["outcome"] == outcome], axis=1).astype(np.int64)  # (R, factors + 1)
    kinds, counts = np.unique(keys, axis=0, return_counts=True)
    hit, n = kinds[:, -1].astype(np.bool_), counts.astype(np.float64)
    dummies = [
        (of, (kinds[:, [at]] == np.arange(1, len(of))).astype(np.float64))  # the first value is the reference
        for at, of in enumerate(values)
    ]
    whole = _fit([columns for _, columns in dummies], hit, n)
    without = [_fit([columns for _, columns in (*dummies[:at], *dummies[at + 1 :])], hit, n) for at in range(len(by))]
    null = _fit([], hit, n).deviance or math.nan
    terms = pd.DataFrame({"factor": [*by], "df": np.array([whole.rank - fit.rank for fit in without], dtype=np.int64)})
    terms["deviance"] = np.array([max(fit.deviance - whole.deviance, 0.0) for fit in without])
    terms["share"] = terms["deviance"] / null
    terms["p"] = scipy.stats.chi2.sf(terms["deviance"], terms["df"].where(terms["df"] > 0))
    named = [(factor, value, of[0]) for factor, (of, _) in zip(by, dummies, strict=True) for value in of[1:]]
    return Model(
        outcome=outcome,
        n=int(n.sum()),
        explained=1.0 - whole.deviance / null,
        separated=bool(whole.certain.any()),
        terms=terms.sort_values("deviance", ascending=False, kind="stable", ignore_index=True),
        coefficients=_coefficients(named, whole),
    )


@dataclass(frozen=True, eq=False)
class _Fit:
    """A fit to K kinds of runs.

    Attributes
    ----------
    signed : (K, P) the design, its rows with a minus where the runs did not hit
    certain : (K,) what is predicted with certainty, in the limit
    deviance, rank : of the fit, of the design
    params, errors : (P,) the estimates and their standard errors, NaN where there is none
    """

    signed: Array
    certain: NDArray[np.bool_]
    deviance: float
    rank: int
    params: Array
    errors: Array


def _categories(column: "pd.Series[Any]") -> tuple[list[Any], NDArray[np.int64]]:
    """Return a factor's values in natural order, or groups of them, and the place of each run's value, (R,)."""
    codes, found = pd.factorize(column, use_na_sentinel=False)
    order = sorted(range(len(found)), key=lambda at: natural(found[at]))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    values = [found[at] for at in order]
    if len(values) <= MAX_CATEGORIES:
        return values, place[codes]
    starts = [-(-group * len(values) // MAX_CATEGORIES) for group in range(MAX_CATEGORIES)]
    groups = [values[start:end] for start, end in pairwise([*starts, len(values)])]
    return [f"{short(own[0])} to {short(own[-1])}" for own in groups], place[codes] * MAX_CATEGORIES // len(values)


def _fit(columns: Sequence[Array], hit: NDArray[np.bool_], n: Array) -> _Fit:
    """Fit an intercept and these columns to hits (K,) of n runs each (K,); what is certain is left out."""
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    X = np.hstack([np.ones((len(n), 1)), *columns])
    signed = np.where(hit, 1.0, -1.0)[:, None] * X
    certain = _certain(signed)
    rest, params, errors = ~certain, np.full(X.shape[1], np.nan), np.full(X.shape[1], np.nan)
    deviance, rank = 0.0, len(_independent(X))
    if rest.any():
        chosen = _independent(X[rest])
        model = GLM(hit[rest].astype(np.float64), X[rest][:, chosen], family=Binomial(), freq_weights=n[rest])
        fit = model.fit(tol=1e-10, tol_criterion="params")
        params[chosen], errors[chosen], deviance = fit.params, fit.bse, float(fit.deviance)
        free = scipy.linalg.null_space(X[rest].T @ X[rest])  # (P, F), along which the fit does not change
        tied = (np.abs(free) > ABOVE_ROUNDING).any(axis=1)
        params[tied] = errors[tied] = np.nan
    return _Fit(signed, certain, deviance, rank, params, errors)


def _independent(X: Array) -> NDArray[np.int64]:
    """Return as many columns of X (K, P) as are linearly independent."""
    if not X.size:
        return np.arange(0)
    _, R, order = scipy.linalg.qr(X, mode="economic", pivoting=True)
    return np.sort(order[: int((np.abs(np.diag(R)) > ABOVE_ROUNDING).sum())])


def _certain(signed: Array) -> NDArray[np.bool_]:
    """Tell which rows (K,) of a signed design a logistic regression predicts with certainty, in the limit.

    There is then a direction b with signed b >= 0 in all rows and > 0 in these: going on along it, the fit only gets
    better. As such directions can be scaled and added up, one that has the most rows at 1 or above has all.
    """
    K, P = signed.shape
    if K == 0:
        return np.zeros(0, dtype=np.bool_)
    solved = scipy.optimize.linprog(
        np.repeat([0.0, -1.0], [P, K]),  # the most t, where t <= signed b
        A_ub=scipy.sparse.hstack([scipy.sparse.csr_array(-signed), scipy.sparse.eye_array(K)]),
        b_ub=np.zeros(K),
        bounds=[(None, None)] * P + [(0.0, 1.0)] * K,
    )
    return np.asarray(solved.x[P:] > 0.5)


def _limit(fit: _Fit, at: int) -> float:
    """Return where a coefficient without an estimate goes: inf, -inf, or NaN if that is not determined."""
    certain, rest = scipy.sparse.csr_array(fit.signed[fit.certain]), scipy.sparse.csr_array(fit.signed[~fit.certain])
    for sign in (1.0, -1.0):
        least = scipy.optimize.linprog(
            sign * np.eye(fit.signed.shape[1])[at],
            A_ub=-certain,
            b_ub=-np.ones(certain.shape[0]),
            A_eq=rest,
            b_eq=np.zeros(rest.shape[0]),
            bounds=(None, None),
        )
        if least.status == 0:  # bounded, hence above 0: what is 0 in all directions has an estimate
            return sign * math.inf
    return math.nan


def _coefficients(named: Sequence[tuple[Any, ...]], fit: _Fit) -> pd.DataFrame:
    """Return the table of coefficients, named by factor, value and reference in the order of the design."""
    table = pd.DataFrame(named, columns=["factor", "value", "reference"])
    params, errors = fit.params[1:], fit.errors[1:]
    table["log_odds"] = [
        _limit(fit, at) if math.isnan(value) else float(value) for at, value in enumerate(params, start=1)
    ]
    table["low"], table["high"] = params - Z * errors, params + Z * errors
    table["odds_ratio"] = np.exp(table["log_odds"])
    table["p"] = 2.0 * scipy.stats.norm.sf(np.abs(params) / errors)
    return table
