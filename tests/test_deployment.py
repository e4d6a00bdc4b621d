"""The services of compose.yaml as processes: one sweep, recorded alike by them all, and no password anywhere."""

import pytest
import sqlalchemy
from distributed import cfexecutor
from distributed.protocol.pickle import dumps

import engines
import servers
from commands import call
from xorlab.tracking import store
from xorlab.tracking.client_writer import PARALLEL

GRID = (
    *("arch=2-3-1,2-16-16-1", "optimizer=gd,adam", "lr=0.1,1e200", "batch_size=full,3", "numerics=native,portable"),
    *("epochs=30", "log_every=7", "artifacts=run"),
)
"""Thirty-two runs, half of which diverge."""


def without_sweep(found):
    """The runs, which have an identity; a sweep is named by its experiment."""
    runs = {name: rows for name, rows in found.items() if not name.endswith(" ")}
    assert len(runs) == len(found) - 1 == 32
    return runs


def without_files(found):
    """The tables: the tracking server keeps the files in a folder of its own."""
    return {name: {**rows, "artifacts": []} for name, rows in found.items()}


@pytest.mark.skipif(servers.POSTGRES is None, reason="no PostgreSQL server is installed")
def test_local_workers_and_the_deployment_record_the_same_and_no_password(tmp_path, store_uri, monkeypatch):
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL is installed")
    submit, shipped = cfexecutor.ClientExecutor.submit, []

    def seen(executor, *task, **keywords):
        shipped.append(dumps((task, keywords)))
        return submit(executor, *task, **keywords)

    monkeypatch.setattr(cfexecutor.ClientExecutor, "submit", seen)
    said = ""

    def train(*words, uri):
        nonlocal said
        done = call("train.py", "-m", *GRID, *words, folder=tmp_path, uri=uri)
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr

    # One connection to the database more than the calls that xorlab makes at once.
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", str(PARALLEL))
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW", "1")
    train("workers=2", uri=store_uri)
    expected = engines.contents(store_uri)
    with servers.compose(tmp_path, "hush") as at:
        remote = ("engine=dask", f"engine.address={at['scheduler']}")
        train(*remote, uri=at["mlflow"])
        train(*remote, "tracking.experiment=direct", uri=at["postgres"])
        served = engines.contents(at["postgres"], experiment="xorlab")
        direct = engines.contents(at["postgres"], experiment="direct")
        database = sqlalchemy.create_engine(at["postgres"])
        tables = sqlalchemy.MetaData()
        tables.reflect(database)
        with database.connect() as connection:
            rows = repr([connection.execute(table.select()).all() for table in tables.tables.values()])
        database.dispose()
        store.engine(at["postgres"]).dispose()  # the connections of the command, which ran in this process
    assert engines.differences(without_sweep(expected), without_sweep(direct)) == []
    assert engines.differences(without_files(expected), without_files(served)) == []
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"mlflow.log", "scheduler.log", "worker.log"} <= {path.name for path in files}
    # The tracking server keeps the artifacts of its runs.
    kept = [path for path in files if path.is_relative_to(tmp_path / "artifacts")]
    assert len([path for path in kept if path.name == "final_weights.npz"]) == 32
    assert len(shipped) >= 2
    assert "does not answer" not in said
    assert "xorlab" in rows
    assert "hush" not in said + rows
    assert not [path for path, content in files.items() if b"hush" in content]
    assert not any(b"hush" in task for task in shipped)
