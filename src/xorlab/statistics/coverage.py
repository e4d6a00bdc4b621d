"""What of a planned grid is done: which runs are missing, failed, repeated, or of other numerics."""

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np
import pandas as pd

from xorlab.errors import XorlabError
from xorlab.spec import NUMERICS
from xorlab.statistics.design import REPLICATE, factors
from xorlab.statistics.settings import numbered

SPARSE = 20
"""Combinations of the values seen, for each run, from which on the runs are not taken for a grid."""

COUNTS = ["intended", "done", "failed", "unfinished", "missing", "duplicated", "foreign"]


def coverage(runs: pd.DataFrame, by: Sequence[str], *, plan: pd.DataFrame | None = None) -> pd.DataFrame:
    """Count in each setting how many of the planned runs are done, and what became of the others.

    Parameters
    ----------
    runs
        One row a run, as `xorlab.runs.load` makes it: with status, outcome and numerics_version.
    by
        The columns that make a setting.
    plan
        A row for each run that was planned, a column for each parameter that varies, as `xorlab.runs.plan` reads it.
        Runs that are in no row of it do not count. None: every combination of the values seen of `by`, and of the
        other parameters that vary, with every seed seen; a setting that no run was started in at all is found only
        where its values occur elsewhere. Where fewer than one in `SPARSE` of these combinations has a run, the runs are
        no grid (parameters drawn at random, say), and only the combinations seen count.

    Returns
    -------
    DataFrame
        The columns of `by`, and counts of planned runs. intended is the sum of: done (a run of it has an outcome),
        failed (else one has failed), unfinished (else one was killed, or is running) and missing (there is none).
        Of those done: duplicated (more than one run has an outcome) and foreign (one with an outcome is by another
        version of the numerics).

    Raises
    ------
    XorlabError
        Where a column of `by` is not in the plan and has more than one value in the runs.
    """
    planned = _seen(runs, by) if plan is None else _of_plan(runs, by, plan)
    has_outcome = runs["outcome"].notna()
    made = runs["numerics_version"] if "numerics_version" in runs else pd.Series(index=runs.index, dtype="str")
    facts = {
        "started": True,
        "done": has_outcome,
        "failed": runs["status"] == "FAILED",
        "foreign": has_outcome & made.notna() & (made.astype("str") != str(NUMERICS)),
    }
    each = pd.DataFrame(facts, index=runs.index).astype("int64")
    found = each.groupby(_rows(runs, planned)).sum().reindex(planned.index, fill_value=0)
    done, failed, started = found["done"] > 0, found["failed"] > 0, found["started"] > 0
    counts = {
        "intended": True,
        "done": done,
        "failed": ~done & failed,
        "unfinished": ~done & ~failed & started,
        "missing": ~started,
        "duplicated": found["done"] > 1,
        "foreign": found["foreign"] > 0,
    }
    values, number = numbered(planned, by)
    totals = pd.DataFrame(counts, index=planned.index).astype("int64").groupby(number).sum()
    rows = [(*setting, *count) for setting, count in zip(values, totals.itertuples(index=False), strict=False)]
    return pd.DataFrame(rows, columns=[*by, *COUNTS]).astype(dict.fromkeys(COUNTS, "int64"))


def _rows(runs: pd.DataFrame, planned: pd.DataFrame) -> "pd.Series[float]":
    """Return for each run which row of the plan it is, NaN for none."""
    keys = [*planned.columns]
    plain, rows = runs.reindex(columns=keys).astype(object), planned.astype(object)  # a column may be empty in one
    return plain.merge(rows.assign(row=planned.index), on=keys, how="left")["row"].set_axis(runs.index)


def _of_plan(runs: pd.DataFrame, by: Sequence[str], plan: pd.DataFrame) -> pd.DataFrame:
    """Return the distinct rows of a plan, with the columns of `by` that it leaves out because they do not vary."""
    planned = plan.drop_duplicates(ignore_index=True)
    for key in by:
        if key in planned:
            continue
        values = list(runs[key].unique()) if key in runs else []
        if len(values) > 1:
            columns = ", ".join(map(str, plan.columns))
            raise XorlabError(f"by must be columns of the plan ({columns}) or not vary; got {key}, which varies")
        planned[key] = values[0] if len(values) else np.nan
    return planned


def _seen(runs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return every combination of what was seen of `by`, of what else varies, and of seeds."""
    keys = [*dict.fromkeys([*by, *factors(runs, by), REPLICATE])]
    if runs.empty:
        return runs.reindex(columns=keys)
    parts = [runs[block].drop_duplicates() for block in _blocks(runs, keys)]
    if math.prod(map(len, parts)) > SPARSE * len(runs):
        return runs[keys].drop_duplicates(ignore_index=True)
    return reduce(lambda left, right: left.merge(right, how="cross"), parts).reset_index(drop=True)


def _blocks(runs: pd.DataFrame, keys: list[str]) -> list[list[str]]:
    """Group the columns that are combined only as they were seen: those of one part where some do not apply.

    With ``init.name`` and ``init.std`` there is no run of zeros with a scale to miss.
    """
    partial = {key.split(".")[0] for key in keys if runs[key].isna().any()}
    blocks: dict[str, list[str]] = {}
    for key in keys:
        part = key.split(".")[0]
        blocks.setdefault(part if part in partial else key, []).append(key)
    return list(blocks.values())
