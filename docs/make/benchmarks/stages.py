"""What a sweep's processor time goes into, stage by stage, against the number of its runs."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.logging import ready_store
from benchmarks.timing import digits
from markdown_table import table
from xorlab.errors import XorlabError

ROOT = Path(__file__).resolve().parents[3]
RUNS, QUICK = (1, 30, 1_000, 10_000, 100_000), (2,)
WORDS = ("epochs=1000", "log_every=100", "workers=1")
PICTURE = "performance.png"
"""The name of the picture beside the page."""
STAGES = {
    "compose": "its configuration is composed",
    "check": "every value is checked",
    "identity": "the hash of its specification",
    "plan": "the rest of the plan",
    "train": "1,000 epochs of 2-3-1",
    "diagnose": "its verdict",
    "record": "its rows in SQLite",
    "finish": "the sweep's tables and pictures",
    "rest": "start, imports and all else",
}
"""What each stage does for a run."""

Costs = Mapping[int, Mapping[str, float]]
"""Processor seconds of each stage of a whole sweep, by the number of runs."""


def measure(*, quick: bool) -> str:
    """Run a sweep of each size in a process of its own and divide its processor time among the stages."""
    costs = measured(QUICK if quick else RUNS)
    rows = [[name, does, *[digits(costs[R][name] / R * 1e6, 2) for R in costs]] for name, does in STAGES.items()]
    rows.append(["all", "", *[digits(sum(costs[R].values()) / R * 1e6, 2) for R in costs]])
    text = (
        f"Microseconds of processor time per run of `train.py -m seed=0..N {' '.join(WORDS)}` into a SQLite store that "
        "exists, each size in a process of its own. Other work on the machine changes it less than clock time. "
        "Without `workers=1` training and diagnosis are shared among the cores."
    )
    head = ["", "", *[f"R = {R:,}" for R in costs]]
    return f"{text}\n\n![Cost of a sweep against its runs]({PICTURE})\n\n{table(head, rows, right=True)}"


def draw(folder: Path) -> None:
    """Draw the curve of cost against runs from what `measure` has measured."""
    from xorlab import figures

    costs = measured(RUNS)
    figure = Figure(figsize=(figures.PAGE, 3.4), layout="constrained")
    ax = figure.subplots()
    totals = [sum(cost.values()) for cost in costs.values()]
    ax.plot([*costs], totals, color="black", marker="o", label="all")
    for name in sorted(STAGES, key=lambda name: -costs[RUNS[-1]][name]):
        ax.plot([*costs], [cost[name] for cost in costs.values()], marker=".", label=name)
    ax.set(xscale="log", yscale="log", xlabel="runs", ylabel="processor seconds", ylim=(1e-3, None))
    ax.set_title("What a sweep costs", loc="left")
    figure.legend(loc="outside right upper", frameon=False)
    (folder / PICTURE).write_bytes(figures.png(figure))


@cache
def measured(sizes: tuple[int, ...]) -> Costs:
    """Run the sweeps of these sizes."""
    with tempfile.TemporaryDirectory() as folder:
        return {R: _sweep(R, Path(folder) / str(R)) for R in sizes}


def _sweep(R: int, folder: Path) -> dict[str, float]:
    folder.mkdir()
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "MLFLOW_TRACKING_URI": f"sqlite:///{ready_store(folder)}"}
    words = [sys.executable, "-m", "benchmarks.stages", "-m", f"seed=0..{R - 1}", *WORDS]
    done = subprocess.run(words, check=False, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise XorlabError(f"a sweep of {R:,} runs must end well; got {done.stderr.strip().rpartition(chr(10))[2]}")
    found: dict[str, float] = json.loads(done.stderr.strip().rpartition("\n")[2])
    return found


@contextmanager
def _timed(clock: Callable[[], float]) -> Iterator[dict[str, float]]:
    """Time the stages of what runs inside, each without those that it calls."""
    from xorlab.cli import multirun
    from xorlab.cli.composition import Composer
    from xorlab.numerics import training
    from xorlab.spec import RunSpec
    from xorlab.sweeps import continuing, pool
    from xorlab.sweeps.results import Results

    spent: dict[str, float] = defaultdict(float)
    inner = [0.0]

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            inner.append(0.0)
            start = clock()
            try:
                return function(*arguments, **keywords)
            finally:
                whole = clock() - start
                spent[name] += whole - inner.pop()
                inner[-1] += whole

        return call

    places: list[tuple[str, Any, str]] = [
        ("compose", Composer, "plain"),
        ("check", multirun, "split"),
        ("plan", continuing, "asked"),
        ("plan", continuing, "state"),
        ("train", training, "train"),
        ("diagnose", pool, "diagnose"),
        ("record", Results, "write"),
        ("finish", Results, "close"),
    ]
    for name, owner, attribute in places:
        setattr(owner, attribute, timed(name, getattr(owner, attribute)))
    RunSpec.identity = property(timed("identity", RunSpec.identity.fget))  # type: ignore[attr-defined, method-assign]
    yield spent
    spent["rest"] = clock() - sum(spent.values())


if __name__ == "__main__":
    from xorlab.cli.train import main

    with _timed(time.process_time) as spent:
        main()
    print(json.dumps(spent), file=sys.stderr)
