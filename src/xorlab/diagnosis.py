"""What happened to a run: its outcome, told from its losses and its final outputs.

A network that gives one output to all points of a group can do no better on them than their label frequency.
So a finite data set has levels at which the loss can come to rest: for XOR and cross-entropy ln 2, 0.4774,
0.3466 and 0. A run that has come to rest is stuck at the level it is nearest to.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from xorlab import datasets
from xorlab.spec import RunSpec
from xorlab.training import Trained

Array = NDArray[np.float64]

UNDECIDED = 1e-6
"""A point with |p - 1/2| below this is on neither side: the rest is rounding noise."""
MARGIN = 0.1
"""A converged run has |p - 1/2| of at least this at every point, on the right side."""
LAST = 0.1
"""The part of a run, at its end, over which flatness is judged."""
GAP = 0.9
"""A run that nears a level has a gap of C / (lr T), C up to 0.3; three times that is near."""
NEAR = (1e-3, 2e-2)
"""The least and the greatest tolerance around a level."""
SLOPE = 2e-4
"""The loss falls at the pace of the squared gradient, per unit of lr T; a resting run falls no faster than this."""
MOST_POINTS = 8
"""With more points than this the levels lie too densely to tell apart, but for the highest."""


@dataclass(frozen=True)
class Verdict:
    """What happened to one run.

    Attributes
    ----------
    outcome : converged, stuck_ln2, stuck_0.477, … (the level's value), stuck_other, descending or diverged
    level : the loss at which it is stuck, None where it is not stuck at a level
    final_loss : the loss at the final parameters; NaN where not even the first was finite
    accuracy : the share of points on their side of p = 1/2, an undecided point counting half
    epochs_to_converge : the first epoch from which the loss stays low; None where the run did not converge
    """

    outcome: str
    level: float | None
    final_loss: float
    accuracy: float
    epochs_to_converge: int | None


def _entropy(p: float) -> float:
    return 0.0 if p in (0.0, 1.0) else -p * math.log(p) - (1.0 - p) * math.log1p(-p)


FLOORS: dict[str, Callable[[float], float]] = {"bce": _entropy, "mse": lambda p: p * (1.0 - p)}
"""The least mean loss that one output can have on a group, by the share p of ones in it."""


@cache
def levels(ones: int, zeros: int, loss: str) -> tuple[float, ...]:
    """Find the losses at which a network can rest that ties points in groups, highest first, without 0.

    Parameters
    ----------
    ones, zeros : how many points have each label
    loss : the name of the loss

    Notes
    -----
    The level of a partition is the sum of n_g / N times the floor of each group. Only the numbers of ones
    and zeros in a group matter, so these are partitions of a pair of numbers, built up group by group.
    """
    N = ones + zeros
    floor = FLOORS[loss]
    if N > MOST_POINTS:
        return (floor(ones / N),) if 0 < ones < N else ()
    sums: dict[tuple[int, int], dict[float, float]] = {(0, 0): {0.0: 0.0}}
    for a in range(ones + 1):
        for b in range(zeros + 1):
            groups = ((i, j) for i in range(a + 1) for j in range(b + 1) if i + j)
            found = [(i + j) * floor(i / (i + j)) + rest for i, j in groups for rest in sums[a - i, b - j].values()]
            sums.setdefault((a, b), {}).update((round(total, 9), total) for total in found)
    return tuple(sorted((total / N for total in sums[ones, zeros].values() if total > 1e-9), reverse=True))


def name(level: float) -> str:
    """Name a level as outcomes and pictures do: ln2, 0.477, 0.347."""
    return "ln2" if math.isclose(level, math.log(2.0), abs_tol=1e-9) else f"{level:.3f}"


def spectrum(spec: RunSpec) -> dict[str, float]:
    """Name the levels of a run's data and loss: ``{"ln2": 0.6931…, "0.477": …, "0.347": …}``."""
    _, y = datasets.load(spec.data)
    return {name(level): level for level in levels(int(y.sum()), int((1 - y).sum()), spec.loss)}


def way(spec: RunSpec, epochs: int) -> float:
    """Say how far a run has gone: lr T, T the number of updates, with what momentum adds."""
    N = len(datasets.load(spec.data)[0])
    updates = epochs * (1 if spec.batch_size == "full" else math.ceil(N / int(spec.batch_size)))
    return spec.lr / (1.0 - (spec.optimizer.momentum or 0.0)) * max(updates, 1)


def tolerance(ways: Array) -> Array:
    """Say how near to a level counts as at it, for runs that have gone so far: the gap closes as C / (lr T)."""
    return np.clip(GAP / ways, *NEAR)


def diagnose(trained: Trained, *, converged_below: float = 0.1) -> list[Verdict]:
    """Tell what happened to each of R runs.

    Parameters
    ----------
    trained : R runs of one shape
    converged_below : the loss below which a run has converged, if every point is on its side with a margin
    """
    ways = np.array([way(*pair) for pair in zip(trained.specs, trained.epochs.tolist(), strict=True)])
    near = tolerance(ways)
    right = _signed(trained) * (1.0 / (1.0 + np.exp(-np.abs(trained.logits))) - 0.5)
    converged = (trained.final_loss < converged_below) & (right >= MARGIN).all(axis=1)
    accuracy = np.where(np.abs(right) < UNDECIDED, 0.5, right > 0.0).mean(axis=1)
    flat = _flat(trained, near, ways)
    reached = _reached(trained, converged_below)
    verdicts = []
    for run, spec in enumerate(trained.specs):
        final = float(trained.final_loss[run])
        level = _nearest(spectrum(spec).values(), final, near[run])
        outcome = _outcome(trained.stopped[run], bool(converged[run]), bool(flat[run]), level)
        verdicts.append(
            Verdict(
                outcome=outcome,
                level=level if outcome.startswith("stuck") else None,
                final_loss=final,
                accuracy=float(accuracy[run]),
                epochs_to_converge=int(reached[run]) if outcome == "converged" else None,
            )
        )
    return verdicts


def _outcome(stopped: str, converged: bool, flat: bool, level: float | None) -> str:
    if stopped == "non_finite":
        return "diverged"
    if converged:
        return "converged"
    if not flat:
        return "descending"
    return "stuck_other" if level is None else f"stuck_{name(level)}"


def _signed(trained: Trained) -> Array:
    """+1 where a logit is on its target's side, -1 where it is on the other, (R, N)."""
    targets = np.stack([datasets.load(spec.data)[1] for spec in trained.specs])
    return np.sign((2.0 * targets - 1.0) * trained.logits)


def _flat(trained: Trained, near: Array, ways: Array) -> NDArray[np.bool_]:
    """Tell which runs rest.

    In its last part such a run stays within `near`, and drifts so slowly, from the median of one half to that
    of the other, that in as many epochs again it would move less than twice `near` and than `SLOPE` times its way.
    """
    most = np.minimum(2.0 * near, SLOPE * ways)
    flat = np.zeros(len(trained.specs), dtype=bool)
    for epochs in np.unique(trained.epochs):
        runs = np.flatnonzero(trained.epochs == epochs)
        last = max(2, round(LAST * epochs))
        if epochs >= last:
            part, half = trained.losses[runs, epochs - last : epochs], last // 2
            medians = np.median(part[:, :half], axis=1), np.median(part[:, -half:], axis=1)
            drift = np.abs(medians[0] - medians[1]) / (last - half)
            flat[runs] = (drift * epochs <= most[runs]) & (np.ptp(part, axis=1) <= near[runs])
    return flat


def _reached(trained: Trained, converged_below: float) -> NDArray[np.int64]:
    """Find the first epoch from which the loss stays below `converged_below`, (R,)."""
    high = ~(trained.losses < converged_below) & ~np.isnan(trained.losses)
    E = high.shape[1]
    return np.where(high.any(axis=1), E - high[:, ::-1].argmax(axis=1), 0)


def _nearest(candidates: Iterable[float], loss: float, near: float) -> float | None:
    within = [level for level in candidates if abs(level - loss) <= near]
    return min(within, key=lambda level: abs(level - loss), default=None)
