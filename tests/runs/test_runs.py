from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient
from pandas.testing import assert_frame_equal

import servers
from xorlab import runs
from xorlab.errors import XorlabError
from xorlab.runs import client_reader
from xorlab.tracking import store
from xorlab.tracking.tracker import Record, Tracker

LOSSES = {"a": [0.9, 0.5, 0.25, 0.05], "b": [0.8, 0.7, 0.69], "c": [1.5]}


def stock(client, experiment, name, *, params=(), tags=(), metrics=(), losses=(), status="FINISHED", start=1000):
    """Write a run as any user of MLflow would."""
    run_id = client.create_run(experiment, start_time=start, run_name=name).info.run_id
    curve = [Metric("loss", value, start + step, step) for step, value in enumerate(losses)]
    last = [Metric(key, value, start, 0) for key, value in dict(metrics).items()]
    client.log_batch(
        run_id,
        metrics=curve + last,
        params=[Param(key, value) for key, value in dict(params).items()],
        tags=[RunTag(key, value) for key, value in dict(tags).items()],
    )
    if status != "RUNNING":
        client.set_terminated(run_id, status, start + 2500)
    return run_id


@pytest.fixture
def client(store_uri):
    return MlflowClient(store_uri)


@pytest.fixture
def ids(client):
    return write(client)


def write(client):
    """Two runs of a sweep, a run of its own, one that failed, one that was deleted; written by stock MLflow."""
    xor = client.create_experiment("xorlab")
    parent = stock(client, xor, "sweep", tags={"xorlab.kind": "sweep", "swept": "lr,seed", "command": "train"})
    params = {"lr": "0.1", "seed": "3", "arch.hidden": "[3]", "shuffle": "False", "loss": "bce", "batch_size": "full"}
    child = {"mlflow.parentRunId": parent, "spec": "f00"}
    return {
        "parent": parent,
        "a": stock(
            client, xor, "a", params=params | {"init.std": "0.25"}, tags=child | {"outcome": "converged"},
            losses=LOSSES["a"], metrics={"final_loss": 0.04, "epochs_to_converge": 3.0},
        ),
        "b": stock(
            client, xor, "b", params=params | {"lr": "1", "shuffle": "True", "init.std": "0.5"},
            tags=child | {"outcome": "stuck_ln2"}, losses=LOSSES["b"], metrics={"final_loss": 0.69},
        ),
        "c": stock(client, xor, "c", params=params | {"lr": "10.0"}, losses=LOSSES["c"], status="FAILED"),
        "gone": client.delete_run(gone) or gone if (gone := stock(client, xor, "gone", params=params)) else None,
    }  # fmt: skip


def by_client(monkeypatch):
    """Make reading take the way of a store whose tables are not known."""
    monkeypatch.setattr(store, "engine", lambda uri: None)


def test_load_gives_a_row_a_run_with_what_was_logged(store_uri, ids):
    table = runs.load(store_uri).set_index("name")
    assert list(table.index) == ["a", "b", "c"]
    assert table.loc["a", "run_id"] == ids["a"]
    assert table["sweep"].fillna("none").tolist() == [ids["parent"], ids["parent"], "none"]
    assert table["status"].tolist() == ["FINISHED", "FINISHED", "FAILED"]
    assert table["duration"].tolist() == [2.5, 2.5, 2.5]
    assert table.loc["a", "start"] == pd.Timestamp("1970-01-01T00:00:01Z")
    assert table["outcome"].fillna("none").tolist() == ["converged", "stuck_ln2", "none"]
    assert table["spec"].fillna("none").tolist() == ["f00", "f00", "none"]
    assert table["commit"].isna().all()
    np.testing.assert_array_equal(table["final_loss"], [0.04, 0.69, np.nan])
    np.testing.assert_array_equal(table["epochs_to_converge"], [3.0, np.nan, np.nan])
    assert table["last_loss"].tolist() == [0.05, 0.69, 1.5]
    assert not [column for column in table if column.startswith("mlflow.")]


def test_load_types_every_parameter(store_uri, ids):
    table = runs.load(store_uri)
    assert table["lr"].tolist() == [0.1, 1.0, 10.0]
    assert table["seed"].dtype == "int64"
    assert table["shuffle"].tolist() == [False, True, False]
    assert table["arch.hidden"].tolist() == ["[3]"] * 3
    np.testing.assert_array_equal(table["init.std"], [0.25, 0.5, np.nan])
    assert table["loss"].tolist() == ["bce"] * 3


