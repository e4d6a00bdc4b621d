"""The training of networks, against other ways to train the same networks."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from measures.clock import digits, medians, table
from peers import PEERS, Peer, Training, problem
from xorlab.numerics import training
from xorlab.numerics.ensemble import Ensemble, kernel
from xorlab.numerics.network import pack
from xorlab.spec import ArchSpec, InitSpec, RunSpec
from xorlab.sweep import pool

NETWORKS = {"2-3-1": (3,), "2-8-1": (8,), "2-16-16-1": (16, 16)}
EPOCHS = {1: 2_000, 30: 1_000, 1_000: 200, 10_000: 50}
"""Epochs to measure over, by the number of runs."""
QUICK = {1: 50, 30: 20}
OURS = "xorlab"
PLAIN = "plain NumPy loop"

Times = dict[tuple[str, int], float]
"""Nanoseconds a run and epoch, by contender and number of runs."""


def measure(*, quick: bool) -> str:
    """Time every network and number of runs against every peer that is installed."""
    epochs, repeats = (QUICK, 1) if quick else (EPOCHS, 5)
    peers = {name: peer for name, peer in PEERS.items() if peer.installed}
    measured = {
        name: {key: value for R in epochs for key, value in times(hidden, R, epochs, peers, repeats).items()}
        for name, hidden in NETWORKS.items()
    }
    absent = ", ".join(name for name in PEERS if name not in peers)
    parts = [
        "Nanoseconds a run and epoch, float64, ReLU, full-batch gradient descent on the cross-entropy, every epoch's "
        "loss kept; behind each the multiple of ours. Drawing weights and compiling are not counted. A peer that "
        "trains one network at a time takes the same for each of many. `all` threads are as many as there are cores.",
        *[f"### {name}\n\n{_table(found, list(epochs))}" for name, found in measured.items()],
        slower(measured),
        _two_processes(quick=quick),
    ]
    return "\n\n".join([*parts, f"Not installed, so not measured: {absent}."] if absent else parts)


def specs(hidden: tuple[int, ...], runs: int, epochs: int) -> list[RunSpec]:
    """Specify runs that differ by seed and learning rate."""
    arch, init = ArchSpec(hidden=hidden), InitSpec(name="he_normal")
    rates = (0.01, 0.1, 1.0)
    return [RunSpec(arch=arch, init=init, seed=run, lr=rates[run % 3], epochs=epochs) for run in range(runs)]


def ours(runs: list[RunSpec]) -> Training:
    """Return what trains these runs by the package's kernel, in chunks as a sweep does, losses (R, E)."""
    size = training.chunk(runs[0])
    chunks = [runs[start : start + size] for start in range(0, len(runs), size)]
    initial = [pack(dict(_parameters(chunk)), training.units(runs[0])) for chunk in chunks]
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
    hidden: tuple[int, ...], runs: int, epochs: Mapping[int, int], peers: Mapping[str, Peer], repeats: int
) -> Times:
    """Time R runs of one network by us and by the peers; those that train one at a time get one run to train."""
    many, one = specs(hidden, runs, epochs[runs]), specs(hidden, 1, epochs[1])
    work = {name: peer.prepare(problem(one if peer.alone else many)) for name, peer in peers.items()}
    work[OURS] = ours(many)
    seconds = medians({name: partial(_ready, train) for name, train in work.items()}, repeats)
    alone = {name for name, peer in peers.items() if peer.alone}
    total = {name: epochs[1] if name in alone else runs * epochs[runs] for name in seconds}
    return {(name, runs): value / total[name] * 1e9 for name, value in seconds.items()}


def slower(measured: Mapping[str, Times]) -> str:
    """Say where ours is the slower one, a line for each that is faster."""
    lines: dict[str, list[str]] = {}
    for network, found in measured.items():
        for (name, R), value in found.items():
            if value < found[OURS, R]:
                factor = digits(found[OURS, R] / value, 2)
                lines.setdefault(name, []).append(f"{network} at R = {R:,} ({factor} times as fast)")
    told = [f"- {name}: {', '.join(places)}" for name, places in sorted(lines.items())]
    return "\n".join(["Faster than ours:", "", *told]) if told else "Nothing measured is faster than ours."


def _parameters(chunk: list[RunSpec]) -> dict[str, training.Array]:
    draws = [training.draw(spec)[0] for spec in chunk]
    return {name: np.stack([parameters[name] for parameters in draws]) for name in draws[0]}


def _ready(train: Training) -> Training:
    return train


def _table(found: Times, counts: list[int]) -> str:
    threads = {OURS: "1", **{name: peer.threads for name, peer in PEERS.items()}}
    names = sorted({name for name, _ in found}, key=lambda name: found[name, counts[-1]])
    rows = [
        [
            name,
            threads[name],
            *[f"{digits(found[name, R])} · {digits(found[name, R] / found[OURS, R], 2)}x" for R in counts],
        ]
        for name in names
    ]
    return table(["", "threads", *[f"R = {R:,}" for R in counts]], rows)


def _two_processes(*, quick: bool) -> str:
    runs, epochs, repeats = (100, 100, 1) if quick else (10_000, 10_000, 3)
    plan = specs((3,), runs, epochs)

    def stream(workers: int) -> None:
        for _ in pool.stream(plan, converged_below=0.1, log_every=100, workers=workers):
            pass

    seconds = medians({str(workers): lambda workers=workers: partial(stream, workers) for workers in (1, 2)}, repeats)
    return (
        f"A sweep's training of {runs:,} runs of 2-3-1 over {epochs:,} epochs, drawing, judging and starting processes "
        f"included: {digits(seconds['1'])} s in one process, {digits(seconds['2'])} s in two worker processes, "
        f"{seconds['1'] / seconds['2']:.2f} times as fast."
    )
