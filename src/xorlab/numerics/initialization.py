"""The initial parameters of one network: drawn layer by layer, or read from a file."""

import hashlib
import io
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from xorlab.components.initializers import INITIALIZERS
from xorlab.errors import SpecError
from xorlab.spec import InitSpec

Array = NDArray[np.float64]
Shape = tuple[int, ...]


def initialize(init: InitSpec, sizes: tuple[int, ...], rng: RandomState) -> dict[str, Array]:
    """Draw the initial parameters of one network, layer by layer, weights before biases.

    Parameters
    ----------
    init : the scheme and its parameters
    sizes : units from the inputs to the output, as in (2, 3, 1)
    rng : the run's own stream; it is advanced

    Returns
    -------
    dict of W1 (sizes[0], sizes[1]), b1 (sizes[1],), W2, b2, …

    Raises
    ------
    SpecError
        Where a file of weights does not fit a network of these sizes, or holds a value that is not finite.
    """
    scheme = INITIALIZERS[init.name].draw
    if scheme is None:
        return _from_file(init, sizes)
    parameters: dict[str, Array] = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        parameters[f"W{layer}"] = scheme(rng, (fan_in, fan_out), fan_in, fan_out, init)
        parameters[f"b{layer}"] = (
            scheme(rng, (fan_out,), fan_in, fan_out, init) if init.biases == "drawn" else np.zeros(fan_out)
        )
    return parameters


def _from_file(init: InitSpec, sizes: tuple[int, ...]) -> dict[str, Array]:
    found = _read(init)
    parameters: dict[str, Array] = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        W, b = f"W{layer}", f"b{layer}"
        parameters[W] = _fitting(found.pop(W, None), (fan_in, fan_out), f"{W} in {init.path}")
        parameters[b] = _fitting(found.pop(b, np.zeros(fan_out)), (fan_out,), f"{b} in {init.path}")
    if found:
        raise SpecError(f"{init.path} must hold no more than the network's weights; got {', '.join(found)} as well")
    return parameters


def _read(init: InitSpec) -> dict[str, NDArray[Any]]:
    """Read the arrays of the file, and check that it is still the one that the specification was made with."""
    assert init.path is not None
    content = Path(init.path).read_bytes()
    if hashlib.sha256(content).hexdigest() != init.sha256:
        raise SpecError(f"{init.path} must be the file of the specification; its sha256 is not {init.sha256}")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise SpecError(f"init.path must name an .npz file of numeric arrays; got {init.path!r}") from error


def _fitting(array: NDArray[Any] | None, wanted: Shape, name: str) -> Array:
    """Return `array` in float64 if it has the right shape and only finite numbers."""
    if array is None or array.shape != wanted:
        got = "nothing of that name" if array is None else array.shape
        raise SpecError(f"{name} must have the shape {wanted}; got {got}")
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise SpecError(f"{name} must hold finite real numbers; got others, of type {array.dtype}")
    return array.astype(np.float64)
