"""Which process trains a run that shows as RUNNING, whether it is alive, and who may take the run over.

A driver names itself in a tag of its run and renews another tag, its heartbeat. On the driver's own machine the
process itself tells whether it is alive, so that a slow one is never taken for dead; elsewhere its heartbeat does.
"""

import contextlib
import os
import socket
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import NamedTuple

from xorlab.errors import StoreError

DRIVER, HEARTBEAT = "xorlab.driver", "xorlab.heartbeat"
"""The tags: a `Driver` as text, and the time of its last sign of life in seconds since 1970."""

BEAT, DEAD = 10, 60
"""Seconds between two heartbeats, and after the last one until a driver elsewhere counts as dead."""


@dataclass(frozen=True)
class Driver:
    """A process, told apart from all others: its host, its id, when it started, and in which space ids are unique."""

    host: str
    pid: str
    started: str
    space: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def text(self) -> str:
        """The driver as a tag."""
        return " ".join(astuple(self))

    def tags(self) -> dict[str, str]:
        """Return the tags of a run that the driver opens now."""
        return {DRIVER: self.text, HEARTBEAT: str(int(time.time()))}

    def is_alive(self, age: float) -> bool:
        """Tell whether the process lives; `age` is that of its last heartbeat, in seconds."""
        here = this_process()
        if (self.host, self.space) != (here.host, here.space):
            return age <= DEAD
        if self.space != UNKNOWN:
            return self.started == _started(self.pid)
        if sys.platform == "win32":  # where os.kill ends the process, whatever the signal
            return age <= DEAD
        try:
            os.kill(int(self.pid), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return age <= DEAD


def lives(tags: Mapping[str, str]) -> bool:
    """Tell whether the driver of a run with these tags lives, by this machine's clock."""
    age = time.time() - float(tags.get(HEARTBEAT, 0))
    return DRIVER in tags and Driver(*tags[DRIVER].split(" ")).is_alive(age)


UNKNOWN = "-"


def this_process() -> Driver:
    """Return this process as a driver."""
    pid = str(os.getpid())
    space = UNKNOWN
    with contextlib.suppress(OSError):  # without /proc, as on macOS
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    return Driver(socket.gethostname() or UNKNOWN, pid, _started(pid), space)


def _started(pid: str) -> str:
    """Return when a process started, in the kernel's ticks; `UNKNOWN` where it has ended."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if fields[0] not in "ZX":
            return fields[19]
    return UNKNOWN


class Driven(NamedTuple):
    """A run and who drives it; `age` is that of its last heartbeat, in seconds."""

    run_id: str
    name: str
    status: str
    driver: Driver | None
    age: float


class Claims(ABC):
    """The runs of one experiment that are being trained."""

    def end_dead(self) -> list[Driven]:
        """End each RUNNING run whose driver is dead as KILLED; return those."""
        driven = [run for run in self.running() if run.driver is not None]
        return [run for run in driven if run.driver and not run.driver.is_alive(run.age) and self.kill(run)]

    def claim(self, run_id: str) -> None:
        """Make this process the driver of a run that nobody drives, and the run RUNNING.

        Raises
        ------
        StoreError
            Where another process drives it.
        """
        run = self.one(run_id)
        taken = f"{run.name} ({run_id[:8]}) is being trained by {{}}; wait until it ends, or stop it"
        # It is this process where the store had gone away before the run could be ended.
        other = run.driver if run.driver != this_process() else None
        if run.status == "RUNNING" and other is not None and other.is_alive(run.age):
            raise StoreError(taken.format(run.driver))
        if not self.take(run):
            raise StoreError(taken.format("another command"))

    @contextmanager
    def heartbeat(self, run_id: str) -> Iterator[None]:
        """Renew the heartbeat of a run in a thread for as long as the work inside lasts."""
        done = threading.Event()

        def beat() -> None:
            # A beat that the store does not take is not the end of the work: the next one may pass.
            with contextlib.suppress(*self.failures):
                self.renew(run_id)

        def keep_beating() -> None:
            while not done.wait(BEAT):
                beat()

        beat()
        thread = threading.Thread(target=keep_beating, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(timeout=BEAT)

    failures: tuple[type[Exception], ...]
    """What a store that does not answer raises."""

    @abstractmethod
    def running(self) -> list[Driven]:
        """Return the RUNNING runs."""

    @abstractmethod
    def one(self, run_id: str) -> Driven:
        """Return one run."""

    @abstractmethod
    def kill(self, run: Driven) -> bool:
        """End a run as KILLED at its last heartbeat; tell whether it still was as it was read."""

    @abstractmethod
    def take(self, run: Driven) -> bool:
        """Make this process the driver of a run; tell whether its driver was still the one that was read."""

    @abstractmethod
    def renew(self, run_id: str) -> None:
        """Write a heartbeat."""
