"""Writes runs into MLflow's database by SQL: the rows that MlflowClient writes, in a tenth of the time."""

import functools
import logging
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from xorlab.tracking import artifacts, datasets, schema
from xorlab.tracking.patience import Patience
from xorlab.tracking.records import BEGUN, PARENT, Data, Record, now

LONGEST_KEY = 250
LONGEST_VALUES = {"params": 6_000, "tags": 8_000}
"""Characters that MLflow keeps of a key and of a value."""

COUNTED = 7
"""Hexadecimal digits at the beginning of a run's id that count the runs of a writer."""

log = logging.getLogger(__name__)


class SqlWriter:
    """Writes the runs of one experiment. Each method writes the files first, then the rows in one transaction.

    Parameters
    ----------
    uri
        The tracking store: a database whose revision is in `schema.REVISIONS`.
    engine
        Connections to it.
    experiment_id
        An experiment that exists.
    source
        MLflow's tags of the program that made the data sets.
    """

    runs_at_once, losses_at_once = 1_000, 100_000
    """The most for one transaction, about: other writers wait for its end."""

    def __init__(self, uri: str, engine: sa.Engine, experiment_id: str, source: Mapping[str, str]) -> None:
        self._uri = uri
        self._patience = Patience(uri)
        self._engine = engine
        self._experiment_id = int(experiment_id)
        self._source = source
        self._datasets: dict[tuple[str, bytes, bytes], dict[str, str]] = {}
        self._next_id = int(uuid4().hex[:COUNTED], 16)
        columns = schema.EXPERIMENTS.c
        with engine.connect() as connection:
            location = sa.select(columns.artifact_location).where(columns.experiment_id == self._experiment_id)
            self._location = str(connection.scalar(location))

    def open(self, record: Record) -> str:
        """Write a run as RUNNING, with its params, tags and data set, and return its id."""
        run_id = self._new_id()

        def insert(connection: sa.Connection) -> None:
            if not _is_there(connection, run_id):
                self._insert_runs(connection, {run_id: record}, running=True)

        self._transaction(insert)
        return run_id

    def close(self, run_id: str, record: Record) -> None:
        """Add the rest of `record` to an open run and end it. Its name, params, tags and metrics are replaced."""
        artifacts.write(self.artifact_uri(run_id), record.artifacts, tracking_uri=self._uri)
        inputs = schema.INPUTS.c

        def finish(connection: sa.Connection) -> None:
            _replace_texts(connection, run_id, record)
            if connection.scalar(sa.select(inputs.input_uuid).where(inputs.destination_id == run_id)) is None:
                self._insert_inputs(connection, {run_id: record})
            for table in (schema.METRICS, schema.LATEST_METRICS):
                connection.execute(sa.delete(table).where(table.c.run_uuid == run_id))
            _insert_metrics(connection, {run_id: record})
            connection.execute(_ending(run_id, record.status, record.end))

        self._transaction(finish)

    def describe(self, run_id: str, record: Record) -> None:
        """Replace the name, the params and these tags of an open run."""
        self._transaction(lambda connection: _replace_texts(connection, run_id, record))

    def discard(self, run_ids: Sequence[str]) -> None:
        """Delete runs as MLflow does: they can be restored."""

        def delete(connection: sa.Connection) -> None:
            for run_id in run_ids:
                deleted = sa.update(schema.RUNS).where(schema.RUNS.c.run_uuid == run_id)
                connection.execute(deleted.values(lifecycle_stage="deleted", deleted_time=now()))

        self._transaction(delete)

    def end(self, run_id: str, status: str, end: int) -> None:
        """End an open run that has failed or was killed."""
        self._transaction(lambda connection: connection.execute(_ending(run_id, status, end)))

    def write(self, records: Sequence[Record]) -> list[str]:
        """Write finished runs, all of them or none, and return their ids, in order."""
        runs = {self._new_id(): record for record in records}
        parent = next((record.tags.get(PARENT) for record in records if record.artifacts), None)
        if parent:
            artifacts.write(self._artifact_uri(parent), {BEGUN: "\n".join(runs).encode()}, tracking_uri=self._uri)
        for run_id, record in runs.items():
            artifacts.write(self._artifact_uri(run_id), record.artifacts, tracking_uri=self._uri)

        def insert(connection: sa.Connection) -> None:
            if not _is_there(connection, next(iter(runs))):
                self._insert_runs(connection, runs)
                _insert_metrics(connection, runs)

        self._transaction(insert)
        return list(runs)

    def clean(self, run_id: str) -> None:
        """Remove the files of a sweep's runs that were killed before their rows were written."""
        begun = artifacts.read(self._artifact_uri(run_id), BEGUN, tracking_uri=self._uri)
        ids = (begun or b"").decode().split()
        columns = schema.RUNS.c
        with self._engine.connect() as connection:
            there = set(connection.scalars(sa.select(columns.run_uuid).where(columns.run_uuid.in_(ids))))
        for orphan in ids:
            if orphan not in there:
                artifacts.remove(self._location, orphan, tracking_uri=self._uri)

    def artifact_uri(self, run_id: str) -> str:
        """Return where the artifacts of a run are."""
        columns = schema.RUNS.c
        with self._engine.connect() as connection:
            return str(connection.scalar(sa.select(columns.artifact_uri).where(columns.run_uuid == run_id)))

    def _transaction(self, work: Callable[[sa.Connection], object]) -> None:
        """Do work in a transaction; where the server goes away, another one is begun."""

        def attempt() -> None:
            with self._engine.begin() as connection:
                work(connection)

        self._patience(attempt)

    def _new_id(self) -> str:
        """Return a run's id: where the one before began, plus one, then random digits.

        Inserts into MLflow's indexes, which begin with a run's id, then go to their ends. At random places they take
        longer the more rows there are. It also keeps MLflow's UI in the order of the sweep.
        """
        run_id = f"{self._next_id:0{COUNTED}x}{uuid4().hex[COUNTED:]}"
        self._next_id = (self._next_id + 1) % 16**COUNTED
        return run_id

    def _artifact_uri(self, run_id: str) -> str:
        return artifacts.join(self._location, run_id, "artifacts")

    def _insert_runs(self, connection: sa.Connection, runs: Mapping[str, Record], *, running: bool = False) -> None:
        """Insert runs, by their ids, with their params, tags and data sets."""
        rows = (
            {
                "run_uuid": run_id,
                "name": record.name,
                "source_type": "UNKNOWN",
                "source_name": "",
                "entry_point_name": "",
                "user_id": record.tags.get("mlflow.user", "unknown"),
                "status": "RUNNING" if running else record.status,
                "start_time": record.start,
                "end_time": None if running else record.end,
                "source_version": "",
                "lifecycle_stage": "active",
                "artifact_uri": self._artifact_uri(run_id),
                "experiment_id": self._experiment_id,
                "deleted_time": None,
            }
            for run_id, record in runs.items()
        )
        _insert(connection, schema.RUNS, (tuple(map(row.__getitem__, schema.RUNS.c.keys())) for row in rows))
        _insert_texts(connection, runs)
        self._insert_inputs(connection, runs)

    def _insert_inputs(self, connection: sa.Connection, runs: Mapping[str, Record]) -> None:
        """Insert the data set that each run learns from, where it has one."""
        learned = {run_id: self._described(record.data) for run_id, record in runs.items() if record.data is not None}
        if not learned:
            return
        uuids = self._dataset_uuids(connection, learned.values())
        inputs = {run_id: uuid4().hex for run_id in learned}
        edges = (
            (inputs[run_id], "DATASET", uuids[entry["name"], entry["digest"]], "RUN", run_id)
            for run_id, entry in learned.items()
        )
        _insert(connection, schema.INPUTS, edges)
        tags = ((uuid, name, value) for uuid in inputs.values() for name, value in datasets.CONTEXT.items())
        _insert(connection, schema.INPUT_TAGS, tags)

    def _described(self, data: Data) -> dict[str, str]:
        """Return MLflow's description of a data set, made once for all runs that learn the same values."""
        key = (data.name, data.X.tobytes(), data.y.tobytes())
        if key not in self._datasets:
            self._datasets[key] = datasets.describe(data, self._source)
        return self._datasets[key]

    def _dataset_uuids(
        self, connection: sa.Connection, described: Iterable[Mapping[str, str]]
    ) -> dict[tuple[str, str], str]:
        """Return the id of each data set, by name and digest; insert those that the experiment lacks."""
        rows = {
            (entry["name"], entry["digest"]): {
                "dataset_uuid": uuid4().hex,
                "experiment_id": self._experiment_id,
                "name": entry["name"],
                "digest": entry["digest"],
                **{f"dataset_{key}": entry[key] for key in ("source_type", "source", "schema", "profile")},
            }
            for entry in described
        }
        insert = schema.insert(connection.dialect.name, schema.DATASETS)
        connection.execute(insert.on_conflict_do_nothing(), list(rows.values()))
        columns = schema.DATASETS.c
        query = sa.select(columns.name, columns.digest, columns.dataset_uuid).where(
            columns.experiment_id == self._experiment_id, columns.digest.in_({digest for _, digest in rows})
        )
        return {(name, digest): uuid for name, digest, uuid in connection.execute(query)}


