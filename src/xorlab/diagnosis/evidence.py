"""What can be seen of a run once it has ended: its units, its curvature, its plateaus, its outputs."""

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from xorlab.components import datasets
from xorlab.components.losses import LOSSES
from xorlab.components.steps import sigmoid
from xorlab.diagnosis.levels import MOST_POINTS, spectrum
from xorlab.numerics import curvature
from xorlab.numerics.network import pack
from xorlab.numerics.trained import Trained
from xorlab.numerics.training import grouped, units
from xorlab.spec import DataSpec

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

KINKED = ("relu", "leaky_relu")
"""Activations with a kink at 0: a unit is off, on, or split by the data."""
ON_KINK = 1e-9
"""A pre-activation this near to 0 lies on the kink."""
SITTING = 0.005
"""A loss this near to a level sits on its plateau."""
TIED = 0.1
"""Points are tied where p differs by less than this from one to the next."""
ROWS = 256
"""Histories are searched for plateaus so many runs at a time."""
ARRIVED = 1e-6
"""A loss no further than this above its level is so near that the final curvature holds on the rest of the way."""
MOST_PARAMETERS = 400
"""Of larger networks the Hessian is not computed."""


@dataclass(frozen=True)
class Evidence:
    """What a verdict on one run rests on; NaN or None is what was not computed or does not apply.

    Attributes
    ----------
    units : for each hidden layer, each unit's state: "dead" (off at every point), "on" (at every point), "split"
    kink : whether a pre-activation lies on a kink, so that the Hessian is of one side only
    gradient_norm : of the final gradient
    hessian_min, hessian_max : the extreme eigenvalues of the final Hessian
    lr_lambda_max : lr times the largest; gradient descent is unstable where it is above 2
    interaction : I = f00 + f11 - f01 - f10 of the logits; being below ln 2 on XOR needs I < 0
    bound : ln(1 + exp(I / 4)), which the loss on XOR can't be below (Jensen)
    epochs_at, left_at : for each level, the epochs spent near it, and the epoch that left it for good
    partition : which points the outputs tie, as in ``{00,01,10}|{11}``
    certified : whether staying is proved, not only observed
    """

    units: tuple[tuple[str, ...], ...]
    kink: bool
    gradient_norm: float
    hessian_min: float
    hessian_max: float
    lr_lambda_max: float
    interaction: float
    bound: float
    partition: str | None
    certified: bool
    epochs_at: dict[str, int] = field(default_factory=dict)
    left_at: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """The same for R runs, as arrays; see `Evidence`.

    Attributes
    ----------
    at : the networks at their final parameters
    theta : (P, R) array, those parameters
    off, on : for each hidden layer (R, H): dead, and on at every point; empty without a kink
    eigenvalues : (R, P) array, ascending; NaN where not computed
    lr : (R,) array; NaN where the update is not plain gradient descent on all samples
    tied : (R, N, N) array, whether two points have the same output, directly or through others
    """

    at: curvature.Pass
    theta: Array
    gradient: Array
    off: list[Mask]
    on: list[Mask]
    kink: Mask
    eigenvalues: Array
    lr: Array
    tied: Mask
    interaction: Array


def find(trained: Trained) -> Findings:
    """Look at R trained runs."""
    spec = trained.specs[0]
    theta = pack(trained.final, units(spec))
    X, y = data(trained)
    at = curvature.run(spec.arch, spec.loss, theta, X, y)
    kinked = spec.arch.activation in KINKED
    P, R = theta.shape
    plain = [one.lr if one.optimizer.name == "gd" and one.batch_size == "full" else np.nan for one in trained.specs]
    return Findings(
        at=at,
        theta=theta,
        gradient=curvature.gradient(at),
        off=[np.asarray((z <= 0.0).all(axis=0).T) for z in at.z if kinked],
        on=[np.asarray((z > 0.0).all(axis=0).T) for z in at.z if kinked],
        kink=_kink(at) if kinked else np.zeros(R, dtype=bool),
        eigenvalues=curvature.eigenvalues(curvature.hessian(at)) if P <= MOST_PARAMETERS else np.full((R, 1), np.nan),
        lr=np.array(plain),
        tied=_tied(trained.logits),
        interaction=_interaction(trained),
    )


def _kink(at: curvature.Pass) -> Mask:
    near = [(np.abs(z) < ON_KINK).any(axis=(0, 1)) for z in at.z]
    return np.asarray(np.logical_or.reduce([np.zeros(len(at.loss), dtype=bool), *near]))


