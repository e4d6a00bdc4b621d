"""The settings of a runs table: which runs share one, in what order, under what label."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def numbered(runs: pd.DataFrame, by: Sequence[str]) -> tuple[list[tuple[Any, ...]], NDArray[np.int64]]:
    """Number the settings of `by` in natural order, as [2] before [16].

    Returns
    -------
    The values of each setting, and the number of each run's setting, shape (R,). Without factors, or without runs,
    there is one setting, which has no values.
    """
    if not by or runs.empty:
        return [()], np.zeros(len(runs), dtype=np.int64)
    found = runs.groupby(list(by), dropna=False, observed=True, sort=False).ngroup().to_numpy()
    _, first = np.unique(found, return_index=True)
    values = list(runs[[*by]].iloc[first].itertuples(index=False, name=None))
    order = sorted(range(len(values)), key=lambda place: tuple(map(natural, values[place])))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return [values[place] for place in order], number[found]


def settings(runs: pd.DataFrame, by: Sequence[str]) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Split runs by the settings of `by`, in natural order."""
    if not by or runs.empty:
        return [((), runs)]
    values, number = numbered(runs, by)
    order = np.argsort(number, kind="stable")
    ends = np.cumsum(np.bincount(number))
    sorted_runs = runs.iloc[order]
    return [(values[at], sorted_runs.iloc[start:end]) for at, (start, end) in enumerate(pairwise([0, *ends]))]


def natural(value: Any) -> tuple[int, Any]:
    """Return a key that sorts numbers by size, within text too, and what is missing last."""
    if isinstance(value, str):
        pieces = re.split(r"(\d+)", value)
        return 1, [int(piece) if piece.isdigit() else piece for piece in pieces]
    return (2, 0) if pd.isna(value) else (0, value)


def short(value: Any) -> str:
    """Return a setting's value as a label: a float by %g, a dash for what does not apply, else as it is."""
    if pd.isna(value):
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def factor_label(factor: str) -> str:
    """Return a factor's name as a label: that of the group for the name of its choice, as init for ``init.name``."""
    return factor.removesuffix(".name")


def label(by: Sequence[str], values: Sequence[Any]) -> str:
    """Return a setting as a label, as in ``init=normal, lr=0.1``."""
    return ", ".join(f"{factor_label(name)}={short(value)}" for name, value in zip(by, values, strict=True))
