"""Numba: compiled scalar code trains each run through all its epochs before the next run starts."""

import numpy as np
from numba import njit, prange

from baselines import Array, Problem, Training
from xorlab.numerics.network import rows

Layers = tuple[tuple[int, int, int], ...]
"""Each layer's place in theta: its first index, its inputs (with the 1 of the bias) and its outputs."""

compiled = njit(inline="always")


def prepare(problem: Problem) -> Training:
    """Compile the training of the runs on one thread."""
    return _prepare(problem, parallel=False)


def prepare_parallel(problem: Problem) -> Training:
    """Compile the training of the runs on all threads."""
    return _prepare(problem, parallel=True)


def _prepare(problem: Problem, *, parallel: bool) -> Training:
    R, X, y, lr = len(problem.lr), problem.X, problem.y, problem.lr
    theta = np.concatenate([array.reshape(R, -1) for layer in problem.layers for array in layer], axis=1)
    # Numba compiles a tuple from the enclosing scope as a constant.
    layers = tuple(rows((X.shape[1], *(b.shape[1] for _, b in problem.layers))))

    @njit(parallel=parallel)
    def run_all(theta: Array, lr: Array, losses: Array) -> None:
        for run in prange(len(lr)):
            _run(theta[run], (X, y), lr[run], losses[run], layers)

    run_all(theta[:1].copy(), lr[:1], np.empty((1, 1)))

    def train() -> Array:
        losses = np.empty((R, problem.epochs))
        run_all(theta.copy(), lr, losses)
        return losses

    return train


@compiled
def _run(theta: Array, data: tuple[Array, Array], lr: float, losses: Array, layers: Layers) -> None:
    X, y = data
    widest = max([max(n, k) for _, n, k in layers])
    A, dA = np.empty((len(layers) + 1, widest)), np.empty((len(layers) + 1, widest))
    gradient = np.zeros_like(theta)
    for epoch in range(len(losses)):
        total = 0.0
        gradient[:] = 0.0
        for sample in range(len(y)):
            A[0, : X.shape[1]] = X[sample]
            _forward(theta, A, layers)
            z = A[-1, 0]
            e = np.exp(-abs(z))
            total += max(z, 0.0) - y[sample] * z + np.log1p(e)
            dA[-1, 0] = ((1.0 if z > 0 else e) / (1.0 + e) - y[sample]) / len(y)
            _backward(theta, gradient, A, dA, layers)
        losses[epoch] = total / len(y)
        for p in range(len(theta)):
            theta[p] -= lr * gradient[p]


@compiled
def _forward(theta: Array, A: Array, layers: Layers) -> None:
    for layer, (start, n, k) in enumerate(layers):
        for o in range(k):
            A[layer + 1, o] = theta[start + (n - 1) * k + o]
        for i in range(n - 1):
            for o in range(k):
                A[layer + 1, o] += A[layer, i] * theta[start + i * k + o]
        if layer < len(layers) - 1:
            for o in range(k):
                A[layer + 1, o] = max(A[layer + 1, o], 0.0)


@compiled
def _backward(theta: Array, gradient: Array, A: Array, dA: Array, layers: Layers) -> None:
    for layer in range(len(layers) - 1, -1, -1):
        start, n, k = layers[layer]
        for o in range(k):
            gradient[start + (n - 1) * k + o] += dA[layer + 1, o]
        for i in range(n - 1):
            slope = 0.0
            for o in range(k):
                gradient[start + i * k + o] += A[layer, i] * dA[layer + 1, o]
                slope += theta[start + i * k + o] * dA[layer + 1, o]
            dA[layer, i] = slope if A[layer, i] > 0 else 0.0
