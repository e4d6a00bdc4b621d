"""One network at a time in plain NumPy, as in the lab notebook."""

import numpy as np

from baselines import Array, Problem, Training


def prepare(problem: Problem) -> Training:
    """Return a function that trains the runs one after the other."""

    def train_all() -> Array:
        runs = range(len(problem.lr))
        return np.array([train(problem, run) for run in runs])

    return train_all


def train(problem: Problem, run: int) -> list[float]:
    """Train one run and return its losses, one for each epoch."""
    X, y, lr = problem.X, problem.y[:, None], problem.lr[run]
    Ws = [W[run].copy() for W, _ in problem.layers]
    bs = [b[run][None].copy() for _, b in problem.layers]
    last = len(Ws) - 1
    losses = []
    for _ in range(problem.epochs):
        A, zs = [X], []
        for layer in range(last):
            zs.append(A[layer] @ Ws[layer] + bs[layer])
            A.append(np.maximum(0, zs[layer]))
        p = 1 / (1 + np.exp(-(A[last] @ Ws[last] + bs[last])))
        losses.append(-np.mean(y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12)))
        dz = (p - y) / len(y)
        for layer in range(last, -1, -1):
            dW, db = A[layer].T @ dz, dz.sum(axis=0, keepdims=True)
            if layer:
                dz = (dz @ Ws[layer].T) * (zs[layer - 1] > 0)
            Ws[layer] -= lr * dW
            bs[layer] -= lr * db
    return losses
