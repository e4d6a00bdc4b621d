"""Where chunks are trained: worker processes of this machine, a Dask cluster, or jobs of a SLURM cluster.

An engine is an executor of `concurrent.futures` and little more, so that another one is an entry of `ENGINES`.
"""

import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from xorlab import rules
from xorlab.errors import XorlabError
from xorlab.spec import NUMERICS
from xorlab.spec.options import EngineSettings
from xorlab.sweeps.workers import Crew

REMOTE_UPDATES = 2e8
"""Parameter updates of a task for another machine: a few seconds of training."""

PATIENCE, WAIT = 10.0, 300.0
"""Seconds to wait for a scheduler's answer, and for a cluster's first worker."""


@dataclass(frozen=True)
class Engine:
    """What runs tasks.

    Attributes
    ----------
    executor : its `submit` takes a function of a module, or a partial of one, and a task; both can be pickled
    slots : counts the tasks that it works on at once, now; raises CancelledError where the engine is lost
    updates : the parameter updates that make a task worth sending
    """

    executor: Executor
    slots: Callable[[], int]
    updates: float = REMOTE_UPDATES


Start = Callable[[EngineSettings, int], AbstractContextManager[Engine]]


@contextmanager
def local(settings: EngineSettings, workers: int) -> Iterator[Engine]:
    """Start worker processes on this machine."""
    with Crew(workers) as crew:
        yield Engine(crew, lambda: workers, updates=0.0)


@contextmanager
def dask(settings: EngineSettings, workers: int) -> Iterator[Engine]:
    """Join a Dask cluster by its address or its scheduler's file, or start one on this machine."""
    distributed = _imported("distributed")
    if settings.address or settings.scheduler_file:
        where = {"address": settings.address, "scheduler_file": settings.scheduler_file}
        try:
            client = distributed.Client(**{key: value for key, value in where.items() if value}, timeout=PATIENCE)
        except (OSError, ValueError) as error:
            at = settings.address or settings.scheduler_file
            raise XorlabError(f"no Dask scheduler answers at {at} ({error}); start one by `dask scheduler`") from error
        with client:
            yield _joined(client)
        return
    cluster = distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
    with cluster, distributed.Client(cluster) as client:
        yield _joined(client)


@contextmanager
def slurm(settings: EngineSettings, workers: int) -> Iterator[Engine]:
    """Start workers as jobs of a SLURM cluster, `workers` at most; SLURM starts them when it has room."""
    distributed, jobqueue = _imported("distributed"), _imported("dask_jobqueue")
    folder = Path("outputs/engine").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    cluster = jobqueue.SLURMCluster(
        queue=settings.queue,
        walltime=settings.walltime,
        cores=settings.cores,
        processes=settings.cores,
        memory=settings.memory,
        interface=settings.interface,
        job_extra_directives=list(settings.directives),
        log_directory=str(folder),
        local_directory=str(folder),
        python=sys.executable,
        scheduler_options={"dashboard_address": ":0"},
    )
    ask = partial(cluster.scale, jobs=-(-workers // settings.cores))
    with cluster, distributed.Client(cluster) as client:
        ask()
        yield _joined(client, ask)


ENGINES: dict[str, Start] = {"local": local, "dask": dask, "slurm": slurm}
"""By the name in the configuration. Each takes the settings and the workers wanted, and ends them on leaving."""


def start(settings: EngineSettings, workers: int) -> AbstractContextManager[Engine | None]:
    """Start the engine of the settings before anything is written; None for this machine, which starts when asked.

    Raises
    ------
    XorlabError
        Where there is no such engine, or it can't be reached.
    """
    rules.choice("engine.name", settings.name, ENGINES)
    return nullcontext() if settings.name == "local" else ENGINES[settings.name](settings, workers)


def _joined(client: Any, ask: Callable[[], object] = lambda: None) -> Engine:
    """Wait for a first worker and say where the cluster can be watched.

    `ask` asks for the workers that are gone: dask_jobqueue replaces no job whose wall-time limit has ended it.
    """
    # Dask logs what it tries when a connection is lost, with tracebacks; a sweep says it in one line.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    print(f"training on {client.scheduler.address}; its dashboard: {client.dashboard_link}", file=sys.stderr)
    try:
        client.wait_for_workers(1, timeout=WAIT)
    except TimeoutError as error:
        raise XorlabError(f"no worker came within {WAIT:.0f} s; look at the cluster's queue and logs") from error

    def slots() -> int:
        ask()
        try:
            return sum(client.nthreads().values())
        except OSError as error:
            raise CancelledError("the scheduler does not answer") from error

    return Engine(client.get_executor(pure=False), slots)


def _imported(name: str) -> Any:
    # dask_jobqueue 0.9.0 takes SIGINT for itself when it is imported, so that Ctrl-C would exit with 0.
    handler = signal.getsignal(signal.SIGINT)
    try:
        return import_module(name)
    except ImportError as error:
        raise XorlabError("engine=dask and engine=slurm need Dask; install it by pip install 'xorlab[dask]'") from error
    finally:
        signal.signal(signal.SIGINT, handler)


def checked(work: Callable[[Any], Any], numerics: int, task: Any) -> Any:
    """Work on a task, but only with the numerics of the driver.

    Raises
    ------
    XorlabError
        Where this worker has another version of them.
    """
    if numerics != NUMERICS:
        name = socket.gethostname()
        raise XorlabError(
            f"the worker on {name} has version {NUMERICS} of xorlab's numerics, this command version {numerics}; "
            "install the same xorlab on both"
        )
    return work(task)
