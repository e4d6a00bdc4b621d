"""R runs that have ended, with everything that the criteria of causes and the certificate read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.components import datasets
from xorlab.components.losses import objective
from xorlab.components.optimizers import OPTIMIZERS
from xorlab.components.outputs import position
from xorlab.diagnosis.partitions import Partition, partitions
from xorlab.diagnosis.units import states
from xorlab.numerics import curvature
from xorlab.numerics.network import pack
from xorlab.numerics.trained import Trained

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

ON_KINK = 1e-9
"""A pre-activation this near to 0 is on the kink, and so is a loss whose output is this near to it."""
MOST_PARAMETERS = 400
"""The Hessian of a network with more parameters is not computed."""


@dataclass(frozen=True)
class Case:
    """R runs of one shape at their end.

    Attributes
    ----------
    trained : the runs
    X, y : their data, (N, D, R) and (N, R), or (N, D, 1) and (N, 1) where they share it
    theta, gradient : (P, R) arrays, the final parameters and the gradient there
    network : the networks there, see `curvature.Pass`
    states : for each hidden layer the states of its units, (H, R), see `units`; (0, R) for one without a kink,
        empty where none has one
    kink : (R,) whether a pre-activation or the loss is on a kink
    eigenvalues : (R, P) array of the Hessian's, ascending; (R, 1) NaN where the network is too large
    lr : (R,) array; NaN where the update is not plain gradient descent on all samples
    partitions : for each run, the points that its outputs tie
    resting : (R,) whether the loss came to rest
    level : (R,) the level at which it did; NaN elsewhere
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
    eigenvalues: Array
    lr: Array
    partitions: list[Partition]
    resting: Mask
    level: Array
    tolerance: Array

    @property
    def gradient_norm(self) -> Array:
        """The norm of each run's gradient, (R,)."""
        return np.asarray(np.sqrt((self.gradient**2).sum(axis=0)))


def examine(trained: Trained, *, resting: Mask, level: Array, tolerance: Array) -> Case:
    """Compute what the final parameters of R runs show; see `Case` for the arguments."""
    specs = trained.specs
    arch, loss, targets = specs[0].arch, specs[0].loss, specs[0].data.targets
    theta = pack(trained.final, specs[0].units)
    X, y = _data(trained)
    network = curvature.run(arch, loss, theta, X, y, targets=targets)
    P, R = theta.shape
    kept = curvature.trained(arch, specs[0].units)
    layers = [states(arch, z, layer) for layer, z in enumerate(network.z)]
    kink = np.zeros(R, dtype=bool)
    for z, layer in zip(network.z, layers, strict=True):
        if layer.size:
            kink |= (np.abs(z) < ON_KINK).any(axis=(0, 1))
    bend = objective(loss, arch.output, targets).kink
    if bend is not None:
        kink |= (np.abs(bend(network.last, y[:, None])) < ON_KINK).any(axis=(0, 1))
    plain = OPTIMIZERS[specs[0].optimizer.name].plain and specs[0].batch_size == "full"
    return Case(
        trained=trained,
        X=X,
        y=y,
        theta=theta,
        gradient=curvature.gradient(network),
        network=network,
        states=layers if any(layer.size for layer in layers) else [],
        kink=kink,
        eigenvalues=curvature.eigenvalues(curvature.hessian(network)[:, kept][:, :, kept])
        if P <= MOST_PARAMETERS
        else np.full((R, 1), np.nan),
        lr=np.array([spec.lr if plain else np.nan for spec in specs]),
        partitions=partitions(position(arch.output, targets, trained.logits)),
        resting=resting,
        level=level,
        tolerance=tolerance,
    )


def _data(trained: Trained) -> tuple[Array, Array]:
    specs = trained.specs if len({spec.data for spec in trained.specs}) > 1 else trained.specs[:1]
    pairs = [datasets.load(spec.data, spec.numerics) for spec in specs]
    return np.stack([X for X, _ in pairs], axis=-1), np.stack([y for _, y in pairs], axis=-1)
