"""The columns of a runs table: which parameters there are, in which order, and of which type."""

import dataclasses
import typing

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


def typed(column: "pd.Series[str]") -> "pd.Series[typing.Any]":
    """Return a column of logged strings in the type of its parameter.

    What is no such value (another program's run in the same experiment) leaves the column as text.
    """
    try:
        return _CONVERSIONS[PARAMETERS.get(str(column.name), str)](column)
    except (ValueError, TypeError):
        return column


def _integers(column: "pd.Series[str]") -> "pd.Series[typing.Any]":
    return pd.to_numeric(column).astype("Int64" if column.hasnans else "int64")


def _booleans(column: "pd.Series[str]") -> "pd.Series[typing.Any]":
    values = column.map({"True": True, "False": False})
    if (values.isna() & column.notna()).any():
        raise ValueError(f"{column.name} holds more than True and False")
    return values.astype("boolean" if column.hasnans else "bool")


_CONVERSIONS: dict[type, typing.Callable[["pd.Series[str]"], "pd.Series[typing.Any]"]] = {
    float: lambda column: pd.to_numeric(column).astype("float64"),
    int: _integers,
    bool: _booleans,
    str: lambda column: column,
}
