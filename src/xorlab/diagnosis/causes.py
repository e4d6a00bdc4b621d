"""Why a run did not converge: the first cause, in this order, whose criterion its evidence meets.

A cause claims no more than its evidence: a run is called a saddle only where the Hessian has a direction down, a
collapse only where every unit is seen to be off or on for all points. What meets no criterion is unknown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis import evidence
from xorlab.diagnosis.evidence import Findings
from xorlab.numerics import curvature
from xorlab.numerics.network import views
from xorlab.numerics.trained import Trained
from xorlab.numerics.training import units

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EQUAL = 1e-12
"""Weights that differ by no more than this are equal."""
FLAT = 1e-4
"""A gradient of a smaller norm is as good as none."""
DOWN = -1e-6
"""An eigenvalue below this is a direction down; between it and its opposite it is about 0."""
SLOPE = 1e-3
"""A sigmoid or tanh unit with a smaller derivative than this is saturated at a point."""
SMALL = 0.1
"""Weights that are all smaller than this are near zero."""
ALTERNATIONS = 16
"""So many last losses must rise and fall in turn to alternate."""


@dataclass(frozen=True)
class Case:
    """R runs that are to be explained.

    Attributes
    ----------
    trained, found : the runs and what can be seen of them
    resting : (R,) whether a run is flat, at a level or at none
    level : (R,) the level at which a run is stuck; NaN elsewhere
    near : (R,) how near to a level counts as at it
    """

    trained: Trained
    found: Findings
    resting: Mask
    level: Array
    near: Array


def _none(case: Case) -> Mask:
    return np.zeros(len(case.resting), dtype=bool)


def _diverged(case: Case) -> Mask:
    return np.array([word == "non_finite" for word in case.trained.stopped])


def _oscillating(case: Case) -> Mask:
    """One more step turns the gradient round, at a curvature beyond 2 / lr; or the loss alternates."""
    last = _last(case.trained, ALTERNATIONS)
    changes = np.diff(last, axis=1)
    alternating = (changes[:, 1:] * changes[:, :-1] < 0.0).all(axis=1) & (np.ptp(last, axis=1) > FLAT)
    unstable = case.found.lr * case.found.eigenvalues[:, -1] > 2.0
    return np.asarray(_turned(case) | (alternating & unstable))


def _last(trained: Trained, count: int) -> Array:
    """Return each run's own last losses, (R, count), the first repeated where a run is shorter."""
    epochs = trained.epochs[:, None] - np.arange(count, 0, -1)
    return np.asarray(np.take_along_axis(trained.losses, np.maximum(epochs, 0), axis=1))


