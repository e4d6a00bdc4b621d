"""What may help a run: changes of its own specification, one at a time.

A run is rescued where it converges after going on from its final parameters under other conditions. A new run starts
from other weights, so there a remedy has a rate, over seeds.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from xorlab.components.activations import ACTIVATIONS
from xorlab.components.initializers import INITIALIZERS
from xorlab.spec import InitSpec, OptimizerSpec, RunSpec

TIMES = 10
"""A run goes on for so many times its epochs; under other conditions for once as many."""
FACTORS = {
    "a tenth of the learning rate": 0.1,
    "three times the learning rate": 3.0,
    "ten times the learning rate": 10.0,
}
BEYOND = 1.5
"""Times 2 / lambda_max is a learning rate that a minimum of this curvature does not hold."""
WIDTHS = {"twice the width": 2, "four times the width": 4}
ADAM_LR = 0.01
"""Adam steps about this far whatever the gradient, so the lr of gradient descent means nothing to it."""


@dataclass(frozen=True)
class Remedy:
    """One change of a specification: in words, as it is typed, the changed specification, and how long it is tried."""

    name: str
    override: str
    spec: RunSpec
    times: int = 1


def rescuing(spec: RunSpec, curvature: float) -> list[Remedy]:
    """List what a run may go on under: more epochs, another learning rate, another optimizer.

    Parameters
    ----------
    spec : the run's specification
    curvature : the largest eigenvalue of the Hessian where it ended; gradient descent leaves a minimum at lr > 2 / that
    """
    longer = Remedy("more epochs", f"epochs={spec.epochs * TIMES}", spec, TIMES)
    lr = BEYOND * 2.0 / curvature if curvature > 0.0 else math.inf
    leaving = _rated(spec, {"beyond 2 / lambda_max": lr}) if spec.optimizer.name == "gd" else []
    return [longer, *_rated(spec, _factored(spec.lr)), *leaving, *_optimizers(spec)]


def renewing(spec: RunSpec) -> list[Remedy]:
    """List the settings that new runs may start in, the run's own first.

    What starts every seed alike is left out: there is no rate to speak of.
    """
    plain = Remedy("as it is", "", spec)
    schemes = [
        Remedy(f"{name} weights", f"init={name}", replace(spec, init=InitSpec(name=name))) for name in _others(spec)
    ]
    found = [
        plain,
        *_rated(spec, _factored(spec.lr)),
        *_architectures(spec),
        *schemes,
        *_biases(spec),
    ]
    return [remedy for remedy in found if INITIALIZERS[remedy.spec.init.name].seeded]


def _factored(lr: float) -> dict[str, float]:
    return {name: lr * factor for name, factor in FACTORS.items()}


def _rated(spec: RunSpec, lrs: dict[str, float]) -> list[Remedy]:
    """Give each learning rate a remedy; it is rounded to what is typed."""
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
    """Wider layers and other activations; identity is left out, for it makes every network affine."""
    if not spec.arch.hidden:
        return
    for name, factor in WIDTHS.items():
        hidden = tuple(factor * width for width in spec.arch.hidden)
        override = f"arch.hidden=[{','.join(map(str, hidden))}]"
        yield Remedy(name, override, replace(spec, arch=replace(spec.arch, hidden=hidden)))
    for activation in ACTIVATIONS:
        if activation not in (spec.arch.activation, "identity"):
            arch = replace(spec.arch, activation=activation)
            yield Remedy(f"{activation} units", f"arch.activation={activation}", replace(spec, arch=arch))


def _others(spec: RunSpec) -> list[str]:
    return [name for name, scheme in INITIALIZERS.items() if name != spec.init.name and scheme.seeded]


def _biases(spec: RunSpec) -> list[Remedy]:
    if spec.init.biases == "drawn" or not INITIALIZERS[spec.init.name].draws_biases:
        return []
    drawn = replace(spec, init=replace(spec.init, biases="drawn"))
    return [Remedy("biases drawn as weights are", "init.biases=drawn", drawn)]
