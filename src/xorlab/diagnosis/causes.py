"""Why a run did not converge: the first cause, in this order, whose criterion its evidence meets.

A cause claims no more than its evidence. A run is called a saddle only where the Hessian has a direction down, and a
collapse only where every unit is off or on at all points. A run that meets no criterion is unknown. To add a cause,
write its criterion and put a `Cause` into `CAUSES`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis import partitions
from xorlab.diagnosis.case import SATURATED, Case
from xorlab.diagnosis.forecast import ABOVE, NOTICEABLE
from xorlab.numerics import curvature
from xorlab.numerics.network import pack, views
from xorlab.numerics.trained import take
from xorlab.numerics.training import train
from xorlab.spec import RunSpec
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.losses import objective
from xorlab.spec.components.outputs import position

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EQUAL = 1e-12
"""Weights that differ by no more than this are equal."""
ZERO_GRADIENT = 1e-4
"""A gradient with a smaller norm counts as zero."""
NEGATIVE = -1e-6
"""An eigenvalue below this is a direction down; from here to the same above 0 it counts as zero."""
STRAIGHT = 1e-6
"""A smooth unit whose derivative varies by less than this over the points is linear on them."""
FIRST = 10
"""A unit that is dead after so many epochs was killed by the first steps."""
NEAR_ZERO = 0.1
"""Weights that are all smaller than this are near zero."""
ALTERNATIONS = 16
"""The loss alternates if this many of its last values rise and fall in turn."""
CONSTANT = 0.1
"""Outputs that differ by less than this are the same."""
SWING = 1e-4
"""Losses that alternate within less than this are rounding or rest."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why a run did not converge.

    Attributes
    ----------
    criterion : criterion(case) tells which of R runs meet it, (R,)
    why : what it means, in whole sentences; what helps against it is measured, see `judged`
    proved : whether no run that meets the criterion can have converged, whatever else is so
    """

    criterion: Callable[[Case], Mask]
    why: str
    proved: bool = False


def _none(case: Case) -> Mask:
    return np.zeros(len(case.resting), dtype=bool)


def _diverged(case: Case) -> Mask:
    return np.array([word == "non_finite" for word in case.trained.stopped])


def _linear_model(case: Case) -> Mask:
    """The network is affine in its inputs, and no affine function does better than p = 1/2, or none better than now.

    Without a hidden layer the cross-entropy is convex, so that a run which rests is at its global minimum.
    """
    convex = not case.trained.specs[0].arch.hidden and case.trained.specs[0].loss in ("bce", "cross_entropy")
    return np.asarray(case.linear & (case.balanced | (convex & case.resting)))


def _one_unit(case: Case) -> Mask:
    """One monotone hidden unit: its network has the sides of a straight line, and no line does better than p = 1/2."""
    arch = case.trained.specs[0].arch
    return case.balanced & (arch.hidden == (1,) and ACTIVATIONS[arch.activations[0]].monotone)


def _oscillating(case: Case) -> Mask:
    """The steps do not follow the gradient; or one more reverses it, beyond 2 / lr; or the loss alternates there."""
    epochs = case.trained.epochs[:, None] - np.arange(ALTERNATIONS, 0, -1)
    last = np.take_along_axis(case.trained.losses, np.maximum(epochs, 0), axis=1)
    changes = np.diff(last, axis=1)
    alternating = (changes[:, 1:] * changes[:, :-1] < 0.0).all(axis=1) & (np.ptp(last, axis=1) > SWING)
    unstable = case.lr * case.eigenvalues[:, -1] > 2.0
    thrown = (case.overshooting & ~case.falling) & (~case.resting | (case.trained.final_loss > ABOVE * case.chance))
    turned = _reversed(case) | (alternating & unstable)
    return np.asarray((thrown | turned) & ~_over_the_losses_kink(case))


def _reversed(case: Case) -> Mask:
    """Take one more step: g' . g < 0, and |g' - g| / |lr g| is about 2 / lr or more.

    A small step over a kink reverses the gradient too, where a run descends along the kink at any lr. So the step may
    take no unit over its kink, unless lr is above 2 / lambda_max and the loss no lower than after nine tenths of the
    epochs.
    """
    spec = case.trained.specs[0]
    with np.errstate(all="ignore"):
        theta = case.theta - case.lr * case.gradient
        after = curvature.run(spec.arch, spec.loss, theta, case.X, case.y, targets=spec.data.targets)
        gradient = curvature.gradient(after)
        product = (gradient * case.gradient).sum(axis=0)
        difference = np.sqrt(((gradient - case.gradient) ** 2).sum(axis=0))
    crossed = _none(case)
    for z, later, name in zip(case.network.z, after.z, spec.arch.activations, strict=True):
        if ACTIVATIONS[name].pieces is not None:
            crossed |= ((z > 0.0) != (later > 0.0)).any(axis=(0, 1))
    norm = case.gradient_norm
    turned = (norm > ZERO_GRADIENT) & (product < 0.0) & (difference > 1.9 * norm)
    unstable = case.lr * case.eigenvalues[:, -1] > 2.0
    return np.asarray(turned & ~(crossed & (_descends(case) | ~unstable)))


def _descends(case: Case) -> Mask:
    """The loss is lower than it was after nine tenths of the epochs."""
    before = case.trained.losses[np.arange(len(case.resting)), case.trained.epochs * 9 // 10]
    return np.asarray(case.trained.final_loss < before)


def _over_the_losses_kink(case: Case) -> Mask:
    """One more step takes a sample over the kink of its loss, which reverses the gradient at any lr."""
    spec = case.trained.specs[0]
    kink = objective(spec.loss, spec.arch.output, spec.data.targets).kink
    if kink is None:
        return _none(case)
    with np.errstate(all="ignore"):
        theta = case.theta - case.lr * case.gradient
        after = curvature.run(spec.arch, spec.loss, theta, case.X, case.y, targets=spec.data.targets)
        return np.asarray(
            ((kink(case.network.last, case.y) > 0.0) != (kink(after.last, case.y) > 0.0)).any(axis=(0, 1))
        )


def _tied_units(case: Case) -> Mask:
    """In every hidden layer of two units or more, all have the same weights in and out, from the start on."""
    units = case.trained.specs[0].units
    return _equal(views(pack(case.trained.initial, units), units)) & _equal(views(case.theta, units))


def _equal(W: list[Array]) -> Mask:
    pairs = [(into, out[:-1]) for into, out in pairwise(W) if into.shape[1] > 1]
    if not pairs:
        return np.zeros(W[0].shape[2], dtype=bool)
    equal = [
        (np.ptp(into, axis=1) <= EQUAL).all(axis=0) & (np.ptp(out, axis=0) <= EQUAL).all(axis=0) for into, out in pairs
    ]
    return np.asarray(np.logical_and.reduce(equal))


def _killed(case: Case) -> Mask:
    """Every unit of some hidden layer is dead, none of the layers was at the start, and the first steps did it.

    Ten times as many steps of a tenth the size would not have done it: the gradient alone leads elsewhere.
    """
    specs, killed = case.trained.specs, _all_dead(case)
    if killed.any():
        killed &= ~_dead_layer(case, case.X, pack(case.trained.initial, specs[0].units))
    for times, dies in ((1, True), (10, False)):
        runs = np.flatnonzero(killed)
        if runs.size:
            early = [_first_steps(specs[run], times) for run in runs]
            after = train(early, initial=take(case.trained.initial, runs))
            X = case.X if case.X.shape[2] == 1 else case.X[:, :, runs]
            killed[runs] = _dead_layer(case, X, pack(after.final, specs[0].units)) == dies
    return killed


def _first_steps(spec: RunSpec, times: int) -> RunSpec:
    """Return the specification of a run's first steps, in so many times as many steps."""
    epochs = times * min(spec.epochs, FIRST)
    return replace(spec, epochs=epochs, lr=spec.lr / times, target_loss=None)