def _turned(case: Case) -> Mask:
    """Take one step more: g' . g < 0, and |g' - g| / |lr g| about 2 / lr or more.

    A small step over a kink turns the gradient too, as of a run that slides down along it. So the step
    may take no unit over its kink, or else the loss must be no lower than it was a tenth of the epochs before.
    """
    found, spec = case.found, case.trained.specs[0]
    with np.errstate(all="ignore"):
        after = found.theta - found.lr * found.gradient
        way = curvature.run(spec.arch, spec.loss, after, *evidence.data(case.trained))
        turned = curvature.gradient(way)
        product = (turned * found.gradient).sum(axis=0)
        norm, difference = (np.sqrt((g**2).sum(axis=0)) for g in (found.gradient, turned - found.gradient))
    before = case.trained.losses[np.arange(len(norm)), case.trained.epochs * 9 // 10]
    rough = _crossed(found, way) & (case.trained.final_loss < before)
    return np.asarray((norm > FLAT) & (product < 0.0) & (difference > 1.9 * norm) & ~rough)


def _crossed(found: Findings, after: curvature.Pass) -> Mask:
    """Tell of which runs a step takes a pre-activation over its kink, (R,)."""
    pairs = zip(found.at.z, after.z, strict=True) if found.off else ()
    crossed = [((z > 0.0) != (later > 0.0)).any(axis=(0, 1)) for z, later in pairs]
    return np.asarray(np.logical_or.reduce([np.zeros(len(after.loss), dtype=bool), *crossed]))


def _tied_units(case: Case) -> Mask:
    """In every hidden layer of two units or more, all have the same weights in and out."""
    W = views(case.found.theta, units(case.trained.specs[0]))
    pairs = [(into, out[:-1]) for into, out in pairwise(W) if into.shape[1] > 1]
    if not pairs:
        return _none(case)
    equal = [
        (np.ptp(into, axis=1) <= EQUAL).all(axis=0) & (np.ptp(out, axis=0) <= EQUAL).all(axis=0) for into, out in pairs
    ]
    return np.asarray(np.logical_and.reduce(equal))


def _all_dead(case: Case) -> Mask:
    """Every unit of some hidden layer is off at every point."""
    if case.trained.specs[0].arch.activation != "relu":
        return _none(case)
    dead = [off.all(axis=1) for off in case.found.off]
    return np.asarray(np.logical_or.reduce([*dead, _none(case)]))


def _affine_collapse(case: Case) -> Mask:
    """Every unit is off at every point or on at every point: the network is affine on the data."""
    if not case.found.off:
        return _none(case)
    sided = [(off | on).all(axis=1) for off, on in zip(case.found.off, case.found.on, strict=True)]
    return np.asarray(np.logical_and.reduce(sided) & case.resting)


def _saturated(case: Case) -> Mask:
    if case.trained.specs[0].arch.activation not in ("sigmoid", "tanh"):
        return _none(case)
    flat = [((slope < SLOPE).sum(axis=0) >= 2).any(axis=0) for slope in case.found.at.slope]
    return np.asarray(np.logical_or.reduce([*flat, _none(case)]) & case.resting)


def _norm(case: Case) -> Array:
    return np.asarray(np.sqrt((case.found.gradient**2).sum(axis=0)))


def _saddle(case: Case) -> Mask:
    """A direction down, and a gradient so small that the stationary point is nearer than a unit length.

    Where a level is only neared as weights grow for ever there are slight directions down too, but no such point.
    """
    norm, lowest = _norm(case), case.found.eigenvalues[:, 0]
    return (norm < FLAT) & (lowest < DOWN) & (norm < -lowest) & ~case.found.kink & case.resting


def _degenerate_saddle(case: Case) -> Mask:
    """Near-zero weights, no curvature down, and yet a small random step lowers the loss."""
    spec = case.trained.specs[0]
    W = views(case.found.theta, units(spec))
    small = np.logical_and.reduce([(np.abs(matrix[:-1]) < SMALL).all(axis=(0, 1)) for matrix in W])
    level = np.abs(case.found.eigenvalues[:, 0]) <= -DOWN
    asked = np.flatnonzero(small & level & (_norm(case) < FLAT) & case.resting)
    lower = _none(case)
    X, y = evidence.data(case.trained)
    for run in asked:
        theta = case.found.theta[:, [run]]
        steps = np.random.RandomState(0).standard_normal((len(theta), 64))
        own = (X, y) if X.shape[2] == 1 else (X[..., [run]], y[..., [run]])
        losses = [curvature.run(spec.arch, spec.loss, theta + size * steps, *own).loss for size in (0.03, 0.1)]
        lower[run] = np.min(losses) < case.trained.final_loss[run] - 1e-9
    return lower


def _tied_inputs(case: Case) -> Mask:
    """The outputs tie points into groups, more than one, whose level is the run's."""
    specs = case.trained.specs
    bits = [row.tobytes() for row in evidence.packed(case.found)]
    levels = [evidence.level(spec.data, spec.loss, row) for spec, row in zip(specs, bits, strict=True)]
    several = [
        len(evidence.groups(len(case.found.tied[run]), row)) > 1 if row else False for run, row in enumerate(bits)
    ]
    return np.array(several) & (np.abs(np.array(levels) - case.level) <= case.near)


def _slow(case: Case) -> Mask:
    """The loss is still moving, or the gradient is not yet as good as none."""
    return ~case.resting | (_norm(case) >= FLAT)


CAUSES: dict[str, Callable[[Case], Mask]] = {
    "diverged": _diverged,
    "oscillating": _oscillating,
    "tied_units": _tied_units,
    "all_dead": _all_dead,
    "affine_collapse": _affine_collapse,
    "saturated": _saturated,
    "saddle": _saddle,
    "degenerate_saddle": _degenerate_saddle,
    "tied_inputs": _tied_inputs,
    "slow": _slow,
}
"""Each cause and its criterion, (R,) for a case, in the order in which they are tried."""


def decide(case: Case) -> list[str]:
    """Name the cause of each of R runs; unknown where no criterion is met."""
    masks = np.array([criterion(case) for criterion in CAUSES.values()])
    names = np.array([*CAUSES, "unknown"])
    first = np.where(masks.any(axis=0), masks.argmax(axis=0), len(CAUSES))
    return [str(name) for name in names[first]]
