"""Causes taken away: each run trained again from the same start without its cause, and from another seed with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import RandomState

from xorlab.diagnosis.changes import CHANGES, TIMES
from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.numerics.trained import Trained, take
from xorlab.numerics.training import grouped, shape, train
from xorlab.spec import InitSpec, RunSpec

FACTORS = (0.1, 0.01, 0.001, 0.0001)
"""A learning rate that is too large is divided until the cause is gone."""
SMALLER = 0.1
"""A start with saturated units is made this much smaller."""
NUDGE = 1e-3
"""Tied units are untied by so much."""
PUSH = 0.1
"""A run at a saddle is pushed by so much in each parameter."""
Parameters = dict[str, np.ndarray]


@dataclass(frozen=True)
class Removal:
    """How a cause is taken away.

    Attributes
    ----------
    name : in words
    specs : specs(spec) are the changed specifications, of which the first without the cause counts
    start : start(initial, final, seed), the parameters to start from; None to draw them as the specification says
    """

    name: str
    specs: Callable[[RunSpec], list[RunSpec]]
    start: Callable[[Parameters, Parameters, int], Parameters] | None = None


def _rebuilt(spec: RunSpec, **parts: Any) -> RunSpec:
    """Change the architecture; a file of weights that then does not fit gives way to random ones."""
    arch = replace(spec.arch, **parts)
    fits = arch.hidden == spec.arch.hidden or spec.init.name != "file"
    return replace(spec, arch=arch, init=spec.init if fits else InitSpec())


def _arch(**parts: Any) -> Callable[[RunSpec], list[RunSpec]]:
    return lambda spec: [_rebuilt(spec, **parts)]


def _smaller(spec: RunSpec) -> list[RunSpec]:
    return [replace(spec, lr=spec.lr * factor) for factor in FACTORS]


def _noise(parameters: Parameters, size: float, seed: int) -> Parameters:
    rng = RandomState(seed)
    return {name: array + size * rng.standard_normal(array.shape) for name, array in parameters.items()}


def _scaled(initial: Parameters) -> Parameters:
    return {name: SMALLER * array for name, array in initial.items()}


def _twice(spec: RunSpec) -> list[RunSpec]:
    return [_rebuilt(spec, hidden=tuple(2 * width for width in spec.arch.hidden))]


SMALL_START = Removal("a start of a tenth the size", lambda spec: [spec], lambda first, last, seed: _scaled(first))
PUSHED = Removal(
    "a push of 0.1 in each parameter", lambda spec: [spec], lambda first, last, seed: _noise(last, PUSH, seed)
)
REMOVALS: dict[str, Removal] = {
    "linear_model": Removal(
        "four tanh units in a hidden layer", _arch(hidden=(4,), activation="tanh", leaky_slope=None)
    ),
    "one_unit": Removal("two units", _arch(hidden=(2,))),
    "oscillating": Removal("a learning rate at which it does not overshoot", _smaller),
    "no_bias": Removal("biases", _arch(bias=True)),
    "tied_units": Removal(
        "a start untied by 0.001", lambda spec: [spec], lambda first, last, seed: _noise(first, NUDGE, seed)
    ),
    "killed": Removal("a learning rate that kills no layer", _smaller),
    "all_dead": Removal("leaky_relu units", _arch(activation="leaky_relu")),
    "affine_collapse": Removal("tanh units", _arch(activation="tanh", leaky_slope=None)),
    "saturated_output": SMALL_START,
    "saturated": SMALL_START,
    "saddle": PUSHED,
    "degenerate_saddle": PUSHED,
    "tied_inputs": Removal("twice the width", _twice),
    "slow": Removal("ten times the epochs", lambda spec: [replace(spec, epochs=TIMES * spec.epochs)]),
}
"""By cause; the causes that are missing name no fault that could be taken away."""


def removed(
    now: Trained, verdicts: list[Verdict], runs: list[int], better: Callable[[int, RunSpec, Verdict], bool]
) -> dict[int, tuple[bool, bool | None]]:
    """Tell for runs whether they do better without their cause, and from another seed with it.

    The second is None for a start that ignores the seed.
    """
    tried: dict[int, list[tuple[RunSpec, Verdict]]] = {run: [] for run in runs}
    again: dict[int, bool] = {}
    for run, reseeded, spec, end in _trained(list(_jobs(now, verdicts, runs))):
        if reseeded:
            again[run] = better(run, spec, end)
        else:
            tried[run].append((spec, end))
    found = {}
    for run, ends in tried.items():
        gone = [pair for pair in ends if pair[1].cause != verdicts[run].cause] or ends
        found[run] = (better(run, *gone[0]), again.get(run))
    return found


Job = tuple[int, bool, RunSpec, Parameters | None]


def _jobs(now: Trained, verdicts: list[Verdict], runs: list[int]) -> Iterator[Job]:
    for run in runs:
        spec, removal = now.specs[run], REMOVALS[str(verdicts[run].cause)]
        start = removal.start and removal.start(take(now.initial, run), take(now.final, run), run)
        yield from ((run, False, changed, start) for changed in removal.specs(spec))
        another = CHANGES["another seed"]
        if another.applies(spec):
            yield run, True, another.make(spec), None


def _trained(jobs: list[Job]) -> Iterator[tuple[int, bool, RunSpec, Verdict]]:
    for places in grouped((shape(spec), start is None) for _, _, spec, start in jobs):
        own = [jobs[place] for place in places]
        starts = [start for *_, start in own if start is not None]
        initial = {name: np.stack([start[name] for start in starts]) for name in starts[0]} if starts else None
        for (run, reseeded, spec, _), end in zip(
            own, diagnose(train([job[2] for job in own], initial=initial)), strict=True
        ):
            yield run, reseeded, spec, end
