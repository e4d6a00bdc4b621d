"""Whole commands, from the start of the process to its end, beside the notebook's loop and a naive sweep."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median

from baselines import BASELINES, problem
from benchmarks.kernel import PLAIN
from benchmarks.logging import ready_store
from benchmarks.timing import Contender, digits, medians
from markdown_table import table
from xorlab.errors import XorlabError
from xorlab.spec import RunSpec

ROOT = Path(__file__).resolve().parents[3]
NAIVE = Path(__file__).resolve().parents[1] / "baselines" / "naive_sweep.py"
START = "start and imports alone"
CARD = "30 runs"
Commands = Mapping[str, list[str]]
Point = tuple[int, int]
"""The runs and epochs of a naive sweep."""


def measure(*, quick: bool) -> str:
    """Time single runs and small sweeps in several rounds, large sweeps in one."""
    epochs, many = (20, 50) if quick else (10_000, 10_000)
    small, large = _small(epochs, many // 10), _large(epochs // 10, many)
    points = [(1, 5), (1, 25), (3, 5)] if quick else [(1, 200), (1, 1_200), (5, 200)]
    with tempfile.TemporaryDirectory() as folder:
        ready = ready_store(Path(folder))
        contenders = {label: partial(_turn, ready, ["train.py", *words]) for label, words in small.items()}
        contenders[START] = partial(_turn, ready, ["-c", "import train, xorlab.cli.multirun, xorlab.sweeps.runner"])
        naive = {}
        for point in points:
            words = [str(NAIVE), "-m", f"seed=range(0,{point[0]})", f"epochs={point[1]}"]
            naive[_label(point)] = partial(_turn, ready, words, folder=Path(folder))
        short, loop = _timed({**contenders, **naive}, repeats=1 if quick else 3)
        contenders = {label: partial(_turn, ready, ["train.py", *words]) for label, words in large.items()}
        long, later = _timed(contenders, repeats=1)
    rows = [_row(label, words, short, short[START], loop) for label, words in small.items()]
    rows += [_row(label, words, long, short[START], later) for label, words in large.items()]
    base, runs, longer = long.values()
    return "\n\n".join(
        [
            "Seconds of `python train.py …` with an existing SQLite store, from the start of the process to its end. "
            f"Starting Python and importing take {digits(short[START])} s of each. The last column compares with the "
            "notebook's loop, one network over 10,000 epochs in plain NumPy. The loop was timed between the commands: "
            f"{digits(loop)} s beside the small ones, {digits(later)} s beside the large sweeps.",
            table(["", "s", "without start and imports", "in notebook loops"], rows, right=True),
            f"Twice the runs take {runs / base:.2f} times as long. Twice the epochs, with the same number of losses "
            f"logged, take {longer / base:.2f} times as long.",
            _against_naive({point: short[_label(point)] for point in points}, short[CARD], epochs),
        ]
    )


def extrapolated(seconds: Mapping[Point, float], runs: int, epochs: int) -> float:
    """Extrapolate the seconds of a naive sweep from three small ones.

    Parameters
    ----------
    seconds : of one run, of one run with more epochs, of more runs; the time is taken to be linear in the runs and in
        runs * epochs
    """
    (first, one), ((_, more_epochs), longer), ((more_runs, _), wider) = seconds.items()
    epoch = (longer - one) / (more_epochs - first[1])
    run = (wider - one) / (more_runs - 1)
    return one + (runs - 1) * run + runs * (epochs - first[1]) * epoch


def _small(epochs: int, runs: int) -> Commands:
    return {
        "1 run": [f"epochs={epochs}"],
        CARD: ["-m", "lr=0.01,0.1,1", "seed=0..9", f"epochs={epochs}"],
        f"{runs:,} runs": ["-m", f"seed=0..{runs - 1}", f"epochs={epochs // 10}", "log_every=10"],
    }


def _large(epochs: int, runs: int) -> Commands:
    """Return a sweep, one with twice the runs, and one with twice the epochs and the same number of losses logged."""

    def words(runs: int, epochs: int, every: int) -> list[str]:
        return ["-m", f"seed=0..{runs - 1}", f"epochs={epochs}", f"log_every={every}"]

    return {
        f"{runs:,} runs": words(runs, epochs, 10),
        f"{2 * runs:,} runs": words(2 * runs, epochs, 10),
        f"{runs:,} runs, twice the epochs": words(runs, 2 * epochs, 20),
    }


def _timed(contenders: Mapping[str, Contender], repeats: int) -> tuple[dict[str, float], float]:
    """Return the seconds of each contender, and of the notebook's loop, which runs before each."""
    loop = BASELINES[PLAIN].prepare(problem([RunSpec()]))
    turns: dict[str, Contender] = {}
    for label, contender in contenders.items():
        turns |= {f"{PLAIN} before {label}": lambda: loop, label: contender}
    seconds = medians(turns, repeats)
    loops = [value for label, value in seconds.items() if label not in contenders]
    return {label: seconds[label] for label in contenders}, median(loops)


def _turn(ready: Path, arguments: list[str], folder: Path = ROOT) -> Callable[[], object]:
    """Return a function that runs a command in `folder` with a fresh copy of the store."""
    place = ready.parent / "turn"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    shutil.copy(ready, place / "mlflow.db")
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{place}/mlflow.db"}
    return partial(_run, arguments, folder, environment)


def _run(arguments: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], check=False, cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise XorlabError(f"{' '.join(arguments)} must exit with status 0; got {done.returncode}: {last}")


def _label(point: Point) -> str:
    return f"naive {point}"


def _row(label: str, words: list[str], seconds: Mapping[str, float], start: float, loop: float) -> list[str]:
    value = seconds[label]
    return [" ".join([f"{label}: `train.py", *words]) + "`", digits(value), digits(value - start), digits(value / loop)]


def _against_naive(seconds: Mapping[Point, float], ours: float, epochs: int) -> str:
    whole = extrapolated(seconds, 30, epochs)
    points = ", ".join(f"{digits(value)} s for {runs} x {epochs:,}" for (runs, epochs), value in seconds.items())
    return (
        "`docs/make/baselines/naive_sweep.py` runs the same 30 runs with Hydra's basic launcher and calls "
        f"`mlflow.log_metric` at every epoch. Measured, in runs x epochs: {points}. Extrapolated from these, not "
        f"measured: {whole:,.0f} s for 30 x {epochs:,}, {whole / ours:,.0f} times as long as xorlab. To measure all of "
        "it: `python docs/make/baselines/naive_sweep.py -m lr=0.01,0.1,1 'seed=range(0,10)'`."
    )
