"""Other ways to train the same networks, which the benchmark compares xorlab with.

Each module has a function that takes a `Problem`, compiles what it needs, and returns a function that trains the runs
from their initial weights and gives their losses (R, E). naive_sweep.py is a sweep as a newcomer to Hydra and MLflow
would write it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from xorlab.numerics import training
from xorlab.spec import RunSpec
from xorlab.spec.components import datasets

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
    """Return the runs of these specifications, all of one shape, as plain arrays."""
    stacked = draw(specs)
    layers = [(stacked[f"W{layer}"], stacked[f"b{layer}"]) for layer in range(1, len(specs[0].arch.hidden) + 2)]
    return Problem(*datasets.load(specs[0].data), layers, np.array([spec.lr for spec in specs]), specs[0].epochs)


def draw(specs: Sequence[RunSpec]) -> dict[str, Array]:
    """Draw the initial parameters of R specifications: W1 (R, fan_in, fan_out), b1 (R, fan_out), and so on."""
    draws = [training.draw(spec)[0] for spec in specs]
    return {name: np.stack([parameters[name] for parameters in draws]) for name in draws[0]}


@dataclass(frozen=True)
class Baseline:
    """One way to train.

    Attributes
    ----------
    package : the package that it needs
    module, function : where it is, in this folder
    threads : how many it uses, as the page says it
    alone : whether it trains one run at a time
    """

    package: str
    module: str
    function: str
    threads: str
    alone: bool = False

    @property
    def installed(self) -> bool:
        """Whether its package is installed."""
        return find_spec(self.package) is not None

    def prepare(self, problem: Problem) -> Training:
        """Compile what it needs and return a function that trains the problem's runs."""
        function: Callable[[Problem], Training] = getattr(import_module(f"baselines.{self.module}"), self.function)
        return function(problem)


BASELINES = {
    "plain NumPy loop": Baseline("numpy", "plain", "prepare", "1", alone=True),
    "scikit-learn MLPClassifier": Baseline("sklearn", "sklearn_mlp", "prepare", "1", alone=True),
    "PyTorch bmm + autograd": Baseline("torch", "torch_bmm", "prepare", "1"),
    "JAX vmap + scan": Baseline("jax", "jax_scan", "prepare", "all"),
    "Numba, serial": Baseline("numba", "numba_loops", "prepare", "1"),
    "Numba, parallel": Baseline("numba", "numba_loops", "prepare_parallel", "all"),
}
