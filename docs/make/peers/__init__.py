"""Other ways to train the same networks, for the benchmark to measure against.

Each module has a function that takes a `Problem`, makes ready and compiles, and returns what trains the problem's
runs from their initial weights and gives their losses (R, E).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from xorlab.components import datasets
from xorlab.numerics import training
from xorlab.spec import RunSpec

Array = NDArray[np.float64]
Training = Callable[[], Array]


@dataclass(frozen=True, eq=False)
class Problem:
    """R networks to train by full-batch gradient descent on the mean binary cross-entropy.

    Attributes
    ----------
    X, y : (N, D) and (N,) arrays, the data of all runs
    layers : a pair W (R, fan_in, fan_out), b (R, fan_out) for each layer; ReLU between them, a sigmoid at the end
    lr : (R,) array
    epochs : E
    """

    X: Array
    y: Array
    layers: list[tuple[Array, Array]]
    lr: Array
    epochs: int


def problem(specs: Sequence[RunSpec]) -> Problem:
    """Return what the runs of these specifications, of one shape, are to others."""
    draws = [training.draw(spec)[0] for spec in specs]
    stacked = {name: np.stack([parameters[name] for parameters in draws]) for name in draws[0]}
    layers = [(stacked[f"W{layer}"], stacked[f"b{layer}"]) for layer in range(1, len(specs[0].arch.hidden) + 2)]
    return Problem(*datasets.load(specs[0].data), layers, np.array([spec.lr for spec in specs]), specs[0].epochs)


@dataclass(frozen=True)
class Peer:
    """A contender: its package, its module and function here, its threads, and whether it trains one run at a time."""

    package: str
    module: str
    function: str
    threads: str
    alone: bool = False

    @property
    def installed(self) -> bool:
        """Whether the package is there."""
        return find_spec(self.package) is not None

    def prepare(self, problem: Problem) -> Training:
        """Return what trains the problem's runs; compilation is over then."""
        function: Callable[[Problem], Training] = getattr(import_module(f"peers.{self.module}"), self.function)
        return function(problem)


PEERS = {
    "plain NumPy loop": Peer("numpy", "plain", "prepare", "1", alone=True),
    "scikit-learn MLPClassifier": Peer("sklearn", "sklearn_mlp", "prepare", "1", alone=True),
    "PyTorch bmm + autograd": Peer("torch", "torch_bmm", "prepare", "1"),
    "JAX vmap + scan": Peer("jax", "jax_scan", "prepare", "all"),
    "Numba, one run a lane": Peer("numba", "numba_lanes", "prepare", "1"),
    "Numba, lanes in parallel": Peer("numba", "numba_lanes", "prepare_parallel", "all"),
}
