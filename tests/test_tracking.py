import json
import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy
from mlflow import MlflowClient
from mlflow.data.numpy_dataset import from_numpy
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.tracking.context.registry import resolve_tags

from xorlab import store, tracking
from xorlab.errors import StoreError
from xorlab.tracking import Data, Record, Tracker

XOR = Data(name="xor", X=np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), y=np.array([0, 1, 1, 0.0]))
AND = Data(name="and", X=XOR.X, y=np.array([0, 0, 0, 1.0]))
POSTGRES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


def sample(name, *, epochs=5, data=XOR, **changes) -> Record:
    """A record with something in every field; its curve is the same for the same name."""
    rng = np.random.RandomState(sum(name.encode()))
    given = {
        "description": f"**{name}** did what it did",
        "params": {"lr": "0.1", "arch.hidden": "[3]", "seed": "7"},
        "tags": {"outcome": "converged", "spec": "ab" * 32},
        "metrics": {"final_loss": 0.25, "accuracy": 1},
        "step": epochs - 1,
        "epochs": np.arange(epochs),
        "losses": rng.rand(epochs),
        "start": 1_700_000_000_000,
        "end": 1_700_000_009_000,
        "artifacts": {"config.yaml": b"lr: 0.1\n", "weights/final.npz": b"\0\1"},
    }
    return Record(name=name, data=data, **{**given, **changes})


RECORDS = [
    sample("one"),
    sample("another", data=AND),
    sample("long", epochs=2_300),
    sample("short", epochs=1, status="FAILED"),
    sample("empty", epochs=0, data=None, metrics={}, params={}, tags={}, artifacts={}, description=""),
    sample("wordy", description="x" * 9_000, params={"hidden": "y" * 7_000}),
]


def write_by_hand(client: MlflowClient, experiment: str, record: Record, parent: str) -> None:
    """Write a run as a user of MLflow would: the oracle."""
    context = {**resolve_tags(), "mlflow.parentRunId": parent}
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
    """Every row of every table, with a name in the place of each random id and of the folder."""
    engine = sqlalchemy.create_engine(uri)
    tables = sqlalchemy.MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = {name: connection.execute(table.select()).mappings().all() for name, table in tables.tables.items()}
    engine.dispose()
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


CLOCKS = ("creation_time", "last_update_time")
"""The times that no writer can choose."""


@pytest.fixture(scope="module")
def stock(ready_store, tmp_path_factory) -> dict[str, list[str]]:
    """The contents of a store in which MlflowClient wrote the records by hand, under a parent."""
    folder = tmp_path_factory.mktemp("stock")
    shutil.copy(ready_store, folder)
    uri = store.uri(folder=folder)
    client = MlflowClient(uri)
    experiment = store.experiment_id(uri, "xorlab")
    parent = client.create_run(experiment, start_time=1, tags=resolve_tags(), run_name="sweep").info.run_id
    for record in RECORDS:
        write_by_hand(client, experiment, record, parent)
    client.set_terminated(parent, "FINISHED", 2)
    return contents(uri)


def write_sweep(uri: str, folder: Path) -> list[str]:
    tracker = Tracker(uri, "xorlab", folder=folder)
    sweep = Record(name="sweep", start=1, end=2)
    with tracker.running(sweep) as parent:
        ids = tracker.write(RECORDS, parent=parent)
        tracker.close(parent, sweep)
    return ids


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def postgres(tmp_path_factory):
    """The URI of an empty database of a PostgreSQL server of the test's own."""
    if POSTGRES is None:
        pytest.skip("no PostgreSQL server is installed")
    pytest.importorskip("psycopg2", reason="no driver for PostgreSQL is installed")
    with tempfile.TemporaryDirectory() as folder:
        # The server refuses to run as root.
        user = "postgres" if os.geteuid() == 0 else None
        if user:
            shutil.chown(folder, user)
        data, port = f"{folder}/data", free_port()
        quiet = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([POSTGRES / "initdb", "-D", data, "-A", "trust", "-U", "me", "--no-sync"], check=True, **quiet)
        command = [POSTGRES / "postgres", "-D", data, "-p", str(port), "-k", folder, "-F"]
        with subprocess.Popen(command, **quiet) as server:
            wait_for(lambda: socket.create_connection(("127.0.0.1", port)).close())
            time.sleep(0.5)
            yield f"postgresql+psycopg2://me@127.0.0.1:{port}/postgres"
            server.send_signal(signal.SIGINT)


