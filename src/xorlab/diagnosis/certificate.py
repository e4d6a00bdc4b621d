"""Proof that gradient descent converges to ln 2 from where a run ended. docs/theory.md has the derivation."""

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis.case import Case
from xorlab.numerics.curvature import eigenvalues

Array = NDArray[np.float64]


@np.errstate(all="ignore")
def certified(case: Case) -> NDArray[np.bool_]:
    """Return for which runs the conditions of the proof hold, (R,).

    The proof covers one output and one hidden layer with biases whose units each stay on one side of their kink at
    every point, cross-entropy, full-batch gradient descent, and labels that no affine function predicts better than
    p = 1/2, as those of XOR. It is about exact arithmetic; its bounds are evaluated here in floating point.

    Notes
    -----
    Let B be the ball of radius r around the final parameters. The path that is left to gradient descent has a length
    of at most R(r) if it stays in B. With R(r) < r it does stay there, and with r max|(x, 1)| below the least |z| of
    the units that are not dead, no unit crosses its kink in B. This takes r = 2 R(0).
    """
    spec = case.trained.specs[0]
    held = np.zeros(len(case.trained.specs), dtype=bool)
    if spec.loss != "bce" or len(case.states) != 1 or not spec.arch.bias or case.y.shape[1] > 1:
        return held
    ones = np.ones((len(case.X), 1, case.X.shape[2]))
    inputs = np.concatenate([case.X, ones], axis=1)
    balanced = ((inputs * (case.y - 0.5)).sum(axis=0) == 0.0).all(axis=0)
    runs = np.flatnonzero(balanced & (case.states[0] != "split").all(axis=0) & np.isfinite(case.lr))
    if runs.size:
        inputs = np.broadcast_to(inputs, (*inputs.shape[:2], held.size))[:, :, runs]
        held[runs] = _conditions(case, runs, inputs)
    return held


def _conditions(case: Case, runs: NDArray[np.intp], inputs: Array) -> NDArray[np.bool_]:
    """Check the conditions for runs whose networks are affine on inputs (N, D + 1, R), the last of them 1."""
    N, D, _ = inputs.shape
    network, lr = case.network, case.lr[runs]
    live = (case.states[0] != "dead")[:, runs]
    W, v = network.W[0][:, :, runs], network.W[1][:-1, 0, runs]
    margin = np.where(live, np.abs(network.z[0][:, :, runs]).min(axis=0), np.inf).min(axis=0)
    slope = np.where(live, network.slope[0][0][:, runs], 0.0)

    gram = np.einsum("nir,njr->rij", inputs, inputs) / N
    values, vectors = np.linalg.eigh(gram)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None]
    outer = np.einsum("ihr,jhr,hr->rij", W, W, slope**2)
    outer[:, -1, -1] += 1.0
    whole = outer + ((slope * v) ** 2).sum(axis=0)[:, None, None] * np.eye(D)
    by_output, by_all = (eigenvalues(root.swapaxes(1, 2) @ M @ root) for M in (outer, whole))
    rank = np.minimum(1 + live.sum(axis=0), D)
    smallest = np.take_along_axis(by_output, D - rank[:, None], axis=1)[:, 0]
    low = np.sqrt(np.maximum(smallest, by_all[:, 0]))
    high = np.sqrt(by_all[:, -1])
    change = slope.max(axis=0, initial=0.0) * np.sqrt(values[:, -1])
    rms = np.sqrt(np.mean(case.trained.logits[runs] ** 2, axis=1))

    def stability(r: Array) -> Array:
        """1 - lr / 2 times a bound on the largest eigenvalue of the Hessian in the ball."""
        most = high + change * r
        return np.asarray(1.0 - lr / 8.0 * (most**2 + change * (rms + most * r)))

    def length(r: Array) -> Array:
        """Bound the length of the path within the ball."""
        return np.asarray(rms * np.exp(N * rms**2 / 8.0) / ((low - change * r) * stability(r)))

    radius = 2.0 * length(np.zeros(runs.size))
    reach = np.sqrt((inputs**2).sum(axis=1).max(axis=0))
    inside = (radius * reach < margin) & (change * radius < low) & (stability(radius) > 0.0)
    return np.asarray(inside & (stability(0.0 * radius) > 0.0) & ((length(radius) < radius) | (rms == 0.0)))
