"""The columns of a runs table: the parameters, their types, and the settings that their values make."""

import dataclasses
import re
import typing
from collections.abc import Sequence
from typing import Any

import pandas as pd

from xorlab.spec import PARTS, RunSpec


def _kinds(cls: type, prefix: str) -> dict[str, type]:
    """Return the dotted names below `cls` with their types: float, int, bool, or str for all else."""
    found: dict[str, type] = {}
    hints = typing.get_type_hints(cls)
    for item in dataclasses.fields(cls):
        if not prefix and item.name in PARTS:
            found |= _kinds(PARTS[item.name], f"{item.name}.")
            continue
        plain = [kind for kind in typing.get_args(hints[item.name]) or [hints[item.name]] if kind is not type(None)]
        found[prefix + item.name] = plain[0] if len(plain) == 1 and plain[0] in (float, int, bool) else str
    return found


PARAMETERS: dict[str, type] = _kinds(RunSpec, "")
"""Every parameter a specification can have, in its order, with the type of its column."""


def typed(column: "pd.Series[str]") -> "pd.Series[Any]":
    """Return a column of logged strings in the type of its parameter.

    What is no such value (another program's run in the same experiment) leaves the column as text.
    """
    try:
        return _CONVERSIONS[PARAMETERS.get(str(column.name), str)](column)
    except (ValueError, TypeError):
        return column


def _integers(column: "pd.Series[str]") -> "pd.Series[Any]":
    values = pd.to_numeric(column).astype("Int64")  # which refuses fractions; int64 would cut them off
    return values if column.hasnans else values.astype("int64")


def _booleans(column: "pd.Series[str]") -> "pd.Series[Any]":
    values = column.map({"True": True, "False": False})
    if (values.isna() & column.notna()).any():
        raise ValueError(f"{column.name} holds more than True and False")
    return values.astype("boolean" if column.hasnans else "bool")


_CONVERSIONS: dict[type, typing.Callable[["pd.Series[str]"], "pd.Series[Any]"]] = {
    float: lambda column: pd.to_numeric(column).astype("float64"),
    int: _integers,
    bool: _booleans,
    str: lambda column: column,
}


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
