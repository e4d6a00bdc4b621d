import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.data.numpy_dataset import from_numpy
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking.context.git_context import GitRunContext
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.validation import _validate_param

import servers
from samples import RECORDS, count, sample, write_sweep
from xorlab.errors import StoreError
from xorlab.tracking import provenance, sql_writer, store
from xorlab.tracking.drivers import DRIVER, HEARTBEAT
from xorlab.tracking.tracker import Record, Tracker

CLOCKS = ("creation_time", "last_update_time")
"""The times that no writer can choose."""


def write_by_hand(client: MlflowClient, experiment: str, record: Record, parent: str) -> None:
    """Write a run as a user of MLflow would: the oracle."""
    context = {**resolve_tags(ignore=[GitRunContext]), **provenance.here(), "mlflow.parentRunId": parent}
    run = client.create_run(experiment, start_time=record.start, tags=context, run_name=record.name).info.run_id
    note = {"mlflow.note.content": record.description} if record.description else {}
    tags = [RunTag(*item) for item in {**record.tags, **note}.items()]
    client.log_batch(run, params=[Param(*item) for item in record.params.items()], tags=tags)
    if record.data is not None:
        entity = from_numpy(record.data.X, targets=record.data.y, name=record.data.name)._to_mlflow_entity()
        client.log_inputs(run, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])
    times = np.linspace(record.start, record.end, len(record.losses)).astype(int).tolist()
    points = zip(record.losses.tolist(), times, record.epochs.tolist(), strict=True)
    client.log_batch(run, metrics=[Metric("loss", *point) for point in points])
    client.log_batch(run, metrics=[Metric(k, v, record.end, record.step) for k, v in record.metrics.items()])
    client.set_terminated(run, record.status, record.end)


def contents(uri: str) -> dict[str, list[str]]:
    """Every row of every table but the driver's tags, with a name in the place of each random id and of the folder."""
    engine = sqlalchemy.create_engine(uri)
    tables = sqlalchemy.MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = {name: connection.execute(table.select()).mappings().all() for name, table in tables.tables.items()}
    engine.dispose()
    rows["tags"] = [row for row in rows["tags"] if row["key"] not in (DRIVER, HEARTBEAT)]
    names = {row["run_uuid"]: f"<{row['name']}>" for row in rows["runs"]}
    names |= {row["dataset_uuid"]: f"<{row['name']}>" for row in rows["datasets"]}
    names |= {row["input_uuid"]: f"<of {row['destination_id']}>" for row in rows["inputs"]}

    def named(row) -> str:
        text = repr(sorted((key, value) for key, value in row.items() if key not in CLOCKS))
        text = re.sub(r"'[^']*/mlruns/", "'<root>/", text)
        for _ in range(2):  # an input's name holds a run's id
            for old, new in names.items():
                text = text.replace(old, new)
        return text

    return {name: sorted(map(named, rows[name])) for name in rows}


@pytest.fixture(scope="module")
def stock(ready_store, tmp_path_factory) -> dict[str, list[str]]:
    """The contents of a store in which MlflowClient wrote the records by hand, under a parent."""
    folder = tmp_path_factory.mktemp("stock")
    shutil.copy(ready_store, folder)
    uri = store.default(folder)
    client = MlflowClient(uri)
    experiment = store.experiment_id(uri, "xorlab")
    context = {**resolve_tags(ignore=[GitRunContext]), **provenance.here()}
    parent = client.create_run(experiment, start_time=1, tags=context, run_name="sweep").info.run_id
    for record in RECORDS:
        write_by_hand(client, experiment, record, parent)
    client.set_terminated(parent, "FINISHED", 2)
    return contents(uri)


def assert_same(ours, theirs) -> None:
    assert ours.keys() == theirs.keys()
    for table in theirs:
        assert ours[table] == theirs[table], table


def test_bulk_rows_are_those_of_mlflow_client(store_uri, tmp_path, stock):
    write_sweep(store_uri, tmp_path)
    assert_same(contents(store_uri), stock)


def test_runs_go_through_mlflow_client_where_the_schema_is_unknown(store_uri, tmp_path, stock, monkeypatch, capsys):
    monkeypatch.setattr(store, "engine", lambda uri: None)
    write_sweep(store_uri, tmp_path)
    assert_same(contents(store_uri), stock)
    assert capsys.readouterr().err.count("is written through MlflowClient") == 1


