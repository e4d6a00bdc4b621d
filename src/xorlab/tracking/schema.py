"""The tables of MLflow's database that xorlab reads and writes itself.

MLflow does not promise its schema. A database takes this way only where its revision is one of `REVISIONS`, for which
tests compare every table with what MlflowClient writes; any other goes through MlflowClient.
"""

from importlib import import_module
from typing import Any

import sqlalchemy as sa

REVISIONS = ("dc11669786a5",)
"""The revisions of MLflow's schema that were tested: that of MLflow 3.17."""

METRIC = ("key", "value", "timestamp", "step", "is_nan", "run_uuid")
"""The columns of a metric."""

_TABLES = sa.MetaData()


def _table(name: str, *columns: str) -> sa.Table:
    return sa.Table(name, _TABLES, *map(sa.Column, columns))


EXPERIMENTS = _table("experiments", "experiment_id", "name", "artifact_location", "lifecycle_stage", "workspace")
RUNS = _table(
    "runs",
    *("run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id", "status", "start_time"),
    *("end_time", "source_version", "lifecycle_stage", "artifact_uri", "experiment_id", "deleted_time"),
)
PARAMS = _table("params", "run_uuid", "key", "value")
TAGS = _table("tags", "run_uuid", "key", "value")
METRICS = _table("metrics", *METRIC)
LATEST_METRICS = _table("latest_metrics", *METRIC)
DATASETS = _table(
    "datasets",
    *("dataset_uuid", "experiment_id", "name", "digest", "dataset_source_type", "dataset_source", "dataset_schema"),
    "dataset_profile",
)
INPUTS = _table("inputs", "input_uuid", "source_type", "source_id", "destination_type", "destination_id")
INPUT_TAGS = _table("input_tags", "input_uuid", "name", "value")


def insert(dialect: str, table: sa.Table) -> Any:
    """Return the insert of this database that can leave or replace an existing row."""
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def revision(engine: sa.Engine) -> str | None:
    """Return the revision of MLflow's schema in a database; None where there is none."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")))
