"""What many tests need: an MLflow store of their own, and a sweep with its report, made by the commands."""

import gc
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

# Before any test imports MLflow or NumPy. Each worker has one core; with more threads they wait for each other.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

LONGEST = (
    *("test_browser.py", "test_notebooks.py", "test_train.py", "test_deployment.py", "test_questions.py"),
    *("test_installation.py", "test_faults.py", "test_passwords.py", "test_causes.py", "test_sizes.py"),
    *("test_why.py", "test_findings.py", "test_composition.py", "test_analyze.py", "docs", "scripts", "cli"),
)
"""Files and folders whose tests begin first, the longest of them first, so that no worker is left with one at the end.

`test_analyze.py` waits until `test_browser.py` has made the sweep that they share.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        parts = item.path.relative_to(Path(__file__).parent).parts
        return next((place for place, name in enumerate(LONGEST) if name in parts), len(LONGEST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Take what is imported out of garbage collection, which would visit it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(autouse=True)
def _own_store(monkeypatch):
    """The caller's own MLflow is out of reach."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="session")
def once(tmp_path_factory, worker_id) -> Callable[[str, Callable[[Path], None]], Path]:
    """Fill a folder once for all workers: name, what fills it -> the folder, which is to be read only."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def ready_store(once) -> Path:
    """A store made once, for others to copy: making one takes seconds."""
    from xorlab.tracking import store

    return once("store", lambda folder: store.ready(f"sqlite:///{folder}/mlflow.db")) / "mlflow.db"


@pytest.fixture
def store_uri(ready_store, tmp_path) -> str:
    """The tracking URI of an empty store that is ready, in the test's own folder."""
    shutil.copy(ready_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


class Swept(NamedTuple):
    """A folder with a store that holds a sweep and its report, and what the two commands printed."""

    folder: Path
    trained: str
    analyzed: str

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"


SWEEP = ("train.py", "-m", "lr=0.1,1", "seed=5..9", "epochs=1000")
"""Runs of every outcome that XOR has: converged, stuck at ln 2 and at 0.477, and still descending."""


@pytest.fixture(scope="session")
def _swept(once, ready_store) -> Path:
    """Train and report a sweep of ten runs by the commands, once for all tests."""
    import commands

    def fill(folder: Path) -> None:
        shutil.copy(ready_store, folder)
        for name, words in {"trained": SWEEP, "analyzed": ("scripts/analyze.py",)}.items():
            done = commands.call(*words, folder=folder, uri=f"sqlite:///{folder}/mlflow.db")
            assert (done.returncode, done.stderr) == (0, "")
            (folder / f"{name}.txt").write_text(done.stdout)

    return once("swept", fill)


@pytest.fixture(scope="session")
def copied(_swept, tmp_path_factory) -> Callable[[], Swept]:
    """Copy that sweep for a caller of its own; the artifacts of the copy are the copied ones."""

    def copy() -> Swept:
        folder = tmp_path_factory.mktemp("swept") / "lab"
        shutil.copytree(_swept, folder)
        with sqlite3.connect(folder / "mlflow.db") as connection:
            for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
                moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
                connection.execute(moved, (str(_swept), str(folder)))
        connection.close()
        return Swept(folder, *((folder / f"{name}.txt").read_text() for name in ("trained", "analyzed")))

    return copy
