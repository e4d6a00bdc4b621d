"""Remedies to try on a run: single changes of its specification.

Two kinds. A continuation trains the run on from its final parameters: does this very run converge? A restart trains
new runs from new seeds in the changed setting: how many of them converge?
"""

import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

from xorlab.spec import InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components import functions
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.initializers import INITIALIZERS
from xorlab.spec.components.optimizers import OPTIMIZERS

TIMES = 10
"""The remedy "more epochs" continues for this many times the run's epochs; the others for once as many."""
FACTORS = {
    "a tenth of the learning rate": 0.1,
    "three times the learning rate": 3.0,
    "ten times the learning rate": 10.0,
}
BEYOND = 1.5
"""The remedy "beyond 2 / lambda_max" takes this many times 2 / lambda_max: a minimum this sharp is unstable there."""
WIDTHS = {"twice the width": 2, "four times the width": 4}
ADAM_LR = 0.01
"""Adam's step is about its lr whatever the gradient's size, so the run's own lr is no guide."""


@dataclass(frozen=True)
class Remedy:
    """One change of a specification.

    Attributes
    ----------
    name : in words
    override : as typed on the command line, quoted for the shell; empty where nothing changes
    spec : the changed specification
    times : a continuation lasts this many times `spec.epochs`
    """

    name: str
    override: str
    spec: RunSpec
    times: int = 1


def continuations(spec: RunSpec, hessian_max: float) -> list[Remedy]:
    """List what a run can be continued with: more epochs, another learning rate, another optimizer.

    Parameters
    ----------
    spec : the run's specification
    hessian_max : the largest eigenvalue of the Hessian where the run ended. Gradient descent leaves a minimum where
        lr > 2 / hessian_max.
    """
    longer = Remedy("more epochs", f"epochs={spec.epochs * TIMES}", spec, TIMES)
    beyond = BEYOND * 2.0 / hessian_max if hessian_max > 0.0 else math.inf
    unstable = _with_lr(spec, {"beyond 2 / lambda_max": beyond}) if OPTIMIZERS[spec.optimizer.name].plain else []
    return [longer, *_with_lr(spec, _other_lrs(spec)), *unstable, *_optimizers(spec)]


def restarts(spec: RunSpec) -> list[Remedy]:
    """List the settings that new runs can start in, the run's own first.

    Initialisers that ignore the seed are left out: all their runs are the same, so there is no rate to measure.
    """
    unchanged = Remedy("as it is", "", spec)
    initializers = [
        Remedy(f"{name} weights", f"init={name}", replace(spec, init=InitSpec(name=name)))
        for name, scheme in INITIALIZERS.items()
        if name in functions.BUILT_IN["initializer"] and name != spec.init.name and scheme.seeded
    ]
    found = [unchanged, *_with_lr(spec, _other_lrs(spec)), *_architectures(spec), *initializers, *_biases(spec)]
    return [remedy for remedy in found if INITIALIZERS[remedy.spec.init.name].seeded]


def _other_lrs(spec: RunSpec) -> dict[str, float]:
    return {name: spec.lr * factor for name, factor in FACTORS.items()}


def _with_lr(spec: RunSpec, lrs: dict[str, float]) -> list[Remedy]:
    """Make a remedy of each positive finite learning rate, rounded to four digits so that it can be typed."""
    typed = {name: f"{lr:.4g}" for name, lr in lrs.items() if 0.0 < lr < math.inf}
    return [Remedy(name, f"lr={lr}", replace(spec, lr=float(lr))) for name, lr in typed.items()]


def _optimizers(spec: RunSpec) -> list[Remedy]:
    momentum, adam = OptimizerSpec(name="momentum"), OptimizerSpec(name="adam")
    found = [
        Remedy("momentum", "optimizer=momentum", replace(spec, optimizer=momentum)),
        Remedy("Adam", f"optimizer=adam lr={ADAM_LR}", replace(spec, optimizer=adam, lr=ADAM_LR)),
    ]
    return [remedy for remedy in found if remedy.spec.optimizer.name != spec.optimizer.name]


def _architectures(spec: RunSpec) -> Iterator[Remedy]:
    """Yield wider layers and other activations; not identity, which makes every network affine."""
    if not spec.arch.hidden:
        return
    for name, factor in WIDTHS.items():
        hidden = tuple(factor * width for width in spec.arch.hidden)
        override = shlex.quote(f"arch.hidden=[{','.join(map(str, hidden))}]")
        yield Remedy(name, override, replace(spec, arch=replace(spec.arch, hidden=hidden)))
    for activation in functions.BUILT_IN["activation"]:
        if activation != spec.arch.activation and not ACTIVATIONS[activation].linear:
            arch = replace(spec.arch, activation=activation, leaky_slope=None)
            yield Remedy(f"{activation} units", f"arch.activation={activation}", replace(spec, arch=arch))


def _biases(spec: RunSpec) -> list[Remedy]:
    if not spec.arch.bias or spec.init.biases == "drawn" or not INITIALIZERS[spec.init.name].draws_biases:
        return []
    drawn = replace(spec, init=replace(spec.init, biases="drawn", bias=None))
    return [Remedy("biases drawn like weights", "init.biases=drawn", drawn)]
