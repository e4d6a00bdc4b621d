"""How a network does what it does: snapshots of a run trained again, its output and its lines over the plane."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xorlab import datasets
from xorlab.errors import XorlabError
from xorlab.evidence import KINKED
from xorlab.network import evaluate
from xorlab.spec import RunSpec
from xorlab.training import Trained, shape, train

Array = NDArray[np.float64]

GRID = 121
"""Points along each side of a plane."""
TOUCH = 1e-9
"""A line that has no more than this of its length in the frame lies outside; it touches a corner."""


@dataclass(frozen=True)
class History:
    """A run that was trained again, and what it was at T epochs.

    Attributes
    ----------
    spec : its specification
    trained : the whole run, an ensemble of one
    epochs : (T,) ints, ascending, each the number of updates before
    losses : (T,) array
    parameters : W1 (T, D, H), b1 (T, H), W2, b2, …
    """

    spec: RunSpec
    trained: Trained
    epochs: NDArray[np.int64]
    losses: Array
    parameters: dict[str, Array]


def histories(specs: Sequence[RunSpec], epochs: Sequence[int]) -> list[History]:
    """Train each run again, and as many shorter ones as there are epochs to look at: a run repeats itself to the bit.

    An epoch after a run's end, which may lie before its last epoch, is its end.

    Raises
    ------
    XorlabError
        Where an epoch is below 0.
    """
    if min(epochs) < 0:
        raise XorlabError(f"an epoch must be at least 0; got {min(epochs)}")
    kinds: dict[object, list[int]] = {}
    for index, spec in enumerate(specs):
        kinds.setdefault(shape(spec), []).append(index)
    found: dict[int, History] = {}
    for indices in kinds.values():
        chosen = [specs[index] for index in indices]
        found |= zip(indices, _together(chosen, sorted(set(epochs))), strict=True)
    return [found[index] for index in range(len(specs))]


def _together(specs: list[RunSpec], epochs: list[int]) -> list[History]:
    """Train runs of one shape, each for its own epochs and for those of each snapshot."""
    shorter = [replace(spec, epochs=min(max(t, 1), spec.epochs)) for spec in specs for t in epochs]
    trained = train([*specs, *shorter])
    R, T = len(specs), len(epochs)
    return [
        _history(_pick(trained, run), _pick(trained, slice(R + run * T, R + (run + 1) * T)), epochs) for run in range(R)
    ]


def _pick(trained: Trained, runs: int | slice) -> Trained:
    """Take some of the runs of an ensemble."""
    rows = slice(runs, runs + 1) if isinstance(runs, int) else runs
    return Trained(
        specs=trained.specs[rows],
        losses=trained.losses[rows],
        epochs=trained.epochs[rows],
        stopped=trained.stopped[rows],
        initial={name: array[rows] for name, array in trained.initial.items()},
        final={name: array[rows] for name, array in trained.final.items()},
        final_loss=trained.final_loss[rows],
        logits=trained.logits[rows],
    )


def _history(whole: Trained, shorter: Trained, epochs: list[int]) -> History:
    """Keep one snapshot of each epoch; the first is the start itself, for no run is of no epochs."""
    kept, first = np.unique(np.minimum(epochs, end(whole)), return_index=True)
    start = kept == 0
    parameters = {name: array[first] for name, array in shorter.final.items()}
    for name, array in parameters.items():
        array[start] = whole.initial[name]
    losses = np.where(start, whole.losses[0, 0], shorter.final_loss[first])
    return History(whole.specs[0], whole, kept, losses, parameters)


def end(trained: Trained) -> int:
    """Count the updates before the final parameters of an ensemble of one."""
    return int(trained.epochs[0]) - (trained.stopped[0] != "epochs")


@dataclass(frozen=True)
class Plane:
    """One network over the plane of its two inputs.

    Attributes
    ----------
    epoch, loss : when, and its loss then
    X, y : the data, (N, 2) and (N,)
    x1, x2, p : the grid (A,) and (A,), and the output there (A, A), a row for each x2
    W, b : the first hidden layer, (2, H) and (H,)
    states : each of its units' state on the data, see `states`; empty where activations have no kink
    """

    epoch: int
    loss: float
    X: Array
    y: Array
    x1: Array
    x2: Array
    p: Array
    W: Array
    b: Array
    states: tuple[str, ...]


def planes(history: History) -> list[Plane]:
    """Look at each snapshot of a run over the plane.

    Raises
    ------
    XorlabError
        Where the data has not two inputs.
    """
    spec, parameters = history.spec, history.parameters
    X, y = datasets.load(spec.data)
    if X.shape[1] != 2:
        raise XorlabError(f"the plane needs data with two inputs; got {spec.data.name} with {X.shape[1]}")
    x1, x2 = (_side(X[:, column]) for column in (0, 1))
    points = np.stack(np.meshgrid(x1, x2), axis=-1).reshape(-1, 2)
    p = 0.5 * (1.0 + np.tanh(0.5 * evaluate(spec.arch, parameters, points)))
    seen = zip(history.epochs.tolist(), history.losses.tolist(), p.reshape(-1, GRID, GRID), strict=True)
    lines = zip(parameters["W1"], parameters["b1"], strict=True)
    return [
        Plane(epoch, loss, X, y, x1, x2, surface, W, b, states(X @ W + b, spec.arch.activation))
        for (epoch, loss, surface), (W, b) in zip(seen, lines, strict=True)
    ]


def _side(values: Array) -> Array:
    """A grid's coordinates: the data's range and half as much again on each side."""
    low, high = values.min(), values.max()
    return np.linspace(low - 0.5 * (high - low), high + 0.5 * (high - low), GRID)


def states(z: Array, activation: str) -> tuple[str, ...]:
    """Name the state of each unit of pre-activations z (N, H).

    It is "on" at all points, "dead" (a leaky one only "off") at all, or "split" by them; at its kink a unit is off.
    Without a kink there are no states.
    """
    if activation not in KINKED:
        return ()
    off, on = (z <= 0.0).all(axis=0), (z > 0.0).all(axis=0)
    names = np.array(["split", "dead" if activation == "relu" else "off", "on"])
    return tuple(names[off + 2 * on].tolist())


def segment(w: Array, b: float, frame: tuple[float, float, float, float]) -> Array | None:
    """Cut the line w.x + b = 0 to a frame.

    Parameters
    ----------
    w : (2,) array
    b : the bias
    frame : the least and greatest x1, the least and greatest x2

    Returns
    -------
    (2, 2) array of the two ends, in an order such that the side with w.x + b > 0 is at the left hand from the first
    to the second; None where the line lies outside.
    """
    square = float(w @ w)
    if square == 0.0:
        return None
    foot, along = -b / square * w, np.array([w[1], -w[0]]) / np.sqrt(square)
    low, high = -np.inf, np.inf
    for at, step, least, most in zip(foot, along, frame[::2], frame[1::2], strict=True):
        if step == 0.0:
            if not least <= at <= most:
                return None
            continue
        first, last = sorted(((least - at) / step, (most - at) / step))
        low, high = max(low, first), min(high, last)
    return np.stack([foot + low * along, foot + high * along]) if high - low > TOUCH else None
