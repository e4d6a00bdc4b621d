"""Data of one's own: points and targets from a CSV or an .npz file."""

import csv
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xorlab.errors import SpecError

Array = NDArray[np.float64]

MOST = 1_000_000
"""The most numbers that a data set may have."""

READ: dict[str, tuple[Array, Array]] = {}
"""The data that was read, by its digest."""


def digest(X: Array, y: Array) -> str:
    """Return the sha256 of data: of the numbers, whatever file they came from."""
    found = hashlib.sha256(repr((X.shape, y.shape)).encode())
    for array in (X, y):
        found.update((array + 0.0).astype("<f8").tobytes())  # -0.0 is the same number
    return found.hexdigest()


def read(path: str, target: str | None = None) -> str:
    """Read data, keep it in `READ` and return its digest.

    Parameters
    ----------
    path : a .csv file, a line a point, with or without a head; or an .npz file with X (N, D) and y (N,)
    target : the column of the targets in a CSV file with a head; the last one unless given

    Raises
    ------
    SpecError
        Where the file is not of this form.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise SpecError(f"data.path must name a readable file; got {path!r}") from error
    X, y = _npz(content, path, target) if path.endswith(".npz") else _csv(content, path, target)
    X, y = checked(X, y, f"data.path={path}")
    key = digest(X, y)
    READ[key] = X, y
    return key


def checked(X: Any, y: Any, name: str) -> tuple[Array, Array]:
    """Return points X (N, D) and targets y (N,) in float64.

    Raises
    ------
    SpecError
        Where they have other shapes, or hold other than finite numbers, or too many.
    """
    X, y = np.asarray(X), np.asarray(y)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if X.ndim != 2 or y.shape != X.shape[:1] or not X.size:
        raise SpecError(f"{name} must have points X (N, D) and a target for each, y (N,); got {X.shape} and {y.shape}")
    if X.size > MOST:
        raise SpecError(f"{name} must have at most {MOST:,} numbers; got {X.size:,}")
    if any(array.dtype.kind not in "fiub" or not np.isfinite(array).all() for array in (X, y)):
        raise SpecError(f"{name} must hold finite numbers only")
    return X.astype(np.float64), y.astype(np.float64)


def _npz(content: bytes, path: str, target: str | None) -> tuple[Any, Any]:
    if target is not None:
        raise SpecError(f"data.target names a column of a CSV file; got {target!r} for {path}")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return file["X"], file["y"]
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise SpecError(f"data.path={path} must hold arrays named X and y") from error


def _csv(content: bytes, path: str, target: str | None) -> tuple[Any, Any]:
    try:
        rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SpecError(f"data.path={path} must be a CSV file, or end in .npz") from error
    head = rows.pop(0) if rows and not all(map(is_number, rows[0])) else []
    names = [name.strip() for name in head]
    if target is not None and target not in names:
        columns = ", ".join(names) or "which has no head"
        raise SpecError(f"data.target must be a column of {path}, {columns}; got {target!r}")
    width = len(head or rows[0]) if rows else 0
    for line, row in enumerate(rows, start=1 + bool(head)):
        if len(row) != width or not all(map(is_number, row)):
            raise SpecError(
                f"data.path={path} must have {width} numbers in each line; got {','.join(row)!r} in line {line}"
            )
    if width < 2:
        raise SpecError(f"data.path={path} must have a column of inputs and one of targets; got {width} columns")
    table = np.array([[float(cell) for cell in row] for row in rows])
    column = names.index(target) if target is not None else width - 1
    return np.delete(table, column, axis=1), table[:, column]


def is_number(text: str) -> bool:
    """Tell whether a cell of a CSV file is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
