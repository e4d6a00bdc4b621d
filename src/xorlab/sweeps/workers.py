"""Worker processes: each works on one task at a time, and how it dies is known."""

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from xorlab.errors import XorlabError

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerError(Exception):
    """A worker process ended while it worked on a task; the text says how it ended."""


class Worker(Generic[Task, Result]):
    """A process that works on tasks, one after the other. It ends when this process does, whatever ends this one.

    Parameters
    ----------
    work
        What it does with a task; a function of a module, or a partial of one.
    """

    def __init__(self, work: Callable[[Task], Result]) -> None:
        spawn = get_context("spawn")
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, work), daemon=True)
        self._process.start()
        theirs.close()
        self._started = False

    def run(self, task: Task) -> Result:
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
            result: Result = self._connection.recv()
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
        hint = ", perhaps because memory ran out" if -code == signal.SIGKILL else ""
        return f"killed by {signal.Signals(-code).name}{hint}"


def _serve(connection: Connection, work: Callable[[Task], Result]) -> None:
    # Ctrl-C reaches the whole process group, and is for the driver to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_driver, daemon=True).start()
    connection.send(True)
    while True:
        connection.send(work(connection.recv()))


def _end_with_driver() -> None:
    driver = parent_process()
    assert driver is not None
    driver.join()
    os._exit(1)
