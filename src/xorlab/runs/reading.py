"""Two ways to read runs out of a tracking store, with the same result: queries, or MLflow's client."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import sqlalchemy as sa
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.dbmodels import models
from mlflow.tracking import MlflowClient

from xorlab.errors import XorlabError
from xorlab.numerics.thinning import log_spaced
from xorlab.tracking import store

INFO = ["run_id", "name", "status", "start", "end"]
LONG = ["run_id", "key", "value"]
CURVE = ["run_id", "epoch", "loss"]

PAGE = 1000
"""Runs in one answer to MlflowClient.search_runs."""

CHUNK = 500
"""Runs in one query for losses, far below any database's limit of variables."""


@dataclass(frozen=True)
class Parts:
    """Runs as they are kept: a frame of the runs (`INFO`), and long frames (`LONG`) of what they carry."""

    info: pd.DataFrame
    params: pd.DataFrame
    tags: pd.DataFrame
    metrics: pd.DataFrame


class Reader(Protocol):
    """What both ways can do."""

    def experiment(self, name: str) -> str | None:
        """Return the id of the active experiment of this name."""

    def runs(self, experiment: str, *, tag: tuple[str, str] | None) -> Parts:
        """Return the experiment's active runs, or those of them that carry this tag."""

    def losses(self, ids: Sequence[str]) -> pd.DataFrame:
        """Return every recorded loss of these runs (`CURVE`)."""

    def thinned(self, ids: Sequence[str], *, points: int) -> pd.DataFrame:
        """Return the losses at `log_spaced` epochs of the run that went on longest, and each run's last."""


def reader(uri: str) -> Reader:
    """Return the fastest way to read this store: queries where its tables are known, else the client."""
    engine = store.engine(uri)
    if engine is not None:
        return Database(engine)
    store.ready(uri)
    return Client(uri)


def artifact(uri: str, run_id: str, name: str) -> bytes | None:
    """Read a file of a run's artifacts; None where the run has none of this name."""
    client = MlflowClient(uri)
    with store.reported(uri), tempfile.TemporaryDirectory() as folder:
        if name not in {file.path for file in client.list_artifacts(run_id)}:
            return None
        return Path(client.download_artifacts(run_id, name, folder)).read_bytes()


class Database:
    """Reads by queries through MLflow's own table definitions."""

    _runs: Any = models.SqlRun.__table__
    _params: Any = models.SqlParam.__table__
    _tags: Any = models.SqlTag.__table__
    _metrics: Any = models.SqlMetric.__table__
    _latest: Any = models.SqlLatestMetric.__table__
    _experiments: Any = models.SqlExperiment.__table__

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def experiment(self, name: str) -> str | None:
        """Return the id of the active experiment of this name."""
        table = self._experiments.c
        query = sa.select(table.experiment_id).where(table.name == name, table.lifecycle_stage == "active")
        found = self._frame(query, ["experiment_id"])
        return None if found.empty else str(found["experiment_id"].iloc[0])

    def runs(self, experiment: str, *, tag: tuple[str, str] | None) -> Parts:
        """Return the experiment's active runs, or those of them that carry this tag."""
        run, tags, latest = self._runs.c, self._tags.c, self._latest.c
        own = sa.and_(run.experiment_id == int(experiment), run.lifecycle_stage == "active")
        if tag is not None:
            carrying = sa.select(tags.run_uuid).where(tags.key == tag[0], tags.value == tag[1])
            own = sa.and_(own, run.run_uuid.in_(carrying))
        info = sa.select(run.run_uuid, run.name, run.status, run.start_time, run.end_time).where(own)
        value = sa.case((latest.is_nan, None), else_=latest.value)
        return Parts(
            self._frame(info, INFO),
            self._carried(self._params, self._params.c.value, own),
            self._carried(self._tags, tags.value, own),
            self._carried(self._latest, value, own),
        )

    def losses(self, ids: Sequence[str]) -> pd.DataFrame:
        """Return every recorded loss of these runs (`CURVE`)."""
        return self._losses(self._metrics, ids)

    def thinned(self, ids: Sequence[str], *, points: int) -> pd.DataFrame:
        """Return the losses at `log_spaced` epochs of the run that went on longest, and each run's last."""
        last = self._losses(self._latest, ids)
        if last.empty:
            return last
        longest = last["run_id"].iloc[int(last["epoch"].argmax())]
        epochs = np.unique(self.losses([longest])["epoch"])
        epochs = epochs[log_spaced(epochs, points)]
        chosen = self._metrics.c.step.in_(epochs.tolist())
        return pd.concat([self._losses(self._metrics, ids, chosen), last], ignore_index=True)

    def _losses(self, table: Any, ids: Sequence[str], *conditions: Any) -> pd.DataFrame:
        # An expression over the key, not the key itself: SQLite would else take the index that begins
        # with the key, and read the losses of all runs for each chunk.
        loss = table.c.key.concat("") == "loss"
        value = sa.case((table.c.is_nan, None), else_=table.c.value)
        query = sa.select(table.c.run_uuid, table.c.step, value).where(loss, *conditions)
        queries = (query.where(table.c.run_uuid.in_(chunk)) for chunk in _chunks(ids))
        frames = [self._frame(each, CURVE) for each in queries]
        return pd.concat(frames) if frames else _frame([], CURVE)

    def _carried(self, table: Any, value: Any, own: Any) -> pd.DataFrame:
        run = self._runs.c.run_uuid
        query = sa.select(table.c.run_uuid, table.c.key, value).join(self._runs, run == table.c.run_uuid)
        return self._frame(query.where(own), LONG)

    def _frame(self, query: Any, names: list[str]) -> pd.DataFrame:
        with self._engine.connect() as connection:
            # The cursor's plain tuples: SQLAlchemy's rows take pandas four times as long.
            return _frame(connection.execute(query).cursor.fetchall(), names)


