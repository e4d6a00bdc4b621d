"""Gradients and exact Hessians of R networks at once, at given parameters.

The Hessian is computed column by column, as the derivative of the gradient along each parameter (Pearlmutter, "Fast
exact multiplication by the Hessian", Neural Computation 6:147, 1994). If a pre-activation lies on a kink of its
activation, the loss has no Hessian; the result is then that of one side of the kink.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xorlab.numerics.network import activations, sizes, views
from xorlab.spec import ArchSpec
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.losses import objective

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pass:
    """The arrays of one forward and backward pass through R networks.

    Attributes
    ----------
    W : each layer's matrix (n, k, R), the bias in its last row
    A : each layer's inputs (N, n, R), the last one 1, or 0 without biases
    last : the output units' pre-activations (N, K, R)
    z, slope, bend : each hidden layer's pre-activations (N, H, R), and the activation's first two derivatives there
    dz, da : the derivatives of the loss with respect to a layer's pre-activations and a hidden layer's outputs
    out : the second derivative of the loss with respect to each output unit's pre-activation (N, K, R), or to each pair
        of them (N, K, K, R) for softmax
    loss : the mean loss (R,)
    """

    W: list[Array]
    A: list[Array]
    last: Array
    z: list[Array]
    slope: list[Array]
    bend: list[Array]
    dz: list[Array]
    da: list[Array]
    out: Array
    loss: Array


def run(arch: ArchSpec, loss: str, theta: Array, X: Array, y: Array, *, targets: str = "binary") -> Pass:
    """Run R networks forward and backward.

    Parameters
    ----------
    arch, loss : the networks and the name of their loss
    theta : (P, R) array of parameters
    X, y : (N, D, R) and (N, R) arrays, or (N, D, 1) and (N, 1) if the runs share them; y is (N, K, R) of K outputs
    targets : the name of the targets of the labels
    """
    labels = y if y.ndim == 3 else y[:, None]
    W = views(theta, sizes(X.shape[1], arch, labels.shape[1]))
    N, R = len(X), theta.shape[1]
    A, z, slope, bend = [_with(np.broadcast_to(X, (N, X.shape[1], R)), float(arch.bias))], [], [], []
    for matrix, name, build in zip(W[:-1], arch.activations, activations(arch), strict=True):
        z.append(_forward(A[-1], matrix))
        a, d = np.empty_like(z[-1]), np.empty_like(z[-1])
        build(z[-1], a, d)()
        A.append(_with(a, float(arch.bias)))
        slope.append(d)
        bend.append(ACTIVATIONS[name].second(z[-1]))
    last = _forward(A[-1], W[-1])
    rule = objective(loss, arch.output, targets)
    first, out = rule.first(last, labels), rule.second(last, labels)
    count = N if rule.joint else N * labels.shape[1]
    dz: list[Array] = [first / count]
    da: list[Array] = []
    for matrix, d in zip(W[:0:-1], slope[::-1], strict=True):
        da.insert(0, _back(dz[0], matrix))
        dz.insert(0, da[0] * d)
    return Pass(W, A, last, z, slope, bend, dz, da, out / count, rule.value(last, labels).mean(axis=(0, 1)))


def gradient(at: Pass) -> Array:
    """Return d loss / d theta, (P, R)."""
    return _flat([_outer(A, dz) for A, dz in zip(at.A, at.dz, strict=True)])


def hessian(at: Pass) -> Array:
    """Return the Hessian of each network's loss with respect to its parameters, (R, P, P)."""
    P, R = sum(matrix.shape[0] * matrix.shape[1] for matrix in at.W), at.W[0].shape[2]
    H = np.empty((P, P, R))
    direction = np.zeros((P, 1))
    V = views(direction, (*(len(matrix) - 1 for matrix in at.W), at.last.shape[1]))
    for index in range(P):
        direction[index] = 1.0
        H[index] = _along(at, V)
        direction[index] = 0.0
    columns = np.moveaxis(H, -1, 0)
    symmetric: Array = 0.5 * (columns + columns.swapaxes(1, 2))
    return symmetric


def trained(arch: ArchSpec, units: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which rows of theta are trained, (P,): all but the biases of a network without them."""
    return np.concatenate([np.repeat([True, arch.bias], [n * k, k]) for n, k in pairwise(units)])


def eigenvalues(H: Array) -> Array:
    """Return the eigenvalues (R, P) of R symmetric matrices, ascending; NaN for a matrix that is not finite."""
    finite = np.isfinite(H).all(axis=(1, 2))
    found = np.full(H.shape[:2], np.nan)
    found[finite] = np.linalg.eigvalsh(H[finite])
    return found


def _along(at: Pass, V: list[Array]) -> Array:
    """Return the derivative of the gradient along V, (P, R)."""
    RA, Rz = [np.zeros_like(at.A[0])], []
    for A, W, v, slope in zip(at.A, at.W, V, [*at.slope, None], strict=True):
        Rz.append(_forward(RA[-1], W) + _forward(A, v))
        if slope is not None:
            RA.append(_with(slope * Rz[-1], 0.0))
    Rdz = at.out * Rz[-1] if at.out.ndim == 3 else np.einsum("njkr,nkr->njr", at.out, Rz[-1])
    columns: list[Array] = []
    for layer in reversed(range(len(V))):
        columns.insert(0, _outer(RA[layer], at.dz[layer]) + _outer(at.A[layer], Rdz))
        if layer:
            Rda = _back(Rdz, at.W[layer]) + _back(at.dz[layer], V[layer])
            Rdz = Rda * at.slope[layer - 1] + at.da[layer - 1] * at.bend[layer - 1] * Rz[layer - 1]
    return _flat(columns)


def _with(a: Array, last: float) -> Array:
    """Append a row of `last` to the units' axis, the input of the bias."""
    return np.concatenate([a, np.full((len(a), 1, a.shape[2]), last)], axis=1)


def _forward(A: Array, W: Array) -> Array:
    product: Array = np.einsum("nhr,hkr->nkr", A, W)
    return product


def _back(dz: Array, W: Array) -> Array:
    product: Array = np.einsum("nkr,hkr->nhr", dz, W[:-1])
    return product


def _outer(A: Array, dz: Array) -> Array:
    product: Array = np.einsum("nhr,nkr->hkr", A, dz)
    return product


def _flat(matrices: list[Array]) -> Array:
    return np.concatenate([matrix.reshape(-1, matrix.shape[2]) for matrix in matrices])
