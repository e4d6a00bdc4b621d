"""Initial weights: each scheme draws one layer's W of shape (fan_in, fan_out) from a frozen stream.

`np.random.RandomState` is used because NumPy promises never to change its streams (NEP 19): seed 42
with the defaults is the same network for ever.

References
----------
Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010 (xavier).
He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015, arXiv 1502.01852 (he).
LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998 (lecun).
Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks",
ICLR 2014, arXiv 1312.6120 (orthogonal).
"""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from xorlab.errors import SpecError
from xorlab.spec import InitSpec

Array = NDArray[np.float64]
Shape = tuple[int, ...]
Draw = Callable[[RandomState, Shape, int, int, Any], Array]
"""draw(rng, shape, fan_in, fan_out, init): values of `shape` for a layer of these fans."""


def _normal(std: Callable[[int, int, Any], float]) -> Draw:
    def draw(rng: RandomState, shape: Shape, fan_in: int, fan_out: int, init: Any) -> Array:
        return std(fan_in, fan_out, init) * rng.standard_normal(shape)

    return draw


def _uniform(limit: Callable[[int, int, Any], float]) -> Draw:
    def draw(rng: RandomState, shape: Shape, fan_in: int, fan_out: int, init: Any) -> Array:
        return limit(fan_in, fan_out, init) * (2.0 * rng.random_sample(shape) - 1.0)

    return draw


def _orthogonal(rng: RandomState, shape: Shape, fan_in: int, fan_out: int, init: Any) -> Array:
    """Orthonormal rows or columns, whichever are fewer; the signs make the law uniform (Mezzadri 2007)."""
    tall = rng.standard_normal((max(shape), min(shape)))
    Q, R = np.linalg.qr(tall)
    Q = Q * np.where(np.diag(R) < 0.0, -1.0, 1.0)
    return np.asarray(init.gain * (Q if shape[0] >= shape[1] else Q.T))


SCHEMES: dict[str, Draw] = {
    "normal": _normal(lambda fan_in, fan_out, init: init.std),
    "uniform": _uniform(lambda fan_in, fan_out, init: init.limit),
    "xavier_uniform": _uniform(lambda fan_in, fan_out, init: init.gain * sqrt(6.0 / (fan_in + fan_out))),
    "xavier_normal": _normal(lambda fan_in, fan_out, init: init.gain * sqrt(2.0 / (fan_in + fan_out))),
    "he_uniform": _uniform(lambda fan_in, fan_out, init: init.gain * sqrt(3.0 / fan_in)),
    "he_normal": _normal(lambda fan_in, fan_out, init: init.gain / sqrt(fan_in)),
    "lecun_normal": _normal(lambda fan_in, fan_out, init: 1.0 / sqrt(fan_in)),
    "orthogonal": _orthogonal,
    "torch_default": _uniform(lambda fan_in, fan_out, init: 1.0 / sqrt(fan_in)),
    "constant": lambda rng, shape, fan_in, fan_out, init: np.full(shape, init.value),
    "zeros": lambda rng, shape, fan_in, fan_out, init: np.zeros(shape),
}


def draw(init: InitSpec, sizes: tuple[int, ...], rng: RandomState) -> dict[str, Array]:
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
        Where a file of weights does not hold a network of these sizes, or a value that is not finite.
    """
    if init.name == "file":
        return _from_file(init, sizes)
    scheme = SCHEMES[init.name]
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
    """Read the arrays of the file that the specification was made with."""
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
    """Return `array` in float64 if it is of finite numbers and of the shape that is wanted."""
    if array is None or array.shape != wanted:
        got = "nothing of that name" if array is None else array.shape
        raise SpecError(f"{name} must have the shape {wanted}; got {got}")
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise SpecError(f"{name} must hold finite real numbers; got others, of type {array.dtype}")
    return array.astype(np.float64)
