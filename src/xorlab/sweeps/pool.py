"""Many specifications in chunks: trained, judged and thinned, here or by worker processes, in a steady stream."""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.errors import XorlabError
from xorlab.numerics import training
from xorlab.numerics.thinning import Every, logged
from xorlab.numerics.trained import Trained
from xorlab.spec import RunSpec
from xorlab.sweeps.workers import Worker, WorkerError

WORTH = 5e8
"""Parameter updates, over all runs and epochs, above which worker processes save more time than they take to start."""

Task = tuple[tuple[int, ...], list[RunSpec]]
"""Places in the sweep, and the specifications there: runs of one shape."""
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
    progress: Progress = lambda epochs: None,
) -> Generator[Chunk, None, None]:
    """Train specifications of any shapes and yield them in chunks, in any order.

    Closing the generator ends the workers at once.

    Parameters
    ----------
    specs : the sweep's specifications
    converged_below : see `diagnose`
    log_every : which epochs' losses are kept besides the last's, see `logged`
    workers : processes to train in; None for one a core, if there is work enough for them
    progress : called with the epochs, over all runs, that are done since the last call

    Raises
    ------
    XorlabError
        Where worker processes can't start.
    """
    updates = sum(spec.epochs * training.parameter_count(spec) for spec in specs)
    count = workers or (cores() if updates > WORTH else 1)
    tasks = deque(_tasks(specs, workers=count))
    work = partial(_work, converged_below=converged_below, log_every=log_every)
    if count > 1:
        yield from _by_workers(tasks, work, count, progress)
    else:
        for task in tasks:
            yield from work(task, progress=progress)


def cores() -> int:
    """Count the cores that this process may use, or that there are where the platform does not tell."""
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
    task: Task, *, converged_below: float, log_every: Every, progress: Progress = lambda epochs: None
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
            return [_failed(task, words, start)]
        work = partial(_work, converged_below=converged_below, log_every=log_every, progress=progress)
        return [chunk for half in _halves(task) for chunk in work(half)]
    return [Chunk(places, trained, kept, verdicts, None, start, time.time())]


def _failed(task: Task, error: str, start: float) -> Chunk:
    return Chunk(task[0], None, np.zeros(0, dtype=np.int64), [], error, start, time.time())


def _halves(task: Task) -> list[Task]:
    places, specs = task
    half = len(places) // 2
    return [(places[:half], specs[:half]), (places[half:], specs[half:])]


def _by_workers(
    tasks: deque[Task], work: Callable[[Task], list[Chunk]], count: int, progress: Progress
) -> Iterator[Chunk]:
    """Give `tasks` to worker processes, few at a time, so that results do not pile up.

    Where a worker process dies, another takes its place and the chunk is halved, down to the run that kills it.
    """
    crew: list[Worker[Task, list[Chunk]]] = []
    idle: SimpleQueue[Worker[Task, list[Chunk]]] = SimpleQueue()

    def start_worker() -> None:
        crew.append(Worker(work))
        idle.put(crew[-1])

    def train(task: Task) -> list[Chunk]:
        worker = idle.get()
        chunks = worker.run(task)
        idle.put(worker)  # unless it died
        return chunks

    underway: dict[Future[list[Chunk]], tuple[Task, float]] = {}
    with ThreadPoolExecutor(count) as threads:
        try:
            for _ in range(count):
                start_worker()
            while tasks or underway:
                while tasks and len(underway) <= count:
                    task = tasks.popleft()
                    underway[threads.submit(train, task)] = (task, time.time())
                for done in wait(underway, return_when=FIRST_COMPLETED).done:
                    task, start = underway.pop(done)
                    try:
                        chunks = done.result()
                    except WorkerError as death:
                        start_worker()
                        if len(task[0]) > 1:
                            print(f"a worker died ({death}); halving its chunk of {len(task[0])} runs", file=sys.stderr)
                            tasks.extendleft(_halves(task))
                            continue
                        chunks = [_failed(task, f"its worker process died ({death})", start)]
                    progress(sum(spec.epochs for spec in task[1]))
                    yield from chunks
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in crew:
                worker.stop()
                idle.put(worker)  # for a thread that waits for one
