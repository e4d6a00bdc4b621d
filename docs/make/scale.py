"""Measure what sweeps cost, check a model of it on larger sweeps, and draw it to sizes that nobody has trained.

    python docs/make/scale.py measure   # trains the sweeps of scaling/model.py, some 15 CPU minutes
    python docs/make/scale.py           # writes docs/scale.md from what was measured
    python docs/make/scale.py check     # writes nothing, and fails if the page disagrees with it

Each sweep is a command in a process of its own, with an empty SQLite store.
"""

import argparse
import json
import math
import os
import pickle
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.logging import ready_store
from scaling.model import CHECKED, FITTED, Sweep
from scaling.page import page
from xorlab.numerics.thinning import logged
from xorlab.spec import RunSpec
from xorlab.sweeps import pool

ROOT = Path(__file__).resolve().parents[2]
MEASURED = Path(__file__).parent / "scaling" / "measured.json"
PAGE = ROOT / "docs" / "scale.md"
ROUNDS = 2
"""How often each sweep that the constants come from is trained."""

COMMAND = """
import json, resource, runpy, sys
train, written = sys.argv[1:3]
sys.argv[:3] = [train]
try:
    runpy.run_path(train, run_name="__main__")
finally:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = [each.ru_utime + each.ru_stime for each in used]
    open(written, "w").write(json.dumps([*seconds, used[0].ru_maxrss * 1024]))
"""
"""Runs train.py, and writes its own and its workers' CPU seconds and its own most bytes of memory."""


def measured(sweep: Sweep, empty: Path) -> dict[str, Any]:
    """Train a sweep into a copy of an empty store and return what it costs."""
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        folder = Path(name)
        database = Path(shutil.copy(empty, folder / "mlflow.db"))
        words = [f"seed=0..{sweep.runs - 1}", f"epochs={sweep.epochs}", f"log_every={sweep.every}"]
        words += [f"workers={sweep.workers}", f"track={sweep.track}"]
        words += ["artifacts=sweep"] if sweep.track == "runs" else []
        command = [sys.executable, "-c", COMMAND, str(ROOT / "train.py"), "used.json", "-m", *words]
        environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{database}", "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        driver, crew, memory = json.loads((folder / "used.json").read_text())
        store = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        store -= empty.stat().st_size
        found = {"driver_cpu": driver, "workers_cpu": crew, "memory": memory, "store": store, "rows": rows(database)}
    print(sweep, found, flush=True)
    return {**sweep._asdict(), **found}


def rows(database: Path) -> int:
    """Count the rows of MLflow's tables that runs fill."""
    tables = ("runs", "params", "tags", "metrics", "latest_metrics", "inputs")
    with sqlite3.connect(database) as connection:
        return sum(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)


def transfer(runs: int = 500) -> dict[str, float]:
    """Return the bytes that a run takes to a worker, and those that come back for it and for each of its losses."""
    specs = [RunSpec(seed=seed, epochs=1_000) for seed in range(runs)]
    task = pool.Batch([(tuple(range(runs)), specs)])
    few, many = (pickle.dumps(pool._work(task, converged_below=0.1, log_every=every)) for every in (1_000, 10))
    row = (len(many) - len(few)) / runs / (len(logged(1_000, 10)) - len(logged(1_000, 1_000)))
    return {"sent": len(pickle.dumps(task)) / runs, "returned": len(few) / runs - 2 * row, "row": row}


def dask_task(count: int = 300) -> float:
    """Return the CPU seconds that an empty task takes of Dask's client and scheduler, both in this process."""
    import distributed

    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor(pure=False)
        start = time.process_time()
        for done in [executor.submit(math.sqrt, number) for number in range(count)]:
            done.result()
        return (time.process_time() - start) / count


def measure() -> None:
    """Train all sweeps, those that are fitted in several rounds; keep what there is after each."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"
    kept: dict[str, Any] = {"date": str(date.today()), "machine": machine, "transfer": transfer(), "sweeps": []}
    later = len(CHECKED) // ROUNDS + 1
    with tempfile.TemporaryDirectory() as folder:
        empty = ready_store(Path(folder))
        for turn in range(ROUNDS):
            for sweep in [*FITTED, *CHECKED[turn * later : (turn + 1) * later]]:
                kept["sweeps"].append(measured(sweep, empty))
                MEASURED.write_text(json.dumps(kept, indent=1) + "\n")
    MEASURED.write_text(json.dumps(kept | {"task": dask_task()}, indent=1) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Measure, write or check; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", nargs="?", default="write", choices=("measure", "write", "check"))
    step = parser.parse_args(arguments).step
    if step == "measure":
        measure()
        return 0
    kept = json.loads(MEASURED.read_text())
    if step == "write":
        PAGE.write_text(page(kept))
        return 0
    same = PAGE.read_text() == page(kept)
    print(f"{PAGE} {'agrees' if same else 'does not agree'} with the measurements")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
