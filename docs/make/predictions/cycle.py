"""The 2-cycle of networks whose units are all dead, at large learning rates."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from markdown_table import table
from predictions.comparison import Check, Comparison
from predictions.networks import Array, of_seeds, preactivations
from xorlab.diagnosis import theory
from xorlab.figures.axes import COLUMN
from xorlab.figures.palette import OUTCOME_COLOURS, STYLE
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, DataSpec, InitSpec, RunSpec
from xorlab.spec.components.datasets import load

ARCH, INIT = ArchSpec(hidden=(2,)), InitSpec(biases="drawn")
RATES = (1.0, 4.0, 7.0, 7.5, 8.5, 9.0, 10.0, 12.0, 14.0, 16.0, 20.0)
EPOCHS = 2000
RUNS = 8
TOLERANCE = 1e-9
"""The distance to the cycle, in loss, after EPOCHS epochs at most."""


def compare(networks: int) -> Comparison:
    """Compare the cycle's loss with that of runs whose units all start dead, at each learning rate."""
    seeds = all_dead(RUNS)
    specs = [RunSpec(arch=ARCH, init=INIT, lr=lr, seed=seed, epochs=EPOCHS) for lr in RATES for seed in seeds]
    losses = train(specs).final_loss.reshape(len(RATES), RUNS)
    checks = [
        Check(f"cycle at lr {lr:g}", (theory.cycle_loss(lr),) * 2, (seen.min() - TOLERANCE, seen.max() + TOLERANCE))
        for lr, seen in zip(RATES, losses, strict=True)
    ]
    rows = [
        [f"{lr:g}", f"{theory.cycle(lr):.6f}", f"{theory.cycle_loss(lr):.7f}", f"{seen.min():.7f} to {seen.max():.7f}"]
        for lr, seen in zip(RATES, losses, strict=True)
    ]
    fields = {
        "cycle": table(["lr", "c", "loss in theory", f"loss of {RUNS} runs"], rows),
        "cycle_seed": str(seeds[0]),
        "cycle_epochs": str(EPOCHS),
    }
    return Comparison(checks, fields, lambda: _draw(losses))


def all_dead(count: int) -> list[int]:
    """Return the first seeds whose networks have both hidden units off on all four points."""
    X, _ = load(DataSpec())
    hidden, _ = preactivations(ARCH, INIT, X, of_seeds(range(50 * count)))
    return np.flatnonzero((hidden <= 0.0).all(axis=(0, 1)))[:count].tolist()


@matplotlib.rc_context(STYLE)
def _draw(losses: Array) -> Figure:
    figure = Figure(figsize=(1.4 * COLUMN, 2.8), layout="constrained")
    ax = figure.subplots()
    lr = np.linspace(0.5, 21.0, 400)
    ax.plot(lr, [theory.cycle_loss(value) for value in lr], color="#111111", linewidth=1.0, label="theory")
    ax.plot(RATES, losses.mean(axis=1), "o", color=OUTCOME_COLOURS["stuck_ln2"], markersize=5, label="trained runs")
    ax.axvline(8.0, color="#777777", linewidth=0.7, linestyle=(0, (2, 2)))
    ax.text(8.0, 0.98, " 2 / λmax = 8", transform=ax.get_xaxis_transform(), va="top", fontsize=8, color="#444444")
    ax.set(xlabel="learning rate", ylabel=f"loss after {EPOCHS} epochs", title="A network whose units are all dead")
    ax.legend(loc="lower right")
    return figure
