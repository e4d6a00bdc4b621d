"""Runs over the whole space of settings, in groups that can be trained together."""

from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import RandomState

from xorlab.numerics.training import parameter_count
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.datasets import ENCODINGS
from xorlab.spec.components.initializers import BIASES, INITIALIZERS
from xorlab.spec.components.losses import LOSSES
from xorlab.spec.components.optimizers import OPTIMIZERS
from xorlab.spec.components.outputs import OUTPUTS, TARGETS

HIDDEN = ((), (1,), (2,), (2,), (3,), (3,), (4,), (8,), (16,), (3, 3), (2, 2, 2, 2), (16, 16))
"""Widths; those that people use most are drawn twice as often."""
CORNERS = ("xor", "xor", "xor", "xnor", "and", "or")
OTHERS = (
    DataSpec(name="parity", bits=2),
    DataSpec(name="parity", bits=3),
    DataSpec(name="parity", bits=4),
    DataSpec(name="noisy_xor", points=5, std=0.2),
)
DRAWN = ("wide",) * 4 + ("one fault",) * 4 + ("usual",) * 2
"""How a group is drawn, by the last digit of its number: anything, usual settings with one fault, usual settings."""
FAULTS: dict[str, tuple[dict[str, Any], ...]] = {
    "no hidden layer": ({"arch": {"hidden": ()}},),
    "linear units": ({"arch": {"activation": "identity"}},),
    "one unit": tuple({"arch": {"hidden": (1,), "activation": name}} for name in ("relu", "tanh", "sigmoid")),
    "equal weights": tuple({"init": InitSpec(name="constant", value=value)} for value in (0.0, 0.1, 0.5, 1.0)),
    "too large a step": tuple({"lr": lr} for lr in (10.0, 30.0, 100.0)),
    "too many layers": ({"arch": {"hidden": (2, 2, 2, 2)}}, {"arch": {"hidden": (3, 3, 3), "activation": "sigmoid"}}),
    "dead units": tuple({"init": InitSpec(biases="constant", bias=bias)} for bias in (-1.0, -3.0, -6.0)),
    "units that are on": tuple({"init": InitSpec(biases="constant", bias=bias)} for bias in (1.0, 3.0, 6.0)),
    "too large a start": tuple({"init": InitSpec(std=std)} for std in (5.0, 10.0, 30.0)),
    "too small a start": tuple({"init": InitSpec(std=std)} for std in (0.001, 0.01)),
    "no biases": ({"arch": {"bias": False}},),
    "squared error": ({"loss": "mse"}, {"loss": "mse", "init": InitSpec(std=5.0)}),
    "absolute error": ({"loss": "mae"},),
    "too large a step of Adam": tuple({"optimizer": OptimizerSpec(name="adam"), "lr": lr} for lr in (1.0, 10.0)),
    "too small a step": tuple({"lr": lr} for lr in (0.001, 0.01)),
    "too few epochs": tuple({"epochs": epochs} for epochs in (20, 100, 300)),
}
"""Faults that people make, each in some forms."""
LR = (1e-4, 1e3)
UPDATES = 30_000
"""The most epochs of a run on all points at once; with batches the epochs are fewer, for each point costs an update."""


def drawn(number: int) -> str:
    """Say how a group is drawn."""
    return DRAWN[number % 10]