def data(trained: Trained) -> tuple[Array, Array]:
    """X (N, D, R) and y (N, R) of R runs, with R = 1 where they share them."""
    specs = trained.specs if len({spec.data for spec in trained.specs}) > 1 else trained.specs[:1]
    pairs = [datasets.load(spec.data) for spec in specs]
    return np.stack([X for X, _ in pairs], axis=-1), np.stack([y for _, y in pairs], axis=-1)


def _tied(logits: Array) -> Mask:
    """Tie points whose p are near, and what is tied to the same; (R, N, N)."""
    R, N = logits.shape
    if N > MOST_POINTS:
        return np.zeros((R, 0, 0), dtype=bool)
    p = sigmoid(logits)
    tied = (np.abs(p[:, :, None] - p[:, None, :]) < TIED) | np.eye(N, dtype=bool)
    for _ in range(N.bit_length()):
        tied = tied @ tied
    return tied


def _interaction(trained: Trained) -> Array:
    """I of the runs on four corners with XOR's labels; NaN of the others."""
    xor = np.array([spec.data.name == "xor" for spec in trained.specs])
    found = np.full(len(xor), np.nan)
    if xor.any():
        found[xor] = (trained.logits[xor] * np.array([1.0, -1.0, -1.0, 1.0])).sum(axis=1)
    return found


def certified(found: Findings, trained: Trained) -> Mask:
    """Tell of which runs it is proved that they stay at the affine level, (R,).

    The proof is for one hidden ReLU layer, cross-entropy and plain gradient descent. A dead unit has a gradient of
    exactly zero and does not move. While no other unit's pre-activation changes its sign, the logits are affine
    in x, the excess of the loss on XOR over ln 2 is at most mean(f^2) / 8, and gradient descent below the stability
    bound shrinks it linearly, at a rate that the smallest eigenvalue mu of the live directions bounds (the
    Polyak-Lojasiewicz inequality); the output layer's own mu serves as well, its loss being convex. By the descent
    lemma all further steps together are at most sqrt(2 excess / mu) / (1 - lr lambda_max / 2) long. No unit crosses its
    margin, the least |z| of those that are on, if twice that length times the longest (x, 1) is shorter; and mu
    itself hardly moves if ten times as much is less than its root.
    """
    spec = trained.specs[0]
    R = len(trained.specs)
    xor = np.isfinite(found.interaction)
    if spec.arch.activation != "relu" or len(spec.arch.hidden) != 1 or spec.loss != "bce" or not xor.any():
        return np.zeros(R, dtype=bool)
    X, _ = data(trained)
    reach = np.sqrt(1.0 + (X**2).sum(axis=1).max())
    off, on, z = found.off[0], found.on[0], found.at.z[0]
    still = off if spec.arch.relu_grad_at_zero == 0.0 else (z < 0.0).all(axis=0).T
    margin = np.where(on, z.min(axis=0).T, np.inf).min(axis=1)
    of_all = np.where(
        off.all(axis=1), found.eigenvalues[:, -1], found.eigenvalues[:, -min(3, found.eigenvalues.shape[1])]
    )
    least = np.maximum(of_all, _output_curvature(found, rank=np.minimum(1 + (~off).sum(axis=1), 3)))
    product = found.lr * found.eigenvalues[:, -1]
    excess = np.mean(trained.logits**2, axis=1) / 8.0
    length = np.sqrt(2.0 * excess / least) / (1.0 - product / 2.0)
    stable = (product < 2.0) & (found.eigenvalues[:, 0] > -1e-9) & (least > 1e-9) & (excess < ARRIVED)
    held = (still | on).all(axis=1) & (2.0 * length * reach < margin) & (10.0 * length * reach < np.sqrt(least))
    return np.asarray(held & stable & xor)


def _output_curvature(found: Findings, rank: NDArray[np.int64]) -> Array:
    """Return the rank-th largest eigenvalue of the Hessian by the output layer's own weights and bias, (R,)."""
    A = found.at.A[-1]
    own = curvature.eigenvalues(np.einsum("nhr,nr,nkr->rhk", A, found.at.out[:, 0], A))
    return np.asarray(np.take_along_axis(own, own.shape[1] - rank[:, None], axis=1)[:, 0])


