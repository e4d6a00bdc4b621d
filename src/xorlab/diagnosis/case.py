"""R runs that have ended, with everything that the criteria of causes and the certificate read."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis import levels
from xorlab.diagnosis.partitions import Partition, partitions
from xorlab.diagnosis.units import states
from xorlab.numerics import curvature
from xorlab.numerics.network import activations, pack
from xorlab.numerics.trained import Trained
from xorlab.spec import RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.losses import objective
from xorlab.spec.components.optimizers import OPTIMIZERS
from xorlab.spec.components.outputs import SOFTMAX, position

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

ON_KINK = 1e-9
"""A pre-activation this near to 0 is on the kink, and so is a loss whose output is this near to it."""
SATURATED = 1e-3
"""A derivative smaller than this is almost 0: of a hidden unit, and of the loss by an output."""
MOST_PARAMETERS = 400
"""The Hessian of a network with more parameters is not computed."""


@dataclass(frozen=True)
class Case:
    """R runs of one shape at their end.

    Attributes
    ----------
    trained : the runs
    X, y : their data, (N, D, R) and (N, K, R), or (N, D, 1) and (N, K, 1) where they share it
    theta, gradient : (P, R) arrays, the final parameters and the gradient there
    network : the networks there, see `curvature.Pass`
    states : for each hidden layer the states of its units, (H, R), see `units`; (0, R) for one without a kink,
        empty where none has one
    kink : (R,) whether a pre-activation or the loss is on a kink
    hessian : (R, P, P) array; None where the network is too large
    eigenvalues : (R, P) array of the Hessian's, ascending; (R, 1) NaN where the network is too large
    lr : (R,) array; NaN where the update is not plain gradient descent on all samples
    rate : (R,) array, how far a constant gradient moves theta per update in the long run, in units of that gradient
    limit : (R,) array, the curvature beyond which a step is unstable on a quadratic
    updates : (R,) ints, the updates in the epochs that the run took, at least 1
    chance : (R,) array, the least loss of a constant output
    linear : whether the network computes an affine function of its inputs, whatever its parameters
    balanced : (R,) whether no straight line separates the labels, nor does any affine logit have a lower cross-entropy
        than p = 1/2, as for XOR; of several outputs for each of them, and with softmax for p = 1/K
    fixed : (R,) whether a point has an output that no weights can move to its label's side, for lack of biases
    floor : (R,) the loss below which this network can't come, 0 where nothing is known: the chance of a linear network
        on balanced data, unless its loss has a kink, or the loss of fixed points
    flat : (R,) whether the output is at its flat end on the wrong side of a point, with almost no gradient there
    partitions : for each run, the points that its outputs tie
    resting : (R,) whether the loss came to rest
    falling : (R,) whether it will fall noticeably
    overshooting : (R,) whether the steps are too large to follow the gradient
    level : (R,) the level at which a run rests; NaN elsewhere
    tolerance : (R,) how near to a level counts as at it
    """

    trained: Trained
    X: Array
    y: Array
    theta: Array
    gradient: Array
    network: curvature.Pass
    states: list[NDArray[np.str_]]
    kink: Mask
    hessian: Array | None
    eigenvalues: Array
    lr: Array
    rate: Array
    limit: Array
    updates: NDArray[np.int64]
    chance: Array
    linear: bool
    balanced: Mask
    fixed: Mask
    floor: Array
    flat: Mask
    partitions: list[Partition]
    resting: Mask
    falling: Mask
    overshooting: Mask
    level: Array
    tolerance: Array

    @property
    def gradient_norm(self) -> Array:
        """The norm of each run's gradient, (R,)."""
        return np.asarray(np.sqrt((self.gradient**2).sum(axis=0)))


