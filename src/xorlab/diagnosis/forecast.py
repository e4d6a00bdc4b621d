"""What a run's loss would do in ten times the epochs: stay where it is, fall, or neither for certain.

The forecast follows gradient descent on the quadratic model of the loss at the run's end, so that its time scale comes
from the run itself: the size of a step times the curvature. docs/verdicts.md tells how often it comes true.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis.case import Case
from xorlab.diagnosis.changes import TIMES
from xorlab.diagnosis.levels import spectrum
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.losses import objective
from xorlab.spec.components.optimizers import OPTIMIZERS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

NOTICEABLE = 0.03
"""A loss that changes by more than this share of `Case.chance` has changed noticeably."""
LEAST = 0.6
"""A run rests if its forecast falls by less than this share of what is noticeable."""
MOST = 1.5
"""A run is descending if its forecast falls by more than this multiple of what is noticeable."""
ESCAPE = {True: 0.2, False: 0.02}
"""A run rests only if no more than this share of what is noticeable comes from directions of negative curvature: of a
network with relu units only, and of others. Where relu units tie points the Hessian has such directions for ever."""
GROWTH = 1.0
"""A step along such a direction from a saddle point, which is nearer than a unit length, grows by no more than e to
this power, or the run does not rest: smooth units leave a saddle ever faster."""
FLAT = 1e-6
"""An adaptive rule rests on a flat end, with no curvature above this, only where the gradient is exactly 0."""
SETTLED = 3.0
"""A run rests only after so many units of its own time, lr times the largest eigenvalue times the updates."""
LONG = 1000
"""Or if it would not even fall noticeably in so many times its epochs."""
QUIET = 0.3
"""The last tenth of the losses of a run that rests spans less than this share of what is noticeable."""
STILL = 0.05
"""A run whose steps are too large rests only if the second half of its losses spans less than this share."""
HOPS = 0.5
"""A run that hops about the kink of its loss rests if that half spans less than this share."""
ENOUGH = 100
"""A run whose steps are too large rests only after so many epochs."""
EFFICIENT = (0.5, 2.0)
"""A small step lowers the loss by its length times the norm of the gradient; by this share of it at least and at most,
if it follows the gradient."""
ABOVE = 1.5
"""A loss above this multiple of chance has been thrown there by its steps."""
RISING = 0.4
"""A loss rises by at most this share of its way in its last tenth, if it follows the gradient."""
FEW = 10
"""A run in batches rests only after so many epochs."""
FIRST = 5
"""A run of an adaptive rule descends only after so many epochs: its first steps say little about the later ones."""
JUMP = 10.0
"""The last epoch of a run with a kinked loss that descends lowered it by at most so many times what is noticeable."""


@dataclass(frozen=True)
class Forecast:
    """What the losses of R runs would do in `TIMES` times their epochs.

    Attributes
    ----------
    rests : (R,) whether the loss stays where it is, within `NOTICEABLE`
    falls : (R,) whether it falls noticeably, or converges
    overshoots : (R,) whether the steps are too large for the forecast, because they do not follow the gradient
    """

    rests: Mask
    falls: Mask
    overshoots: Mask


@dataclass(frozen=True)
class _Past:
    """Measures of R losses over the epochs, in units of what is noticeable.

    Attributes
    ----------
    last : by how much the last epoch lowered the loss
    spread, half : the range of the last tenth, and of the second half
    rising : the part of the way in the last tenth that led up
    to_come : the fall in `TIMES` times the epochs, if each doubling of the epochs brings as much as the one before
    """

    last: Array
    spread: Array
    half: Array
    rising: Array
    to_come: Array


def forecast(case: Case, runs: NDArray[np.intp]) -> Forecast:
    """Forecast the losses of those of R runs that are asked for; of the others nothing is said."""
    R = len(case.trained.specs)
    found = Forecast(*(np.zeros(R, dtype=bool) for _ in range(3)))
    if runs.size:
        noticeable = np.maximum(NOTICEABLE * case.chance[runs], 1e-3)
        past = _past(case, runs, noticeable)
        rule = _adaptive if OPTIMIZERS[case.trained.specs[0].optimizer.name].adaptive else _descent
        found.rests[runs], found.falls[runs], found.overshoots[runs] = rule(case, runs, noticeable, past)
    return found


def _descent(case: Case, runs: NDArray[np.intp], noticeable: Array, past: _Past) -> tuple[Mask, Mask, Mask]:
    """Gradient descent, also in batches or with momentum: the quadratic model, and whether steps follow it.

    Notes
    -----
    In the eigenbasis of the Hessian, with eigenvalues l_i and components c_i of the gradient, T updates of size s lower
    the quadratic model by the sum of c_i^2 (1 - (1 - s l_i)^(2 T)) / (2 l_i). With momentum s is lr / (1 - momentum);
    a direction in which that would overshoot although the update is stable is taken to be at its bottom.
    """
    values, slopes = _model(case, runs)
    rate, updates = case.rate[runs, None], TIMES * case.updates[runs, None].astype(np.float64)
    most = np.maximum(case.trained.final_loss[runs] - case.floor[runs], 0.0) / noticeable
    limit = case.limit[runs, None]
    up = values * rate * updates > -1e-3

    def falls(times: Array, directions: Mask) -> Array:
        powers = np.minimum(2.0 * times * np.log(np.abs(1.0 - rate * values)), 80.0)
        powers = np.where((rate * values > 1.0) & (values < limit), -np.inf, powers)
        curved = (1.0 - np.exp(powers)) / (2.0 * values)
        each = slopes**2 * np.where(np.abs(values * rate * times) < 1e-6, rate * times, curved)
        return np.asarray(np.minimum(np.where(directions, each, 0.0).sum(axis=1) / noticeable, most))

    with np.errstate(all="ignore"):
        valley, escape = falls(updates, up), falls(updates, ~up)
        long = falls(LONG / TIMES * updates, up | ~up)
        settled = (rate * values[:, -1:] * case.updates[runs, None] > SETTLED)[:, 0] | (long < LEAST)
        later = np.minimum(valley + falls(updates / 3.0, ~up), most)
        epoch = case.rate[runs] * (case.updates[runs] / np.maximum(case.trained.epochs[runs], 1))
        share = past.last * noticeable / (epoch * case.gradient_norm[runs] ** 2)
        sharp = values[:, -1] > limit[:, 0]
    loss = case.trained.final_loss[runs] / case.chance[runs]
    follows = ~sharp & (share > EFFICIENT[0]) & (share < EFFICIENT[1])
    spec = case.trained.specs[0]
    kinds = [ACTIVATIONS[name].pieces for name in spec.arch.activations]
    relu = all(pieces is not None and pieces[0] == 0.0 for pieces in kinds)
    steepest = np.maximum(-values[:, 0], 0.0)
    saddle = (case.gradient_norm[runs] < steepest) & (steepest * (rate * updates)[:, 0] > GROWTH)
    calm = (escape < ESCAPE[relu]) & (relu | ~saddle)
    rests = ~sharp & settled & (valley < LEAST) & calm & (past.spread < QUIET) & _long_enough(case, runs)
    kinked = objective(spec.loss, spec.arch.output, spec.data.targets).kink is not None
    significant = ~(valley + escape < LEAST)
    about = past.rising > 0.1 if kinked else sharp | (np.abs(share) < STILL)
    about |= sharp
    cycle = ~rests & about & (past.half < STILL) & (case.trained.epochs[runs] >= ENOUGH)
    if kinked:
        hops = (past.rising > 0.3) & (past.half < HOPS) & (np.abs(past.to_come) < 1.0)
        cycle |= ~rests & ~sharp & hops & (case.trained.epochs[runs] >= ENOUGH)
    sure = _room(case, runs) > noticeable
    if kinked:
        sure &= (share > 0.9) & (share < 1.1) & (past.last < JUMP)
    down = (valley > MOST) & follows & (loss < ABOVE) & (past.rising < RISING)
    out = (later > MOST) & follows & (share > 0.9) & (loss < 1.3) & (past.rising < 0.3) & (not kinked)
    seen = (past.to_come > 3.0) & (past.rising < 0.1) & (valley + escape > MOST) & (loss < 1.3)
    seen &= case.trained.epochs[runs] >= 20
    thrown = significant & ((share < EFFICIENT[0]) | (loss > ABOVE) | (past.rising > RISING))
    return rests | cycle, (down | out | seen) & sure & ~(rests | cycle), (sharp | thrown) & (past.rising > 0.1)


def _adaptive(case: Case, runs: NDArray[np.intp], noticeable: Array, past: _Past) -> tuple[Mask, Mask, Mask]:
    """RMSprop and Adam, whose steps stay about lr long while the gradient shrinks: how far the valley goes down.

    Notes
    -----
    Along an eigenvalue l > 0 the bottom of the quadratic model is c^2 / (2 l) lower, and T steps can lower it by
    no more than lr T |c|. Near the bottom a step of lr in every parameter raises the loss by up to lr^2 / 2 times the
    sum of the eigenvalues.
    """
    values, slopes = _model(case, runs)
    rate, updates = case.rate[runs, None], TIMES * case.updates[runs, None]
    straight = rate * updates * np.abs(slopes)
    with np.errstate(all="ignore"):
        bottom = np.where(values > 1e-12, np.minimum(slopes**2 / (2.0 * values), straight), straight)
    down = values < -1e-9
    reach = (rate * updates)[:, 0] * np.abs(case.gradient[:, runs]).sum(axis=0) / noticeable
    valley = np.minimum(np.where(down, 0.0, bottom).sum(axis=1) / noticeable, reach)
    escape = np.where(down, bottom, 0.0).sum(axis=1) / noticeable
    jump = 0.5 * rate[:, 0] ** 2 * np.maximum(values[:, -1], 0.0) * np.minimum(values.shape[1], 8) / noticeable
    loss = case.trained.final_loss[runs] / case.chance[runs]
    far = LONG / TIMES * straight
    with np.errstate(all="ignore"):
        bottom = np.where(values > 1e-12, np.minimum(slopes**2 / (2.0 * values), far), far).sum(axis=1) / noticeable
    flat = (values[:, -1] < FLAT) & (case.gradient_norm[runs] > 0.0)
    rests = (
        (valley < 0.5 * LEAST)
        & (bottom < LEAST)
        & (escape < 1e-6)
        & (past.spread < QUIET)
        & (jump < 3.0)
        & ~flat
        & _long_enough(case, runs)
    )
    falls = (valley > MOST) & (past.to_come > 1.0) & (past.rising < 0.3) & (loss < 1.3)
    falls &= (_room(case, runs) > noticeable) & (case.trained.epochs[runs] >= FIRST)
    overshoots = (jump > 3.0) | (loss > ABOVE) | (past.rising > RISING) & (past.spread > 1.0)
    return rests, falls & ~rests, overshoots


def _model(case: Case, runs: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return the Hessian's eigenvalues and the gradient's components along its eigenvectors; NaN without a Hessian."""
    if case.hessian is None:
        return np.full((2, runs.size, 1), np.nan)[0], np.full((runs.size, 1), np.nan)
    values = np.full((runs.size, len(case.theta)), np.nan)
    slopes = values.copy()
    hessian, gradient = case.hessian[runs], case.gradient[:, runs].T
    finite = np.isfinite(hessian).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=1)
    values[finite], vectors = np.linalg.eigh(hessian[finite])
    slopes[finite] = np.einsum("rij,ri->rj", vectors, gradient[finite])
    return values, slopes