def gather(found: Findings, trained: Trained) -> list[Evidence]:
    """Give each of R runs its evidence."""
    spec = trained.specs[0]
    norms = np.sqrt((found.gradient**2).sum(axis=0)).tolist()
    lowest, highest = found.eigenvalues[:, 0].tolist(), found.eigenvalues[:, -1].tolist()
    product = (found.lr * found.eigenvalues[:, -1]).tolist()
    states = _states(found)
    proved = certified(found, trained).tolist()
    bits = packed(found)
    partitions = [partition(one.data, row.tobytes()) for one, row in zip(trained.specs, bits, strict=True)]
    spent, left = plateaus(trained)
    names = (
        [spectrum(one) for one in trained.specs]
        if len({one.data for one in trained.specs}) > 1
        else [spectrum(spec)] * len(norms)
    )
    interaction = found.interaction.tolist()
    return [
        Evidence(
            units=states[run],
            kink=bool(found.kink[run]),
            gradient_norm=norms[run],
            hessian_min=lowest[run],
            hessian_max=highest[run],
            lr_lambda_max=product[run],
            interaction=interaction[run],
            bound=_bound(interaction[run]) if spec.loss == "bce" else math.nan,
            partition=partitions[run],
            certified=proved[run],
            epochs_at=dict(zip(names[run], spent[run], strict=False)),
            left_at={name: epoch for name, epoch in zip(names[run], left[run], strict=False) if epoch >= 0},
        )
        for run in range(len(norms))
    ]


def _bound(interaction: float) -> float:
    return math.nan if math.isnan(interaction) else float(np.logaddexp(0.0, interaction / 4.0))


def _states(found: Findings) -> list[tuple[tuple[str, ...], ...]]:
    """Name each unit's state, for each run and hidden layer."""
    if not found.off:
        return [()] * found.theta.shape[1]
    names = np.array(["split", "dead", "on"])
    layers = [names[off + 2 * on].tolist() for off, on in zip(found.off, found.on, strict=True)]
    return [tuple(tuple(layer[run]) for layer in layers) for run in range(found.theta.shape[1])]


def packed(found: Findings) -> NDArray[np.uint8]:
    """Each run's ties as bytes, (R, B): what `groups` reads."""
    return np.packbits(found.tied.reshape(len(found.tied), -1), axis=1)


@cache
def groups(N: int, bits: bytes) -> tuple[tuple[int, ...], ...]:
    """Read the groups of tied points, larger ones first."""
    tied = np.unpackbits(np.frombuffer(bits, dtype=np.uint8))[: N * N].reshape(N, N)
    found = {tuple(np.flatnonzero(row).tolist()) for row in tied}
    return tuple(sorted(found, key=lambda group: (-len(group), group)))


@cache
def partition(data: DataSpec, bits: bytes) -> str | None:
    """Write a partition of the points as in ``{00,01,10}|{11}``; None where the points are too many."""
    if not bits:
        return None
    X, _ = datasets.load(data)
    names = ["".join(str(int(x > 0.0)) for x in point) for point in X]
    return "|".join("{" + ",".join(names[point] for point in group) + "}" for group in groups(len(X), bits))


@cache
def level(data: DataSpec, loss: str, bits: bytes) -> float:
    """Return the level of a partition: what the best network that ties these points has for loss; NaN for many."""
    if not bits:
        return math.nan
    _, y = datasets.load(data)
    parts = [y[list(group)] for group in groups(len(y), bits)]
    return sum(len(part) / len(y) * LOSSES[loss].floor(float(part.mean())) for part in parts)


def plateaus(trained: Trained) -> tuple[list[list[int]], list[list[int]]]:
    """Count, for each run and level of its data, the epochs near it, and tell the epoch that left it for good.

    The epoch is -1 where the run never was there, or still is.
    """
    R = len(trained.specs)
    spent: list[list[int]] = [[] for _ in range(R)]
    left: list[list[int]] = [[] for _ in range(R)]
    for start in range(0, R, ROWS):
        part = trained.losses[start : start + ROWS]
        specs = trained.specs[start : start + ROWS]
        for runs in grouped((spec.data, spec.loss) for spec in specs):
            for at in spectrum(specs[runs[0]]).values():
                near = np.abs(part[runs] - at) < SITTING
                count = near.sum(axis=1)
                after = near.shape[1] - near[:, ::-1].argmax(axis=1)
                gone = np.where((count > 0) & (after < trained.epochs[start : start + ROWS][runs]), after, -1)
                for run, epochs, epoch in zip(runs, count.tolist(), gone.tolist(), strict=True):
                    spent[start + run].append(epochs)
                    left[start + run].append(epoch)
    return spent, left