def examine(trained: Trained) -> Case:
    """Compute what the final parameters of R runs show. Whether they rest or fall is left open."""
    specs = trained.specs
    arch, loss, targets = specs[0].arch, specs[0].loss, specs[0].data.targets
    optimizer = OPTIMIZERS[specs[0].optimizer.name]
    theta = pack(trained.final, specs[0].units)
    X, y = _data(trained)
    network = curvature.run(arch, loss, theta, X, y, targets=targets)
    P, R = theta.shape
    kept = curvature.trained(arch, specs[0].units)
    layers = [states(arch, z, layer) for layer, z in enumerate(network.z)]
    none = np.zeros(R, dtype=bool)
    kink = none.copy()
    for z, layer in zip(network.z, layers, strict=True):
        if layer.size:
            kink |= (np.abs(z) < ON_KINK).any(axis=(0, 1))
    bend = objective(loss, arch.output, targets).kink
    if bend is not None:
        kink |= (np.abs(bend(network.last, y)) < ON_KINK).any(axis=(0, 1))
    plain = optimizer.plain and specs[0].batch_size == "full"
    hessian = curvature.hessian(network) if P <= MOST_PARAMETERS else None
    batches = 1 if specs[0].batch_size == "full" else math.ceil(len(X) / int(specs[0].batch_size))
    ones = np.ones((len(X), 1, X.shape[2]))
    inputs = np.concatenate([X, ones], axis=1)
    middle = 1.0 / y.shape[1] if arch.output == SOFTMAX else 0.5
    moments = [(inputs * (y[:, [k]] - middle)).sum(axis=0) for k in range(y.shape[1])]
    linear = all(ACTIVATIONS[name].linear for name in arch.activations)
    balanced = np.broadcast_to(np.logical_and.reduce([(each == 0.0).all(axis=0) for each in moments]), R)
    fixed, lost = _fixed(specs[0], X, y)
    data = [spec.data for spec in specs] if X.shape[2] > 1 else [specs[0].data]
    chance = np.array([max(levels.of(each, loss).values(), default=0.0) for each in data])
    return Case(
        trained=trained,
        X=X,
        y=y,
        theta=theta,
        gradient=curvature.gradient(network),
        network=network,
        states=layers if any(layer.size for layer in layers) else [],
        kink=kink,
        hessian=hessian,
        eigenvalues=np.full((R, 1), np.nan) if hessian is None else curvature.eigenvalues(hessian[:, kept][:, :, kept]),
        lr=np.array([spec.lr if plain else np.nan for spec in specs]),
        rate=np.array([spec.lr * optimizer.gain(spec.optimizer) for spec in specs]),
        limit=np.array([optimizer.limit(spec.optimizer) / spec.lr for spec in specs]),
        updates=np.maximum(trained.epochs * batches, 1),
        chance=np.broadcast_to(chance, R),
        linear=linear,
        balanced=balanced,
        fixed=np.broadcast_to(fixed, R),
        floor=np.where(balanced & (linear and bend is None), chance, lost),
        flat=_flat(specs[0], network.last, y),
        partitions=partitions(position(arch.output, targets, trained.logits))
        if all(datasets.labelled(spec.data) for spec in specs)
        else [()] * R,
        resting=none,
        falling=none,
        overshooting=none,
        level=np.full(R, np.nan),
        tolerance=np.zeros(R),
    )


def _fixed(spec: RunSpec, X: Array, y: Array) -> tuple[Mask, Array]:
    """Find the points with inputs of 0, at which a network without biases has the output 0, if its units have.

    Returns
    -------
    whether such a point is on the wrong side or undecided, and the part of the loss that they have, of shape (R,) or
    (1,)
    """
    at_zero = np.zeros((1, 1, len(spec.arch.hidden)))
    for layer, build in enumerate(activations(spec.arch)):
        build(np.zeros((1, 1, 1)), at_zero[..., layer : layer + 1], np.empty((1, 1, 1)))()
    points = (X == 0.0).all(axis=1) & (not spec.arch.bias and not at_zero.any())
    z = np.zeros_like(y)
    wrong = (np.abs(position(spec.arch.output, spec.data.targets, z, axis=1) - y) >= 0.5).any(axis=1)
    value = objective(spec.loss, spec.arch.output, spec.data.targets).value(z, y).mean(axis=1)
    return (points & wrong).any(axis=0), np.where(points, value, 0.0).mean(axis=0)


def _flat(spec: RunSpec, z: Array, y: Array) -> Mask:
    """Find outputs z (N, K, R) that are on the wrong side of some label y, with almost no gradient there, (R,)."""
    p = position(spec.arch.output, spec.data.targets, z, axis=1)
    first = objective(spec.loss, spec.arch.output, spec.data.targets).first(z, y)
    wrong = (2.0 * y - 1.0) * (p - 0.5) < 0.0
    return np.asarray((wrong & (np.abs(first) < SATURATED)).any(axis=(0, 1)))


def _data(trained: Trained) -> tuple[Array, Array]:
    specs = trained.specs if len({spec.data for spec in trained.specs}) > 1 else trained.specs[:1]
    pairs = [datasets.load(spec.data, spec.numerics) for spec in specs]
    return np.stack([X for X, _ in pairs], axis=-1), np.stack([y.reshape(len(y), -1) for _, y in pairs], axis=-1)
