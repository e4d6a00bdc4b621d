"""Remedies tried on runs: each run continued with every remedy, and new runs started in every changed setting."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.errors import XorlabError
from xorlab.numerics import training
from xorlab.numerics.trained import Trained, take
from xorlab.remedies import changes
from xorlab.remedies.changes import Remedy
from xorlab.spec import RunSpec
from xorlab.spec.components import datasets
from xorlab.statistics import wilson
from xorlab.sweeps import pool

Array = NDArray[np.float64]

SEEDS = range(1000, 1100)
"""The seeds of new runs: others than people usually choose, so that no run of theirs is counted."""

SURE = 0.1
"""A new run stops at this part of the loss below which it has converged."""
FEW_POINTS = 16
"""With more points so low a mean loss may still hide a point on the wrong side."""


@dataclass(frozen=True)
class Continuation:
    """A run continued with a remedy.

    Attributes
    ----------
    remedy : what changed
    epochs : how many more it was given
    verdict : of these epochs; `epochs_to_converge` counts from the run's end
    """

    remedy: Remedy
    epochs: int
    verdict: Verdict

    @property
    def converged(self) -> bool:
        """Whether the continued run converged."""
        return self.verdict.outcome == "converged"


@dataclass(frozen=True)
class Restarts:
    """`n` new runs in a changed setting, and how many of them converged."""

    remedy: Remedy
    n: int
    converged: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % confidence interval of the rate."""
        return wilson(self.converged, self.n)

    def compare(self, other: "Restarts") -> int:
        """Return 1 or -1 where this interval lies above or below that of `other`, 0 where they overlap."""
        (low, high), (other_low, other_high) = self.interval, other.interval
        return int(low > other_high) - int(high < other_low)


@dataclass(frozen=True)
class Trials:
    """A run and every remedy that was tried on it.

    Attributes
    ----------
    spec, epochs, verdict : the run, the epochs it took, and its diagnosis now
    continuations : the best first: those that converge, soonest first, then by final loss; none where it converged
    restarts : the highest rate first
    """

    spec: RunSpec
    epochs: int
    verdict: Verdict
    continuations: tuple[Continuation, ...]
    restarts: tuple[Restarts, ...]


def epochs(specs: Sequence[RunSpec]) -> int:
    """Count the epochs that `try_remedies` trains: the runs again, and new runs. Continuations are few beside them."""
    return sum(spec.epochs for spec in specs) + len(SEEDS) * sum(spec.epochs for spec in _settings(specs))


def try_remedies(
    specs: Sequence[RunSpec], *, converged_below: float = 0.1, progress: pool.Progress = lambda epochs: None
) -> list[Trials]:
    """Train R runs again and try every remedy on each, runs of one shape together.

    Parameters
    ----------
    specs : the runs
    converged_below : see `diagnose`
    progress : called with those of `epochs` that are done since the last call

    Raises
    ------
    XorlabError
        Where a run can't be trained.
    """
    ended: dict[int, Trained] = {}
    verdicts: dict[int, Verdict] = {}
    for chunk in _train(specs, converged_below, progress):
        assert chunk.trained is not None
        for index, (run, verdict) in enumerate(zip(chunk.places, chunk.verdicts, strict=True)):
            ended[run], verdicts[run] = chunk.trained.take(slice(index, index + 1)), verdict
    places = range(len(specs))
    return try_on(
        [ended[run] for run in places],
        [verdicts[run] for run in places],
        converged_below=converged_below,
        progress=progress,
    )


def try_on(
    ended: Sequence[Trained],
    verdicts: Sequence[Verdict],
    *,
    converged_below: float = 0.1,
    progress: pool.Progress = lambda epochs: None,
) -> list[Trials]:
    """Try every remedy on runs that have ended, each given as an ensemble of one, with its verdict."""
    jobs = [
        _Job(run, remedy, take(trained.final, 0))
        for run, (trained, verdict) in enumerate(zip(ended, verdicts, strict=True))
        if verdict.outcome != "converged"
        for remedy in changes.continuations(trained.specs[0], verdict.evidence.hessian_max)
    ]
    continued: dict[int, list[Continuation]] = {run: [] for run in range(len(ended))}
    for job, continuation in _continue(jobs, converged_below):
        continued[job.run].append(continuation)
    specs = [trained.specs[0] for trained in ended]
    restarted = _restart(specs, converged_below, progress)
    return [
        Trials(
            spec,
            int(ended[run].epochs[0]),
            verdicts[run],
            tuple(sorted(continued[run], key=_rank)),
            restarted[replace(spec, seed=0)],
        )
        for run, spec in enumerate(specs)
    ]