def _dead_layer(case: Case, X: Array, theta: Array) -> Mask:
    """Tell which of R networks of the case's shape have a hidden layer whose units are all dead."""
    spec = case.trained.specs[0]
    with np.errstate(all="ignore"):
        network = curvature.run(spec.arch, spec.loss, theta, X, np.zeros((*case.y.shape[:2], 1)))
    return np.asarray(np.logical_or.reduce([(slope == 0.0).all(axis=(0, 1)) for slope in network.slope]))


def _all_dead(case: Case) -> Mask:
    """Every unit of some hidden layer is dead."""
    dead = [(layer == "dead").all(axis=0) for layer in case.states if layer.size]
    return np.asarray(np.logical_or.reduce([_none(case), *dead]))


def _affine_collapse(case: Case) -> Mask:
    """No unit is split by the data, so the network is affine on it; or every unit's slope is the same at all points."""
    arch = case.trained.specs[0].arch
    if case.states and all(layer.size for layer in case.states):
        straight = [(layer != "split").all(axis=0) for layer in case.states]
    elif case.network.slope and not any(ACTIVATIONS[name].saturates for name in arch.activations):
        straight = [(np.ptp(slope, axis=0) < STRAIGHT).all(axis=0) for slope in case.network.slope]
    else:
        return _none(case)
    return np.asarray(np.logical_and.reduce([case.resting, *straight]))


