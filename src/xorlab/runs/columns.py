"""The columns of a runs table, each in the type of its parameter."""

import typing
from typing import Any

import pandas as pd

from xorlab.spec.text import PARAMETERS

KNOWN = ("run_id", "name", "sweep", "status", "start", "duration", "commit", "outcome")
"""The first columns of a table of runs."""

MEASURED = ("accuracy", "epochs_to_converge", "final_loss")
"""The metrics that every table of runs has a column for, even if no run has a value."""

VERSION = "numerics_version"
"""The column of the tag ``numerics``, the version of the numerics; ``numerics`` is the setting."""


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
