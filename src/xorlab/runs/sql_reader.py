"""Reads runs by SQL, through the tables of `tracking.schema`."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import sqlalchemy as sa

from xorlab.runs.parts import CURVE, INFO, KIND, LONG, Parts, frame, joined, log_spaced_epochs
from xorlab.tracking import artifacts, store
from xorlab.tracking.schema import LATEST_METRICS, METRICS, PARAMS, RUNS, TAGS

CHUNK = 500
"""Runs in one query for losses, far below any database's limit of variables."""


class SqlReader:
    """Reads a database; `Reader` says what each method returns."""

    def __init__(self, uri: str, engine: sa.Engine) -> None:
        self._uri = uri
        self._engine = engine

    def experiment(self, name: str) -> str | None:
        return store.active_experiment(self._engine, name)

    def runs(self, experiment: str, *, tag: tuple[str, str] | None = None, keys: Sequence[str] | None = None) -> Parts:
        chosen = _active(experiment)
        if tag is not None:
            carrying = sa.select(TAGS.c.run_uuid).where(TAGS.c.key == tag[0], TAGS.c.value == tag[1])
            chosen = sa.and_(chosen, RUNS.c.run_uuid.in_(carrying))
        return self._parts(chosen, keys)

    def some(self, ids: Sequence[str]) -> Parts:
        active = RUNS.c.lifecycle_stage == "active"
        chunks = (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
        return joined([self._parts(sa.and_(active, RUNS.c.run_uuid.in_(chunk))) for chunk in chunks])

    def run(self, run_id: str) -> Parts:
        return self._parts(RUNS.c.run_uuid == run_id)

    def find(self, experiment: str, beginning: str) -> list[str]:
        run_id = RUNS.c.run_uuid
        query = sa.select(run_id).where(_active(experiment), run_id.startswith(beginning, autoescape=True)).limit(2)
        return [found for (found,) in self._rows(query)]

    def latest(self, experiment: str) -> list[str]:
        run = RUNS.c
        sweeps = sa.select(TAGS.c.run_uuid).where(TAGS.c.key == KIND, TAGS.c.value == "sweep")
        query = sa.select(run.run_uuid).where(_active(experiment), run.run_uuid.not_in(sweeps))
        return [found for (found,) in self._rows(query.order_by(run.start_time.desc(), run.run_uuid).limit(1))]

    def losses(self, ids: Sequence[str]) -> pd.DataFrame:
        return self._losses(METRICS, ids)

    def thinned(self, ids: Sequence[str], *, points: int) -> pd.DataFrame:
        last = self._losses(LATEST_METRICS, ids)
        if last.empty:
            return last
        longest = last["run_id"].iloc[int(last["epoch"].argmax())]
        epochs = log_spaced_epochs(self.losses([longest])["epoch"], points)
        chosen = METRICS.c.step.in_(epochs.tolist())
        return pd.concat([self._losses(METRICS, ids, chosen), last], ignore_index=True)

    def location(self, run_id: str) -> str:
        ((uri,),) = self._rows(sa.select(RUNS.c.artifact_uri).where(RUNS.c.run_uuid == run_id))
        return str(uri)

    def artifact(self, run_id: str, name: str) -> bytes | None:
        with store.reported(self._uri):
            return artifacts.read(self.location(run_id), name, tracking_uri=self._uri)

    def _parts(self, chosen: Any, keys: Sequence[str] | None = None) -> Parts:
        run = RUNS.c
        info = sa.select(run.run_uuid, run.name, run.status, run.start_time, run.end_time).where(chosen)
        tables = (TAGS, LATEST_METRICS)
        wanted = {} if keys is None else {PARAMS: sa.false(), **{table: table.c.key.in_(keys) for table in tables}}
        long = (
            sa.select(table.c.run_uuid, table.c.key, value)
            .join(RUNS, run.run_uuid == table.c.run_uuid)
            .where(chosen, wanted.get(table, sa.true()))
            for table, value in (
                (PARAMS, PARAMS.c.value),
                (TAGS, TAGS.c.value),
                (LATEST_METRICS, _number(LATEST_METRICS)),
            )
        )
        return Parts(frame(self._rows(info), INFO), *(frame(self._rows(query), LONG) for query in long))

    def _losses(self, table: sa.Table, ids: Sequence[str], *conditions: Any) -> pd.DataFrame:
        # An expression over the key, not the key itself: SQLite would else take the index that begins with the key,
        # and read the losses of all runs for each chunk.
        loss = table.c.key.concat("") == "loss"
        query = sa.select(table.c.run_uuid, table.c.step, _number(table)).where(loss, *conditions)
        chunks = (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
        frames = [frame(self._rows(query.where(table.c.run_uuid.in_(chunk))), CURVE) for chunk in chunks]
        return pd.concat(frames) if frames else frame([], CURVE)

    def _rows(self, query: Any) -> list[tuple[Any, ...]]:
        with store.reported(self._uri), self._engine.connect() as connection:
            # The cursor's plain tuples: SQLAlchemy's rows take pandas four times as long.
            return list(connection.execute(query).cursor.fetchall())


def _active(experiment: str) -> Any:
    return sa.and_(RUNS.c.experiment_id == int(experiment), RUNS.c.lifecycle_stage == "active")


def _number(table: sa.Table) -> Any:
    return sa.case((table.c.is_nan, None), else_=table.c.value)
