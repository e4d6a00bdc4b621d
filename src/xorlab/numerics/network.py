"""R networks of one architecture: forward, loss and backward, with the runs axis last.

A layer's weights and biases are one matrix W, with a row for each input and a last row for the bias, whose input is
always 1, or 0 in a network without biases: their gradient is then 0, and they stay 0. So a layer is one contraction
forward and one for its gradient. All parameters of all runs are one array theta (P, R), and each layer is a view of
its rows.

The bits of a run do not depend on the runs beside it: elementwise operations do not mix runs, and every sum is over
another axis, in an order that does not depend on the number of runs. NumPy would reorder such a sum only for a single
run, so R is a multiple of `PAD`.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xorlab.numerics.layers import CONTRACTIONS, PORTABLE, SUMS, order, summed
from xorlab.spec import ArchSpec
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.arithmetics import ARITHMETICS
from xorlab.spec.components.losses import objective
from xorlab.spec.components.outputs import SOFTMAX
from xorlab.spec.components.steps import Step

Array = NDArray[np.float64]
T = TypeVar("T", bound=np.generic)

PAD = 8
"""R is a multiple of this, so that no NumPy kernel ends in a shorter tail that it sums in another order."""


def sizes(inputs: int, arch: ArchSpec, outputs: int = 1) -> tuple[int, ...]:
    """Return the units from the inputs to the outputs, as in (2, 3, 1)."""
    return (inputs, *arch.hidden, outputs)


def activations(arch: ArchSpec, numerics: str = "native") -> list[Callable[[Array, Array, Array], Step]]:
    """Return build(z, a, slope) of the activation of each hidden layer, with its settings."""
    return [
        partial(entry.build, arithmetic=ARITHMETICS[numerics], **{name: getattr(arch, name) for name in entry.settings})
        for entry in (ACTIVATIONS[name] for name in arch.activations)
    ]


def rows(units: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Return each layer's place in theta: its first row, its number of inputs with the bias, its number of outputs."""
    layers, start = [], 0
    for fan_in, fan_out in pairwise(units):
        layers.append((start, fan_in + 1, fan_out))
        start += (fan_in + 1) * fan_out
    return layers


def views(theta: Array, units: tuple[int, ...]) -> list[Array]:
    """Return each layer's matrix W (fan_in + 1, fan_out, R) as a view of theta (P, R); the last row is the bias."""
    R = theta.shape[1]
    return [theta[start : start + n * k].reshape(n, k, R) for start, n, k in rows(units)]


def pack(parameters: dict[str, Array], units: tuple[int, ...]) -> Array:
    """Pack W1 (R, D, H), b1 (R, H), W2, … into theta (P, R)."""
    R = len(parameters["b1"])
    theta = np.empty((sum(n * k for _, n, k in rows(units)), R), order=order(units))
    for layer, W in enumerate(views(theta, units), start=1):
        W[:-1] = np.moveaxis(parameters[f"W{layer}"], 0, -1)
        W[-1] = parameters[f"b{layer}"].T
    return theta


def unpack(theta: Array, units: tuple[int, ...]) -> dict[str, Array]:
    """Copy theta (P, R) into the arrays W1 (R, D, H), b1 (R, H), W2, … of the layers."""
    parameters = {}
    for layer, W in enumerate(views(theta, units), start=1):
        parameters[f"W{layer}"] = np.array(np.moveaxis(W[:-1], -1, 0), order="C")
        parameters[f"b{layer}"] = np.array(W[-1].T, order="C")
    return parameters


def pad(array: NDArray[T]) -> NDArray[T]:
    """Repeat the last run until the last axis is a multiple of `PAD`; the memory order stays the same."""
    R = array.shape[-1]
    padded = np.empty_like(array, shape=(*array.shape[:-1], R + -R % PAD))
    padded[..., :R], padded[..., R:] = array, array[..., -1:]
    return padded


