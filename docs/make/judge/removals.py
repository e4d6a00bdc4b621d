"""Causes taken away: each run trained again from the same start without its cause."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import RandomState

from xorlab.diagnosis.changes import TIMES
from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.numerics.trained import Trained, take
from xorlab.numerics.training import grouped, shape, train
from xorlab.spec import InitSpec, RunSpec

FACTORS = (0.1, 0.01, 0.001, 0.0001)
"""A learning rate that is too large is divided until the cause is gone."""
SMALLER = 0.1
"""A start with saturated units is made this much smaller."""
NOISE = 0.1
"""The standard deviation of what unties units."""
PUSH = 1.0
"""And of what pushes a run from a saddle."""
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


def _cross_entropy(spec: RunSpec) -> list[RunSpec]:
    """With a sigmoid output this loss has a gradient at the output's flat ends."""
    return [replace(spec, loss="bce")] if spec.arch.output == "sigmoid" and spec.data.targets == "binary" else []


def _noise(parameters: Parameters, size: float, seed: int) -> Parameters:
    rng = RandomState(seed)
    return {name: array + size * rng.standard_normal(array.shape) for name, array in parameters.items()}


def _scaled(initial: Parameters) -> Parameters:
    return {name: SMALLER * array for name, array in initial.items()}


def _twice(spec: RunSpec) -> list[RunSpec]:
    return [_rebuilt(spec, hidden=tuple(2 * width for width in spec.arch.hidden))]


SMALL_START = Removal("a start of a tenth the size", lambda spec: [spec], lambda first, last, seed: _scaled(first))
PUSHED = Removal(
    "a random push of about 1 in each weight",
    lambda spec: [spec],
    lambda first, last, seed: _noise(last, PUSH, seed),
)
REMOVALS: dict[str, Removal] = {
    "linear_model": Removal(
        "four tanh units in a hidden layer", _arch(hidden=(4,), activation="tanh", leaky_slope=None)
    ),
    "one_unit": Removal("two units", _arch(hidden=(2,))),
    "oscillating": Removal("a learning rate at which it does not overshoot", _smaller),
    "no_bias": Removal("biases", _arch(bias=True)),
    "tied_units": Removal(
        "noise of about 0.1 in each weight", lambda spec: [spec], lambda first, last, seed: _noise(first, NOISE, seed)
    ),
    "killed": Removal("a learning rate that kills no layer", _smaller),
    "all_dead": Removal("tanh units", _arch(activation="tanh", leaky_slope=None)),
    "affine_collapse": Removal("tanh units", _arch(activation="tanh", leaky_slope=None)),
    "saturated_output": Removal("loss=bce", _cross_entropy),
    "saturated": SMALL_START,
    "saddle": PUSHED,
    "degenerate_saddle": PUSHED,
    "tied_inputs": Removal("twice the width", _twice),
    "slow": Removal("ten times the epochs", lambda spec: [replace(spec, epochs=TIMES * spec.epochs)]),
}
"""By cause; the causes that are missing name no fault that could be taken away."""


def removed(now: Trained, verdicts: list[Verdict], runs: list[int]) -> dict[int, bool]:
    """Tell for runs whether they converge without their cause, where it can be taken away."""
    ends: dict[int, list[Verdict]] = {}
    jobs = list(_jobs(now, verdicts, runs))
    for places in grouped((shape(spec), start is None) for _, spec, start in jobs):
        own = [jobs[place] for place in places]
        starts = [start for *_, start in own if start is not None]
        initial = {name: np.stack([start[name] for start in starts]) for name in starts[0]} if starts else None
        for (run, *_), end in zip(own, diagnose(train([job[1] for job in own], initial=initial)), strict=True):
            ends.setdefault(run, []).append(end)
    first = {
        run: next((end for end in each if end.cause != verdicts[run].cause), each[0]) for run, each in ends.items()
    }
    return {run: end.outcome == "converged" for run, end in first.items()}


def _jobs(now: Trained, verdicts: list[Verdict], runs: list[int]) -> Iterator[tuple[int, RunSpec, Parameters | None]]:
    for run in runs:
        removal = REMOVALS[str(verdicts[run].cause)]
        start = removal.start and removal.start(take(now.initial, run), take(now.final, run), run)
        yield from ((run, changed, start) for changed in removal.specs(now.specs[run]))
