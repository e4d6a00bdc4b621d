"""Weights of other programs: from a file's arrays to a network's parameters, and back.

xorlab, Keras and most NumPy code have W of shape (inputs, outputs), as in y = x W + b. PyTorch has (outputs, inputs).
"""

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xorlab import rules
from xorlab.errors import SpecError
from xorlab.numerics.weight_files import Arrays

Array = NDArray[np.float64]

TORCH = r"(.*\.)?(weight|bias)"
"""The names of a PyTorch state_dict."""


class _Layer(NamedTuple):
    """A layer's arrays by their names in the file; no bias is a bias of 0."""

    W: str
    b: str | None


def fit(found: Arrays, units: tuple[int, ...], name: str) -> tuple[dict[str, Array], list[str]]:
    """Fit the arrays of a file to a network.

    Parameters
    ----------
    found : the arrays, in the file's order: W1, b1, W2, … of any orientation; the names of a PyTorch state_dict; or
        other names, in the order of `keras_order`, or without biases
    units : the network's units from the inputs to the output, as in (2, 3, 1)
    name : how messages call the file

    Returns
    -------
    parameters : W1 (units[0], units[1]), b1 (units[1],), W2, b2, …
    notes : a line for each thing that was assumed

    Raises
    ------
    SpecError
        Where the arrays do not fit, with their shapes; where a value is not a finite real number.
    """
    layers = _layers(found, name)
    straight = _straight(found, layers, units)
    if straight is None:
        raise _misfit(found, units, name)
    said = {each for each in straight if each is not None}
    torch = re.fullmatch(TORCH, layers[0].W) is not None
    square = said.pop() if len(said) == 1 else not torch
    why = "as PyTorch has it" if torch and not square else "as in y = x W + b"
    parameters: dict[str, Array] = {}
    notes = []
    for number, (layer, each) in enumerate(zip(layers, straight, strict=True), start=1):
        W = _numbers(found[layer.W], f"{layer.W} in {name}")
        if each is None and W.size > 1:
            order = "(inputs, outputs)" if square else "(outputs, inputs)"
            notes.append(f"{layer.W} {W.shape} in {name} is read as {order}, {why}.")
        parameters[f"W{number}"] = np.ascontiguousarray(W if (square if each is None else each) else W.T)
        b = np.zeros(units[number]) if layer.b is None else _numbers(found[layer.b], f"{layer.b} in {name}")
        parameters[f"b{number}"] = b.reshape(units[number])
    return parameters, notes


def hidden(found: Arrays, inputs: int, name: str) -> tuple[int, ...]:
    """Return the widths of the hidden layers of the network of `inputs` inputs that a file's arrays make up.

    Raises
    ------
    SpecError
        Where the matrices do not follow one another.
    """
    units = [inputs]
    for layer in _layers(found, name):
        shape = found[layer.W].shape
        if len(shape) != 2 or units[-1] not in shape:
            raise SpecError(f"{name} must hold the weights of a network of {inputs} inputs; got {_shapes(found)}")
        units.append(shape[1] if shape[0] == units[-1] else shape[0])
    return tuple(units[1:-1])


def torch_names(parameters: Mapping[str, Array]) -> dict[str, Array]:
    """Return parameters W1, b1, W2, … under the names and in the shapes of a PyTorch ``nn.Sequential``.

    Its linear layers have an activation between them: ``0.weight`` (outputs, inputs), ``0.bias``, ``2.weight``, …
    """
    depth = len(parameters) // 2
    named = {}
    for layer in range(depth):
        named[f"{2 * layer}.weight"] = np.ascontiguousarray(parameters[f"W{layer + 1}"].T)
        named[f"{2 * layer}.bias"] = parameters[f"b{layer + 1}"]
    return named


