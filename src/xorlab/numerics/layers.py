"""The products of a layer for R networks at once, computed in the fastest way for the layer's widths.

Arrays have the runs axis last: A (N, n, R), or (N, n) where all runs share it; W (n, k, R); z (N, k, R). If all
layers are narrow, memory is in that order too ("C"), and a product is a multiply-add along the runs. If a layer is
wide, memory is in the reverse order ("F"): each run's matrix is contiguous, and a product is one BLAS matrix product
per run.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xorlab.spec.components.arithmetics import additions, portable_total
from xorlab.spec.components.steps import Step, chain

try:
    # Private: the C function that np.einsum calls, without the cost of np.einsum's Python code in every epoch.
    # Tested with NumPy 2.4. A NumPy that does not have it here gets np.einsum: slower, but the same bits.
    from numpy._core.multiarray import c_einsum
except ImportError:
    c_einsum = np.einsum

Array = NDArray[np.float64]
Order = Literal["C", "F"]

BLAS_PAYS = 100
"""With at least this many weights between two hidden layers, one matrix product per run is faster."""

SUMS_PAY = 16
"""With at most this many entries in A, one NumPy call per sum is faster than one contraction."""

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


def order(units: tuple[int, ...], numerics: str = "native") -> Order:
    """Return the memory order for a network with these units; it does not depend on the number of runs."""
    if numerics == "portable":
        return "C"
    hidden = units[1:-1]
    return "F" if max((h * k for h, k in pairwise(hidden)), default=0) >= BLAS_PAYS else "C"


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


def _sums(chosen: Array, terms: Array, out: Array) -> Step:
    """Make the step that writes for each row of `chosen` (n, m) the sum of the `terms` (m, …) where it is 1."""
    picked = ([terms[place] for place in np.flatnonzero(row)] for row in chosen)
    return chain([step for parts, each in zip(picked, out, strict=True) for step in additions(parts, each)])


SUMS = Contractions(_sums, lambda A, dz, dW: _sums(A.T, dz, dW), _input_gradient_along)
"""The products where A (N, n) holds constant zeros and ones: plain sums, with the same bits as `CONTRACTIONS`."""


def summed(A: Array, memory: Order) -> bool:
    """Return whether `SUMS` apply and are faster: all runs share A, and A holds few entries, all 0 or 1."""
    return memory == "C" and A.ndim == 2 and A.size <= SUMS_PAY and bool(((A == 0.0) | (A == 1.0)).all())


SLAB = 64
"""Portable products are computed for this many terms of a sum at a time, which bounds their memory."""


def _apart(left: Array, right: Array, out: Array) -> Step:
    """Make the step that writes sum_c left[c] right[c]: each product rounded, then added in a fixed order."""
    if len(left) == 1:
        return partial(np.multiply, left[0], right[0], out)
    parts = [(left[start : start + SLAB], right[start : start + SLAB]) for start in range(0, len(left), SLAB)]
    terms = np.empty((len(parts[0][0]), *out.shape))
    steps: list[Step] = []
    for a, b in parts:
        some = terms[: len(a)]
        steps.append(partial(np.multiply, a, b, some))
        if not steps[1:]:
            steps.append(portable_total(some, out))
        else:
            steps += [portable_total(some, terms[0]), partial(np.add, out, terms[0], out)]
    return chain(steps)


def _runs(A: Array) -> Array:
    """Give A (N, n) an axis of runs if it has none."""
    return A if A.ndim == 3 else A[:, :, None]


PORTABLE = Contractions(
    lambda A, W, z: _apart(_runs(A).swapaxes(0, 1)[:, :, None], W[:, None], z),
    lambda A, dz, dW: _apart(_runs(A)[:, :, None], dz[:, None], dW),
    lambda dz, W, da: _apart(dz.swapaxes(0, 1)[:, :, None], W.swapaxes(0, 1)[:, None], da),
)
"""Products by multiplications and additions that are never fused, in memory order C."""


CONTRACTIONS: dict[Order, Contractions] = {
    "C": Contractions(_affine_along, _weight_gradient_along, _input_gradient_along),
    "F": Contractions(_affine_stacked, _weight_gradient_stacked, _input_gradient_stacked),
}