def group(number: int, runs: int, folder: Path) -> list[RunSpec]:
    """Draw the runs of a group; files that they read are written into `folder`.

    They share an architecture, a loss, targets, an optimizer, batches and the number of inputs and points. All else
    differs.
    """
    rng = RandomState(number)
    if drawn(number) == "usual":
        return _usual(rng, runs)
    if drawn(number) == "one fault":
        forms = FAULTS[_choice(rng, list(FAULTS))]
        return _usual(rng, runs, **forms[rng.randint(len(forms))])
    real = rng.rand() < 0.05
    loss, output, targets = _objective(rng, real=real)
    arch = _arch(rng, output)
    other = _data(rng, folder / f"{number}.npz", real=real, targets=targets)
    batch_size: int | str = "full" if rng.rand() < 0.7 else int(rng.choice([1, 2]))
    points = len(datasets.load(other or DataSpec())[1])
    most = UPDATES if batch_size == "full" else UPDATES * int(batch_size) // points
    shared = {
        "arch": arch,
        "loss": loss,
        "batch_size": batch_size,
        "shuffle": bool(batch_size != "full" and rng.rand() < 0.5),
        "optimizer": OptimizerSpec(name=_choice(rng, ["gd", "gd", "gd", *OPTIMIZERS])),
    }
    epochs = np.exp(rng.uniform(0.0, np.log(most)))
    return [_run(rng, shared, epochs, other or targets, folder / f"{number}-{run}.npz") for run in range(runs)]


def _objective(rng: RandomState, *, real: bool) -> tuple[str, str, str]:
    """Draw a loss, an output and targets that go together; a sigmoid with bce or mse, which most use, half the time."""
    if real:
        return _choice(rng, [name for name, loss in LOSSES.items() if loss.chance]), "linear", "binary"
    if rng.rand() < 0.5:
        return _choice(rng, ("bce", "mse")), "sigmoid", "binary"
    possible = [
        (name, output, targets)
        for (name, loss), output, targets in product(LOSSES.items(), OUTPUTS, TARGETS)
        if output in loss.outputs and targets in loss.targets and OUTPUTS[output].low <= TARGETS[targets][0]
    ]
    return possible[rng.randint(len(possible))]


def _arch(rng: RandomState, output: str) -> ArchSpec:
    hidden = HIDDEN[rng.randint(len(HIDDEN))]
    names = [_choice(rng, list(ACTIVATIONS))] * len(hidden)
    if len(hidden) > 1 and rng.rand() < 0.3:
        names = [_choice(rng, list(ACTIVATIONS)) for _ in hidden]
    return ArchSpec(
        hidden=hidden,
        activation=names or "relu",
        relu_grad_at_zero=float(rng.choice([0.0, 0.0, 0.0, 1.0])),
        leaky_slope=float(rng.choice([0.01, 0.01, 0.2])) if "leaky_relu" in names else None,
        output=output,
        bias=bool(rng.rand() > 0.1),
    )


def _data(rng: RandomState, path: Path, *, real: bool, targets: str) -> DataSpec | None:
    """Draw data other than corners of a square: a file of one's own, parity, or noisy XOR; None for the corners."""
    if real or rng.rand() < 0.08:
        X = rng.standard_normal((rng.randint(4, 13), rng.randint(1, 4)))
        y = np.sin(2.0 * X).sum(axis=1) if real else (rng.permutation(len(X)) % 2).astype(float)
        np.savez(path, X=X, y=y)
        return DataSpec(name="file", path=str(path), targets=targets)
    other = OTHERS[rng.randint(len(OTHERS))] if rng.rand() < 0.25 else None
    return other and replace(other, targets=targets)


def _usual(rng: RandomState, runs: int, **fault: Any) -> list[RunSpec]:
    """Draw runs of XOR with settings that people usually choose, but for a fault."""
    hidden = (int(rng.choice([2, 3, 4])),)
    activation = _choice(rng, ("relu", "relu", "leaky_relu", "tanh", "sigmoid"))
    arch = ArchSpec(**{"hidden": hidden, "activation": activation, **fault.pop("arch", {})})
    usual = [
        {
            "init": InitSpec(name=_choice(rng, ("normal", "torch_default"))),
            "lr": float(rng.choice([0.1, 0.3, 1.0])),
            "epochs": 2_000,
            "seed": int(rng.randint(2**31)),
        }
        for _ in range(runs)
    ]
    return [RunSpec(**{"arch": arch, **each, **fault}) for each in usual]


