"""Many specifications in chunks: trained, judged and thinned, here or by an engine's workers, in a steady stream."""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

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

WORTH = 5e8
"""Parameter updates, over all runs and epochs, above which worker processes save more time than they take to start."""

POINTS = 2e6
"""Losses that a task sends back, at most, unless one group of runs has more: 16 MB."""

Group = tuple[tuple[int, ...], list[RunSpec]]
"""Places in the sweep, and the specifications there: runs of one shape that fit the cache together."""
Task = list[Group]
"""What a worker is sent at a time."""
Progress = Callable[[int], object]


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
    """

    places: tuple[int, ...]
    trained: Trained | None
    kept: NDArray[np.int64]
    verdicts: list[Verdict]
    error: str | None
    start: float
    end: float


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
        for group in _groups(specs, slots=1):
            yield from work([group], progress=progress)
        return
    with nullcontext(engine) if engine else local(EngineSettings(), count) as running:
        groups = _groups(specs, slots=running.slots())
        tasks = deque(_tasks(groups, running.updates, log_every))
        yield from _by_workers(tasks, partial(checked, partial(_using, use or (), work), NUMERICS), running, progress)


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


def _tasks(groups: Iterable[Group], updates: float, log_every: Every) -> Iterator[Task]:
    """Join groups until a task has at least `updates` parameter updates, or `POINTS` losses to send back."""
    task: Task = []
    work = points = 0.0
    for group in groups:
        task.append(group)
        work += _updates(group[1])
        longest = max(spec.epochs for spec in group[1])
        points += len(group[1]) * len(logged(longest, log_every))
        if work >= updates or points >= POINTS:
            yield task
            task, work, points = [], 0.0, 0.0
    if task:
        yield task


def _using(modules: tuple[str, ...], work: Callable[[Task], list[Chunk]], task: Task) -> list[Chunk]:
    """Import the modules that register the functions of the runs, and work on a task."""
    for module in modules:
        functions.use(module)
    return work(task)


def _work(
    task: Task, *, converged_below: float, log_every: Every, progress: Progress = lambda epochs: None
) -> list[Chunk]:
    """Train and judge the groups of a task; where that fails, halve it, until the runs that fail are alone."""
    if len(task) > 1:
        work = partial(_work, converged_below=converged_below, log_every=log_every, progress=progress)
        return [chunk for group in task for chunk in work([group])]
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
            return [_failed(places, words, start)]
        work = partial(_work, converged_below=converged_below, log_every=log_every, progress=progress)
        return [chunk for half in _halves(task) for chunk in work(half)]
    return [Chunk(places, trained, kept, verdicts, None, start, time.time())]


def _failed(places: tuple[int, ...], error: str, start: float) -> Chunk:
    return Chunk(places, None, np.zeros(0, dtype=np.int64), [], error, start, time.time())


def _halves(task: Task) -> tuple[Task, Task]:
    """Halve a task of more than one run: its groups, or its only group."""
    if len(task) > 1:
        half = len(task) // 2
        return task[:half], task[half:]
    ((places, specs),) = task
    half = len(places) // 2
    return [(places[:half], specs[:half])], [(places[half:], specs[half:])]


def _by_workers(
    tasks: deque[Task], work: Callable[[Task], list[Chunk]], engine: Engine, progress: Progress
) -> Iterator[Chunk]:
    """Give `tasks` to an engine, a few at a time, so that results do not pile up.

    Where a worker dies over a task, the task is halved, down to the run that kills it.
    """
    underway: dict[Future[list[Chunk]], tuple[Task, float]] = {}
    while tasks or underway:
        try:
            while tasks and len(underway) <= engine.slots():
                task = tasks.popleft()
                underway[engine.executor.submit(work, task)] = (task, time.time())
            ended = {done: done.exception() for done in wait(underway, return_when=FIRST_COMPLETED).done}
        except (BrokenExecutor, CancelledError) as error:
            raise XorlabError("the engine has stopped; the runs that it was training are lost") from error
        for done, death in ended.items():
            task, start = underway.pop(done)
            if isinstance(death, XorlabError):
                raise death
            count = sum(len(places) for places, _ in task)
            if death and count > 1:
                print(f"a worker died ({death}); halving its chunk of {count} runs", file=sys.stderr)
                tasks.extendleft(_halves(task))
                continue
            progress(sum(spec.epochs for _, specs in task for spec in specs))
            yield from [_failed(task[0][0], f"its worker process died ({death})", start)] if death else done.result()
