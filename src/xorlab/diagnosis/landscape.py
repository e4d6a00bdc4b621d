"""The loss around a run's end, in the plane of the directions along which it curves least and most."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis.case import MOST_PARAMETERS, ON_KINK
from xorlab.errors import XorlabError
from xorlab.numerics import curvature
from xorlab.numerics.network import pack
from xorlab.numerics.trained import Trained
from xorlab.spec.components import datasets
from xorlab.spec.components.activations import ACTIVATIONS

Array = NDArray[np.float64]

HALF = 60
"""Steps from the centre of a slice to each side."""
REACH = (0.5, 5.0)
"""The least and the greatest distance from the centre of a slice to its sides."""
ROUNDING = 1e-9
"""An eigenvalue no larger than this times the largest one is 0 but for rounding."""


@dataclass(frozen=True)
class Slice:
    """The loss around a run's end, along the directions of least and of greatest curvature.

    Attributes
    ----------
    steps : (K,) array, the distances from the centre, 0 in the middle
    loss : (K, K) array; a row for each step along the greatest curvature, a column for each along the least
    least, greatest : the two eigenvalues of the Hessian
    slopes : (2,) array, the gradient along the two directions, of least and of greatest curvature
    flat, parameters : how many eigenvalues are 0 but for rounding, and how many there are
    margin : (K, K) array, positive where every unit is, at every point, on the side of its kink where it is at the
        centre; NaN where the activation has no kink
    kink : whether a pre-activation is on a kink at the centre, so that the Hessian is one-sided
    """

    steps: Array
    loss: Array
    least: float
    greatest: float
    slopes: Array
    flat: int
    parameters: int
    margin: Array
    kink: bool


def cut(trained: Trained) -> Slice:
    """Cut the loss of an ensemble of one through its final parameters, along its extreme Hessian directions.

    Raises
    ------
    XorlabError
        Where the network has too many parameters for its Hessian.
    """
    spec = trained.specs[0]
    theta = pack(trained.final, spec.units)
    if len(theta) > MOST_PARAMETERS:
        raise XorlabError(f"a slice needs a network of at most {MOST_PARAMETERS} parameters; got {len(theta)}")
    X, y = (array[..., None] for array in datasets.load(spec.data, spec.numerics))
    at = curvature.run(spec.arch, spec.loss, theta, X, y, targets=spec.data.targets)
    kept = curvature.trained(spec.arch, spec.units)
    values, inner = np.linalg.eigh(curvature.hessian(at)[0][kept][:, kept])
    vectors = np.zeros((len(theta), values.size))
    vectors[kept] = inner
    steps = np.arange(-HALF, HALF + 1) / HALF * np.clip(np.sqrt(2.0 / max(values[-1], 1e-12)), *REACH)
    up, across = (grid.ravel() for grid in np.meshgrid(steps, steps, indexing="ij"))
    plane = theta + vectors[:, -1:] * up + vectors[:, :1] * across
    around = curvature.run(spec.arch, spec.loss, plane, X, y, targets=spec.data.targets)
    kinked = [ACTIVATIONS[name].pieces is not None for name in spec.arch.activations]
    before, after = ([z for z, bent in zip(run.z, kinked, strict=True) if bent] for run in (at, around))
    K = steps.size
    return Slice(
        steps=steps,
        loss=around.loss.reshape(K, K),
        least=float(values[0]),
        greatest=float(values[-1]),
        slopes=vectors[:, [0, -1]].T @ curvature.gradient(at)[:, 0],
        flat=int((np.abs(values) <= ROUNDING * abs(values[-1])).sum()),
        parameters=values.size,
        margin=_margin(before, after).reshape(K, K) if before else np.full((K, K), np.nan),
        kink=any(bool((np.abs(z) < ON_KINK).any()) for z in before),
    )


def _margin(centre: list[Array], around: list[Array]) -> Array:
    """Find the least pre-activation (K,), signed so that it is positive on the side of the centre.

    A pre-activation that stays on its kink over the whole slice has no side to leave and is not counted.
    """
    signed = [np.where(at > 0.0, z, -z) for at, z in zip(centre, around, strict=True)]
    moving = [np.where(np.abs(z).max(axis=-1, keepdims=True) > ON_KINK, z, np.inf) for z in signed]
    least: Array = np.min([z.min(axis=(0, 1)) for z in moving], axis=0)
    return least