def test_load_gives_the_same_frame_by_queries_and_by_the_client(store_uri, ids, monkeypatch):
    queried, queried_sweeps = runs.load(store_uri), runs.sweeps(store_uri)
    by_client(monkeypatch)
    assert_frame_equal(queried, runs.load(store_uri), check_like=True)
    assert_frame_equal(queried_sweeps, runs.sweeps(store_uri), check_like=True)


@pytest.mark.skipif(servers.POSTGRES is None, reason="no PostgreSQL server is installed")
def test_postgresql_gives_the_same_frames_by_queries_and_by_the_client(tmp_path, monkeypatch):
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL is installed")
    monkeypatch.chdir(tmp_path)  # where MLflow keeps the artifacts of other databases
    with servers.postgres() as uri:
        write(MlflowClient(uri))
        table = runs.load(uri, sweep="latest")
        curves = [runs.curves(table, uri, points=points) for points in (None, 3)]
        store.engine(uri).dispose()
        by_client(monkeypatch)
        assert_frame_equal(table, runs.load(uri, sweep="latest"), check_like=True)
        for points, curve in zip((None, 3), curves, strict=True):
            assert_frame_equal(curve, runs.curves(table, uri, points=points))


@pytest.mark.parametrize("name", ["latest", "whole", "beginning"])
def test_load_finds_a_sweep(store_uri, ids, name):
    sweep = {"latest": "latest", "whole": ids["parent"], "beginning": ids["parent"][:9]}[name]
    assert runs.load(store_uri, sweep=sweep)["name"].tolist() == ["a", "b"]


def test_the_latest_sweep_is_the_one_that_started_last(client, store_uri, ids):
    xor = client.get_experiment_by_name("xorlab").experiment_id
    later = stock(client, xor, "later", tags={"xorlab.kind": "sweep"}, start=5000)
    assert runs.sweeps(store_uri)["run_id"].tolist() == [later, ids["parent"]]
    assert runs.load(store_uri, sweep="latest").empty


@pytest.mark.parametrize(
    ("sweep", "said"), [("zzz", "'zzz', which is no sweep"), ("", "'', which is 2 sweeps")], ids=["none", "many"]
)
def test_load_refuses_what_names_no_one_sweep(client, store_uri, ids, sweep, said):
    stock(client, client.get_experiment_by_name("xorlab").experiment_id, "two", tags={"xorlab.kind": "sweep"})
    with pytest.raises(XorlabError, match=said):
        runs.load(store_uri, sweep=sweep)


def test_load_takes_mlflows_search_language(store_uri, ids):
    assert runs.load(store_uri, filter="params.lr = '1' and tags.outcome = 'stuck_ln2'")["name"].tolist() == ["b"]
    assert runs.load(store_uri, filter="metrics.final_loss < 0.5", sweep="latest")["name"].tolist() == ["a"]
    assert runs.load(store_uri, filter="params.lr = '7'").empty
    with pytest.raises(XorlabError, match="filter must be in MLflow's search language"):
        runs.load(store_uri, filter="lr is small")


def test_load_refuses_an_experiment_that_is_not_there(store_uri, ids):
    with pytest.raises(XorlabError, match="experiment must be one that has runs; got 'nope'"):
        runs.load(store_uri, experiment="nope")


def test_the_client_reads_beyond_its_first_page(store_uri, tmp_path, monkeypatch):
    records = [Record(name=f"r{seed}", params={"seed": str(seed)}) for seed in range(client_reader.PAGE + 1)]
    Tracker(store_uri, "xorlab", folder=tmp_path).write(records)
    by_client(monkeypatch)
    assert runs.load(store_uri)["seed"].tolist() == list(range(client_reader.PAGE + 1))


def test_curves_are_what_was_logged(store_uri, ids, monkeypatch):
    table = runs.load(store_uri)
    for _ in range(2):
        found = runs.curves(table, store_uri)
        assert found["run_id"].tolist() == [ids[name] for name in LOSSES for _ in LOSSES[name]]
        assert found["epoch"].tolist() == [epoch for name in LOSSES for epoch in range(len(LOSSES[name]))]
        assert found["loss"].tolist() == [loss for name in LOSSES for loss in LOSSES[name]]
        by_client(monkeypatch)


