"""Many specifications in chunks: trained, judged and thinned, here or by worker processes, in a steady stream."""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.errors import XorlabError
from xorlab.numerics import training
from xorlab.numerics.thinning import logged
from xorlab.numerics.trained import Trained
from xorlab.spec import RunSpec

WORTH = 5e8
"""Parameter updates, over all runs and epochs, from which on starting worker processes pays."""

Task = tuple[tuple[int, ...], list[RunSpec]]
"""Places in the sweep, and the specifications there: runs of one shape."""
Progress = Callable[[int], object]


@dataclass(frozen=True)
class Chunk:
    """Runs of one shape after their training.

    Attributes
    ----------
    places : where each run stands in the sweep
    trained : the runs, with `losses` (R, K) only at the epochs that are kept; None where `error` is told
    kept : (K,) ints, those epochs; a run's last epoch is among them
    verdicts : what happened to each run
    error : why the runs of this chunk could not be trained
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
    log_every: int,
    workers: int | None,
    progress: Progress = lambda epochs: None,
) -> Iterator[Chunk]:
    """Train specifications of any shapes and yield them in chunks, in no set order.

    Parameters
    ----------
    specs : the sweep's specifications
    converged_below : see `diagnose`
    log_every : keep the losses of every so many epochs, and of the last
    workers : processes to train in; None for as many as there are cores, if there is work enough for them
    progress : called with the epochs, over all runs, that are done since the last call
    """
    updates = sum(spec.epochs * training.parameter_count(spec) for spec in specs)
    count = workers or (len(os.sched_getaffinity(0)) if updates > WORTH else 1)
    plan = deque(_tasks(specs, workers=count))
    work = partial(_work, converged_below=converged_below, log_every=log_every)
    if count > 1:
        yield from _by_workers(plan, work, count, progress)
    for task in plan:
        yield from work(task, progress=progress)


def _tasks(specs: Sequence[RunSpec], *, workers: int) -> list[Task]:
    """Group specifications by shape and cut the groups into chunks that fit the cache and feed all workers alike."""
    found: list[Task] = []
    for places in training.grouped(map(training.shape, specs)):
        longest = max((specs[place] for place in places), key=lambda spec: spec.epochs)
        rounds = -(-len(places) // (training.chunk(longest) * workers))
        size = -(-len(places) // (rounds * workers))
        cuts = [tuple(places[start : start + size]) for start in range(0, len(places), size)]
        found += [(cut, [specs[place] for place in cut]) for cut in cuts]
    return found


def _work(
    task: Task, *, converged_below: float, log_every: int, progress: Progress = lambda epochs: None
) -> list[Chunk]:
    """Train and judge a chunk; where that fails, halve it, until the runs that fail are alone."""
    places, specs = task
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
            return [Chunk(places, None, np.zeros(0, dtype=np.int64), [], words, start, time.time())]
        half = len(places) // 2
        halves = ((places[:half], specs[:half]), (places[half:], specs[half:]))
        work = partial(_work, converged_below=converged_below, log_every=log_every, progress=progress)
        return [chunk for part in halves for chunk in work(part)]
    return [Chunk(places, trained, kept, verdicts, None, start, time.time())]


def _by_workers(
    plan: deque[Task], work: Callable[[Task], list[Chunk]], count: int, progress: Progress
) -> Iterator[Chunk]:
    """Take tasks off the plan for worker processes, few at a time, so that results do not pile up.

    Where a worker process is killed, the tasks that were under way go back to the plan.
    """
    with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_ignore_interrupts) as pool:
        underway: dict[Future[list[Chunk]], Task] = {}
        try:
            while plan or underway:
                while plan and len(underway) < count + 1:
                    future = pool.submit(work, plan[0])
                    underway[future] = plan.popleft()
                for done in wait(underway, return_when=FIRST_COMPLETED).done:
                    chunks = done.result()
                    for spec in underway.pop(done)[1]:
                        progress(spec.epochs)
                    yield from chunks
        except BrokenProcessPool:
            plan.extend(underway.values())
        finally:
            pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the parent, which lets a worker finish its chunk."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
