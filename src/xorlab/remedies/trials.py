"""Remedies tried on runs: what rescues a run from where it ended, and what makes new runs likelier to converge."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.errors import XorlabError
from xorlab.numerics import training
from xorlab.numerics.trained import take
from xorlab.remedies.changes import Remedy, renewing, rescuing
from xorlab.spec import RunSpec
from xorlab.statistics import wilson
from xorlab.sweep import pool

Array = NDArray[np.float64]

SEEDS = range(1000, 1100)
"""The seeds of new runs, far from those that runs usually have."""


@dataclass(frozen=True)
class Rescue:
    """What became of a run that went on from where it ended: so many epochs more, and a verdict on these."""

    remedy: Remedy
    epochs: int
    verdict: Verdict

    @property
    def converged(self) -> bool:
        """Whether the run was rescued."""
        return self.verdict.outcome == "converged"


@dataclass(frozen=True)
class Prospect:
    """How many of `n` new runs converged, and Wilson's interval for their rate."""

    remedy: Remedy
    n: int
    converged: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval at 95 %."""
        return wilson(self.converged, self.n)

    def against(self, plain: "Prospect") -> int:
        """1 where new runs are likelier to converge than `plain` ones, -1 where less; 0 where the intervals overlap."""
        (low, high), (least, most) = self.interval, plain.interval
        return int(low > most) - int(high < least)


@dataclass(frozen=True)
class Answer:
    """What happened to a run and what helps.

    Attributes
    ----------
    spec, epochs, verdict : the run, how many epochs it took, what happened to it, as told now
    rescues : each remedy tried on this run, what works first; none where it converged
    prospects : each setting tried on new runs, the likeliest to converge first
    """

    spec: RunSpec
    epochs: int
    verdict: Verdict
    rescues: tuple[Rescue, ...]
    prospects: tuple[Prospect, ...]


def answer(specs: Sequence[RunSpec], *, converged_below: float = 0.1) -> list[Answer]:
    """Train R runs again and try every remedy on them, all that is of one shape together.

    Parameters
    ----------
    specs : the runs
    converged_below : see `diagnose`

    Raises
    ------
    XorlabError
        Where a run can't be trained.
    """
    ended = _ended(specs, converged_below)
    cases = [
        _Case(run, remedy, end.parameters)
        for run, end in enumerate(ended)
        if end.verdict.outcome != "converged"
        for remedy in rescuing(specs[run], end.verdict.evidence.hessian_max)
    ]
    rescues: dict[int, list[Rescue]] = {}
    for case, rescue in _rescued(cases, converged_below):
        rescues.setdefault(case.run, []).append(rescue)
    prospects = _prospects(specs, converged_below)
    return [
        Answer(
            spec=spec,
            epochs=end.epochs,
            verdict=end.verdict,
            rescues=tuple(sorted(rescues.get(run, []), key=_rank)),
            prospects=prospects[_setting(spec)],
        )
        for run, (spec, end) in enumerate(zip(specs, ended, strict=True))
    ]


@dataclass(frozen=True)
class _End:
    """Where a run ended; its parameters are W1 (D, H), b1 (H,) and so on."""

    epochs: int
    verdict: Verdict
    parameters: dict[str, Array]


@dataclass(frozen=True)
class _Case:
    """A remedy to try on a run, from the parameters it has come to."""

    run: int
    remedy: Remedy
    parameters: dict[str, Array]


def _ended(specs: Sequence[RunSpec], converged_below: float) -> list[_End]:
    found: dict[int, _End] = {}
    for chunk in _chunks(specs, converged_below):
        assert chunk.trained is not None
        for index, (place, verdict) in enumerate(zip(chunk.places, chunk.verdicts, strict=True)):
            found[place] = _End(int(chunk.trained.epochs[index]), verdict, take(chunk.trained.final, index))
    return [found[place] for place in range(len(specs))]


def _chunks(specs: Sequence[RunSpec], converged_below: float) -> Iterator[pool.Chunk]:
    """Train specifications of any shapes, without keeping their losses."""
    longest = max(spec.epochs for spec in specs)
    for chunk in pool.stream(specs, converged_below=converged_below, log_every=longest, workers=None):
        if chunk.trained is None:
            raise XorlabError(f"the run must be trainable again; {chunk.error}")
        yield chunk


def _rescued(cases: Sequence[_Case], converged_below: float) -> Iterator[tuple[_Case, Rescue]]:
    """Train on, all that is of one shape and goes on as long together."""
    remedies = (case.remedy for case in cases)
    for places in training.grouped((training.shape(each.spec), each.spec.epochs, each.times) for each in remedies):
        size = training.chunk(cases[places[0]].remedy.spec)
        for start in range(0, len(places), size):
            yield from _go_on([cases[place] for place in places[start : start + size]], converged_below)


def _go_on(cases: list[_Case], converged_below: float) -> Iterator[tuple[_Case, Rescue]]:
    """Train in rounds of the runs' own epochs, so that histories stay short.

    A run has its answer where it has converged or diverged, and where a round has not moved a single bit of it: then
    no further round will. The optimizer's memory and the orders of the samples start afresh with each round.
    """
    epochs, times = cases[0].remedy.spec.epochs, cases[0].remedy.times
    for turn in range(times):
        specs = [case.remedy.spec for case in cases]
        initial = {key: np.stack([case.parameters[key] for case in cases]) for key in cases[0].parameters}
        trained = training.train(specs, initial=initial)
        left = []
        for index, verdict in enumerate(diagnose(trained, converged_below=converged_below)):
            case, parameters = cases[index], take(trained.final, index)
            moved = any((parameters[key] != case.parameters[key]).any() for key in parameters)
            if verdict.outcome in ("converged", "diverged") or not moved or turn == times - 1:
                yield case, Rescue(case.remedy, epochs * times, _later(verdict, epochs * turn))
            else:
                left.append(replace(case, parameters=parameters))
        cases = left
        if not cases:
            return


def _later(verdict: Verdict, epochs: int) -> Verdict:
    """Count the epochs to convergence from so many earlier."""
    reached = verdict.epochs_to_converge
    return verdict if reached is None else replace(verdict, epochs_to_converge=reached + epochs)


def _rank(rescue: Rescue) -> tuple[bool, float]:
    """What converges comes first, the quickest at the head; then the lower loss."""
    verdict = rescue.verdict
    if verdict.epochs_to_converge is not None:
        return False, float(verdict.epochs_to_converge)
    return True, verdict.final_loss if math.isfinite(verdict.final_loss) else math.inf


def _setting(spec: RunSpec) -> RunSpec:
    """Return what runs that differ in their seeds only have in common."""
    return replace(spec, seed=0)


def _prospects(specs: Sequence[RunSpec], converged_below: float) -> dict[RunSpec, tuple[Prospect, ...]]:
    """Train new runs, one a seed, of every setting that any of the runs may be renewed in, each setting once."""
    renewed = {setting: renewing(setting) for setting in {_setting(spec): None for spec in specs}}
    settings = list({remedy.spec: None for remedies in renewed.values() for remedy in remedies})
    new = [replace(setting, seed=seed) for setting in settings for seed in SEEDS]
    counts = dict.fromkeys(settings, 0)
    for chunk in _chunks(new, converged_below) if new else ():
        for place, verdict in zip(chunk.places, chunk.verdicts, strict=True):
            counts[settings[place // len(SEEDS)]] += verdict.outcome == "converged"
    return {
        setting: tuple(
            sorted(
                (Prospect(remedy, len(SEEDS), counts[remedy.spec]) for remedy in remedies),
                key=lambda prospect: -prospect.converged,
            )
        )
        for setting, remedies in renewed.items()
    }