def test_curves_of_no_runs_are_empty(store_uri, ids):
    assert runs.curves(runs.load(store_uri)[:0], store_uri).columns.tolist() == ["run_id", "epoch", "loss"]
    assert runs.curves(runs.load(store_uri)[:0], store_uri, points=5).empty


def test_of_two_losses_at_one_epoch_the_later_counts(client, store_uri, ids):
    client.log_metric(ids["a"], "loss", 0.6, timestamp=9000, step=1)
    found = runs.curves(runs.load(store_uri), store_uri)
    assert found["loss"].tolist()[:4] == [0.9, 0.6, 0.25, 0.05]


def test_a_loss_that_is_no_number_stays_none(client, store_uri, ids):
    client.log_metric(ids["c"], "loss", float("nan"), step=1)
    found = runs.curves(runs.load(store_uri), store_uri)
    np.testing.assert_array_equal(found["loss"].tail(2), [1.5, np.nan])


@pytest.fixture
def long_runs(store_uri, tmp_path):
    """A sweep whose runs end at different epochs, one logged at every tenth epoch only, and a single run."""
    tracker = Tracker(store_uri, "xorlab", folder=tmp_path)
    epochs = {"long": np.arange(1000), "short": np.arange(123), "tenth": np.append(np.arange(0, 990, 10), 985)}
    records = [
        Record(name=name, params={"seed": str(seed)}, epochs=steps, losses=1.0 / (1.0 + steps))
        for seed, (name, steps) in enumerate(epochs.items())
    ]
    with tracker.running(Record(name="sweep", tags={"xorlab.kind": "sweep"})) as parent:
        tracker.write(records, parent=parent)
    alone = Record(name="single", params={"seed": "9"}, epochs=np.arange(50), losses=np.ones(50))
    tracker.write([alone, replace(alone, name="sparse", epochs=np.arange(0, 500, 10))])
    return runs.load(store_uri)


def test_points_thin_a_sweep_to_a_common_grid(store_uri, long_runs, monkeypatch):
    thin = runs.curves(long_runs, store_uri, points=20)
    every = runs.curves(long_runs, store_uri)
    kept = thin.merge(long_runs[["run_id", "name"]]).groupby("name")["epoch"].agg(list)
    grid = kept["long"]
    assert len(grid) <= 20
    assert (grid[0], grid[-1]) == (0, 999)
    assert kept["short"] == [*(epoch for epoch in grid if epoch < 122), 122]
    assert kept["tenth"] == sorted({epoch for epoch in grid if epoch % 10 == 0} | {985})
    for name, last in {"single": 49, "sparse": 490}.items():
        assert len(kept[name]) <= 20
        assert (kept[name][0], kept[name][-1]) == (0, last)
    assert len(thin.merge(every)) == len(thin)
    by_client(monkeypatch)
    assert_frame_equal(thin, runs.curves(long_runs, store_uri, points=20))


def test_points_thin_a_sweep_that_is_logged_at_every_tenth_epoch(store_uri, tmp_path, monkeypatch):
    steps = np.arange(0, 5000, 10)
    tracker = Tracker(store_uri, "xorlab", folder=tmp_path)
    with tracker.running(Record(name="sweep", tags={"xorlab.kind": "sweep"})) as parent:
        tracker.write([Record(name="one", epochs=steps, losses=1.0 / (1.0 + steps))], parent=parent)
    table = runs.load(store_uri)
    thin = runs.curves(table, store_uri, points=20)
    assert set(thin["epoch"]) <= set(steps)
    assert (thin["epoch"].iloc[0], thin["epoch"].iloc[-1]) == (0, 4990)
    assert 10 < len(thin) <= 20
    assert (thin["epoch"] > 1000).sum() > 2
    by_client(monkeypatch)
    assert_frame_equal(thin, runs.curves(table, store_uri, points=20))


def test_a_run_from_before_a_setting_has_its_default(client, store_uri):
    xor = client.create_experiment("xorlab")
    stock(client, xor, "old", params={"lr": "0.1", "seed": "0"}, tags={"spec": "a", "numerics": "2"})
    stock(client, xor, "new", params={"lr": "0.1", "seed": "1", "numerics": "portable"}, tags={"numerics": "2"})
    found = runs.load(store_uri)
    assert found["numerics"].tolist() == ["native", "portable"]
    assert found["numerics_version"].tolist() == ["2", "2"]
