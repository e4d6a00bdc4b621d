"""Reads the arrays of weight files: NumPy's .npz, PyTorch's .pt, Keras's .weights.h5. No code in a file is run."""

import io
import math
import pickle
import re
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xorlab.errors import SpecError

Arrays = dict[str, NDArray[Any]]

HDF5 = b"\x89HDF\r\n\x1a\n"
"""The first bytes of an HDF5 file."""
KINDS = "NumPy's .npz, PyTorch's .pt (of version 1.6 or later) or Keras's .weights.h5"
MOST_BYTES = 2**28
"""The most that the arrays of a file may take."""

STORAGES: dict[str, str] = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}
"""The type of PyTorch's storages; bfloat16 is the upper half of a float32."""


def read(content: bytes, name: str) -> Arrays:
    """Return the arrays of a file by their names, in the file's order.

    Parameters
    ----------
    content : the bytes of the file
    name : how messages call it

    Raises
    ------
    SpecError
        Where the file is of another kind, or holds more than arrays.
    """
    if content.startswith(HDF5):
        return _keras(content, name)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(item.file_size for item in archive.infolist()) > MOST_BYTES:
                raise SpecError(f"{name} must hold at most {MOST_BYTES:,} bytes of weights; it holds more")
            pickled = [item for item in archive.namelist() if re.fullmatch(r"[^/]+/data\.pkl", item)]
            if pickled:
                return _torch(archive, pickled[0].removesuffix("data.pkl"), name)
            if "model.weights.h5" in archive.namelist():
                return _keras(archive.read("model.weights.h5"), name)
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{name} must hold arrays of numbers, as {KINDS}") from error


class _Tensors(pickle.Unpickler):
    """Unpickles tensors, and refuses everything else that a pickle can call."""

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{folder}data.pkl")))
        self._archive, self._folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in STORAGES:
            return name
        allowed: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _strided,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *rest: tensor,
        }
        if (module, name) not in allowed:
            raise SpecError(f"{module}.{name}")
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        _, kind, key, *_ = pid
        values = np.frombuffer(self._archive.read(f"{self._folder}data/{key}"), STORAGES[kind])
        if kind == "BFloat16Storage":
            return (values.astype("<u4") << 16).view("<f4")
        return values


def _strided(storage: NDArray[Any], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *rest: Any) -> Any:
    """Copy a tensor out of its storage."""
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if min((offset, *shape, *strides)) < 0 or not all(shape) or last >= storage.size:
        raise ValueError("a tensor lies outside its storage")
    steps = tuple(step * storage.itemsize for step in strides)
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps).copy()


def _torch(archive: zipfile.ZipFile, folder: str, name: str) -> Arrays:
    """Read a state_dict, alone or as the one state_dict of a checkpoint."""
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise SpecError(f"{name} must be little-endian; save it on another machine or as .npz")
    try:
        found = _Tensors(archive, folder).load()
    except SpecError as error:
        advice = "save model.state_dict() instead of the model"
        raise SpecError(f"{name} must hold tensors only; it holds {error}: {advice}") from None
    except Exception as error:  # a pickle that is not PyTorch's can raise anything
        raise SpecError(f"{name} must hold a state_dict; it can't be read") from error
    parts = [found, *found.values()] if isinstance(found, dict) else []
    filled = [part for part in parts if isinstance(part, dict) and part]
    states = [part for part in filled if all(isinstance(value, np.ndarray) for value in part.values())]
    if len(states) != 1:
        raise SpecError(f"{name} must hold one state_dict; got {len(states)}")
    return dict(states[0])


def _keras(content: bytes, name: str) -> Arrays:
    """Read the variables of Keras 3's layers, in the order in which it numbers layers of one class."""
    instead = 'save np.savez("weights.npz", *model.get_weights())'
    try:
        import h5py
    except ImportError:
        raise SpecError(f"{name} is a file of Keras's, and reading it needs h5py; install it, or {instead}") from None
    found: Arrays = {}

    def keep(path: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and not path.startswith("optimizer/"):
            if math.prod(node.shape) * node.dtype.itemsize > MOST_BYTES:
                raise SpecError(f"{name} must hold at most {MOST_BYTES:,} bytes of weights; it holds more")
            found[path] = node[()]

    with h5py.File(io.BytesIO(content), "r") as file:
        if "layer_names" in file.attrs:
            raise SpecError(f"{name} must be of Keras 3; it is of Keras 2: {instead}")
        file.visititems(keep)
    return {path: found[path] for path in sorted(found, key=_natural)}


def _natural(path: str) -> list[tuple[bool, int, str]]:
    """Sort dense before dense_1, and dense_2 before dense_10."""
    parts = re.split(r"(\d+)", path)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
