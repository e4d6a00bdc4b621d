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
NAMES: dict[str, tuple[str, ...]] = {}
"""The names of its classes, where it was read with `classes`."""


def digest(X: Array, y: Array) -> str:
    """Return the sha256 of data: of the numbers, whatever file they came from."""
    found = hashlib.sha256(repr((X.shape, y.shape)).encode())
    for array in (X, y):
        found.update((array + 0.0).astype("<f8").tobytes())  # -0.0 is the same number
    return found.hexdigest()


def read(path: str, target: str | None = None, outputs: int | None = None, classes: bool = False) -> str:
    """Read data, keep it in `READ` and return its digest.

    Parameters
    ----------
    path : a .csv file, a line a point, with or without a head; or an .npz file with X (N, D) and y (N,) or (N, K)
    target : the column of the targets in a CSV file with a head; the last one unless given
    outputs : K, where the last K columns of a CSV file are targets
    classes : whether the targets are numbers or names of classes, which get an output each, see `one_hot`

    Raises
    ------
    SpecError
        Where the file is not of this form.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise SpecError(f"data.path must name a readable file; got {path!r}") from error
    if outputs is not None and (classes or target is not None or path.endswith(".npz")):
        raise SpecError(
            f"data.outputs is the number of target columns at the end of a CSV file, without data.target or "
            f"data.classes; got {outputs}"
        )
    if path.endswith(".npz"):
        X, y = _npz(content, path, target)
    else:
        X, y = _csv(content, path, target, outputs or 1, classes)
    names: tuple[str, ...] = ()
    if classes:
        y, names = one_hot(y, f"data.path={path}")
    X, y = checked(X, y, f"data.path={path}")
    key = digest(X, y)
    READ[key], NAMES[key] = (X, y), names
    return key


def checked(X: Any, y: Any, name: str) -> tuple[Array, Array]:
    """Return points X (N, D) and targets y, (N,) or (N, K) with K > 1, in float64.

    Raises
    ------
    SpecError
        Where they have other shapes, or hold other than finite numbers, or too many.
    """
    X, y = np.asarray(X), np.asarray(y)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if X.ndim != 2 or y.ndim not in (1, 2) or len(y) != len(X) or not (X.size and y.size):
        raise SpecError(
            f"{name} must have points X (N, D) and targets y (N,), or (N, K) for K outputs; got {X.shape} and {y.shape}"
        )
    if max(X.size, y.size) > MOST:
        raise SpecError(f"{name} must have at most {MOST:,} numbers; got {max(X.size, y.size):,}")
    if any(array.dtype.kind not in "fiub" or not np.isfinite(array).all() for array in (X, y)):
        raise SpecError(f"{name} must hold finite numbers only")
    return X.astype(np.float64), y.astype(np.float64)


def one_hot(y: Any, name: str) -> tuple[Array, tuple[str, ...]]:
    """Return labels (N, K) with a 1 for the class of each point, and the K names of the classes.

    Parameters
    ----------
    y : (N,) numbers or names of classes; the classes are in the order of their numbers, or of the alphabet
    name : how messages call the data

    Raises
    ------
    SpecError
        Where y has another shape, or fewer than two classes.
    """
    y = np.asarray(y)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    classes = np.unique(y)
    if y.ndim != 1 or len(classes) < 2:
        raise SpecError(
            f"data.classes needs one target a point and at least two classes; {name} has targets of shape {y.shape} "
            f"and {len(classes)} different values"
        )
    if len(y) * len(classes) > MOST:
        raise SpecError(f"data.classes needs fewer classes; {name} has {len(classes):,} different values")
    names = classes.tolist()
    return (y[:, None] == classes).astype(np.float64), tuple(
        f"{each:g}" if isinstance(each, float) else str(each) for each in names
    )


def _npz(content: bytes, path: str, target: str | None) -> tuple[Any, Any]:
    if target is not None:
        raise SpecError(f"data.target names a column of a CSV file; got {target!r} for {path}")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return file["X"], file["y"]
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise SpecError(f"data.path={path} must hold arrays named X and y") from error


def _csv(content: bytes, path: str, target: str | None, outputs: int, classes: bool) -> tuple[Any, Any]:
    try:
        rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SpecError(f"data.path={path} must be a CSV file, or end in .npz") from error
    # A name of a class is a word too: with it in a line, only the other cells tell a head from a point.
    first = rows[0] if rows else []
    head = rows.pop(0) if first and not all(map(is_number, first[:-1] if classes and target is None else first)) else []
    names = [name.strip() for name in head]
    if target is not None and target not in names:
        columns = ", ".join(names) or "which has no head"
        raise SpecError(f"data.target must be a column of {path}, {columns}; got {target!r}")
    width = len(head or rows[0]) if rows else 0
    if width <= outputs:
        few = "one of targets" if outputs == 1 else f"{outputs} of targets"
        raise SpecError(f"data.path={path} must have a column of inputs and {few}; got {width} columns")
    column = names.index(target) if target is not None else width - outputs
    chosen = slice(column, column + outputs)
    for line, row in enumerate(rows, start=1 + bool(head)):
        inputs = row[:column] + row[column + 1 :]
        if len(row) != width or not all(map(is_number, inputs if classes else row)):
            word = not classes and len(row) == width and all(map(is_number, inputs))
            raise SpecError(
                f"data.path={path} must have {width - classes} numbers in each line"
                f"{' beside the class' if classes else ''}; got {','.join(row)!r} in line {line}"
                f"{'; set data.classes=true if it names a class' if word else ''}"
            )
    if classes:
        labels = [row.pop(column).strip() for row in rows]
        y = np.array([float(label) for label in labels] if all(map(is_number, labels)) else labels)
        return np.array(rows, dtype=np.float64), y
    table = np.array([[float(cell) for cell in row] for row in rows])
    return np.delete(table, chosen, axis=1), table[:, chosen]


def is_number(text: str) -> bool:
    """Tell whether a cell of a CSV file is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
