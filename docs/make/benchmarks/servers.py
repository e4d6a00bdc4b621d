"""Losses written per second to PostgreSQL and to a tracking server, both started for the measurement."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from mlflow import MlflowClient
from mlflow.entities import Metric

from benchmarks.timing import digits, medians
from markdown_table import table
from xorlab.tracking import schema, store
from xorlab.tracking.client_writer import PARALLEL
from xorlab.tracking.tracker import Data, Record, Tracker

sys.path.append(str(Path(__file__).resolve().parents[3] / "tests"))
import servers

PARAMS = {f"parameter.{number}": "0.1" for number in range(12)}
TAGS = {f"tag.{number}": "some evidence" for number in range(8)}
VALUES = {f"value.{number}": 0.5 for number in range(14)}
DATA = Data(name="xor", X=np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), y=np.array([0, 1, 1, 0]))
CHUNKS = count()


def measure(*, quick: bool) -> str:
    """Time each writer in turn."""
    with servers.postgres() as uri, tempfile.TemporaryDirectory() as folder, chdir(folder):
        repeats = 1 if quick else 7
        runs, epochs = (20, 10) if quick else (1_000, 100)
        rates = postgres(uri, runs, epochs, repeats)
        rows = [[name, digits(rate), digits(cpu)] for name, (rate, cpu) in rates.items()]
        first = table(["PostgreSQL", "rows per second", "per CPU second of the server"], rows, right=True)
        runs, epochs = (2, 10) if quick else (8, 10_000)
        with servers.mlflow_server(uri, Path(folder)) as address:
            contenders = {
                "log_batch, 1,000 per call": partial(log_batch, address, runs, epochs, 1),
                f"log_batch, {PARALLEL} calls at once": partial(log_batch, address, runs, epochs, PARALLEL),
                "xorlab, whole runs": partial(ours, address, runs, epochs),
            }
            seconds = medians(contenders, 1 if quick else 5)
        rows = [[name, digits(runs * epochs / each)] for name, each in seconds.items()]
        second = table(["tracking server, one process", "rows per second"], rows, right=True)
    text = (
        "Losses written over one connection to PostgreSQL, and through MLflow's tracking server in front of it. xorlab "
        "writes chunks of 1,000 runs with 100 losses each to PostgreSQL by COPY with their params, tags and data sets: "
        f"the rows of all tables count. To the server it writes {runs} such runs with {epochs:,} losses each, the "
        "default; there only the losses count. executemany and log_batch write the same losses and nothing else, to "
        "runs that exist already. A second of the server's CPU shows the rate where nothing else runs."
    )
    return f"{text}\n\n{first}\n\n{second}"


def postgres(uri: str, runs: int, epochs: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Return the median rows per second of xorlab and of executemany, and those per CPU second of the server."""
    store.ready(uri)
    database = store.engine(uri)
    assert database is not None
    with database.connect() as connection:
        process = int(connection.scalar(sa.text("SELECT pg_backend_pid()")))
    spent: dict[str, list[float]] = {}
    before = _rows(database)
    ours(uri, runs, epochs)()
    rows = {"executemany": runs * epochs, "xorlab, whole runs": _rows(database) - before}

    def timed(name: str, prepare: Callable[[str, int, int], Callable[[], object]]) -> Callable[[], object]:
        work = prepare(uri, runs, epochs)

        def measured() -> None:
            before = _cpu(process)
            work()
            spent.setdefault(name, []).append(_cpu(process) - before)

        return measured

    contenders = {"executemany": executemany, "xorlab, whole runs": ours}
    seconds = medians({name: partial(timed, name, each) for name, each in contenders.items()}, repeats)
    found = {
        name: (rows[name] / seconds[name], rows[name] / max(float(np.median(spent[name])), 0.01)) for name in contenders
    }
    database.dispose()
    return found


def ours(uri: str, runs: int, epochs: int) -> Callable[[], object]:
    """Write the whole runs of a chunk with xorlab's tracker."""
    return partial(Tracker(uri, "benchmark").write, list(_records(runs, epochs)))


def executemany(uri: str, runs: int, epochs: int) -> Callable[[], object]:
    """Insert the same losses for runs that are there, in one transaction."""
    ids = Tracker(uri, "benchmark").write(list(_records(runs, 0)))
    records = _records(runs, epochs)
    rows = [(*row, False, run_id) for run_id, record in zip(ids, records, strict=True) for row in record.curve()]
    marks = ", ".join(["%s"] * len(schema.METRIC))
    statement = f"INSERT INTO metrics ({', '.join(schema.METRIC)}) VALUES ({marks})"
    database = store.engine(uri)
    assert database is not None

    def work() -> None:
        with database.begin() as connection:
            driver = connection.connection.driver_connection
            with driver.cursor() as cursor:
                cursor.executemany(statement, rows)

    return work


def log_batch(uri: str, runs: int, epochs: int, parallel: int) -> Callable[[], object]:
    """Log the losses of runs that are there, a thousand per call."""
    client = MlflowClient(uri)
    ids = [client.create_run("0").info.run_id for _ in range(runs)]
    metrics = [Metric("loss", 0.5, 0, epoch) for epoch in range(epochs)]

    def work() -> None:
        with ThreadPoolExecutor(parallel) as threads:
            list(threads.map(lambda run_id: client.log_batch(run_id, metrics=metrics), ids))

    return work


def _records(runs: int, epochs: int) -> Iterator[Record]:
    """Yield the records of a chunk that was trained in two seconds, after the last one."""
    start = 1_700_000_000_000 + 2_000 * next(CHUNKS)
    losses = np.linspace(0.7, 0.1, epochs)
    given: Mapping = {
        "params": PARAMS,
        "tags": TAGS,
        "metrics": VALUES,
        "data": DATA,
        "start": start,
        "end": start + 2_000,
    }
    for run in range(runs):
        times = (start + 2_000 * run / runs, start + 2_000 * (run + 1) / runs)
        yield Record(name=str(run), epochs=np.arange(epochs), losses=losses, loss_times=times, **given)


def _rows(database: sa.Engine) -> int:
    """Return the number of rows in all tables that xorlab writes."""
    with database.connect() as connection:
        tables = (sa.select(sa.func.count()).select_from(table) for table in schema.RUNS.metadata.tables.values())
        return sum(connection.scalar(count) or 0 for count in tables)


def _cpu(process: int) -> float:
    """Return the CPU seconds that a process has taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
