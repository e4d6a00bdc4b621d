"""Many specifications in chunks: trained, judged and thinned, here or by an engine's workers, in a steady stream."""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.errors import XorlabError
from xorlab.numerics import training
from xorlab.numerics.thinning import Every, logged
from xorlab.numerics.trained import Trained
from xorlab.spec import NUMERICS, RunSpec
from xorlab.spec.components import functions
from xorlab.spec.options import EngineSettings
from xorlab.sweeps.engines import Engine, checked, local
from xorlab.tracking import provenance

WORTH = 5e8
"""Parameter updates, over all runs and epochs, above which worker processes save more time than they take to start."""

POINTS = 2e6
"""Losses that a task sends back, at most, unless one group of runs has more: 16 MB."""

AHEAD = 2
"""Tasks under way for each worker, so that none waits for the driver to write what it has just trained."""

RECOUNT = 30.0
"""Seconds without a result after which an engine's workers are counted again."""

SHARES = 4
"""Tasks for each worker, at least, where there are runs enough: so that all end at about the same time."""

Group = tuple[tuple[int, ...], list[RunSpec]]
"""Places in the sweep, and the specifications there: runs of one shape that fit the cache together."""
Progress = Callable[[int], object]


class Task(Protocol):
    """What a worker is sent at a time."""

    @property
    def runs(self) -> int:
        """How many runs it has."""

    @property
    def epochs(self) -> int:
        """The epochs over all of them."""

    def halves(self) -> tuple[Any, Any]:
        """Return two tasks that together are this one, of more than one run."""

    def failed(self, error: str, start: float) -> Any:
        """Return the result of a task whose only run could not be trained."""


@dataclass(frozen=True)
class Chunk:
    """Runs of one shape after their training.

    Attributes
    ----------
    places : where each run stands in the sweep
    trained : the runs, with `losses` (R, K) only at the epochs that are kept; None where training failed
    kept : (K,) ints, those epochs; a run's last epoch is among them
    verdicts : what happened to each run
    error : why training failed, of a single run
    start, end : when they were trained, in seconds since 1970
    trained_on : the tags of the process and machine that trained them, see `provenance.here`
    """

    places: tuple[int, ...]
    trained: Trained | None
    kept: NDArray[np.int64]
    verdicts: list[Verdict]
    error: str | None
    start: float
    end: float
    trained_on: Mapping[str, str] = field(default_factory=provenance.here)


class Batch(list[Group]):
    """Groups that a worker is sent together."""

    @property
    def runs(self) -> int:
        """How many runs they are."""
        return sum(len(places) for places, _ in self)

    @property
    def epochs(self) -> int:
        """The epochs over all of them."""
        return sum(spec.epochs for _, specs in self for spec in specs)

    def halves(self) -> tuple["Batch", "Batch"]:
        """Halve a batch of more than one run: its groups, or its only group."""
        if len(self) > 1:
            half = len(self) // 2
            return Batch(self[:half]), Batch(self[half:])
        ((places, specs),) = self
        half = len(places) // 2
        return Batch([(places[:half], specs[:half])]), Batch([(places[half:], specs[half:])])

    def failed(self, error: str, start: float) -> Chunk:
        """Return the chunk of a run that could not be trained."""
        ((places, _),) = self
        return Chunk(places, None, np.zeros(0, dtype=np.int64), [], error, start, time.time())


def stream(
    specs: Sequence[RunSpec],
    *,
    converged_below: float,
    log_every: Every,
    workers: int | None,
    engine: Engine | None = None,
    progress: Progress = lambda epochs: None,
) -> Generator[Chunk, None, None]:
    """Train specifications of any shapes and yield them in chunks, in any order.

    Closing the generator ends the workers at once.

    Parameters
    ----------
    specs : the sweep's specifications
    converged_below : see `diagnose`
    log_every : which epochs' losses are kept besides the last's, see `logged`
    workers : processes to train in; None for one a core, if there is work enough for them. Functions that were
        registered in a notebook or a script are trained with in this process.
    engine : trains the runs in their place
    progress : called with the epochs, over all runs, that are done since the last call

    Raises
    ------
    XorlabError
        Where workers can't start, or the engine is lost.
    """
    work = partial(_work, converged_below=converged_below, log_every=log_every)
    use = functions.modules(spec.source for spec in specs)
    if engine and use is None:
        raise XorlabError("functions must be registered by a module that the engine's workers can import, see use")
    count = 1 if use is None else workers or (cores() if _updates(specs) > WORTH else 1)
    if engine is None and count == 1:
        yield from chunks(specs, converged_below=converged_below, log_every=log_every, progress=progress)
        return
    with nullcontext(engine) if engine else local(EngineSettings(), count) as running:
        slots = running.slots()
        # Enough tasks for all workers, those that are still to come among them.
        worth = min(running.updates, _updates(specs) / (SHARES * max(slots, workers or 1)))
        tasks = deque(_tasks(_groups(specs, slots=slots), worth, log_every))
        yield from by_workers(tasks, partial(using, use or (), work), running, progress)