def kinds(number: int, spec: RunSpec) -> tuple[str, ...]:
    """List the classes of runs by which verdicts are scored."""
    found = {
        drawn(number): True,
        f"loss={spec.loss}": True,
        f"output={spec.arch.output}": True,
        "targets -1 and 1": spec.data.targets == "bipolar",
        "data of one's own": spec.data.name == "file",
        "other data than XOR": spec.data.name not in ("xor", "xnor"),
        "batches": spec.batch_size != "full",
        "momentum or nesterov": spec.optimizer.name in ("momentum", "nesterov"),
        "rmsprop or adam": OPTIMIZERS[spec.optimizer.name].adaptive,
        "no biases": not spec.arch.bias,
        "biases with their own law": spec.init.bias is not None,
        "an activation a layer": not isinstance(spec.arch.activation, str),
        "a measure to stop at": any((spec.target_loss, spec.target_rmse, spec.target_max_error, spec.target_accuracy)),
        "two hidden layers or more": len(spec.arch.hidden) > 1,
        "lr above 3": spec.lr > 3.0,
        "fewer than 100 epochs": spec.epochs < 100,
    }
    return tuple(name for name, true in found.items() if true)


def fits(number: int, folder: Path, epochs: int, weights: int) -> bool:
    """Tell whether a group's runs have at most so many epochs and weights."""
    spec = group(number, 1, folder)[0]
    return spec.epochs <= epochs and parameter_count(spec) <= weights


def _run(rng: RandomState, shared: dict, epochs: float, data: DataSpec | str, path: Path) -> RunSpec:
    """Draw a run, with the data given, or with corners of a square and the targets given."""
    if isinstance(data, str):
        data = DataSpec(name=_choice(rng, CORNERS), encoding=_choice(rng, ENCODINGS), targets=data)
    inputs = datasets.load(data)[0].shape[1]
    return RunSpec(
        **shared,
        data=data,
        init=_init(rng, (inputs, *shared["arch"].hidden, 1), path, bias=shared["arch"].bias),
        lr=float(f"{np.exp(rng.uniform(*np.log(LR))):.3g}"),
        epochs=max(round(epochs * rng.uniform(0.5, 1.0)), 1),
        **_goal(rng, labelled=datasets.labelled(data)),
        seed=int(rng.randint(2**31)),
    )


def _goal(rng: RandomState, *, labelled: bool) -> dict[str, float]:
    """Draw a measure to stop at, for one run in ten."""
    goals = {"target_loss": (0.3, 0.1, 0.01), "target_rmse": (0.3, 0.1), "target_max_error": (0.4, 0.1)}
    if labelled:
        goals["target_accuracy"] = (0.75, 1.0)
    key = _choice(rng, list(goals))
    return {key: float(rng.choice(goals[key]))} if rng.rand() < 0.1 else {}


def _init(rng: RandomState, units: tuple[int, ...], path: Path, *, bias: bool) -> InitSpec:
    name = _choice(rng, ["normal", "normal", "torch_default", *INITIALIZERS])
    if name == "file":
        arrays = {}
        for layer, (n, k) in enumerate(pairwise(units), start=1):
            arrays |= {f"W{layer}": rng.standard_normal((n, k)), f"b{layer}": bias * rng.standard_normal(k)}
        np.savez(path, **arrays)
        return InitSpec(name="file", path=str(path))
    law = {"biases": "drawn"} if INITIALIZERS[name].draws_biases and rng.rand() < 0.3 else {}
    if rng.rand() < 0.15:
        law = {
            "biases": _choice(rng, [key for key, own in BIASES.items() if own]),
            "bias": float(rng.choice([0.1, 1.0, 3.0])),
        }
    scales = {
        key: float(f"{np.exp(rng.uniform(np.log(0.03), np.log(5.0))):.3g}") for key in INITIALIZERS[name].parameters
    }
    if "low" in scales:  # U(low, high), around 0
        scales["low"] = -scales["low"]
    return InitSpec(name=name, **law, **(scales if rng.rand() < 0.5 else {}))


def _choice(rng: RandomState, names: list[str] | tuple[str, ...]) -> str:
    return names[rng.randint(len(names))]
