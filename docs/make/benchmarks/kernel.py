"""Training time per run and epoch, beside other ways to train the same networks."""

import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from baselines import BASELINES, Baseline, Training, draw, problem
from benchmarks.timing import digits, medians
from markdown_table import table
from xorlab.numerics import training
from xorlab.numerics.ensemble import Ensemble, kernel
from xorlab.numerics.network import pack
from xorlab.spec import ArchSpec, InitSpec, RunSpec
from xorlab.sweeps import pool

NETWORKS = {"2-3-1": (3,), "2-8-1": (8,), "2-16-16-1": (16, 16)}
EPOCHS = {1: 2_000, 30: 1_000, 1_000: 200, 10_000: 50}
"""The epochs to train, by the number of runs."""
QUICK = {1: 50, 30: 20}
OURS = "xorlab"
PLAIN = "plain NumPy loop"

Times = dict[tuple[str, int], float]
"""Nanoseconds per run and epoch, by contender and number of runs."""


def measure(*, quick: bool) -> str:
    """Time xorlab and every installed baseline on each network and number of runs."""
    epochs, repeats = (QUICK, 1) if quick else (EPOCHS, 5)
    baselines = {name: baseline for name, baseline in BASELINES.items() if baseline.installed}
    measured = {
        name: {key: value for R in epochs for key, value in times(hidden, R, epochs, baselines, repeats).items()}
        for name, hidden in NETWORKS.items()
    }
    absent = ", ".join(name for name in BASELINES if name not in baselines)
    parts = [
        "Nanoseconds per run and epoch, and the ratio to xorlab's time. Full-batch gradient descent on the "
        "cross-entropy, ReLU, float64, with every epoch's loss kept. Drawing the weights and compiling are not timed. "
        "A baseline that trains one network at a time is timed on one run. `all` threads means one for each core.",
        *[f"### {name}\n\n{compared(found, list(epochs))}" for name, found in measured.items()],
        slower(measured),
        _two_processes(quick=quick),
    ]
    return "\n\n".join([*parts, f"Not installed, so not measured: {absent}."] if absent else parts)


def specs(hidden: tuple[int, ...], runs: int, epochs: int) -> list[RunSpec]:
    """Return specifications that differ in seed and learning rate."""
    arch, init = ArchSpec(hidden=hidden), InitSpec(name="he_normal")
    rates = (0.01, 0.1, 1.0)
    return [RunSpec(arch=arch, init=init, seed=run, lr=rates[run % 3], epochs=epochs) for run in range(runs)]


def ours(runs: list[RunSpec]) -> Training:
    """Return a function that trains these runs with xorlab's kernel, in a sweep's chunks, and gives losses (R, E)."""
    size = training.chunk(runs[0])
    chunks = [runs[start : start + size] for start in range(0, len(runs), size)]
    initial = [pack(draw(chunk), runs[0].units) for chunk in chunks]
    ensembles = [Ensemble(chunk, theta) for chunk, theta in zip(chunks, initial, strict=True)]

    def train() -> training.Array:
        found = []
        with kernel():
            for chunk, ensemble, theta in zip(chunks, ensembles, initial, strict=True):
                ensemble.theta[:, : len(chunk)] = theta
                losses = np.empty((runs[0].epochs, ensemble.theta.shape[1]))
                ensemble.epochs(losses, None)
                found.append(losses[:, : len(chunk)].T)
        return np.concatenate(found)

    return train


def times(
    hidden: tuple[int, ...],
    runs: int,
    epochs: Mapping[int, int],
    baselines: Mapping[str, Baseline],
    repeats: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Times:
    """Time R runs of one network; a baseline that trains one network at a time gets one run."""
    many, one = specs(hidden, runs, epochs[runs]), specs(hidden, 1, epochs[1])
    work = {name: baseline.prepare(problem(one if baseline.alone else many)) for name, baseline in baselines.items()}
    work[OURS] = ours(many)
    seconds = medians({name: lambda train=train: train for name, train in work.items()}, repeats, clock)
    alone = {name for name, baseline in baselines.items() if baseline.alone}
    total = {name: epochs[1] if name in alone else runs * epochs[runs] for name in seconds}
    return {(name, runs): value / total[name] * 1e9 for name, value in seconds.items()}


def slower(measured: Mapping[str, Times]) -> str:
    """List the networks and numbers of runs where a baseline is faster than xorlab, a line for each baseline."""
    lines: dict[str, list[str]] = {}
    for network, found in measured.items():
        for (name, R), value in found.items():
            if value < found[OURS, R]:
                factor = digits(found[OURS, R] / value, 2)
                lines.setdefault(name, []).append(f"{network} at R = {R:,} ({factor}x)")
    listed = [f"- {name}: {', '.join(places)}" for name, places in sorted(lines.items())]
    if not listed:
        return "Nothing measured is faster than xorlab."
    return "\n".join(["Faster than xorlab, and how many times as fast:", "", *listed])


def compared(found: Times, counts: list[int]) -> str:
    """Return a table of the contenders against xorlab, the fastest first."""
    threads = {OURS: "1", **{name: baseline.threads for name, baseline in BASELINES.items()}}
    names = sorted({name for name, _ in found}, key=lambda name: found[name, counts[-1]])
    rows = [
        [
            name,
            threads[name],
            *[f"{digits(found[name, R])} · {digits(found[name, R] / found[OURS, R], 2)}x" for R in counts],
        ]
        for name in names
    ]
    return table(["", "threads", *[f"R = {R:,}" for R in counts]], rows, right=True)


def _two_processes(*, quick: bool) -> str:
    runs, epochs, repeats = (100, 100, 1) if quick else (10_000, 10_000, 3)
    plan = specs((3,), runs, epochs)

    def stream(workers: int) -> None:
        for _ in pool.stream(plan, converged_below=0.1, log_every=100, workers=workers):
            pass

    seconds = medians({str(workers): lambda workers=workers: partial(stream, workers) for workers in (1, 2)}, repeats)
    return (
        f"A sweep of {runs:,} runs of 2-3-1 over {epochs:,} epochs trains in {digits(seconds['1'])} s in one process "
        f"and in {digits(seconds['2'])} s in two worker processes, {seconds['1'] / seconds['2']:.2f} times as fast. "
        "This includes drawing the weights, diagnosing the runs and starting the processes."
    )
