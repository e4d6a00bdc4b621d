"""A dozen kills of real processes: each sweep then goes on, and every row is that of an undisturbed one."""

import importlib.util
import shutil
import signal
import sqlite3
import time
import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from xorlab import figures
from xorlab.numerics import training
from xorlab.tracking import store

ROOT = Path(__file__).resolve().parents[2]
RUNS = 12
GRID = ("lr=0.1,1", "arch=2-2-1,2-3-1", "seed=0..2", "epochs=40", "log_every=7")


@pytest.fixture
def torture(monkeypatch):
    """The torture command's functions, in which a command is a fork of this process; its sweep is made small here."""
    specification = importlib.util.spec_from_file_location("torture", ROOT / "docs" / "make" / "torture.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "CHUNK", 2)
    for name in ("chunk", "train"):  # what it replaces comes back
        monkeypatch.setattr(training, name, getattr(training, name))
    monkeypatch.setattr(figures, "sweep_curves", lambda *_, **__: Figure(figsize=(1, 1)))
    module.prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        yield module


@pytest.fixture
def begin(once, ready_store):
    """Give a folder a store whose experiment is there, which takes MLflow to make."""

    def fill(folder: Path) -> None:
        shutil.copy(ready_store, folder)
        store.experiment_id(f"sqlite:///{folder}/mlflow.db", "xorlab")

    made = once("begun", fill)

    def copy(folder: Path) -> None:
        shutil.copy(made / "mlflow.db", folder)
        with sqlite3.connect(folder / "mlflow.db") as connection:
            moving = "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)"
            connection.execute(moving, (str(made), str(folder)))
        connection.close()

    return copy


@pytest.fixture
def undisturbed(once, begin, torture):
    """The rows of an undisturbed sweep."""

    def fill(folder: Path) -> None:
        begin(folder)
        assert torture.wait(torture.start(folder, "-m", *GRID)) == 0

    found, wrong = torture.rows(once("unkilled", fill))
    assert not wrong
    assert len(found) == RUNS + 3
    return found


def recorded(folder):
    """Count the runs that are there, the parent among them."""
    connection = sqlite3.connect(f"file:{folder}/mlflow.db?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute("SELECT count(*) FROM runs").fetchone()[0]
    finally:
        connection.close()


FAULTS = {
    "SIGKILL": 3 * [[signal.SIGKILL]],
    "SIGTERM": 3 * [[signal.SIGTERM]],
    "Ctrl-C, once and twice": [[signal.SIGINT], 2 * [signal.SIGINT], [signal.SIGINT]],
}
"""What a sweep gets at each of the moments."""
MOMENTS = {"when it has begun": 1, "in its midst": 1 + RUNS // 2, "at its end": 1 + RUNS}
"""How many runs there are then."""


def kill(torture, folder, count, *words, signals):
    """Begin or continue a sweep, and end it when so many runs are there; return its status."""
    again = ["sweep=latest"] if torture.has_parent(folder) else []
    pid = torture.start(folder, "-m", *GRID, *again, *words)
    deadline = time.monotonic() + 120
    while recorded(folder) < count or (not again and not torture.has_parent(folder)):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    for number in signals:
        torture.send(pid, number)
        time.sleep(0.01)
    return torture.wait(pid)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_sweep_that_was_ended_goes_on(fault, torture, undisturbed, begin, tmp_path):
    begin(tmp_path)
    for (moment, count), signals in zip(MOMENTS.items(), FAULTS[fault], strict=True):
        status = kill(torture, tmp_path, count, signals=signals)
        assert status != 0 or moment == "at its end"
    assert torture.wait(torture.start(tmp_path, "-m", *GRID, "sweep=latest")) == 0
    assert torture.rows(tmp_path) == (undisturbed, {})
    assert "Traceback" not in (tmp_path / "said.txt").read_text()


@pytest.mark.parametrize("whom", ["a worker", "all"])
def test_a_sweep_whose_workers_are_killed_goes_on(whom, torture, undisturbed, begin, tmp_path):
    begin(tmp_path)
    pid = torture.start(tmp_path, "-m", *GRID, "workers=2")
    deadline = time.monotonic() + 120
    while recorded(tmp_path) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    workers = torture.children(pid)
    assert len(workers) == 2
    for victim in [pid, *workers] if whom == "all" else workers[:1]:
        torture.send(victim, signal.SIGKILL)
    torture.wait(pid)
    while any(Path(f"/proc/{each}").exists() for each in workers):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    retried = torture.start(tmp_path, "-m", *GRID, "sweep=latest", "retry=failed")
    assert torture.wait(retried) == 0
    found, wrong = torture.rows(tmp_path)
    assert found == undisturbed
    assert not wrong
