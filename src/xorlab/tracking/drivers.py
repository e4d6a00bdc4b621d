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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import sqlalchemy as sa

from xorlab.errors import StoreError
from xorlab.tracking import schema

DRIVER, HEARTBEAT = "xorlab.driver", "xorlab.heartbeat"
"""The tags: a `Driver` as text, and the time of its last sign of life in seconds since 1970."""

BEAT, DEAD = 10, 60
"""Seconds between two heartbeats, and after the last one until a driver elsewhere counts as dead."""

CLOCKS = {
    "sqlite": "CAST(strftime('%s', 'now') AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)",
}
"""The database's clock, which all drivers share, in seconds since 1970."""


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


@dataclass(frozen=True)
class Claims:
    """The runs of one experiment that are being trained, in a database whose tables are known."""

    engine: sa.Engine
    experiment_id: str

    def end_dead(self) -> list[tuple[str, str, Driver]]:
        """End each RUNNING run whose driver is dead as KILLED; return their ids, names and drivers."""
        runs = schema.RUNS.c
        condition = (runs.status == "RUNNING", runs.experiment_id == int(self.experiment_id))
        ended = []
        for run_id, name, _, driver, age in self._driven(*condition):
            if driver is not None and not driver.is_alive(age):
                last = sa.text(f"1000 * ({CLOCKS[self.engine.dialect.name]} - {int(age)})")
                own = schema.TAGS.c
                unchanged = sa.exists().where(own.run_uuid == run_id, own.key == DRIVER, own.value == driver.text)
                update = sa.update(schema.RUNS).where(runs.run_uuid == run_id, runs.status == "RUNNING", unchanged)
                with self.engine.begin() as connection:
                    if connection.execute(update.values(status="KILLED", end_time=last)).rowcount:
                        ended.append((run_id, name, driver))
        return ended

    def claim(self, run_id: str) -> None:
        """Make this process the driver of a run that nobody drives, and the run RUNNING.

        Raises
        ------
        StoreError
            Where another process drives it.
        """
        own, mine = schema.TAGS.c, this_process()
        [(_, name, status, driver, age)] = self._driven(schema.RUNS.c.run_uuid == run_id)
        taken = f"{name} ({run_id[:8]}) is being trained by {{}}; wait until it ends, or stop it"
        if status == "RUNNING" and driver is not None and driver.is_alive(age):
            raise StoreError(taken.format(driver))
        with self.engine.begin() as connection:
            # Of two commands that claim the run now, only one still finds the driver that both have read.
            where = (own.run_uuid == run_id, own.key == DRIVER)
            if driver is None:
                statement = schema.insert(self.engine.dialect.name, schema.TAGS).on_conflict_do_nothing()
                claimed = connection.execute(statement.values(run_uuid=run_id, key=DRIVER, value=mine.text))
            else:
                update = sa.update(schema.TAGS).where(*where, own.value == driver.text)
                claimed = connection.execute(update.values(value=mine.text))
            if not claimed.rowcount:
                raise StoreError(taken.format("another command"))
            self._renew(connection, run_id)
            running = sa.update(schema.RUNS).where(schema.RUNS.c.run_uuid == run_id)
            connection.execute(running.values(status="RUNNING", end_time=None))

    @contextmanager
    def heartbeat(self, run_id: str) -> Iterator[None]:
        """Renew the heartbeat of a run in a thread for as long as the work inside lasts."""
        done = threading.Event()

        def beat() -> None:
            # A beat that the store does not take is not the end of the work: the next one may pass.
            with contextlib.suppress(sa.exc.SQLAlchemyError), self.engine.begin() as connection:
                self._renew(connection, run_id)

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
            thread.join()

    def _renew(self, connection: sa.Connection, run_id: str) -> None:
        statement = schema.insert(self.engine.dialect.name, schema.TAGS)
        now = sa.text(f"CAST({CLOCKS[self.engine.dialect.name]} AS TEXT)")
        statement = statement.values(run_uuid=run_id, key=HEARTBEAT, value=now)
        statement = statement.on_conflict_do_update(index_elements=["key", "run_uuid"], set_={"value": now})
        connection.execute(statement)

    def _driven(self, *conditions: sa.ColumnElement[bool]) -> list[tuple[str, str, str, Driver | None, float]]:
        """Return runs: id, name, status, driver, and the age of its last heartbeat in seconds."""
        runs, driver, beat = schema.RUNS.c, schema.TAGS.alias(), schema.TAGS.alias()
        age = sa.text(f"{CLOCKS[self.engine.dialect.name]}")
        joined = schema.RUNS.outerjoin(driver, sa.and_(driver.c.run_uuid == runs.run_uuid, driver.c.key == DRIVER))
        joined = joined.outerjoin(beat, sa.and_(beat.c.run_uuid == runs.run_uuid, beat.c.key == HEARTBEAT))
        query = sa.select(runs.run_uuid, runs.name, runs.status, driver.c.value, beat.c.value, age)
        active = (runs.lifecycle_stage == "active", *conditions)
        with self.engine.connect() as connection:
            rows = connection.execute(query.select_from(joined).where(*active)).fetchall()
        return [
            (run_id, name, status, Driver(*text.split(" ")) if text else None, now - float(last or 0))
            for run_id, name, status, text, last, now in rows
        ]