@pytest.mark.skipif(servers.POSTGRES is None, reason="no PostgreSQL server is installed")
def test_bulk_rows_in_postgresql_are_those_of_mlflow_client(stock, tmp_path, monkeypatch):
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL is installed")
    monkeypatch.chdir(tmp_path)  # where MLflow keeps the artifacts of other databases
    with servers.postgres() as uri:
        write_sweep(uri, tmp_path)
        engine = store.engine(uri)
        assert engine is not None
        assert_same(contents(uri), stock)

        before = count(engine, "runs")
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE metrics RENAME TO gone")
        with pytest.raises(StoreError, match=r'relation "metrics" does not exist$'):
            Tracker(uri, "xorlab", folder=tmp_path).write(RECORDS)
        assert count(engine, "runs") == before
        engine.dispose()


@given(st.text(st.sampled_from("aZ9_-. :/\\é*~"), max_size=8) | st.sampled_from(["x" * 250, "x" * 251]))
def test_a_key_is_refused_where_mlflow_refuses_it(key):
    try:
        theirs = _validate_param(key, "").key
    except MlflowException:
        with pytest.raises(ValueError, match=r"^MLflow's keys"):
            sql_writer.valid_key(key)
    else:
        assert sql_writer.valid_key(key) == theirs


def test_a_long_value_is_cut_or_refused_as_the_environment_says(monkeypatch, caplog):
    for kind, longest in (("params", 6_000), ("tags", 8_000)):
        assert sql_writer.valid_value(kind, "key", "x" * longest) == "x" * longest
        assert not caplog.records
        assert sql_writer.valid_value(kind, "key", "x" * longest + "y") == "x" * longest
        assert f"key is cut to the {longest:,} characters" in caplog.text
        caplog.clear()
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")
    with pytest.raises(ValueError, match="at most 8,000 characters; got 8,001 for key"):
        sql_writer.valid_value("tags", "key", "x" * 8_001)


WITHOUT_MLFLOW = """
import sys
from samples import write_sweep
print(len(write_sweep(sys.argv[1], sys.argv[2])), *{"mlflow", "pandas"} & set(sys.modules))
"""


def test_a_known_database_is_written_without_mlflow(store_uri, tmp_path, stock):
    store.experiment_id(store_uri, "xorlab")
    command = [sys.executable, "-c", WITHOUT_MLFLOW, store_uri, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(RECORDS)}\n"
    assert count(store.engine(store_uri), "runs") == len(RECORDS) + 1


def write_for_ever(uri: str, folder: Path) -> None:
    tracker = Tracker(uri, "xorlab", folder=folder)
    while True:
        tracker.write([sample(f"run {i}", epochs=500) for i in range(20)])


def test_a_kill_leaves_whole_runs_only(store_uri, tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["xorlab.tracking.sql_writer"])
    engine = store.engine(store_uri)
    for _ in range(3):
        writer = context.Process(target=write_for_ever, args=(store_uri, tmp_path))
        writer.start()
        before = count(engine, "runs")
        while count(engine, "runs") < before + 40:
            assert writer.is_alive()
            time.sleep(0.01)
        writer.kill()
        writer.join()
        runs = count(engine, "runs")
        assert runs % 20 == 0
        assert count(engine, "metrics") == runs * 502
        assert count(engine, "inputs") == runs


def write_some(uri: str, folder: Path, name: str) -> list[str]:
    tracker = Tracker(uri, "xorlab", folder=folder)
    return [run_id for i in range(5) for run_id in tracker.write([sample(f"{name} {i}", epochs=200)] * 4)]


def test_ids_ascend_over_all_that_a_tracker_writes(store_uri, tmp_path):
    tracker = Tracker(store_uri, "xorlab", folder=tmp_path)
    written = [run_id for _ in range(3) for run_id in tracker.write(RECORDS)]
    assert written == sorted(written)
    assert len({run_id[:8] for run_id in written}) == len(written)


def test_writers_at_once_lose_nothing(store_uri, tmp_path):
    context = multiprocessing.get_context("forkserver")
    with context.Pool(4) as pool:
        written = pool.starmap(write_some, [(store_uri, tmp_path, str(i)) for i in range(4)], chunksize=1)
    assert len({run_id for ids in written for run_id in ids}) == 80
    assert count(store.engine(store_uri), "metrics") == 80 * 202
    assert count(store.engine(store_uri), "datasets") == 1


def test_a_store_that_fails_is_one_line(store_uri, tmp_path):
    tracker = Tracker(store_uri, "xorlab", folder=tmp_path)
    with store.engine(store_uri).begin() as connection:
        connection.exec_driver_sql("DROP TABLE params")
    with pytest.raises(StoreError, match=r"no such table: params$"):
        tracker.write(RECORDS)
    assert count(store.engine(store_uri), "runs") == 0
