"""Changes that may help a run to converge. Which of them do is measured, see `xorlab.diagnosis.judged`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from xorlab.spec import InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components.initializers import INITIALIZERS

TIMES = 10
"""A forecast, and "more epochs", are for so many times the run's epochs."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of a specification.

    Attributes
    ----------
    applies : whether a run can be changed so
    make : the changed specification; it has another seed where `restarts`
    restarts : whether the run starts from other weights
    """

    applies: Callable[[RunSpec], bool]
    make: Callable[[RunSpec], RunSpec]
    restarts: bool = False


def _reseeded(spec: RunSpec) -> RunSpec:
    """Another seed; a start that ignores the seed becomes the default one."""
    start = spec.init if INITIALIZERS[spec.init.name].seeded else InitSpec()
    return replace(spec, seed=(spec.seed + 1) % 2**32, init=start)


def _seeded(spec: RunSpec) -> bool:
    return INITIALIZERS[spec.init.name].seeded


def _units(activation: str) -> Change:
    return Change(
        applies=lambda spec: bool(spec.arch.hidden) and spec.arch.activation != activation,
        make=lambda spec: replace(spec, arch=replace(spec.arch, activation=activation, leaky_slope=None)),
    )


def _wider(times: int) -> Change:
    return Change(
        applies=lambda spec: bool(spec.arch.hidden),
        make=lambda spec: _reseeded(
            replace(spec, arch=replace(spec.arch, hidden=tuple(times * width for width in spec.arch.hidden)))
        ),
        restarts=True,
    )


def _scaled(times: float) -> Change:
    def make(spec: RunSpec) -> RunSpec:
        std: dict[str, Any] = {"std": spec.init.std * times}
        return replace(spec, init=replace(spec.init, **std))

    return Change(applies=lambda spec: spec.init.std is not None, make=make)


def _slower(spec: RunSpec, times: float) -> RunSpec:
    return replace(spec, lr=spec.lr * times)


CHANGES: dict[str, Change] = {
    "more epochs": Change(applies=lambda spec: True, make=lambda spec: replace(spec, epochs=TIMES * spec.epochs)),
    "another seed": Change(applies=_seeded, make=_reseeded, restarts=True),
    "random weights": Change(applies=lambda spec: not _seeded(spec), make=_reseeded, restarts=True),
    "a tenth of the learning rate": Change(applies=lambda spec: True, make=lambda spec: _slower(spec, 0.1)),
    "ten times the learning rate": Change(applies=lambda spec: True, make=lambda spec: _slower(spec, 10.0)),
    "momentum": Change(
        applies=lambda spec: spec.optimizer.name == "gd",
        make=lambda spec: replace(spec, optimizer=OptimizerSpec(name="momentum")),
    ),
    "Adam with lr=0.01": Change(
        applies=lambda spec: spec.optimizer.name != "adam",
        make=lambda spec: replace(spec, optimizer=OptimizerSpec(name="adam"), lr=0.01),
    ),
    "weights a tenth as large": _scaled(0.1),
    "weights ten times as large": _scaled(10.0),
    "loss=bce": Change(
        applies=lambda spec: spec.loss in ("mse", "mae") and spec.arch.output == "sigmoid",
        make=lambda spec: replace(spec, loss="bce"),
    ),
    "biases": Change(
        applies=lambda spec: not spec.arch.bias,
        make=lambda spec: replace(spec, arch=replace(spec.arch, bias=True)),
    ),
    "leaky_relu units": _units("leaky_relu"),
    "tanh units": _units("tanh"),
    "softplus units": _units("softplus"),
    "twice the width and another seed": _wider(2),
    "four times the width and another seed": _wider(4),
    "four tanh units and another seed": Change(
        applies=lambda spec: (spec.arch.hidden, spec.arch.activation) != ((4,), "tanh"),
        make=lambda spec: _reseeded(
            replace(spec, arch=replace(spec.arch, hidden=(4,), activation="tanh", leaky_slope=None))
        ),
        restarts=True,
    ),
}
"""By name, as a sentence says it."""
