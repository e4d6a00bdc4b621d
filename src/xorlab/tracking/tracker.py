"""Writes the runs of one experiment to MLflow."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from xorlab.errors import StoreError
from xorlab.tracking import artifacts, passwords, provenance, store
from xorlab.tracking.drivers import Claims, this_process
from xorlab.tracking.interrupts import held
from xorlab.tracking.patience import Patience
from xorlab.tracking.records import DIFF, PARENT, Data, Record, now

T = TypeVar("T")

__all__ = ["Data", "Record", "Tracker"]


FREE = ("command", "error", "mlflow.note.content")
"""Tags that hold free text, from which passwords are taken out."""


class Writer(Protocol):
    """What `SqlWriter` and `ClientWriter` have in common; `write` is given no more than a chunk of this size."""

    runs_at_once: int
    losses_at_once: int

    def open(self, record: Record) -> str: ...
    def close(self, run_id: str, record: Record) -> None: ...
    def end(self, run_id: str, status: str, end: int) -> None: ...
    def write(self, records: Sequence[Record]) -> list[str]: ...
    def describe(self, run_id: str, record: Record) -> None: ...
    def discard(self, run_ids: Sequence[str]) -> None: ...
    def clean(self, run_id: str) -> None: ...
    def artifact_uri(self, run_id: str) -> str: ...


class Tracker:
    """Writes the runs of one experiment, by SQL where the store's tables are known, else through MlflowClient.

    Every method raises StoreError where the store can't be reached or written.

    Parameters
    ----------
    uri
        The tracking URI, as from `store.uri`.
    experiment
        The experiment's name; it is created where there is none.
    folder
        The git tree whose commit and uncommitted changes are recorded; `provenance.checkout` unless given.
    """

    def __init__(self, uri: str, experiment: str, *, folder: Path | None = None) -> None:
        store.ready(uri)
        self.uri = uri
        self.experiment_id = store.experiment_id(uri, experiment)
        folder = folder or provenance.checkout()
        context = {**provenance.started_by(), **provenance.commit(folder)}
        self._tags = {**context, **provenance.here()}
        dirty = context.get(provenance.DIRTY) == "true"
        self._diff = {DIFF: passwords.redacted(provenance.uncommitted_changes(folder)).encode()} if dirty else {}
        source = {key: value for key, value in context.items() if key.startswith("mlflow.")}
        self._writer = _writer(uri, self.experiment_id, source)
        self._patience = Patience(uri)
        self.claims = _claims(uri, self.experiment_id)

    def end_dead(self) -> None:
        """End the runs whose driver has died as KILLED, and say so on stderr."""
        with store.reported(self.uri):
            for run in self.claims.end_dead():
                said = f"{run.name} ({run.run_id[:8]}) ended with {run.driver}, which has died; it is now KILLED"
                print(said, file=sys.stderr)

    @contextmanager
    def running(self, record: Record, *, run_id: str | None = None) -> Iterator[str]:
        """Open a run that shows as RUNNING and yield its id; `close` ends it, as the last thing inside.

        It carries the record's files and the tree's uncommitted changes, and shows that its driver lives. An exception
        ends it as well: FAILED by an error, KILLED by Ctrl-C or an exit.

        Parameters
        ----------
        record
            What is known of the run.
        run_id
            A run that has ended and goes on; None opens a new one.
        """
        if run_id is not None:
            with store.reported(self.uri):
                self.claims.claim(run_id)
        try:
            with held(), store.reported(self.uri):
                if run_id is None:
                    opened = self._tagged(record, None)
                    run_id = self._writer.open(replace(opened, tags={**opened.tags, **this_process().tags()}))
                    self.add_artifacts(run_id, {**self._diff, **record.artifacts})
                else:
                    self._writer.clean(run_id)
                    # The files first: a sweep's plan may name what its runs no longer have in common.
                    self.add_artifacts(run_id, {**self._diff, **record.artifacts})
                    self._writer.describe(run_id, replace(record, tags=_tags(record)))
            with self.claims.heartbeat(run_id):
                yield run_id
        except BaseException as error:
            # A store that fails now must not hide why the run ended.
            with held(), suppress(StoreError), store.reported(self.uri):
                if run_id is not None:
                    self._writer.end(run_id, "FAILED" if isinstance(error, Exception) else "KILLED", now())
            raise

    def close(self, run_id: str, record: Record) -> None:
        """End an open run with all that `record` holds, in the place of what it had where it is ended once more."""
        with held(), store.reported(self.uri):
            self._writer.close(run_id, replace(record, tags=_tags(record)))

    def write(self, records: Iterable[Record], *, parent: str | None = None) -> list[str]:
        """Write finished runs and return their ids, in order.

        In a database a run is there whole or not at all, whatever kills the process.
        """
        ids = []
        for chunk in self._chunks(records):
            with held(), store.reported(self.uri):
                ids += self._writer.write([self._tagged(record, parent) for record in chunk])
        return ids

    def add_artifacts(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Add files, by their paths among the artifacts of a run."""
        if files:
            self._artifacts(run_id, lambda uri: artifacts.write(uri, files, tracking_uri=self.uri))

    def artifact(self, run_id: str, name: str) -> bytes | None:
        """Read a file among the artifacts of a run; None where there is none of this name."""
        return self._artifacts(run_id, lambda uri: artifacts.read(uri, name, tracking_uri=self.uri))

    def artifact_names(self, run_id: str, folder: str) -> list[str]:
        """Return the files in a folder among the artifacts of a run, each with the folder."""
        return self._artifacts(run_id, lambda uri: artifacts.names(uri, folder, tracking_uri=self.uri))

    def remove_artifacts(self, run_id: str, folder: str) -> None:
        """Remove a folder among the artifacts of a run, if it is there."""
        self._artifacts(run_id, lambda uri: artifacts.remove(uri, folder, tracking_uri=self.uri))

    def discard(self, run_ids: Sequence[str]) -> None:
        """Move runs to MLflow's trash, from which `mlflow runs restore` brings them back."""
        if run_ids:
            with held(), store.reported(self.uri):
                self._writer.discard(run_ids)

    def patiently(self, read: Callable[[], T]) -> T:
        """Return what `read` reads from the store; where a server goes away, read it again."""
        with store.reported(self.uri):
            return self._patience(read)

    def _artifacts(self, run_id: str, work: Callable[[str], T]) -> T:
        """Do something with the artifacts of a run, given their address; where a server goes away, do it again."""
        return self.patiently(lambda: work(self._writer.artifact_uri(run_id)))

    def _tagged(self, record: Record, parent: str | None) -> Record:
        """Return a new run's record with all of its tags."""
        given = {PARENT: parent} if parent else {}
        return replace(record, tags={**self._tags, **given, **_tags(record)})

    def _chunks(self, records: Iterable[Record]) -> Iterator[list[Record]]:
        """Divide records by what the writer takes at once."""
        chunk: list[Record] = []
        losses = 0
        for record in records:
            chunk.append(record)
            losses += len(record.losses)
            if losses >= self._writer.losses_at_once or len(chunk) == self._writer.runs_at_once:
                yield chunk
                chunk, losses = [], 0
        if chunk:
            yield chunk


def _writer(uri: str, experiment_id: str, source: Mapping[str, str]) -> Writer:
    engine = store.engine(uri)
    if engine is not None:
        from xorlab.tracking.sql_writer import SqlWriter

        return SqlWriter(uri, engine, experiment_id, source)
    from xorlab.tracking.client_writer import ClientWriter

    print(f"{passwords.shown(uri)} is written through MlflowClient, which is slower", file=sys.stderr)
    return ClientWriter(uri, experiment_id, source)


def _claims(uri: str, experiment_id: str) -> Claims:
    engine = store.engine(uri)
    if engine is not None:
        from xorlab.tracking.sql_claims import SqlClaims

        return SqlClaims(engine, experiment_id)
    from xorlab.tracking.client_claims import ClientClaims

    return ClientClaims(uri, experiment_id)


def _tags(record: Record) -> dict[str, str]:
    note = {"mlflow.note.content": record.description} if record.description else {}
    tags = {"mlflow.runName": record.name, **note, **record.tags}
    return {key: passwords.redacted(text) if key in FREE else text for key, text in tags.items()}
