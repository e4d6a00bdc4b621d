"""Worker processes: each works on one task at a time, and how it dies is known."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from queue import SimpleQueue
from types import ModuleType
from typing import Any

from xorlab.errors import XorlabError


class WorkerError(Exception):
    """A worker process ended while it worked on a task; the text says how it ended."""


class Crew(Executor):
    """Worker processes. Where one dies its task fails with a WorkerError, and another takes its place.

    Parameters
    ----------
    count
        How many.
    """

    def __init__(self, count: int) -> None:
        self._workers: list[_Worker] = []
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._threads = ThreadPoolExecutor(count)
        self._leaving = False
        for _ in range(count):
            self._start_worker()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Give `fn` and its arguments to the next idle worker."""
        return self._threads.submit(self._run, (fn, args, kwargs))

    def __exit__(self, *exception: object) -> None:
        """End the workers now, whatever they are at."""
        self._leaving = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.stop()
            self._idle.put(worker)  # for a thread that waits for one

    def _start_worker(self) -> None:
        self._workers.append(_Worker())
        self._idle.put(self._workers[-1])

    def _run(self, task: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]) -> Any:
        worker = self._idle.get()
        try:
            result = worker.run(task)
        except WorkerError:
            if not self._leaving:
                self._start_worker()
            raise
        self._idle.put(worker)
        return result


class _Worker:
    """A process that works on tasks, one after the other. It ends when this process does, whatever ends this one."""

    def __init__(self) -> None:
        spawn = get_context("spawn")
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
        with _without_script():
            self._process.start()
        theirs.close()
        self._started = False

    def run(self, task: Any) -> Any:
        """Work on a task and return its result.

        Raises
        ------
        WorkerError
            Where the process ended before the task was done.
        XorlabError
            Where the process ended before it could begin.
        """
        try:
            self._started = self._started or self._connection.recv()
            self._connection.send(task)
            result = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            if not self._started:
                raise XorlabError(f"worker processes can't start ({self._ending()}); set workers=1") from error
            raise WorkerError(self._ending()) from error
        return result

    def stop(self) -> None:
        """End the process now."""
        self._process.terminate()
        self._process.join()

    def _ending(self) -> str:
        code = self._process.exitcode or 0
        if code >= 0:
            return f"exit status {code}"
        name = signal.Signals(-code).name
        return f"killed by {name}" + (", perhaps because memory ran out" if name == "SIGKILL" else "")


_STARTING = threading.Lock()


@contextmanager
def _without_script() -> Iterator[None]:
    """Start a process that does not run this one's script again, as it would to find the script's functions.

    Tasks need none of them, and a script that is not guarded by its `__name__` would train its sweep once more.
    """
    with _STARTING:
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = script


def _serve(connection: Connection) -> None:
    # Ctrl-C reaches the whole process group, and is for the driver to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_driver, daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the driver has died
        connection.send(True)
        while True:
            function, arguments, keywords = connection.recv()
            connection.send(function(*arguments, **keywords))


def _end_with_driver() -> None:
    driver = parent_process()
    assert driver is not None
    driver.join()
    os._exit(1)
