"""What happened to a run and why: its outcome, from its losses and outputs; its cause; the evidence."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis import partitions
from xorlab.diagnosis.case import examine
from xorlab.diagnosis.causes import decide
from xorlab.diagnosis.evidence import Evidence, gather
from xorlab.diagnosis.forecast import Forecast, forecast
from xorlab.diagnosis.levels import name, spectrum
from xorlab.diagnosis.partitions import Partition
from xorlab.numerics.network import PAD
from xorlab.numerics.trained import Trained
from xorlab.spec import RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.measures import MEASURES
from xorlab.spec.components.optimizers import OPTIMIZERS
from xorlab.spec.components.outputs import margin, position

Array = NDArray[np.float64]

UNDECIDED = 1e-6
"""A point with |p - 1/2| below this is undecided: the difference is rounding noise. See `outputs.position` for p."""
MARGIN = 0.1
"""A converged run has |p - 1/2| of at least this at every point, on the right side."""
APPROACH = 0.9
"""A run that approaches a level has a gap of C / (lr T), C up to 0.3; three times that counts as at the level."""
TOLERANCE = (1e-3, 2e-2)
"""The least and the greatest tolerance around a level."""


@dataclass(frozen=True)
class Verdict:
    """What happened to one run.

    Attributes
    ----------
    outcome : converged, at_target, stuck_ln2, stuck_0.477, … (the level's value), stuck_other, descending,
        undecided or diverged
    level : the level at which it is stuck, None where it is not stuck at one
    final_loss : the loss at the final parameters; NaN where not even the first was finite
    accuracy : the share of points on the right side of p = 1/2, of several outputs those with every one right, and
        with softmax those whose class has the greatest p; an undecided point counts half. NaN where the targets are no
        labels
    epochs_to_converge : the first epoch from which the loss stays low; None where the run did not converge
    cause : why it did not converge, a key of `causes.CAUSES`; None where it did
    goal : the setting of the measure whose target stopped it; such a run has converged by the user's own criterion
    evidence : what the cause rests on
    """

    outcome: str
    level: float | None
    final_loss: float
    accuracy: float
    epochs_to_converge: int | None
    cause: str | None
    evidence: Evidence
    goal: str | None = None


def effective_time(spec: RunSpec, epochs: int) -> float:
    """Return lr T of a run, T being its number of updates; momentum multiplies it by 1 / (1 - momentum)."""
    N = len(datasets.load(spec.data)[0])
    updates = epochs * (1 if spec.batch_size == "full" else math.ceil(N / int(spec.batch_size)))
    return spec.lr * OPTIMIZERS[spec.optimizer.name].gain(spec.optimizer) * max(updates, 1)


def tolerance(times: Array) -> Array:
    """Return how near to a level counts as at it, for runs of these effective times: a gap closes as C / (lr T)."""
    return np.clip(APPROACH / times, *TOLERANCE)


@np.errstate(all="ignore")  # a run that diverged has numbers that overflow
def diagnose(trained: Trained, *, converged_below: float = 0.1) -> list[Verdict]:
    """Judge each of R runs.

    Parameters
    ----------
    trained : R runs of one shape
    converged_below : a run has converged if its loss is below this and every point is on its side with a margin. Where
        the targets are no labels it has converged if its loss is below this times that of chance.
    """
    R = len(trained.specs)
    if R % PAD:  # a run's evidence has the bits it has alone where R is a multiple of `PAD`
        trained = trained.take(np.arange(R + -R % PAD).clip(max=R - 1))
    times = np.array([effective_time(*pair) for pair in zip(trained.specs, trained.epochs.tolist(), strict=True)])
    near = tolerance(times)
    right = _right(trained)
    labels = np.array([datasets.labelled(spec.data) for spec in trained.specs])
    chance = [max(spectrum(spec).values(), default=0.0) for spec in trained.specs]
    low = converged_below * np.where(labels, 1.0, chance)
    converged = (trained.final_loss < low) & ((right >= MARGIN).all(axis=1) | ~labels)
    accuracy = np.where(np.abs(right) < UNDECIDED, 0.5, right > 0.0).mean(axis=1)
    accuracy[~labels] = np.nan
    goals = [word if word in MEASURES else None for word in trained.stopped]
    converged |= np.array([goal is not None for goal in goals])
    reached = _reached(trained, low)
    case = examine(trained)
    open_ = ~converged & np.array([word == "epochs" for word in trained.stopped])
    ahead = forecast(case, np.flatnonzero(open_))
    finals, limits = trained.final_loss.tolist(), _limits(trained).tolist()
    level = np.full(len(trained.specs), np.nan)
    for run in np.flatnonzero(ahead.rests & ~case.flat).tolist():
        level[run] = _level(trained.specs[run], finals[run], limits[run], near[run], case.partitions[run])
    outcomes = _outcomes(trained, converged, ahead, level)
    case = replace(
        case,
        resting=ahead.rests,
        falling=ahead.falls,
        overshooting=ahead.overshoots,
        level=level,
        tolerance=near,
    )
    causes = decide(case)
    evidence = gather(case)
    return [
        Verdict(
            outcome=outcome,
            level=None if math.isnan(level[run]) else float(level[run]),
            final_loss=finals[run],
            accuracy=float(accuracy[run]),
            epochs_to_converge=_since(goals[run], trained, reached, run) if outcome == "converged" else None,
            cause=None if outcome in ("converged", "at_target") else causes[run],
            evidence=evidence[run],
            goal=goals[run],
        )
        for run, outcome in enumerate(outcomes[:R])
    ]


def _since(goal: str | None, trained: Trained, reached: NDArray[np.int64], run: int) -> int:
    """Return the epoch at which a run converged."""
    return int(reached[run] if goal is None else trained.epochs[run] - 1)


def _outcomes(trained: Trained, converged: NDArray[np.bool_], ahead: Forecast, level: Array) -> list[str]:
    lost, done = (np.array([word == end for word in trained.stopped]) for end in ("non_finite", "target_loss"))
    stuck = ["stuck_other" if math.isnan(at) else f"stuck_{name(at)}" for at in level.tolist()]
    met = [lost, converged, done, ahead.rests, ahead.falls]
    words = np.select(met, ["diverged", "converged", "at_target", np.array(stuck), "descending"], "undecided")
    return [str(word) for word in words]


def _right(trained: Trained) -> Array:
    """How far p is on its label's side of 1/2, negative where it is on the other, (R, N)."""
    spec = trained.specs[0]
    y = np.stack([datasets.load(each.data)[1] for each in trained.specs])
    p = position(spec.arch.output, spec.data.targets, trained.logits)
    R, N = p.shape[:2]
    return margin(spec.arch.output, p.reshape(R, N, -1), y.reshape(R, N, -1))


def _reached(trained: Trained, low: Array) -> NDArray[np.int64]:
    """Find the first epoch from which the loss stays below `low` (R,), (R,)."""
    high = ~(trained.losses < low[:, None]) & ~np.isnan(trained.losses)
    E = high.shape[1]
    return np.where(high.any(axis=1), E - high[:, ::-1].argmax(axis=1), 0)


def _limits(trained: Trained) -> Array:
    """Extrapolate each loss, (R,): a gap that closes as C / t halves when t doubles."""
    half = np.maximum(trained.epochs // 2 - 1, 0)
    before = trained.losses[np.arange(len(half)), half]
    return trained.final_loss - np.clip(np.nan_to_num(before - trained.final_loss), 0.0, TOLERANCE[1])


def _level(spec: RunSpec, final: float, limit: float, near: float, partition: Partition) -> float:
    """Return the level that a resting loss is at, or else the one that it approaches; NaN where there is none.

    Smooth units tie points only in the limit, and so slowly that the loss may stay above its level by more than
    `near`. What they tie then tells the level.
    """
    for loss in (final, limit):
        distances = {abs(level - loss): level for level in spectrum(spec).values()}
        if distances and min(distances) <= near:
            return distances[min(distances)]
    if any(ACTIVATIONS[name].pieces is not None for name in spec.arch.activations):
        return math.nan
    tied = partitions.level(spec.data, spec.loss, partition)
    return tied if 0.0 <= final - tied <= TOLERANCE[1] and tied in spectrum(spec).values() else math.nan