class Network:
    """R networks on batches of N samples. All arrays are allocated here, none during training.

    Parameters
    ----------
    arch : the architecture
    loss : the name of the loss
    theta, gradient : (P, R) arrays, R a multiple of `PAD`; read by `forward`, written by `backward`
    batch : N, the number of samples
    inputs, outputs : D and K, the numbers of inputs and outputs
    each : whether every run has samples of its own
    points : the inputs X (N, D), if every batch will have the same ones
    targets : the name of the targets of the labels
    numerics : `native` or `portable`

    Attributes
    ----------
    z : list of (N, H, R) arrays, the pre-activations of each layer; the last is the output units' (N, K, R)
    total : (1, R) array, the sum of each run's losses over the batch, from the last `forward`
    count : how many losses the batch has: N, or N K where each output has its own
    """

    def __init__(
        self,
        arch: ArchSpec,
        loss: str,
        theta: Array,
        gradient: Array,
        *,
        batch: int,
        inputs: int,
        outputs: int = 1,
        each: bool,
        points: Array | None = None,
        targets: str = "binary",
        numerics: str = "native",
    ) -> None:
        R = theta.shape[1]
        if R % PAD or gradient.shape != theta.shape:
            raise ValueError(f"theta must be (P, R) with R a multiple of {PAD}; got {theta.shape}")
        units, activate = sizes(inputs, arch, outputs), activations(arch, numerics)
        memory = order(units, numerics)
        products = PORTABLE if numerics == "portable" else CONTRACTIONS[memory]
        judged = objective(loss, arch.output, targets)
        self._encode = judged.encode
        self._X = np.ones((batch, inputs + 1, R) if each else (batch, inputs + 1), order=memory)
        self._X[:, -1] = float(arch.bias)
        self._memory, self._judged = memory, (batch, outputs) if judged.joint else (batch * outputs, 1)
        self.count = self._judged[0]
        self._target, self._weight = np.empty((*self._judged, R)), np.empty((*self._judged, R))
        self.total = np.empty((1, R))
        below: tuple[Array, Array] | None = None
        self.z: list[Array] = []
        self._forward: list[Step] = []
        self._backward: list[Step] = []

        A = self._X
        if points is not None:
            A[:, :-1] = points
        first = SUMS if points is not None and summed(A, memory) else products
        for layer, (W, dW) in enumerate(zip(views(theta, units), views(gradient, units), strict=True)):
            z = np.empty((batch, W.shape[1], R), order=memory)
            dz = np.empty_like(z)
            self.z.append(z)
            layer_products = products if below else first
            self._forward.append(layer_products.affine(A, W, z))
            steps = [layer_products.weight_gradient(A, dz, dW)]
            if below is not None:
                slope, dz_below = below
                da = np.empty_like(slope)
                steps += [products.input_gradient(dz, W[:-1], da), partial(np.multiply, da, slope, dz_below)]
            self._backward = steps + self._backward
            if layer < len(arch.hidden):
                A, slope = np.ones((batch, W.shape[1] + 1, R), order=memory), np.empty_like(z)
                A[:, -1] = float(arch.bias)
                self._forward.append(activate[layer](z, A[:, :-1], slope))
                below = slope, dz
        z, dz = (array.reshape((*self._judged, R), order=memory) for array in (z, dz))  # views
        measure = judged.build(z, self._target, self._weight, self.total, dz, arithmetic=ARITHMETICS[numerics])
        self._forward.append(measure)

    def load(self, X: Array, y: Array) -> None:
        """Set the batch: X (N, D) and the labels y (N, K), or (N, D, R) and (N, K, R) if every run has its own."""
        self._X[:, :-1] = X
        labels = y if y.ndim == 3 else y[:, :, None]
        labels = labels.reshape((*self._judged, labels.shape[2]), order=self._memory)
        self._target[...], self._weight[...] = self._encode(labels, self.count)

    def forward(self) -> None:
        """Compute `z` and `total` from theta and the batch."""
        for step in self._forward:
            step()

    def backward(self) -> None:
        """Write d loss / d theta into `gradient`. Call `forward` first."""
        for step in self._backward:
            step()


def evaluate(arch: ArchSpec, parameters: dict[str, Array], X: Array) -> Array:
    """Compute the pre-activations of the output units of R networks at the inputs X (N, D), see `logits`.

    The networks' `parameters` are W1 (R, D, H), b1 (R, H), W2, …
    """
    D, K = X.shape[1], parameters[f"b{len(arch.hidden) + 1}"].shape[1]
    theta = pack(parameters, sizes(D, arch, K))
    R = theta.shape[1]
    theta = pad(theta)
    loss = "cross_entropy" if arch.output == SOFTMAX else "mse"
    network = Network(arch, loss, theta, np.empty_like(theta), batch=len(X), inputs=D, outputs=K, each=False)
    network.load(X, np.zeros((len(X), K)))
    with np.errstate(all="ignore"):
        network.forward()
    return logits(network.z[-1], R)


def logits(z: Array, runs: int) -> Array:
    """Copy the output units' pre-activations z (N, K, R) of the first runs: (R, N), or (R, N, K) where K > 1."""
    found = np.moveaxis(z[:, :, :runs], -1, 0)
    return np.array(found[:, :, 0] if z.shape[1] == 1 else found, order="C")