def _is_there(connection: sa.Connection, run_id: str) -> bool:
    """Tell whether a run is there, for where the server went away at the commit: all its rows are there then."""
    run = schema.RUNS.c.run_uuid
    return connection.scalar(sa.select(run).where(run == run_id)) is not None


def _ending(run_id: str, status: str, end: int) -> sa.Update:
    return sa.update(schema.RUNS).where(schema.RUNS.c.run_uuid == run_id).values(status=status, end_time=end)


def _replace_texts(connection: sa.Connection, run_id: str, record: Record) -> None:
    """Replace the name, the params and these tags of a run."""
    connection.execute(sa.update(schema.RUNS).where(schema.RUNS.c.run_uuid == run_id).values(name=record.name))
    connection.execute(sa.delete(schema.PARAMS).where(schema.PARAMS.c.run_uuid == run_id))
    tags = schema.TAGS.c
    connection.execute(sa.delete(schema.TAGS).where(tags.run_uuid == run_id, tags.key.in_(list(record.tags))))
    _insert_texts(connection, {run_id: record})


def _insert_texts(connection: sa.Connection, runs: Mapping[str, Record]) -> None:
    """Insert the params and tags of runs."""
    for table in (schema.PARAMS, schema.TAGS):
        rows = (
            (run_id, valid_key(key), valid_value(table.name, key, value))
            for run_id, record in runs.items()
            for key, value in getattr(record, table.name).items()
        )
        _insert(connection, table, rows)


