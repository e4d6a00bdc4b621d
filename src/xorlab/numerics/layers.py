"""The products of a layer, for R networks at once, in the way that is quickest for its widths.

Arrays have the runs axis last: A (N, n, R) or, where all runs share it, (N, n), W (n, k, R), z (N, k, R). Where
all layers are narrow, memory is in that order too ("C"), and a product is a multiply-add along the runs. Where some
layer is wide, memory is in the reverse order ("F"), each run's matrix lies together, and a product is a
matrix product of BLAS for each run. A test holds both to the plain formula.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xorlab.components.steps import Step

try:  # the C function behind np.einsum, without the Python wrapper's cost for every call
    from numpy._core.multiarray import c_einsum
except ImportError:
    c_einsum = np.einsum

Array = NDArray[np.float64]
Order = Literal["C", "F"]

WIDE = 100
"""Weights between two hidden layers from which on a matrix product for each run is quicker."""


FEW = 16
"""Entries of A up to which a call for each sum costs no more than one for all."""


Build = Callable[[Array, Array, Array], Step]
"""build(left, right, out): the step that writes a product."""


class Contractions(NamedTuple):
    """The three products of a layer, for each run.

    affine(A, W, z): z[n,k] = sum_h A[n,h] W[h,k]
    weight_gradient(A, dz, dW): dW[h,k] = sum_n A[n,h] dz[n,k]
    input_gradient(dz, W, da): da[n,h] = sum_k dz[n,k] W[h,k]
    """

    affine: Build
    weight_gradient: Build
    input_gradient: Build


def order(units: tuple[int, ...]) -> Order:
    """Choose the order in memory for a network of these units, whatever the number of runs."""
    hidden = units[1:-1]
    return "F" if max((h * k for h, k in pairwise(hidden)), default=0) >= WIDE else "C"


def _affine_along(left: Array, right: Array, out: Array) -> Step:
    return partial(c_einsum, "nh,hkr->nkr" if left.ndim == 2 else "nhr,hkr->nkr", left, right, out=out)


def _weight_gradient_along(left: Array, right: Array, out: Array) -> Step:
    return partial(c_einsum, "nh,nkr->hkr" if left.ndim == 2 else "nhr,nkr->hkr", left, right, out=out)


def _input_gradient_along(left: Array, right: Array, out: Array) -> Step:
    if right.shape[1] == 1:
        return partial(np.multiply, left, right[:, 0], out)
    return partial(c_einsum, "nkr,hkr->nhr", left, right, out=out)


def _affine_stacked(left: Array, right: Array, out: Array) -> Step:
    return partial(np.matmul, right.T, left.T, out=out.T)


def _weight_gradient_stacked(left: Array, right: Array, out: Array) -> Step:
    return partial(np.matmul, right.T, left.T.swapaxes(-1, -2), out=out.T)


def _input_gradient_stacked(left: Array, right: Array, out: Array) -> Step:
    return partial(np.matmul, right.T.swapaxes(-1, -2), left.T, out=out.T)


def _sum(parts: Sequence[Array], out: Array) -> list[Step]:
    """Make the steps that add up `parts` from the first to the last, in the order of a contraction."""
    if len(parts) < 2:
        return [partial(np.copyto, out, part) for part in parts or [np.zeros(1)]]
    return [partial(np.add, parts[0], parts[1], out), *(partial(np.add, out, part, out) for part in parts[2:])]


def _sums(chosen: Array, terms: Array, out: Array) -> Step:
    """Make the step that writes for each row of `chosen` (n, m) the sum of the `terms` (m, …) where it is 1."""
    picked = ([terms[place] for place in np.flatnonzero(row)] for row in chosen)
    steps = [step for parts, each in zip(picked, out, strict=True) for step in _sum(parts, each)]

    def all_sums() -> None:
        for step in steps:
            step()

    return all_sums


SUMS = Contractions(_sums, lambda A, dz, dW: _sums(A.T, dz, dW), _input_gradient_along)
"""The products where A (N, n) is of zeros and ones that stay: sums, with the same bits."""


def summed(A: Array, memory: Order) -> bool:
    """Tell whether `SUMS` are quicker: A is of few zeros and ones, shared by all runs."""
    return memory == "C" and A.ndim == 2 and A.size <= FEW and bool(((A == 0.0) | (A == 1.0)).all())


CONTRACTIONS: dict[Order, Contractions] = {
    "C": Contractions(_affine_along, _weight_gradient_along, _input_gradient_along),
    "F": Contractions(_affine_stacked, _weight_gradient_stacked, _input_gradient_stacked),
}