class Client:
    """Reads by MlflowClient: any store, page by page, and the only reader of MLflow's search language."""

    def __init__(self, uri: str, *, search: str | None = None) -> None:
        self._client = MlflowClient(uri)
        self._search = [search] if search else []

    def experiment(self, name: str) -> str | None:
        """Return the id of the active experiment of this name."""
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id) if found and found.lifecycle_stage == "active" else None

    def runs(self, experiment: str, *, tag: tuple[str, str] | None) -> Parts:
        """Return the experiment's active runs that the search finds, or those that carry this tag as well."""
        conditions = [f"tags.`{tag[0]}` = '{tag[1]}'"] if tag else []
        found = list(self._pages(experiment, " and ".join([*self._search, *conditions])))
        infos = [run.info for run in found]
        info = [(each.run_id, each.run_name, each.status, each.start_time, each.end_time) for each in infos]
        return Parts(
            _frame(info, INFO),
            *(_long(found, part) for part in ("params", "tags", "metrics")),
        )

    def losses(self, ids: Sequence[str]) -> pd.DataFrame:
        """Return every recorded loss of these runs (`CURVE`)."""
        histories = ((run, self._client.get_metric_history(run, "loss")) for run in ids)
        rows = [(run, each.step, each.value) for run, history in histories for each in history]
        return _frame(rows, CURVE)

    def thinned(self, ids: Sequence[str], *, points: int) -> pd.DataFrame:
        """Return the losses at `log_spaced` epochs of the run that went on longest, and each run's last."""
        losses = self.losses(ids)
        if losses.empty:
            return losses
        longest = losses["run_id"].iloc[int(losses["epoch"].argmax())]
        epochs = np.unique(losses["epoch"][losses["run_id"] == longest])
        epochs = epochs[log_spaced(epochs, points)]
        last = losses["epoch"] == losses.groupby("run_id")["epoch"].transform("max")
        return losses[last | losses["epoch"].isin(epochs)]

    def _pages(self, experiment: str, search: str) -> Iterator[Run]:
        """Yield the runs that a search finds; one answer of MLflow's holds no more than `PAGE`."""
        token = None
        while True:
            try:
                page = self._client.search_runs([experiment], search, max_results=PAGE, page_token=token)
            except MlflowException as error:
                raise XorlabError(f"filter must be in MLflow's search language; {error.message}") from error
            yield from page
            token = page.token
            if not token:
                return


def _long(runs: Sequence[Run], part: str) -> pd.DataFrame:
    """Return the params, tags or metrics of MLflow's runs as one long frame (`LONG`)."""
    rows = [(run.info.run_id, key, value) for run in runs for key, value in getattr(run.data, part).items()]
    return _frame(rows, LONG)


KINDS = {"run_id": "str", "start": "Int64", "end": "Int64", "epoch": "int64", "loss": "float64"}


def _frame(rows: Sequence[tuple[Any, ...]], names: list[str]) -> pd.DataFrame:
    """Return rows under their names and in their types; none too."""
    frame = pd.DataFrame(rows, columns=names)
    return frame.astype({name: KINDS[name] for name in names if name in KINDS})


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
