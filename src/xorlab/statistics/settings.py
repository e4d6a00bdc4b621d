"""The settings of a runs table: which runs share one, in what order, under what label."""

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd


def settings(runs: pd.DataFrame, by: Sequence[str]) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Split runs by the columns of `by`; each value of a setting in its natural order, as [2] before [16]."""
    if not by or runs.empty:
        return [((), runs)]
    groups = [(values, group) for values, group in runs.groupby(list(by), dropna=False, observed=True)]
    return sorted(groups, key=lambda item: tuple(map(natural, item[0])))


def natural(value: Any) -> tuple[int, Any]:
    """Return a key that sorts numbers by size, within text too, and what is missing last."""
    if isinstance(value, str):
        pieces = re.split(r"(\d+)", value)
        return 1, [int(piece) if piece.isdigit() else piece for piece in pieces]
    return (2, 0) if _missing(value) else (0, value)


def short(value: Any) -> str:
    """Return a setting's value as a label: a float by %g, a dash for what does not apply, else as it is."""
    if _missing(value):
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _missing(value: Any) -> bool:
    return bool(pd.isna(value))


def called(factor: str) -> str:
    """Return a factor's name as a label: the group's own for its name, as init for ``init.name``."""
    return factor.removesuffix(".name")


def label(by: Sequence[str], values: Sequence[Any]) -> str:
    """Return a setting as a label, as in ``init=normal, lr=0.1``."""
    return ", ".join(f"{called(name)}={short(value)}" for name, value in zip(by, values, strict=True))