def keras_order(parameters: Mapping[str, Array]) -> list[Array]:
    """Return parameters W1, b1, W2, … as the list that Keras's ``model.set_weights`` takes."""
    return [parameters[f"{kind}{layer + 1}"] for layer in range(len(parameters) // 2) for kind in "Wb"]


LAYOUTS: dict[str, Callable[[Mapping[str, Array]], dict[str, Array]]] = {
    "numpy": dict,
    "torch": torch_names,
    "keras": lambda parameters: {f"arr_{n}": array for n, array in enumerate(keras_order(parameters))},
}
"""How a file of weights can name and turn its arrays; ``arr_0``, … is what `numpy.savez` calls arrays without names."""


def save(path: str | os.PathLike[str], parameters: Mapping[str, Array], layout: str = "numpy") -> None:
    """Write parameters W1 (D, H), b1 (H,), W2, … to an .npz file.

    Parameters
    ----------
    path : the file
    parameters : those of one network
    layout : numpy keeps W1, b1, … as they are; torch writes the state_dict of an ``nn.Sequential``, with matrices
        (outputs, inputs); keras writes the list that ``model.set_weights`` takes

    Raises
    ------
    SpecError
        Where there is no such layout, or the file can't be written.
    """
    arrays = LAYOUTS[rules.choice("layout", layout, LAYOUTS)](parameters)
    try:
        with open(path, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes a name for allow_pickle
    except OSError as error:
        raise SpecError(f"the weights must go to a file that can be written; got {os.fspath(path)!r}") from error


def _layers(found: Arrays, name: str) -> list[_Layer]:
    """Find the layers among the arrays."""
    names = list(found)
    if all(re.fullmatch(TORCH, key) for key in names):
        prefixes = dict.fromkeys(re.sub("(weight|bias)$", "", key) for key in names)
        layers = [_Layer(f"{key}weight", f"{key}bias" if f"{key}bias" in found else None) for key in prefixes]
    elif all(re.fullmatch("[WwBb][0-9]+", key) for key in names):
        biases = {int(key[1:]): key for key in names if key[0] in "Bb"}
        matrices = sorted((key for key in names if key[0] in "Ww"), key=lambda key: int(key[1:]))
        layers = [_Layer(key, biases.pop(int(key[1:]), None)) for key in matrices]
        if biases:
            raise SpecError(f"{name} must hold a matrix for each bias; got {_shapes(found)}")
    else:
        pairs = list(zip(names[::2], names[1::2], strict=False))
        paired = len(names) % 2 == 0 and all(_is_vector(found[b], found[W].shape) for W, b in pairs)
        layers = [_Layer(*pair) for pair in pairs] if paired else [_Layer(key, None) for key in names]
    if not layers or any(layer.W not in found for layer in layers):
        raise SpecError(f"{name} must hold a matrix for each layer; got {_shapes(found)}")
    return layers


def _is_vector(array: NDArray[Any], sizes: Collection[int]) -> bool:
    """Tell whether an array can be a bias: at most one axis is longer than 1, and it has one of these sizes."""
    return array.size in sizes and sum(n != 1 for n in array.shape) <= 1


def _straight(found: Arrays, layers: Sequence[_Layer], units: tuple[int, ...]) -> list[bool | None] | None:
    """Tell which matrices are (inputs, outputs); None for a square one, and None in place of all if one misfits."""
    if len(layers) != len(units) - 1:
        return None
    straight: list[bool | None] = []
    for layer, fans in zip(layers, pairwise(units), strict=True):
        shape = found[layer.W].shape
        if shape not in (fans, fans[::-1]) or not (layer.b is None or _is_vector(found[layer.b], fans[1:])):
            return None
        straight.append(None if fans[0] == fans[1] else shape == fans)
    return straight


def _misfit(found: Arrays, units: tuple[int, ...], name: str) -> SpecError:
    wanted = ", ".join(f"W{n} {pair}, b{n} ({pair[1]},)" for n, pair in enumerate(pairwise(units), start=1))
    network = "-".join(map(str, units))
    return SpecError(f"{name} must hold the weights of a {network} network, {wanted}; got {_shapes(found)}")


def _shapes(found: Arrays) -> str:
    return ", ".join(f"{key} {array.shape}" for key, array in found.items()) or "no arrays"


def _numbers(array: NDArray[Any], name: str) -> Array:
    """Return `array` in float64 if it has only finite numbers."""
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise SpecError(f"{name} must hold finite real numbers; got others, of type {array.dtype}")
    return array.astype(np.float64)
