"""Losses written to MLflow's database per second: xorlab, MLflow's client and the plain SQLite driver."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Metric

from benchmarks.timing import digits, medians
from markdown_table import table
from xorlab.tracking import store
from xorlab.tracking.tracker import Data, Record, Tracker

RUNS = 30


def measure(*, quick: bool) -> str:
    """Time each writer on a fresh copy of an empty store."""
    epochs, repeats = (100, 1) if quick else (10_000, 5)
    counts = {log_metric: min(epochs, 200), log_batch: epochs, executemany: RUNS * epochs, ours: RUNS * epochs}
    labels = {log_metric: "MlflowClient.log_metric", log_batch: "MlflowClient.log_batch, 1,000 per call"}
    labels |= {executemany: "sqlite3 executemany, losses only", ours: "xorlab, whole runs"}
    with tempfile.TemporaryDirectory() as folder:
        ready = ready_store(Path(folder))
        turns = {labels[writer]: partial(_turn, writer, ready, rows) for writer, rows in counts.items()}
        seconds = medians(turns, repeats)
    rates = {labels[writer]: rows / seconds[labels[writer]] for writer, rows in counts.items()}
    own = rates[labels[ours]]
    rows = [
        [name, digits(rate), f"{digits(own / rate, 2)}x"]
        for name, rate in sorted(rates.items(), key=lambda pair: pair[1])
    ]
    text = (
        f"Losses written to a SQLite file, in rows per second. xorlab writes {RUNS} runs of {epochs:,} epochs with "
        "their params, tags and data sets. MLflow's client logs to one run that exists already. The plain driver "
        "inserts the same losses as xorlab into MLflow's table and nothing else: no writer to this schema can be much "
        "faster."
    )
    return f"{text}\n\n{table(['', 'rows per second', 'xorlab is'], rows, right=True)}"


def ready_store(folder: Path) -> Path:
    """Create an empty store in `folder` and return the path of its database."""
    path = folder / "ready.db"
    store.ready(f"sqlite:///{path}")
    return path


def log_metric(uri: str, rows: int) -> Callable[[], object]:
    """Log one loss per call."""
    client, run_id = _run(uri)

    def work() -> None:
        for epoch in range(rows):
            client.log_metric(run_id, "loss", 0.5, step=epoch)

    return work


def log_batch(uri: str, rows: int) -> Callable[[], object]:
    """Log a thousand losses per call, the most that MLflow takes."""
    client, run_id = _run(uri)

    def work() -> None:
        for start in range(0, rows, 1_000):
            batch = [Metric("loss", 0.5, 0, epoch) for epoch in range(start, min(start + 1_000, rows))]
            client.log_batch(run_id, metrics=batch)

    return work


def executemany(uri: str, rows: int) -> Callable[[], object]:
    """Insert the losses into MLflow's table in one transaction."""
    runs = [_run(uri)[1] for _ in range(RUNS)]
    values = [("loss", 0.5, 0, epoch, False, run_id) for run_id in runs for epoch in range(rows // RUNS)]
    statement = "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)"

    def work() -> None:
        with sqlite3.connect(uri.removeprefix("sqlite:///")) as connection:
            connection.executemany(statement, values)
        connection.close()

    return work


def ours(uri: str, rows: int) -> Callable[[], object]:
    """Write whole runs with xorlab's tracker."""
    epochs = np.arange(rows // RUNS)
    data = Data(name="xor", X=np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), y=np.array([0, 1, 1, 0]))
    params, tags = {"lr": "0.1", "seed": "42", "arch.hidden": "[3]"}, {"outcome": "stuck_ln2"}
    given = {"params": params, "tags": tags, "metrics": {"final_loss": 0.5}, "data": data}
    records = [Record(name=str(run), epochs=epochs, losses=np.full(len(epochs), 0.5), **given) for run in range(RUNS)]
    tracker = Tracker(uri, "benchmark")
    return partial(tracker.write, records)


def _turn(writer: Callable[[str, int], Callable[[], object]], ready: Path, rows: int) -> Callable[[], object]:
    """Return the writer's work on a fresh copy of the store."""
    folder = Path(tempfile.mkdtemp(dir=ready.parent))
    return writer(f"sqlite:///{shutil.copy(ready, folder / 'mlflow.db')}", rows)


def _run(uri: str) -> tuple[MlflowClient, str]:
    """Create a run and return MLflow's client with the run's id."""
    client = MlflowClient(uri)
    return client, client.create_run("0").info.run_id
