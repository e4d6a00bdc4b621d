import multiprocessing
import os
import sqlite3
import sys
import time

import pytest
from mlflow import MlflowClient

from xorlab.errors import StoreError
from xorlab.tracking import store, views
from xorlab.tracking.patience import SILENT


@pytest.fixture(scope="module")
def processes():
    """Fresh processes that have imported what takes long."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["xorlab.tracking.mlflow_internals"])
    return context


def test_the_uri_is_the_explicit_one_then_the_environments_then_the_checkouts(tmp_path, monkeypatch):
    (tmp_path / "train.py").touch()
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "train.py")])
    assert store.uri() == store.default(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    assert store.uri() == "http://elsewhere"
    assert store.uri("sqlite:///mine.db") == "sqlite:///mine.db"


def test_artifacts_lie_beside_the_file_whatever_the_working_folder(ready_store, store_uri, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    experiment = MlflowClient(store_uri).get_experiment(store.experiment_id(store_uri, "xorlab"))
    assert experiment.artifact_location == str(tmp_path / "mlruns" / experiment.experiment_id)
    default = MlflowClient(f"sqlite:///{ready_store}").get_experiment("0")
    assert default.artifact_location == str(ready_store.parent / "mlruns" / "0")
    assert not any((tmp_path / "elsewhere").iterdir())


def test_eight_processes_start_at_once_on_nothing(tmp_path, processes):
    uri = store.default(tmp_path)
    with processes.Pool(8) as pool:
        pool.map(store.ready, [uri] * 8, chunksize=1)
        ids = pool.starmap(store.experiment_id, [(uri, "xorlab")] * 8, chunksize=1)
    assert ids == ["1"] * 8
    assert {path.name for path in tmp_path.iterdir()} <= {"mlflow.db", "mlflow.db.lock"}


def test_a_kill_while_the_database_is_made_leaves_no_half_of_it(tmp_path, processes):
    uri = store.default(tmp_path)
    maker = processes.Process(target=store.ready, args=(uri,))
    maker.start()
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size for path in tmp_path.glob(".mlflow-*/mlflow.db")):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    maker.kill()
    maker.join()
    assert not (tmp_path / "mlflow.db").exists()
    store.ready(uri)
    assert store.experiment_id(uri, "xorlab") == "1"


def test_an_experiment_is_made_once_and_comes_back_when_deleted(store_uri):
    first = store.experiment_id(store_uri, "xorlab")
    MlflowClient(store_uri).delete_experiment(first)
    assert store.experiment_id(store_uri, "xorlab") == first
    assert MlflowClient(store_uri).get_experiment(first).lifecycle_stage == "active"


BAD = {
    "sqlite:////no/such/folder/mlflow.db": "must lie in a folder that exists",
    "sqlite:////proc/mlflow.db": "No such file",
    "sqlite:///:memory:": "must name a file",
    "file:///somewhere": "file",
    "nope://somewhere": "unsupported URI",
    "http://127.0.0.1:1": "refused",
    "postgresql://me:secret@127.0.0.1:1/db": "refused|No module named",
}


@pytest.mark.parametrize("uri", BAD)
def test_a_bad_store_is_one_line_at_once_without_its_password(uri):
    start = time.monotonic()
    with pytest.raises(StoreError, match=BAD[uri]) as caught:
        store.ready(uri)
    assert time.monotonic() - start < 5
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "mlflow.db").write_text("a note\n" * 100)
    with pytest.raises(StoreError, match="not a database"):
        store.ready(store.default(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        store.ready(store.default(tmp_path))


def test_a_database_is_read_directly_only_where_its_schema_is_known(store_uri):
    assert store.engine("http://127.0.0.1:1") is None
    with store.engine(store_uri).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 1000 * SILENT
    other = store_uri.replace("mlflow.db", "other.db")
    path = store_uri.removeprefix("sqlite:///")
    with sqlite3.connect(path) as source, sqlite3.connect(other.removeprefix("sqlite:///")) as target:
        source.backup(target)
        target.execute("UPDATE alembic_version SET version_num = 'unheard_of'")
    source.close()
    target.close()
    assert store.engine(other) is None
    with pytest.raises(StoreError, match="schema"):
        store.ready(other)


def test_reading_makes_no_database(tmp_path):
    with pytest.raises(StoreError, match="there is none"):
        store.engine(store.default(tmp_path))
    assert not any(tmp_path.iterdir())


def test_an_experiment_has_its_views(store_uri):
    client = MlflowClient(store_uri)
    made = store.experiment_id(store_uri, "xorlab")
    assert client.get_experiment(made).tags == views.TAGS
    other = client.create_experiment("other", tags={"mlflow.sharedViewState.runs": "their own"})
    for _ in range(2):
        store.add_views(store_uri, other)
    assert client.get_experiment(other).tags == views.TAGS | {"mlflow.sharedViewState.runs": "their own"}


def test_pages_open_the_training_runs():
    query = "?workflowType=machine_learning"
    runs = f"http://127.0.0.1:5000/#/experiments/1/runs{query}&viewStateShareKey=runs"
    assert store.page("sqlite:///x.db", "1") == runs
    assert store.page("http://host:80/", "1", "ab") == f"http://host:80/#/experiments/1/runs/ab{query}"


def test_another_program_s_database_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"other\.db, which holds another program's tables \(mine\)"):
        store.ready(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_newer_schema_is_not_called_out_of_date(store_uri):
    with sqlite3.connect(store_uri.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    connection.close()
    with pytest.raises(StoreError, match=r"its schema is of another MLflow"):
        store.ready(store_uri)
