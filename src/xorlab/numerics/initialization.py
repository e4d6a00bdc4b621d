"""The initial parameters of one network: drawn layer by layer, or read from a file."""

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from xorlab.errors import SpecError
from xorlab.numerics import weight_files, weights
from xorlab.spec import InitSpec
from xorlab.spec.components.initializers import BIASES, INITIALIZERS

Array = NDArray[np.float64]


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
        return from_file(init, sizes)[0]
    parameters: dict[str, Array] = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        parameters[f"W{layer}"] = scheme(rng, (fan_in, fan_out), fan_in, fan_out, init)
        assert init.biases is not None
        law = BIASES[init.biases]
        if init.biases == "drawn":
            parameters[f"b{layer}"] = scheme(rng, (fan_out,), fan_in, fan_out, init)
        else:
            parameters[f"b{layer}"] = np.zeros(fan_out) if law is None else law(rng, fan_out, init.bias)
    return parameters


def from_file(init: InitSpec, sizes: tuple[int, ...]) -> tuple[dict[str, Array], list[str]]:
    """Read the initial parameters of a network from the file of `init`; see `weights.fit`."""
    content = Path(init.path).read_bytes()
    if hashlib.sha256(content).hexdigest() != init.sha256:
        raise SpecError(f"{init.path} must be the file of the specification; its sha256 is not {init.sha256}")
    return weights.fit(weight_files.read(content, init.path), sizes, init.path)
