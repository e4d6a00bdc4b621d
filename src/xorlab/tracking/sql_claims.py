"""Who trains the runs that show as RUNNING, in a database whose tables are known, by that database's clock."""

import sqlalchemy as sa

from xorlab.tracking import schema
from xorlab.tracking.drivers import DRIVER, HEARTBEAT, Claims, Driven, Driver, this_process

CLOCKS = {
    "sqlite": "CAST(strftime('%s', 'now') AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)",
}
"""The database's clock, which all drivers share, in seconds since 1970."""


class SqlClaims(Claims):
    """Claims by SQL: each is one statement that compares and sets."""

    failures = (sa.exc.SQLAlchemyError,)

    def __init__(self, engine: sa.Engine, experiment_id: str) -> None:
        self._engine = engine
        self._experiment_id = int(experiment_id)
        self._clock = CLOCKS[engine.dialect.name]

    def running(self) -> list[Driven]:
        runs = schema.RUNS.c
        return self._driven(runs.status == "RUNNING", runs.experiment_id == self._experiment_id)

    def one(self, run_id: str) -> Driven:
        return self._driven(schema.RUNS.c.run_uuid == run_id)[0]

    def kill(self, run: Driven) -> bool:
        assert run.driver is not None
        runs, own = schema.RUNS.c, schema.TAGS.c
        last = sa.text(f"1000 * ({self._clock} - {int(run.age)})")
        unchanged = sa.exists().where(own.run_uuid == run.run_id, own.key == DRIVER, own.value == run.driver.text)
        update = sa.update(schema.RUNS).where(runs.run_uuid == run.run_id, runs.status == "RUNNING", unchanged)
        with self._engine.begin() as connection:
            return connection.execute(update.values(status="KILLED", end_time=last)).rowcount > 0

    def take(self, run: Driven) -> bool:
        own, mine = schema.TAGS.c, this_process().text
        statement: sa.Insert | sa.Update
        if run.driver is None:
            statement = schema.insert(self._engine.dialect.name, schema.TAGS).on_conflict_do_nothing()
            statement = statement.values(run_uuid=run.run_id, key=DRIVER, value=mine)
        else:
            # Of two commands that claim the run now, only one still finds the driver that both have read.
            update = sa.update(schema.TAGS).where(own.run_uuid == run.run_id, own.key == DRIVER)
            statement = update.where(own.value == run.driver.text).values(value=mine)
        running = sa.update(schema.RUNS).where(schema.RUNS.c.run_uuid == run.run_id)
        with self._engine.begin() as connection:
            if not connection.execute(statement).rowcount:
                return False
            self._renew(connection, run.run_id)
            connection.execute(running.values(status="RUNNING", end_time=None))
        return True

    def renew(self, run_id: str) -> None:
        with self._engine.begin() as connection:
            self._renew(connection, run_id)

    def _renew(self, connection: sa.Connection, run_id: str) -> None:
        statement = schema.insert(self._engine.dialect.name, schema.TAGS)
        now = sa.text(f"CAST({self._clock} AS TEXT)")
        statement = statement.values(run_uuid=run_id, key=HEARTBEAT, value=now)
        statement = statement.on_conflict_do_update(index_elements=["key", "run_uuid"], set_={"value": now})
        connection.execute(statement)

    def _driven(self, *conditions: sa.ColumnElement[bool]) -> list[Driven]:
        """Return active runs with their drivers."""
        runs, driver, beat = schema.RUNS.c, schema.TAGS.alias(), schema.TAGS.alias()
        joined = schema.RUNS.outerjoin(driver, sa.and_(driver.c.run_uuid == runs.run_uuid, driver.c.key == DRIVER))
        joined = joined.outerjoin(beat, sa.and_(beat.c.run_uuid == runs.run_uuid, beat.c.key == HEARTBEAT))
        query = sa.select(runs.run_uuid, runs.name, runs.status, driver.c.value, beat.c.value, sa.text(self._clock))
        active = (runs.lifecycle_stage == "active", *conditions)
        with self._engine.connect() as connection:
            rows = connection.execute(query.select_from(joined).where(*active)).fetchall()
        return [
            Driven(run_id, name, status, Driver(*text.split(" ")) if text else None, now - float(last or 0))
            for run_id, name, status, text, last, now in rows
        ]
