"""The same labels for tanh in arithmetic of many digits, in which rounding decides nothing."""

import numpy as np
from mpmath import mp
from numpy.typing import NDArray

from dimension.labels import Array, Label, Labels, Variant
from xorlab.numerics.training import draw
from xorlab.spec import ArchSpec, InitSpec, RunSpec
from xorlab.spec.components import datasets

TANH, EXP = (np.frompyfunc(function, 1, 1) for function in (mp.tanh, mp.exp))


def label(variant: Variant, seed: int, *, digits: int = 400) -> Label:
    """Return the function from log10 of lr and init.std to whether 2-3-1 with tanh from that seed is solved.

    Each network is trained by a plain loop with so many decimal digits. Its initial weights are `init.std`
    times the numbers that the seed draws at 1. Slow: a second or more for each network.
    """
    spec = RunSpec(arch=ArchSpec(activation="tanh"), init=InitSpec(std=1.0), seed=seed)
    drawn, (X, y) = draw(spec)[0], datasets.load(spec.data)

    def solved(points: Array) -> Labels:
        with mp.workdps(digits):
            start = [_exact(drawn[name]) for name in ("W1", "b1", "W2", "b2")]
            data = _exact(X), _exact(y[:, None])
            plane = mp.mpf(10) ** _exact(points)
            return np.array([_solved(start, *data, lr=lr, std=std, variant=variant) for lr, std in plane])

    return solved


def _exact(numbers: Array) -> NDArray[np.object_]:
    """Return the same numbers as an array of mpmath's."""
    return np.array([mp.mpf(number) for number in numbers.ravel()], dtype=object).reshape(numbers.shape)


def _solved(
    start: list[NDArray[np.object_]],
    X: NDArray[np.object_],
    y: NDArray[np.object_],
    *,
    lr: mp.mpf,
    std: mp.mpf,
    variant: Variant,
) -> bool:
    """Train one network; tell whether its loss comes down to the threshold."""
    W1, b1, W2, b2 = (std * array for array in start)
    least = mp.exp(-len(y) * mp.mpf(variant.threshold))  # the product of the outputs for the labels, at this loss
    for _ in range(variant.epochs):
        h = TANH(X @ W1 + b1)
        p = 1 / (1 + EXP(-(h @ W2 + b2)))
        if np.prod(np.where(y == 1, p, 1 - p)) >= least:
            return True
        dz = (p - y) / len(y)
        da = (dz @ W2.T) * (1 - h * h)
        W2, b2 = W2 - lr * (h.T @ dz), b2 - lr * dz.sum(axis=0)
        W1, b1 = W1 - lr * (X.T @ da), b1 - lr * da.sum(axis=0)
    return False