def wait_for(attempt, *, seconds=60):
    """Return what `attempt` does once it no longer raises OSError."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_bulk_rows_in_postgresql_are_those_of_mlflow_client(postgres, stock, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MLflow keeps the artifacts of other databases
    write_sweep(postgres, tmp_path)
    assert store.engine(postgres) is not None
    assert_same(contents(postgres), stock)
    store.engine(postgres).dispose()


def call(address: str, **query) -> dict:
    """Ask a server by POST where there is a query, else by GET."""
    body = json.dumps(query).encode() if query else None
    request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def server(ready_store, tmp_path_factory):
    """A real MLflow server over a store that the records are in; its address, the store's URI, the runs' ids."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(ready_store, folder)
    uri = store.uri(folder=folder)
    ids = write_sweep(uri, folder)
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--port", str(port)]
    spare = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--workers", "1"], cwd=folder, stdout=log, stderr=log, start_new_session=True, env=spare
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: urllib.request.urlopen(f"{address}/health", timeout=5).close())
        yield address, uri, ids
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def test_a_real_server_shows_what_was_written_in_bulk(server):
    address, _, ids = server
    experiment = call(f"{address}/api/2.0/mlflow/experiments/get-by-name?experiment_name=xorlab")["experiment"]
    found = call(
        f"{address}/api/2.0/mlflow/runs/search",
        experiment_ids=[experiment["experiment_id"]],
        filter="params.lr = '0.1' and metrics.loss < 1 and tags.outcome = 'converged' and status = 'FINISHED'",
    )["runs"]
    assert {run["info"]["run_id"] for run in found} == {*ids[:3]}
    (one,) = (run for run in found if run["info"]["run_name"] == "one")
    assert {item["key"]: item["value"] for item in one["data"]["params"]} == RECORDS[0].params
    assert one["inputs"]["dataset_inputs"][0]["dataset"]["name"] == "xor"
    last = {item["key"]: (item["value"], item["step"]) for item in one["data"]["metrics"]}
    assert last == {"loss": (RECORDS[0].losses[-1], 4), "final_loss": (0.25, 4), "accuracy": (1, 4)}

    asked = f"run_id={ids[2]}&metric_key=loss&max_results=25000"
    history = call(f"{address}/api/2.0/mlflow/metrics/get-history?{asked}")["metrics"]
    assert [item["value"] for item in history] == RECORDS[2].losses.tolist()
    assert [item["step"] for item in history] == list(range(2_300))
    # What the page of the run asks for its chart.
    asked = f"run_ids={ids[2]}&metric_key=loss&max_results=320"
    chart = call(f"{address}/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{asked}")["metrics"]
    assert {0, 2_299} <= {item["step"] for item in chart}
    assert len(chart) >= 320


def test_a_server_is_written_to_through_its_client(server, tmp_path, stock):
    address, uri, _ = server
    tracker = Tracker(address, "by the server", folder=tmp_path)
    with tracker.running(Record(name="sweep")) as parent:
        ids = tracker.write(RECORDS[:3], parent=parent)
        tracker.close(parent, Record(name="sweep"))
    client = MlflowClient(uri)
    for run_id, record in zip(ids, RECORDS, strict=False):
        run = client.get_run(run_id)
        assert (run.info.status, run.info.end_time) == (record.status, record.end)
        assert (run.data.params, run.data.tags["mlflow.parentRunId"]) == (record.params, parent)
        assert [item.value for item in client.get_metric_history(run_id, "loss")] == record.losses.tolist()
    assert [item.path for item in MlflowClient(address).list_artifacts(ids[0])] == ["config.yaml", "weights"]


def test_a_client_reads_what_was_written_in_bulk(store_uri, tmp_path):
    ids = write_sweep(store_uri, tmp_path)
    client = MlflowClient(store_uri)
    experiment = store.experiment_id(store_uri, "xorlab")
    for query, names in {
        "params.`arch.hidden` = '[3]' and metrics.final_loss < 0.3": {"one", "another", "long", "short"},
        "tags.outcome LIKE 'conv%' and attributes.status = 'FAILED'": {"short"},
        "dataset.name = 'and'": {"another"},
        "attributes.run_name = 'empty'": {"empty"},
    }.items():
        found = client.search_runs([experiment], query)
        assert {run.info.run_name for run in found} == names
    assert [client.get_run(run_id).info.run_name for run_id in ids] == [record.name for record in RECORDS]
    path = client.download_artifacts(ids[0], "weights/final.npz", str(tmp_path))
    assert Path(path).read_bytes() == b"\0\1"
    assert client.list_artifacts(ids[4]) == []