def _long_enough(case: Case, runs: NDArray[np.intp]) -> Mask:
    """Whether the epochs are enough for rest: the gradient of all points may be 0 where that of a batch is not."""
    batches = case.trained.specs[0].batch_size != "full"
    return np.asarray(case.trained.epochs[runs] >= (FEW if batches else 1))


def _room(case: Case, runs: NDArray[np.intp]) -> Array:
    """Return how far each loss is above the next level, or above the least loss there can be."""
    specs = case.trained.specs
    loss, floor = case.trained.final_loss[runs], case.floor[runs]
    below = [
        [level for level in spectrum(specs[run]).values() if level < at] for run, at in zip(runs, loss, strict=True)
    ]
    return loss - np.maximum([max(each, default=0.0) for each in below], floor)


def _past(case: Case, runs: NDArray[np.intp], noticeable: Array) -> _Past:
    epochs, final = case.trained.epochs[runs], case.trained.final_loss[runs]
    columns = np.empty((runs.size, 4))
    losses = case.trained.losses

    def at(share: float) -> Array:
        place = np.rint(share * epochs).astype(np.int64)
        return np.where(place < epochs, losses[runs, np.minimum(place, np.maximum(epochs - 1, 0))], final)

    for length in np.unique(epochs).tolist():
        chosen = np.flatnonzero(epochs == length)
        half = np.column_stack([losses[runs[chosen], length // 2 : length], final[chosen]])
        tail = half[:, -(max(2, length // 10) + 1) :]
        steps = np.diff(tail, axis=1)
        rises, way = np.maximum(steps, 0.0).sum(axis=1), np.abs(steps).sum(axis=1)
        last = -steps[:, -1] if steps.shape[1] else 0.0
        with np.errstate(invalid="ignore"):
            rising = np.where(way > 0.0, rises / way, 0.0)
        columns[chosen] = np.column_stack(
            [np.broadcast_to(last, chosen.size), np.ptp(tail, axis=1), np.ptp(half, axis=1), rising]
        )
    last, spread, half, rising = columns.T
    with np.errstate(all="ignore"):
        now, before = at(0.5) - final, at(0.25) - at(0.5)
        r = np.where(before > 0.0, np.clip(now / before, 0.0, 2.0), 2.0)
        to_come = now * (r + r**2 + r**3 + 0.46 * r**4)  # log2(11) = 3.46 doublings
    return _Past(last / noticeable, spread / noticeable, half / noticeable, rising, to_come / noticeable)