@functools.cache
def valid_key(key: str) -> str:
    """Return the key of a param, tag or metric that MLflow takes; raise ValueError for another."""
    path = posixpath.normpath(key)
    if not re.fullmatch(r"[/\w.\- :]*", key) or path != key or path == "." or path.startswith(("..", "/")):
        raise ValueError(f"MLflow's keys are letters, digits, spaces and _ - . : / as in a path; got {key!r}")
    if len(key) > LONGEST_KEY:
        raise ValueError(f"MLflow's keys have at most {LONGEST_KEY} characters; got {key!r}")
    return key


def valid_value(kind: str, key: str, value: str) -> str:
    """Return the value of one of the params or tags, cut to the length that MLflow keeps."""
    longest = LONGEST_VALUES[kind]
    if len(value) <= longest:
        return value
    if os.environ.get("MLFLOW_TRUNCATE_LONG_VALUES", "true").lower() not in ("true", "1"):
        raise ValueError(f"MLflow's {kind} have at most {longest:,} characters; got {len(value):,} for {key}")
    log.warning("%s is cut to the %s characters that MLflow keeps of its %s", key, f"{longest:,}", f"{len(value):,}")
    return value[:longest]


def _insert_metrics(connection: sa.Connection, runs: Mapping[str, Record]) -> None:
    """Insert the metrics of runs that have none yet, and the latest value of each."""
    rows, latest = [], []
    for run_id, record in runs.items():
        curve, values = record.curve(), record.values()
        rows += [(*row, False, run_id) for row in curve + values]
        latest += [(*row, False, run_id) for row in curve[-1:] + values]
    for key in {row[0] for row in latest}:
        valid_key(key)
    _insert(connection, schema.LATEST_METRICS, latest)
    _insert(connection, schema.METRICS, rows)


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows, each a value for every column of a table in `schema`, in order."""
    values, columns = list(rows), table.c.keys()
    if not values:
        return  # SQLAlchemy would insert a row of defaults
    if connection.dialect.driver == "psycopg":
        # COPY takes less than half the time of INSERT.
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in values:
                copy.write_row(row)
    elif connection.dialect.paramstyle == "qmark":
        # SQLite's driver takes the tuples as they are, half as fast again as by name.
        statement = sa.insert(table).compile(dialect=connection.dialect, column_keys=columns)
        connection.exec_driver_sql(str(statement), values)
    else:
        connection.execute(sa.insert(table), [dict(zip(columns, row, strict=True)) for row in values])