def test_transactions_split_between_runs_and_keep_their_order(store_uri, tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "ROWS", 7)
    tracker = Tracker(store_uri, "xorlab", folder=tmp_path)
    ids = tracker.write(sample(f"run {i}") for i in range(9))
    client = MlflowClient(store_uri)
    assert [client.get_run(run_id).info.run_name for run_id in ids] == [f"run {i}" for i in range(9)]
    assert len(set(ids)) == 9
    with store.engine(store_uri).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM datasets").scalar() == 1


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED")]
)
def test_whatever_ends_the_work_ends_the_run(store_uri, tmp_path, error, status):
    tracker = Tracker(store_uri, "xorlab", folder=tmp_path)
    client = MlflowClient(store_uri)
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(error))
        run_id = stack.enter_context(tracker.running(sample("cut short")))
        assert client.get_run(run_id).info.status == "RUNNING"
        raise error
    run = client.get_run(run_id)
    assert (run.info.status, run.data.params["lr"]) == (status, "0.1")


def test_a_run_closes_with_all_of_its_record(store_uri, tmp_path):
    tracker = Tracker(store_uri, "xorlab", folder=tmp_path)
    record = sample("alone", artifacts={"a.txt": b"a"})
    with tracker.running(Record(name="alone", start=record.start, params={"lr": "0.1"})) as run_id:
        tracker.close(run_id, record)
    tracker.add_artifacts(run_id, {"more/b.txt": b"b"})
    client = MlflowClient(store_uri)
    run = client.get_run(run_id)
    assert (run.info.status, run.info.start_time, run.info.end_time) == ("FINISHED", record.start, record.end)
    assert run.data.params == record.params
    assert run.data.tags["mlflow.note.content"] == record.description
    assert run.data.metrics == {**record.metrics, "loss": record.losses[-1]}
    assert [item.path for item in client.list_artifacts(run_id)] == ["a.txt", "more"]


def write_for_ever(uri: str, folder: Path) -> None:
    tracker = Tracker(uri, "xorlab", folder=folder)
    while True:
        tracker.write([sample(f"run {i}", epochs=500) for i in range(20)])


def test_a_kill_leaves_whole_runs_only(store_uri, tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["xorlab.tracking"])
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


def count(engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar())


def write_some(uri: str, folder: Path, name: str) -> list[str]:
    tracker = Tracker(uri, "xorlab", folder=folder)
    return [run_id for i in range(5) for run_id in tracker.write([sample(f"{name} {i}", epochs=200)] * 4)]


def test_writers_at_once_lose_nothing(store_uri, tmp_path):
    context = multiprocessing.get_context("forkserver")
    with context.Pool(4) as pool:
        written = pool.starmap(write_some, [(store_uri, tmp_path, str(i)) for i in range(4)], chunksize=1)
    assert len({run_id for ids in written for run_id in ids}) == 80
    assert count(store.engine(store_uri), "metrics") == 80 * 202
    assert count(store.engine(store_uri), "datasets") == 1


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=me", "-c", "user.email=me@here")
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_the_commit_and_its_changes_are_told(store_uri, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    assert "git.dirty" not in written_tags(store_uri, tree)
    git(tree, "init")
    git(tree, "commit", "--allow-empty", "-m", "Begin")
    commit = git(tree, "rev-parse", "HEAD").strip()
    clean = written_tags(store_uri, tree)
    assert (clean["mlflow.source.git.commit"], clean["git.dirty"]) == (commit, "false")
    (tree / "train.py").touch()
    assert written_tags(store_uri, tree)["git.dirty"] == "true"


def written_tags(uri: str, folder: Path) -> dict[str, str]:
    (run_id,) = Tracker(uri, "xorlab", folder=folder).write([sample("one")])
    return MlflowClient(uri).get_run(run_id).data.tags


def test_a_store_that_fails_is_one_line(store_uri, tmp_path):
    tracker = Tracker(store_uri, "xorlab", folder=tmp_path)
    with store.engine(store_uri).begin() as connection:
        connection.exec_driver_sql("DROP TABLE params")
    with pytest.raises(StoreError, match=r"no such table: params$"):
        tracker.write(RECORDS)
    assert count(store.engine(store_uri), "runs") == 0


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"losses": np.zeros(4)}, "epochs must match losses"),
        ({"losses": np.full(5, np.inf)}, "must be finite"),
        ({"metrics": {"final_loss": float("nan")}}, "must be finite"),
    ],
)
def test_a_record_that_mlflow_would_distort_is_refused(changes, rule):
    with pytest.raises(ValueError, match=rule):
        sample("one", **changes)
