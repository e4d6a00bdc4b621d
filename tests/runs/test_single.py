import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from xorlab.errors import XorlabError
from xorlab.runs import single
from xorlab.spec import RunSpec, text
from xorlab.tracking import store
from xorlab.tracking.tracker import Record, Tracker


def record(spec, **tags):
    curve = {"epochs": np.arange(3), "losses": np.array([0.9, 0.8, 0.7])}
    return Record(name="a run", params=text.params(spec), tags={"spec": spec.identity, **tags}, **curve)


@pytest.fixture
def written(store_uri, tmp_path):
    """A store with two runs and a sweep of two more, and their ids: run, run, sweep, child, child."""
    tracker = Tracker(store_uri, "xorlab", folder=tmp_path)
    ids = tracker.write([record(RunSpec(seed=seed)) for seed in (1, 2)])
    sweep = Record(name="sweep", tags={"xorlab.kind": "sweep"})
    children = [record(RunSpec(seed=3), outcome="converged"), record(RunSpec(seed=4), outcome="stuck_ln2")]
    with tracker.running(sweep) as parent:
        below = tracker.write(children, parent=parent)
        tracker.close(parent, sweep)
    return store_uri, [*ids, parent, *below]


@pytest.fixture(params=["sql", "client"])
def read(request, written, monkeypatch):
    """The same, read in one of the two ways."""
    if request.param == "client":
        monkeypatch.setattr(store, "engine", lambda uri: None)
    return written


def test_a_run_is_found_by_its_id_or_the_beginning_of_it(read):
    uri, ids = read
    for run in (ids[0], ids[0][:12]):
        found = single.find(run, uri)
        assert (found.run_id, found.spec, found.experiment) == (ids[0], RunSpec(seed=1), "xorlab")
    epochs, losses = single.losses(found, uri)
    assert (epochs.tolist(), losses.tolist()) == ([0, 1, 2], [0.9, 0.8, 0.7])


def test_the_unconverged_runs_of_a_sweep(read):
    uri, ids = read
    for name in ("latest", ids[2], ids[2][:12]):
        found, count = single.find_unconverged(name, uri)
        assert ([each.run_id for each in found], count) == ([ids[4]], 2)


def test_the_latest_run_is_the_one_that_began_last_and_no_sweep(store_uri, tmp_path):
    tracker = Tracker(store_uri, "xorlab", folder=tmp_path)
    early, late = (replace(record(RunSpec(seed=start)), start=start) for start in (1, 2))
    sweep = Record(name="sweep", tags={"xorlab.kind": "sweep"}, start=3)
    ids = tracker.write([late, early, sweep])
    assert single.find("latest", store_uri).run_id == ids[0]


def test_a_sweep_is_found_by_its_id_or_the_beginning_of_it(read):
    uri, ids = read
    for name in (ids[2], ids[2][:12]):
        assert single.find_sweep(name, uri) == ids[2]
    for name in (ids[0], ids[3], "f" * 32):
        assert single.find_sweep(name, uri) is None


@pytest.mark.parametrize("nested", [True, False])
def test_the_latest_is_a_sweep_where_its_run_began_last(store_uri, tmp_path, nested):
    tracker = Tracker(store_uri, "xorlab", folder=tmp_path)
    (sweep,) = tracker.write([Record(name="sweep", tags={"xorlab.kind": "sweep"}, start=1)])
    tracker.write([replace(record(RunSpec(seed=1)), start=2)], parent=sweep)
    tracker.write([replace(record(RunSpec(seed=2)), start=1 if nested else 3)])
    assert single.find_sweep("latest", store_uri) == (sweep if nested else None)


def test_what_names_no_run_is_refused(read):
    uri, ids = read
    for run in ("", "zz", "%", "f" * 32):
        with pytest.raises(XorlabError, match=r"which is no run$"):
            single.find(run, uri)
    with pytest.raises(XorlabError, match="which is a sweep"):
        single.find(ids[2], uri)
    with pytest.raises(XorlabError, match="experiment must be one that has runs; got 'other'"):
        single.find(ids[0], uri, experiment="other")


def test_a_beginning_that_two_runs_have_is_refused(store_uri, tmp_path):
    ids = Tracker(store_uri, "xorlab", folder=tmp_path).write([record(RunSpec(seed=seed)) for seed in range(17)])
    digits = [run_id[0] for run_id in ids]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(XorlabError, match=r"which is several$"):
        single.find(shared, store_uri)


def change(uri, table, run_id, key, value):
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as connection:
        where = (value, run_id, key)
        connection.execute(f"UPDATE {table} SET value = ? WHERE run_uuid = ? AND key = ?", where)
    connection.close()


@pytest.mark.parametrize(
    ("table", "key", "value", "said"),
    [
        ("params", "lr", "0.2", "must have the identity of its params"),
        ("params", "seed", "-1", "seed must be at least 0; got -1"),
        ("tags", "spec", "ab" * 32, "its tag spec is abababababab…"),
    ],
)
def test_a_run_of_another_identity_is_refused(written, table, key, value, said):
    uri, ids = written
    change(uri, table, ids[0], key, value)
    with pytest.raises(XorlabError, match=said) as caught:
        single.find(ids[0], uri)
    assert "\n" not in str(caught.value)


def test_a_run_of_other_numerics_says_so(written):
    uri, ids = written
    change(uri, "tags", ids[0], "spec", "ab" * 32)
    change(uri, "tags", ids[0], "numerics", "0")
    with pytest.raises(XorlabError, match=r"its numerics are 0, these are \d+$"):
        single.find(ids[0], uri)


def test_a_run_of_another_program_is_refused(store_uri, tmp_path):
    (run_id,) = Tracker(store_uri, "xorlab", folder=tmp_path).write([replace(record(RunSpec()), tags={})])
    with pytest.raises(XorlabError, match="must be a run of xorlab's"):
        single.find(run_id, store_uri)
