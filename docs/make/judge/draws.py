"""Runs over the whole space of settings, in groups that can be trained together."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.random import RandomState

from xorlab.numerics.training import parameter_count
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.datasets import ENCODINGS
from xorlab.spec.components.initializers import INITIALIZERS
from xorlab.spec.components.optimizers import OPTIMIZERS

HIDDEN = ((), (1,), (2,), (2,), (3,), (3,), (4,), (8,), (16,), (3, 3), (2, 2, 2, 2), (16, 16))
"""Widths; those that people use most are drawn twice as often."""
CORNERS = ("xor", "xor", "xor", "xnor", "and", "or")
OTHERS = (
    DataSpec(name="parity", bits=2),
    DataSpec(name="parity", bits=3),
    DataSpec(name="parity", bits=4),
    DataSpec(name="noisy_xor", points=5, std=0.2),
)
USUAL = (8, 9)
"""Groups whose numbers end in these digits have usual settings."""
LR = (1e-4, 1e3)
UPDATES = 30_000
"""The most epochs of a run on all points at once; with batches the epochs are fewer, for each point costs an update."""


def group(number: int, runs: int, folder: Path) -> list[RunSpec]:
    """Draw the runs of a group; those that start from a file have one written into `folder`.

    They share an architecture, a loss, an optimizer, batches and the number of inputs and points. All else differs.
    """
    rng = RandomState(number)
    if number % 10 in USUAL:
        return _usual(rng, runs)
    arch = ArchSpec(
        hidden=HIDDEN[rng.randint(len(HIDDEN))],
        activation=_choice(rng, list(ACTIVATIONS)),
        relu_grad_at_zero=float(rng.choice([0.0, 0.0, 0.0, 1.0])),
    )
    other = OTHERS[rng.randint(len(OTHERS))] if rng.rand() < 0.25 else None
    batch_size: int | str = "full" if rng.rand() < 0.7 else int(rng.choice([1, 2]))
    points = len(datasets.load(other or DataSpec())[1])
    most = UPDATES if batch_size == "full" else UPDATES * int(batch_size) // points
    shared = {
        "arch": arch,
        "loss": _choice(rng, ("bce", "mse")),
        "batch_size": batch_size,
        "shuffle": bool(batch_size != "full" and rng.rand() < 0.5),
    }
    optimizer = _choice(rng, ["gd", "gd", "gd", *OPTIMIZERS])
    epochs = np.exp(rng.uniform(0.0, np.log(most)))
    shared |= {"optimizer": OptimizerSpec(name=optimizer)}
    return [_run(rng, shared, epochs, other, folder / f"{number}-{run}.npz") for run in range(runs)]


def _usual(rng: RandomState, runs: int) -> list[RunSpec]:
    """Draw runs of XOR with settings that people usually choose."""
    hidden = (int(rng.choice([2, 3, 4])),)
    arch = ArchSpec(hidden=hidden, activation=_choice(rng, ("relu", "relu", "leaky_relu", "tanh", "sigmoid")))
    return [
        RunSpec(
            arch=arch,
            init=InitSpec(name=_choice(rng, ("normal", "torch_default"))),
            lr=float(rng.choice([0.1, 0.3, 1.0])),
            epochs=2_000,
            seed=int(rng.randint(2**31)),
        )
        for _ in range(runs)
    ]


def fits(number: int, folder: Path, epochs: int, weights: int) -> bool:
    """Tell whether a group's runs have at most so many epochs and weights."""
    spec = group(number, 1, folder)[0]
    return spec.epochs <= epochs and parameter_count(spec) <= weights


def _run(rng: RandomState, shared: dict, epochs: float, other: DataSpec | None, path: Path) -> RunSpec:
    data = other or DataSpec(name=_choice(rng, CORNERS), encoding=_choice(rng, ENCODINGS))
    inputs = datasets.load(data)[0].shape[1]
    return RunSpec(
        **shared,
        data=data,
        init=_init(rng, (inputs, *shared["arch"].hidden, 1), path),
        lr=float(f"{np.exp(rng.uniform(*np.log(LR))):.3g}"),
        epochs=max(round(epochs * rng.uniform(0.5, 1.0)), 1),
        target_loss=float(rng.choice([0.3, 0.1, 0.01])) if rng.rand() < 0.1 else None,
        seed=int(rng.randint(2**31)),
    )


def _init(rng: RandomState, units: tuple[int, ...], path: Path) -> InitSpec:
    name = _choice(rng, ["normal", "normal", "torch_default", *INITIALIZERS])
    if name == "file":
        arrays = {}
        for layer, (n, k) in enumerate(pairwise(units), start=1):
            arrays |= {f"W{layer}": rng.standard_normal((n, k)), f"b{layer}": rng.standard_normal(k)}
        np.savez(path, **arrays)
        return InitSpec(name="file", path=str(path))
    biases = "drawn" if INITIALIZERS[name].draws_biases and rng.rand() < 0.3 else None
    scales = {
        key: float(f"{np.exp(rng.uniform(np.log(0.03), np.log(5.0))):.3g}") for key in INITIALIZERS[name].parameters
    }
    if "low" in scales:  # U(low, high), around 0
        scales["low"] = -scales["low"]
    return InitSpec(name=name, biases=biases, **(scales if rng.rand() < 0.5 else {}))


def _choice(rng: RandomState, names: list[str] | tuple[str, ...]) -> str:
    return names[rng.randint(len(names))]
