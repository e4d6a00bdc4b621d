"""The plane of a network's two inputs: its output over a grid, and the line of each hidden unit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis.units import states
from xorlab.errors import XorlabError
from xorlab.numerics.network import evaluate
from xorlab.numerics.snapshots import History
from xorlab.spec import RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.outputs import position

Array = NDArray[np.float64]

POINTS = 121
"""Points along each side of a plane's grid."""
TOUCH = 1e-9
"""A line with no more than this of its length in the frame only touches a corner and lies outside."""


@dataclass(frozen=True)
class Plane:
    """One network over the plane of its two inputs.

    Attributes
    ----------
    epoch, loss : when, and its loss then
    X, y : the data, (N, 2) and (N,)
    x1, x2, p : the grid (A,) and (A,), and the output there (A, A), a row for each x2
    W, b : the first hidden layer, (2, H) and (H,)
    states : the state of each of its units, see `xorlab.diagnosis.units`; empty without a kink
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
    """Evaluate each snapshot of a run over the plane.

    Raises
    ------
    XorlabError
        Where the data does not have two inputs and one output.
    """
    spec, parameters = history.spec, history.parameters
    X, y = datasets.load(spec.data, spec.numerics)
    if y.ndim == 2:
        raise XorlabError(
            f"the hidden units' lines are drawn for networks with one output; this one has {y.shape[1]}. Where it has "
            "softmax, the run's surface.png shows the regions of its classes"
        )
    if X.shape[1] != 2:
        raise XorlabError(f"the plane needs data with two inputs; got {spec.data.name} with {X.shape[1]}")
    x1, x2, p = surface(spec, parameters, points=POINTS)
    z = np.einsum("nd,tdh->nht", X, parameters["W1"]) + parameters["b1"].T
    names = states(spec.arch, z)
    return [
        Plane(epoch, loss, X, y, x1, x2, p[t], parameters["W1"][t], parameters["b1"][t], tuple(names[:, t].tolist()))
        for t, (epoch, loss) in enumerate(zip(history.epochs.tolist(), history.losses.tolist(), strict=True))
    ]


def surface(spec: RunSpec, parameters: dict[str, Array], *, points: int) -> tuple[Array, Array, Array]:
    """Compute p of R networks over a grid that extends beyond the data by half its range on each side.

    Parameters
    ----------
    spec : what the networks have in common, with data of two inputs
    parameters : W1 (R, 2, H), b1 (R, H), W2, …
    points : A, the grid's points along each side

    Returns
    -------
    x1, x2 : (A,) arrays, the grid's coordinates
    p : (R, A, A) array, a row for each x2, or (R, A, A, K) of K outputs
    """
    X, _ = datasets.load(spec.data, spec.numerics)
    low, high = X.min(axis=0), X.max(axis=0)
    x1, x2 = np.linspace(low - 0.5 * (high - low), high + 0.5 * (high - low), points).T
    grid = np.stack(np.meshgrid(x1, x2), axis=-1).reshape(-1, 2)
    p = position(spec.arch.output, spec.data.targets, evaluate(spec.arch, parameters, grid))
    return x1, x2, p.reshape(len(p), points, points, *p.shape[2:])


def segment(w: Array, b: float, frame: tuple[float, float, float, float]) -> Array | None:
    """Cut the line w.x + b = 0 to a frame.

    Parameters
    ----------
    w : (2,) array
    b : the bias
    frame : the least and greatest x1, the least and greatest x2

    Returns
    -------
    (2, 2) array of the two ends; from the first to the second, the side with w.x + b > 0 is on the left.
    None where the line lies outside the frame.
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