def _saturated(case: Case) -> Mask:
    """Some unit is saturated at two points or more."""
    named = zip(case.trained.specs[0].arch.activations, case.network.slope, strict=True)
    slopes = [slope for name, slope in named if ACTIVATIONS[name].saturates]
    flat = [((slope < SATURATED).sum(axis=0) >= 2).any(axis=0) for slope in slopes]
    return np.asarray(np.logical_or.reduce([_none(case), *flat]) & case.resting)


def _saddle(case: Case) -> Mask:
    """A direction down, and a gradient so small that the stationary point is nearer than a unit length.

    A run that approaches its level while its weights grow without bound has slight directions down too, but there is
    no stationary point.
    """
    norm, lowest = case.gradient_norm, case.eigenvalues[:, 0]
    return (norm < ZERO_GRADIENT) & (lowest < NEGATIVE) & (norm < -lowest) & ~case.kink & ~case.falling


def _degenerate_saddle(case: Case) -> Mask:
    """Near-zero weights and no curvature down, and yet a small random step lowers the loss."""
    spec = case.trained.specs[0]
    W = views(case.theta, spec.units)
    small = np.logical_and.reduce([(np.abs(matrix[:-1]) < NEAR_ZERO).all(axis=(0, 1)) for matrix in W])
    flat = np.abs(case.eigenvalues[:, 0]) <= -NEGATIVE
    lower = _none(case)
    for run in np.flatnonzero(small & flat & (case.gradient_norm < ZERO_GRADIENT) & case.resting):
        theta = case.theta[:, [run]]
        steps = np.random.RandomState(0).standard_normal((len(theta), 64))
        X, y = (array if array.shape[-1] == 1 else array[..., [run]] for array in (case.X, case.y))
        losses = [
            curvature.run(spec.arch, spec.loss, theta + size * steps, X, y, targets=spec.data.targets).loss
            for size in (0.03, 0.1)
        ]
        lower[run] = np.min(losses) < case.trained.final_loss[run] - 1e-9
    return lower


def _tied_inputs(case: Case) -> Mask:
    """The outputs tie points into two groups or more, of which one has different labels."""
    pairs = list(zip(case.trained.specs, case.partitions, strict=True))
    levels = np.array([partitions.level(spec.data, spec.loss, partition) for spec, partition in pairs])
    several = np.array([len(partition) > 1 for partition in case.partitions])
    return np.asarray(case.resting & several & (levels > 0.0))


