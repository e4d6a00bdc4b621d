"""Measure a sweep of a million runs: its time against the kernel's own, its memory, its bytes on disk.

    python docs/make/million.py             # 1,024 x 1,024 runs
    python docs/make/million.py --side 316  # about 100,000

It trains the sweep by the command that a user types, in a store of its own, and samples the memory of all of its
processes; then it trains and judges some of the same runs here, stage by stage. It needs Linux.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics import training
from xorlab.spec import InitSpec, RunSpec
from xorlab.spec.product import Product, of
from xorlab.sweeps import columns, pool

ROOT = Path(__file__).parents[2]
EPOCHS, EVERY = 1000, 100
SAMPLES = 4
"""Parts that are taken apart, spread evenly over the sweep."""


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024, help="values of lr and of init.std (%(default)s)")
    parser.add_argument("--workers", type=int, default=pool.cores(), help="worker processes (%(default)s)")
    options = parser.parse_args()
    side, runs = options.side, options.side**2
    stages = _stages(_product(side))
    with tempfile.TemporaryDirectory() as folder:
        words = [f"lr=logspace(0.01,100,{side})", f"init.std=linspace(0.1,3,{side})", f"epochs={EPOCHS}"]
        words += [f"log_every={EVERY}", "track=sweep", f"workers={options.workers}"]
        seconds, cpu, most, parent = _command(words, folder)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    kernel = stages["training"] * runs / 1e6
    print(f"| {runs:,} runs of {EPOCHS:,} epochs, {options.workers} workers | |\n| --- | --- |")
    rows = {
        "seconds": f"{seconds:.0f}",
        "CPU seconds of all processes": f"{cpu:.0f}",
        "CPU seconds of the kernel alone": f"{kernel:.0f}",
        "all over kernel": f"{cpu / kernel:.2f}",
        "memory of all processes, at most": f"{most / 2**20:,.0f} MB",
        "of the driver alone, at most": f"{parent / 2**20:,.0f} MB",
        "bytes on disk": f"{size / 1e6:,.0f} MB",
        **{f"a run's {name}, microseconds": f"{value:.0f}" for name, value in stages.items()},
    }
    print("\n".join(f"| {name} | {value} |" for name, value in rows.items()))


def _product(side: int) -> Product:
    values = {"lr": np.geomspace(0.01, 100, side).tolist(), "init.std": np.linspace(0.1, 3, side).tolist()}
    return of(
        values,
        lambda chosen: RunSpec(lr=chosen[0], init=InitSpec(std=chosen[1]), epochs=EPOCHS),
        str,
        lambda value: value,
    )


def _stages(product: Product) -> dict[str, float]:
    """Return the CPU microseconds that each stage of a worker takes for a run."""
    size = min(columns_at_once(), len(product) // SAMPLES)
    found = {"specification": 0.0, "training": 0.0, "diagnosis": 0.0, "whole part": 0.0}

    def timed(name: str, work: Callable[[], object]) -> object:
        start = time.process_time()
        result = work()
        found[name] += (time.process_time() - start) / (size * SAMPLES) * 1e6
        return result

    for start in np.linspace(0, len(product) - size, SAMPLES).astype(int).tolist():
        specs = timed("specification", lambda: product.specs(range(start, start + size)))  # noqa: B023
        trained = timed("training", lambda: training.train(specs))  # noqa: B023
        timed("diagnosis", lambda: diagnose(trained))  # noqa: B023
        span = columns.Span(start, start + size, EPOCHS)
        timed("whole part", lambda: columns.train(product, span, converged_below=0.1, log_every=EVERY))  # noqa: B023
    return found


def columns_at_once() -> int:
    """Return how many runs the kernel trains together."""
    return training.chunk(RunSpec(epochs=EPOCHS))


def _command(words: list[str], folder: str) -> tuple[float, float, int, int]:
    """Train; return the seconds, the CPU seconds, and the most bytes of all processes and of the driver."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    start, before = time.perf_counter(), os.times()
    process = subprocess.Popen([sys.executable, str(ROOT / "train.py"), "-m", *words], cwd=folder, env=environment)
    most = parent = 0
    while process.poll() is None:
        sizes = [_bytes(pid) for pid in _family(process.pid)]
        most, parent = max(most, sum(sizes)), max(parent, sizes[0])
        time.sleep(0.5)
    if process.returncode:
        raise SystemExit(process.returncode)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, cpu, most, parent


def _family(pid: int) -> list[int]:
    """Return a process and its children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        threads = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return [pid]
    return [pid, *{int(child) for child in [*children, *(each for own in threads for each in own)]}]


def _bytes(pid: int) -> int:
    """Return the memory of a process, what it shares counted in part (PSS)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
