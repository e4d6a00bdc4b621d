import json
import shutil
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
from mlflow import MlflowClient

import servers
from samples import RECORDS, sample, write_sweep
from xorlab.tracking import store
from xorlab.tracking.tracker import Record, Tracker


def call(address: str, **query) -> dict:
    """Ask a server by POST where there is a query, else by GET."""
    body = json.dumps(query).encode() if query else None
    request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def server(ready_store, tmp_path_factory):
    """A real MLflow server over a store that the records are in: its address, the store's URI, the runs' ids."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(ready_store, folder)
    uri = store.default(folder)
    ids = write_sweep(uri, folder)
    with servers.mlflow_server(uri, folder) as address:
        yield address, uri, ids


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


def test_a_server_is_written_to_through_its_client(server, tmp_path):
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
    monkeypatch.setattr("xorlab.tracking.sql_writer.SqlWriter.losses_at_once", 7)
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