def _same_output(case: Case) -> Mask:
    """The outputs of all points are the same, and the loss that of the best constant."""
    alone = np.array([len(partition) == 1 for partition in case.partitions])
    spec = case.trained.specs[0]
    outputs = position(spec.arch.output, spec.data.targets, case.trained.logits)
    spread = (np.ptp(outputs, axis=1) < CONSTANT).reshape(len(outputs), -1).all(axis=1)
    near = np.abs(case.trained.final_loss - case.chance) < NOTICEABLE * case.chance
    return np.asarray(case.resting & (alone | spread) & near)


CAUSES: dict[str, Cause] = {
    "diverged": Cause(
        criterion=_diverged,
        why="The steps were too long: each one made the next one longer.",
        proved=True,
    ),
    "linear_model": Cause(
        criterion=_linear_model,
        why="This network computes an affine function of its inputs, whatever its weights, and no straight line "
        "separates the labels.",
        proved=True,
    ),
    "one_unit": Cause(
        criterion=_one_unit,
        why="One hidden unit with a monotone activation divides the plane along one straight line, and no straight "
        "line separates the labels.",
        proved=True,
    ),
    "oscillating": Cause(
        criterion=_oscillating,
        why="The steps are too large: they overshoot instead of following the gradient down.",
    ),
    "no_bias": Cause(
        criterion=lambda case: case.fixed,
        why="The network has no biases, so at the point whose inputs are all 0 its output is fixed, and not at the "
        "label's value. No weights can change that.",
        proved=True,
    ),
    "tied_units": Cause(
        criterion=_tied_units,
        why="The hidden units of each layer started with equal weights, get equal gradients and stay equal. "
        "Together they act as one unit.",
    ),
    "killed": Cause(
        criterion=_killed,
        why="The first steps were so large that they killed every unit of a hidden layer. No gradient reaches that "
        "layer or the ones below it any more.",
    ),
    "all_dead": Cause(
        criterion=_all_dead,
        why="Every unit of a hidden layer is dead, so no gradient reaches that layer or the ones below it.",
        proved=True,
    ),
    "affine_collapse": Cause(
        criterion=_affine_collapse,
        why="Every unit is off at every point or on at every point. On these points the network is therefore an "
        "affine function of its inputs.",
    ),
    "saturated_output": Cause(
        criterion=lambda case: case.resting & case.flat,
        why="The output is at its flat end, on the wrong side of a point, and there this loss has almost no gradient.",
    ),
    "saturated": Cause(
        criterion=_saturated,
        why="Units are on the flat ends of their activation, where almost no gradient passes.",
    ),
    "saddle": Cause(
        criterion=_saddle,
        why="The parameters are near a saddle point: the gradient is almost zero, but there is a direction in which "
        "the loss falls.",
    ),
    "degenerate_saddle": Cause(
        criterion=_degenerate_saddle,
        why="The weights are so small that the loss is flat to second order. It falls only further away.",
    ),
    "tied_inputs": Cause(
        criterion=_tied_inputs,
        why="The network gives the same output, or almost the same, to points with different labels.",
    ),
    "same_output": Cause(
        criterion=_same_output,
        why="The network gives almost the same output to all points.",
    ),
    "slow": Cause(
        criterion=lambda case: case.falling,
        why="The epochs were too few: at this pace the loss will be noticeably lower after ten times as many.",
    ),
    "too_early": Cause(
        criterion=lambda case: ~case.resting,
        why="The epochs so far do not decide whether the loss comes to rest here.",
    ),
    "unknown": Cause(
        criterion=lambda case: ~_none(case),
        why="The evidence matches none of the known causes.",
    ),
}
"""Every cause, in the order in which they are tried. The last one is always met."""


def decide(case: Case) -> list[str]:
    """Name the cause of each of R runs, a key of `CAUSES`."""
    met = np.array([cause.criterion(case) for cause in CAUSES.values()])
    names = list(CAUSES)
    return [names[first] for first in met.argmax(axis=0).tolist()]