def chunks(
    specs: Sequence[RunSpec], *, converged_below: float, log_every: Every, progress: Progress = lambda epochs: None
) -> Iterator[Chunk]:
    """Train specifications of any shapes in this process, as `stream` does."""
    for group in _groups(specs, slots=1):
        yield from _work(Batch([group]), converged_below=converged_below, log_every=log_every, progress=progress)


def cores() -> int:
    """Count the cores that this process may use, or that there are where the platform does not tell."""
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _updates(specs: Sequence[RunSpec]) -> float:
    return float(sum(spec.epochs * training.parameter_count(spec) for spec in specs))


def _groups(specs: Sequence[RunSpec], *, slots: int) -> Iterator[Group]:
    """Group specifications by shape and cut the groups so that they fit the cache and feed all slots alike."""
    for places in training.grouped(map(training.shape, specs)):
        longest = max((specs[place] for place in places), key=lambda spec: spec.epochs)
        rounds = -(-len(places) // (training.chunk(longest) * slots))
        size = -(-len(places) // (rounds * slots))
        for start in range(0, len(places), size):
            cut = tuple(places[start : start + size])
            yield cut, [specs[place] for place in cut]


def _tasks(groups: Iterable[Group], updates: float, log_every: Every) -> Iterator[Batch]:
    """Join groups until a task has at least `updates` parameter updates, or `POINTS` losses to send back."""
    task = Batch()
    work = points = 0.0
    for group in groups:
        task.append(group)
        work += _updates(group[1])
        longest = max(spec.epochs for spec in group[1])
        points += len(group[1]) * len(logged(longest, log_every))
        if work >= updates or points >= POINTS:
            yield task
            task, work, points = Batch(), 0.0, 0.0
    if task:
        yield task


def using(modules: tuple[str, ...], work: Callable[[Any], Any], task: Any) -> Any:
    """Import the modules that register the functions of the runs, and work on a task."""
    for module in modules:
        functions.use(module)
    return work(task)


def _work(
    task: Batch, *, converged_below: float, log_every: Every, progress: Progress = lambda epochs: None
) -> list[Chunk]:
    """Train and judge the groups of a task; where that fails, halve it, until the runs that fail are alone."""
    if len(task) > 1:
        work = partial(_work, converged_below=converged_below, log_every=log_every, progress=progress)
        return [chunk for group in task for chunk in work(Batch([group]))]
    ((places, specs),) = task
    start = time.time()
    try:
        trained = training.train(specs, progress=progress)
        verdicts = diagnose(trained, converged_below=converged_below)
        kept = logged(trained.epochs, log_every)
        if len(kept) < trained.losses.shape[1]:
            trained = replace(trained, losses=trained.losses[:, kept])
    except Exception as error:  # one run's failure must not take the others with it
        if len(places) == 1:
            words = str(error) if isinstance(error, XorlabError) else f"{type(error).__name__}: {error}"
            return [task.failed(words, start)]
        work = partial(_work, converged_below=converged_below, log_every=log_every, progress=progress)
        return [chunk for half in task.halves() for chunk in work(half)]
    return [Chunk(places, trained, kept, verdicts, None, start, time.time())]


def by_workers(
    tasks: deque[Any], work: Callable[[Any], list[Any]], engine: Engine, progress: Progress
) -> Iterator[Any]:
    """Give `tasks` (each a `Task`) to an engine, a few at a time, so that results do not pile up, and yield these.

    Where a worker dies over a task, the task is halved, down to the run that kills it.
    """
    work = partial(checked, work, NUMERICS)
    underway: dict[Future[list[Any]], tuple[Task, float]] = {}
    while tasks or underway:
        try:
            room = max(AHEAD * engine.slots(), 1)
            while tasks and len(underway) < room:
                task = tasks.popleft()
                underway[engine.executor.submit(work, task)] = (task, time.time())
            found = wait(underway, timeout=RECOUNT, return_when=FIRST_COMPLETED).done
            ended = {done: done.exception() for done in found}
        except (BrokenExecutor, CancelledError) as error:
            raise XorlabError("the engine has stopped; the runs that it was training are lost") from error
        for done, death in ended.items():
            task, start = underway.pop(done)
            if isinstance(death, XorlabError):
                raise death
            if death and task.runs > 1:
                print(f"a worker died ({death}); halving its chunk of {task.runs} runs", file=sys.stderr)
                tasks.extendleft(task.halves())
                continue
            progress(task.epochs)
            yield from [task.failed(f"its worker process died ({death})", start)] if death else done.result()
