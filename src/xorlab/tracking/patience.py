"""Waiting for a store that is locked or away: how long, and what is said meanwhile."""

import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from xorlab.tracking import interrupts
from xorlab.tracking.passwords import shown

T = TypeVar("T")

BACKOFF = (1, 2, 4, 8, 15, 30)
"""Seconds between attempts to reach a server that went away: a minute in all."""

GONE = (
    *("OperationalError", "AdminShutdown", "CannotConnectNow", "CrashShutdown"),  # psycopg's
    *("ConnectionError", "TimeoutError", "URLError", "ReadTimeout"),  # Python's and those of requests
)
"""The names of the errors for a server that stops, starts or has gone."""

ANSWERS = ("failed with exception", "error code 502", "error code 503", "error code 504", "(Background on this error")
"""What MLflow's errors say where its server, or the database behind it, is not there."""

SILENT, LOCKED = 3, 60
"""Seconds that a locked SQLite file is waited for before it is said, and in all."""


class Patience:
    """Tries again for a minute where a server goes away, and says so; after that once more at a time, until it answers.

    Calls of several threads are tried again one after the other: a server that had too much to do gets less.

    Parameters
    ----------
    uri
        The tracking store.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._given_up = False
        self._alone = threading.Lock()

    def __call__(self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` returns; it may be called several times."""
        try:
            found = attempt()
        except Exception as error:
            if not is_gone(error):
                raise
            with self._alone:
                found = self._again(attempt, error)
        self._given_up = False
        return found

    def _again(self, attempt: Callable[[], T], error: Exception) -> T:
        """Try again at once, and then for a minute; `error` is what the first attempt raised."""
        deadline, said = time.monotonic() + sum(BACKOFF), False
        for seconds in (0, *BACKOFF):
            if self._given_up or time.monotonic() > deadline:
                break
            if seconds and not said:
                said = True
                print(f"{shown(self._uri)} does not answer; trying again for a minute", file=sys.stderr)
            if not _wait(seconds):
                break
            try:
                found = attempt()
            except Exception as again:
                if not is_gone(again):
                    raise
                error = again
            else:
                if said:
                    print(f"{shown(self._uri)} answers again", file=sys.stderr)
                return found
        self._given_up = True
        raise error


def _wait(seconds: float) -> bool:
    """Wait for the next attempt; return False where the user has ended the work meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not interrupts.waiting():
        time.sleep(0.1)
    return not interrupts.waiting()


def is_gone(error: BaseException) -> bool:
    """Tell whether an error means that a server is not there now."""
    if isinstance(error, sa.exc.DBAPIError):  # COPY raises the driver's own
        return not isinstance(error.orig, sqlite3.Error) and type(error.orig).__name__ in GONE
    kinds = {each.__name__ for each in type(error).__mro__}
    if "MlflowException" in kinds:
        return any(words in str(error) for words in ANSWERS)
    return not kinds.isdisjoint(GONE) or (error.__cause__ is not None and is_gone(error.__cause__))


class PatientConnection(sqlite3.Connection):
    """A connection to a SQLite file that waits for other programs' locks, in every statement and commit."""

    def cursor(self, factory: Any = None) -> Any:
        """Return a cursor that waits."""
        return super().cursor(factory or _PatientCursor)

    def commit(self) -> None:
        """Commit, once the readers have left."""
        _unlocked(super().commit, self)


class _PatientCursor(sqlite3.Cursor):
    def execute(self, *given: Any) -> Any:
        return _unlocked(lambda: super(_PatientCursor, self).execute(*given), self.connection)

    def executemany(self, *given: Any) -> Any:
        # The lock is taken with the first row, so that no row is inserted where it can't be had.
        return _unlocked(lambda: super(_PatientCursor, self).executemany(*given), self.connection)


def _unlocked(attempt: Callable[[], T], connection: sqlite3.Connection) -> T:
    """Try until the file is not locked, for `LOCKED` seconds; SQLite itself waits for `SILENT` of them each time."""
    begun, said = time.monotonic(), False
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            late = time.monotonic() - begun > LOCKED - SILENT
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or late or interrupts.waiting():
                raise
            # A heartbeat's thread may wait for this very process's own writing.
            if not said and threading.current_thread() is threading.main_thread():
                said = True
                [(_, _, file)] = connection.cursor(sqlite3.Cursor).execute("PRAGMA database_list").fetchall()[:1]
                print(f"{file} is locked by another program; waiting for it for up to {LOCKED} s", file=sys.stderr)