def _train(specs: Sequence[RunSpec], converged_below: float, progress: pool.Progress) -> Iterator[pool.Chunk]:
    """Train specifications of any shapes; of their losses only the first and the last are kept."""
    longest = max(spec.epochs for spec in specs)
    chunks = pool.stream(specs, converged_below=converged_below, log_every=longest, workers=None, progress=progress)
    for chunk in chunks:
        if chunk.trained is None:
            raise XorlabError(f"the run must be trainable again; {chunk.error}")
        yield chunk


@dataclass(frozen=True)
class _Job:
    """A remedy to continue a run with, from parameters W1 (D, H), b1 (H,), …; `run` is the run's place."""

    run: int
    remedy: Remedy
    parameters: dict[str, Array]


def _continue(jobs: Sequence[_Job], converged_below: float) -> Iterator[tuple[_Job, Continuation]]:
    """Continue runs, those of one shape and one length together."""
    remedies = (job.remedy for job in jobs)
    for places in training.grouped((training.shape(each.spec), each.spec.epochs, each.times) for each in remedies):
        size = training.chunk(jobs[places[0]].remedy.spec)
        for start in range(0, len(places), size):
            yield from _continue_together([jobs[place] for place in places[start : start + size]], converged_below)


def _continue_together(jobs: list[_Job], converged_below: float) -> Iterator[tuple[_Job, Continuation]]:
    """Continue runs of one shape in rounds of their own epochs, so that loss histories stay short.

    A run is done when it has converged or diverged, and when a round has not changed a single bit of its parameters:
    then no further round will. The optimizer's state and the order of the samples start afresh in each round.
    """
    epochs, times = jobs[0].remedy.spec.epochs, jobs[0].remedy.times
    for turn in range(times):
        initial = {key: np.stack([job.parameters[key] for job in jobs]) for key in jobs[0].parameters}
        trained = training.train([job.remedy.spec for job in jobs], initial=initial)
        unfinished = []
        verdicts = diagnose(trained, converged_below=converged_below)
        for index, (job, verdict) in enumerate(zip(jobs, verdicts, strict=True)):
            final = take(trained.final, index)
            moved = any((final[key] != job.parameters[key]).any() for key in final)
            if moved and verdict.outcome not in ("converged", "diverged") and turn < times - 1:
                unfinished.append(replace(job, parameters=final))
                continue
            reached = None if verdict.epochs_to_converge is None else verdict.epochs_to_converge + epochs * turn
            yield job, Continuation(job.remedy, epochs * times, replace(verdict, epochs_to_converge=reached))
        jobs = unfinished
        if not jobs:
            return


def _rank(continuation: Continuation) -> tuple[bool, float]:
    verdict = continuation.verdict
    if verdict.epochs_to_converge is not None:
        return False, float(verdict.epochs_to_converge)
    return True, verdict.final_loss if math.isfinite(verdict.final_loss) else math.inf


def _restarts(specs: Sequence[RunSpec]) -> dict[RunSpec, list[Remedy]]:
    """Return the remedies for new runs of each setting, which is a specification with seed 0."""
    return {setting: changes.restarts(setting) for setting in {replace(spec, seed=0): None for spec in specs}}


def _settings(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """Return every changed setting, each once."""
    return list({remedy.spec: None for tried in _restarts(specs).values() for remedy in tried})


def _enough(spec: RunSpec, converged_below: float) -> float | None:
    """Return the loss at which a new run need not go on: it has converged, with every point clearly on its side."""
    return SURE * converged_below if len(datasets.load(spec.data)[0]) <= FEW_POINTS else None


def _restart(
    specs: Sequence[RunSpec], converged_below: float, progress: pool.Progress
) -> dict[RunSpec, tuple[Restarts, ...]]:
    """Train new runs, one a seed, in every changed setting of every run; runs that differ in the seed share them.

    The keys are the specifications with seed 0.
    """
    remedies, settings = _restarts(specs), _settings(specs)
    new = [
        replace(setting, seed=seed, target_loss=setting.target_loss or _enough(setting, converged_below))
        for setting in settings
        for seed in SEEDS
    ]
    converged = dict.fromkeys(settings, 0)
    for chunk in _train(new, converged_below, progress) if new else ():
        for place, verdict in zip(chunk.places, chunk.verdicts, strict=True):
            converged[settings[place // len(SEEDS)]] += verdict.outcome == "converged"
    counted = {
        setting: [Restarts(remedy, len(SEEDS), converged[remedy.spec]) for remedy in tried]
        for setting, tried in remedies.items()
    }
    return {setting: tuple(sorted(found, key=lambda each: -each.converged)) for setting, found in counted.items()}
