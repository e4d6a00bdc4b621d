"""Sweeps whose store goes away, is locked, or is full: they wait, stop, and go on to the same rows."""

import contextlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import servers
from commands import ROOT
from xorlab import figures, runs
from xorlab.errors import StoreError, XorlabError
from xorlab.numerics import training
from xorlab.spec import RunSpec
from xorlab.spec.options import Options
from xorlab.sweeps.jobs import Job
from xorlab.sweeps.results import Results
from xorlab.sweeps.runner import run_many
from xorlab.tracking import drivers, patience, store

JOBS = [
    Job(config={}, spec=spec, swept={"seed": str(spec.seed)}, typed={"seed": str(spec.seed)})
    for spec in (RunSpec(seed=seed, epochs=30) for seed in range(6))
]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Chunks of two runs, and no pictures."""
    monkeypatch.setattr(training, "chunk", lambda spec: 2)
    monkeypatch.setattr(figures, "sweep_curves", lambda *_, **__: Figure(figsize=(1, 1)))


@pytest.fixture
def sweep(tmp_path):
    """Train the jobs in a store: uri, options."""

    def run(uri, **options):
        run_many(JOBS, Options(uri=uri, workers=1, **options), command="python train.py -m …", folder=tmp_path)

    return run


@pytest.fixture
def at(monkeypatch):
    """Do something before a chunk is written, by its number from 0."""
    write, count = Results.write, 0

    def plan(number, fault):
        nonlocal count
        count = 0

        def disturbed(self, chunk):
            nonlocal count
            if count == number:
                fault()
            count += 1
            return write(self, chunk)

        monkeypatch.setattr(Results, "write", disturbed)

    return plan


def rows(uri, experiment="xorlab"):
    """What the runs of the only sweep are, without ids and times."""
    table = runs.load(uri, experiment=experiment, sweep="latest")
    assert table["status"].tolist() == ["FINISHED"] * len(table)
    (parent,) = runs.sweeps(uri, experiment=experiment)[["status", "runs"]].to_numpy().tolist()
    curves = runs.curves(table, uri).merge(table[["run_id", "spec"]]).drop(columns="run_id")
    table = table.drop(columns=["run_id", "sweep", "start", "duration"]).sort_values("spec")
    return parent, table.to_csv(index=False), curves.sort_values(["spec", "epoch"]).to_csv(index=False)


@pytest.fixture
def undisturbed(once, ready_store):
    """The rows of an undisturbed sweep."""

    def fill(folder: Path) -> None:
        shutil.copy(ready_store, folder)
        asked = Options(uri=f"sqlite:///{folder}/mlflow.db", workers=1)
        run_many(JOBS, asked, command="python train.py -m …", folder=folder)

    return rows(f"sqlite:///{once('undisturbed', fill)}/mlflow.db")


@pytest.mark.skipif(servers.POSTGRES is None, reason="no PostgreSQL server is installed")
def test_a_sweep_outlives_a_restart_of_postgresql(sweep, at, undisturbed, tmp_path, monkeypatch, capsys):
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL is installed")
    monkeypatch.chdir(tmp_path)  # where MLflow keeps the artifacts of other databases
    with servers.postgres_that_stops() as (uri, restart):
        at(1, lambda: restart(0.5))
        sweep(uri)
        assert rows(uri) == undisturbed
        assert f"{uri} does not answer; trying again for a minute\n{uri} answers again" in capsys.readouterr().err
        store.engine(uri).dispose()


@pytest.fixture(scope="module")
def server(tmp_path_factory, ready_store):
    """A tracking server: its address, and its database."""
    folder = tmp_path_factory.mktemp("server")
    database = Path(shutil.copy(ready_store, folder / "mlflow.db"))
    with servers.mlflow_server(f"sqlite:///{database}", folder) as address:
        yield address, database


def test_a_command_is_told_who_trains_a_sweep_of_a_tracking_server_and_ends_it_once_that_has_died(
    sweep, at, undisturbed, server, tmp_path, monkeypatch, capsys
):
    address, database = server
    environment = {**os.environ, "MLFLOW_TRACKING_URI": address}
    command = [sys.executable, str(ROOT / "train.py"), "-m", "seed=0..5", "epochs=30", "tracking.experiment=driven"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as other:
        while not (began := running(database)):
            assert other.poll() is None
            time.sleep(0.005)
        other.send_signal(signal.SIGSTOP)  # it lives, and does nothing
        assert began == running(database)
        with pytest.raises(StoreError, match=rf"is being trained by process {other.pid} on \S+; wait until it ends"):
            sweep(address, experiment="driven", sweep="latest")
        assert began == running(database)
        other.kill()
    capsys.readouterr()
    monkeypatch.setattr(drivers, "BEAT", 0.3)
    beats = []

    def look() -> None:
        for _ in range(2):
            beats.append(int(running(database, "xorlab.heartbeat")[0]))
            time.sleep(1.5)

    at(0, look)
    sweep(address, experiment="driven", sweep="latest")
    assert f"ended with process {other.pid} on {socket.gethostname()}, which has died; it is now KILLED" in (
        capsys.readouterr().err
    )
    assert beats[1] > beats[0]
    assert running(database) == []
    assert rows(address, "driven")[2] == undisturbed[2]


def running(database, tag="xorlab.driver"):
    """Return this tag of the sweeps that show as RUNNING."""
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection:
        kinds = "SELECT run_uuid FROM tags WHERE key = 'xorlab.kind'"
        asked = f"SELECT value FROM tags JOIN runs USING (run_uuid) WHERE status = 'RUNNING' AND run_uuid IN ({kinds})"
        return [value for (value,) in connection.execute(f"{asked} AND key = ?", [tag])]


def test_a_sweep_outlives_a_tracking_server_that_goes_away(sweep, at, undisturbed, server, monkeypatch, capsys):
    monkeypatch.setattr(patience, "BACKOFF", (0.05, 0.1, 0.2, 0.4, 0.8, 1.6))
    address, _ = server
    with servers.line(address) as line:
        # One in 23 answers is lost: what was asked for has been done, and is asked for again.
        at(0, lambda: setattr(line, "loses", 23))
        sweep(line.address, experiment="lossy")
        assert rows(address, "lossy") == undisturbed
        assert line.heard > 2 * line.loses
        assert "does not answer" not in capsys.readouterr().err
        line.loses = 0

        def away() -> None:
            line.cut = True
            threading.Timer(0.5, lambda: setattr(line, "cut", False)).start()

        at(1, away)
        sweep(line.address, experiment="back")
        assert rows(address, "back") == undisturbed
        assert f"{line.address} does not answer; trying again for a minute" in capsys.readouterr().err

        at(1, lambda: setattr(line, "cut", True))
        begun = time.monotonic()
        with pytest.raises(StoreError, match="must name a store that works"):
            sweep(line.address, experiment="gone")
        assert time.monotonic() - begun < 60
        assert (
            "2 of 6 runs are finished and recorded; to train the rest: python train.py -m … sweep="
            in capsys.readouterr().err
        )
        line.cut = False
        sweep(line.address, experiment="gone", sweep="latest")
        assert rows(address, "gone") == undisturbed


def test_a_sweep_whose_scheduler_is_lost_goes_on(sweep, at, undisturbed, store_uri, tmp_path, capsys):
    pytest.importorskip("distributed", reason="Dask is not installed")
    with servers.dask_scheduler(tmp_path) as (scheduler, settings), servers.dask_worker(settings):
        at(0, scheduler.kill)
        with pytest.raises(XorlabError, match="the engine has stopped; the runs that it was training are lost"):
            sweep(store_uri, engine=settings)
    assert re.search("[24] of 6 runs are finished and recorded; to train the rest", capsys.readouterr().err)
    sweep(store_uri, sweep="latest")
    assert rows(store_uri) == undisturbed


def test_a_locked_file_is_waited_for_and_said_so(sweep, at, undisturbed, store_uri, monkeypatch, capsys):
    monkeypatch.setattr(store, "SILENT", 0.2)
    store.engine(store_uri).dispose()  # the next connection waits as long as that
    path = store_uri.removeprefix("sqlite:///")

    def locked(*, exclusive: bool) -> None:
        held = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        held.execute("BEGIN IMMEDIATE" if exclusive else "BEGIN")
        held.execute("SELECT count(*) FROM runs").fetchall()  # a reader lets nobody commit
        threading.Timer(0.8, held.close).start()

    at(1, lambda: locked(exclusive=True))
    sweep(store_uri)
    said = f"{path} is locked by another program; waiting for it for up to 60 s\n"
    assert capsys.readouterr().err == said
    assert rows(store_uri) == undisturbed
    at(1, lambda: locked(exclusive=False))
    sweep(store_uri)
    assert said in capsys.readouterr().err
    monkeypatch.setattr(patience, "LOCKED", 0.5)
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="database is locked"):
            runs.load(store_uri)
    connection.close()
