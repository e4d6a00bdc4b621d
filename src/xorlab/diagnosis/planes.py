"""The plane of a network's two inputs: its output over a grid, and the line of each hidden unit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.components import datasets
from xorlab.components.steps import sigmoid
from xorlab.diagnosis.evidence import KINKED
from xorlab.errors import XorlabError
from xorlab.numerics.network import evaluate
from xorlab.numerics.snapshots import History

Array = NDArray[np.float64]

GRID = 121
"""Points along each side of a plane."""
TOUCH = 1e-9
"""A line that has no more than this of its length in the frame lies outside; it touches a corner."""


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
    p = sigmoid(evaluate(spec.arch, parameters, points))
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
