"""Whole runs into MLflow's database at once, as the rows that MlflowClient would have written.

MLflow's own way makes an object of its ORM for every value, and takes ten times as long.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from mlflow.entities import DatasetInput, Experiment
from mlflow.store.tracking.dbmodels.models import (
    SqlDataset,
    SqlInput,
    SqlInputTag,
    SqlLatestMetric,
    SqlMetric,
    SqlParam,
    SqlRun,
    SqlTag,
)
from mlflow.utils.mlflow_tags import MLFLOW_USER
from mlflow.utils.uri import append_to_uri_path
from mlflow.utils.validation import _validate_param, _validate_tag
from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from xorlab.tracking.records import Record

METRIC = ("key", "value", "timestamp", "step", "is_nan", "run_uuid")
"""The columns of a metric, in the order of MLflow's table."""

INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""The insert of each dialect, which can pass over a row that is there."""

TEXTS: tuple[tuple[Any, Any, str], ...] = ((SqlParam, _validate_param, "params"), (SqlTag, _validate_tag, "tags"))
"""The tables of keys and texts, MLflow's rule for each, and the field of a record that fills it."""


def artifact_uri(experiment: Experiment, run_id: str) -> str:
    """Return where MLflow keeps the artifacts of a run."""
    return str(append_to_uri_path(experiment.artifact_location, run_id, "artifacts"))


def insert_runs(connection: Connection, experiment: Experiment, runs: Mapping[str, Record]) -> None:
    """Insert finished runs, by their new ids, with their params, tags and metrics."""
    _insert(connection, SqlRun, (_run(experiment, run_id, record) for run_id, record in runs.items()))
    for model, validate, field in TEXTS:
        entries = (
            {"run_uuid": run_id, "key": key, "value": validate(key, value).value}
            for run_id, record in runs.items()
            for key, value in getattr(record, field).items()
        )
        _insert(connection, model, entries)
    insert_metrics(connection, runs)


def insert_metrics(connection: Connection, runs: Mapping[str, Record]) -> None:
    """Insert the metrics of runs that have none yet, and the latest value of each."""
    rows, latest = [], []
    for run_id, record in runs.items():
        curve, values = record.curve(), record.values()
        rows += [(*row, False, run_id) for row in curve + values]
        latest += [(*row, False, run_id) for row in curve[-1:] + values]
    _insert(connection, SqlLatestMetric, (dict(zip(METRIC, row, strict=True)) for row in latest))
    if connection.dialect.paramstyle == "qmark" and rows:
        # SQLite's driver takes the tuples as they are, half as fast again as by name.
        statement = insert(SqlMetric).compile(dialect=connection.dialect, column_keys=METRIC)
        connection.exec_driver_sql(str(statement), rows)
    else:
        _insert(connection, SqlMetric, (dict(zip(METRIC, row, strict=True)) for row in rows))


def insert_inputs(connection: Connection, experiment: Experiment, inputs: Mapping[str, DatasetInput]) -> None:
    """Insert the data set that each run, by its id, learnt from."""
    uuids = _datasets(connection, experiment, inputs.values())
    edges = {run_id: uuid4().hex for run_id in inputs}
    rows = (
        {
            "input_uuid": edges[run_id],
            "source_type": "DATASET",
            "source_id": uuids[_key(entry)],
            "destination_type": "RUN",
            "destination_id": run_id,
        }
        for run_id, entry in inputs.items()
    )
    _insert(connection, SqlInput, rows)
    tags = (
        {"input_uuid": edges[run_id], "name": tag.key, "value": tag.value}
        for run_id, entry in inputs.items()
        for tag in entry.tags
    )
    _insert(connection, SqlInputTag, tags)


def _insert(connection: Connection, model: Any, rows: Iterable[dict[str, Any]]) -> None:
    # Without rows SQLAlchemy would insert one of defaults.
    if values := list(rows):
        connection.execute(insert(model), values)


def _run(experiment: Experiment, run_id: str, record: Record) -> dict[str, Any]:
    return {
        "run_uuid": run_id,
        "name": record.name,
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "user_id": record.tags.get(MLFLOW_USER, "unknown"),
        "status": record.status,
        "start_time": record.start,
        "end_time": record.end,
        "source_version": "",
        "lifecycle_stage": "active",
        "artifact_uri": artifact_uri(experiment, run_id),
        "experiment_id": int(experiment.experiment_id),
    }


def _key(entry: DatasetInput) -> tuple[str, str]:
    return entry.dataset.name, entry.dataset.digest


def _datasets(
    connection: Connection, experiment: Experiment, inputs: Iterable[DatasetInput]
) -> dict[tuple[str, str], str]:
    """Return the id of each data set, by name and digest, inserted where the experiment lacks it."""
    rows = {
        _key(entry): {
            "dataset_uuid": uuid4().hex,
            "experiment_id": int(experiment.experiment_id),
            "name": entry.dataset.name,
            "digest": entry.dataset.digest,
            "dataset_source_type": entry.dataset.source_type,
            "dataset_source": entry.dataset.source,
            "dataset_schema": entry.dataset.schema,
            "dataset_profile": entry.dataset.profile,
        }
        for entry in inputs
    }
    if not rows:
        return {}
    missing = INSERTS[connection.dialect.name](SqlDataset).on_conflict_do_nothing()
    connection.execute(missing, list(rows.values()))
    found: Any = select(SqlDataset.name, SqlDataset.digest, SqlDataset.dataset_uuid).where(
        SqlDataset.experiment_id == int(experiment.experiment_id),
        SqlDataset.digest.in_({digest for _, digest in rows}),
    )
    return {(name, digest): uuid for name, digest, uuid in connection.execute(found)}
