"""How long gradient descent stays near a saddle."""

import math
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from markdown_table import table
from predictions.comparison import Check, Comparison
from xorlab.diagnosis import theory
from xorlab.figures.axes import COLUMN
from xorlab.figures.palette import OUTCOME_COLOURS, STYLE
from xorlab.numerics.trained import Trained
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, InitSpec, RunSpec

SADDLE = theory.tanh_saddle(-0.6585, 1.0)
DISTANCES = tuple(10.0**-power for power in range(3, 10))
RATES = (0.1, 0.3, 1.0)
DROP = 1e-4
"""The fall below ln 2 at which a run has left the saddle, small enough for the loss to be quadratic until then."""
TOLERANCE = 2
"""Epochs by which a run may differ from the prediction: it counts whole epochs, and the loss is not quite quadratic."""

SMALL = (0.4, 0.2, 0.1, 0.05, 0.025)
"""Standard deviations of starts near 0, where the Hessian has no negative eigenvalue."""
SMALL_RUNS, SMALL_EPOCHS, SMALL_DROP = 40, 20_000, 1e-2


def compare(networks: int) -> Comparison:
    """Compare the predicted escape time with runs that start beside a saddle of known curvature."""
    predicted = [[escape(distance, lr) for distance in DISTANCES] for lr in RATES]
    trained = runs(
        [(distance, lr) for lr, distance in product(RATES, DISTANCES)], epochs=math.ceil(1.2 * predicted[0][-1])
    )
    seen = (trained.losses < math.log(2.0) - DROP).argmax(axis=1).reshape(len(RATES), len(DISTANCES))
    checks = [
        Check(
            f"escape at lr {lr:g} from {distance:g}",
            (predicted[i][j],) * 2,
            (seen[i, j] - TOLERANCE, seen[i, j] + TOLERANCE),
        )
        for i, lr in enumerate(RATES)
        for j, distance in enumerate(DISTANCES)
    ]
    rows = [
        [f"{distance:.0e}", *(f"{predicted[i][j]:.1f} / {seen[i, j]}" for i in range(len(RATES)))]
        for j, distance in enumerate(DISTANCES)
    ]
    fields = {
        "saddle": table(["start at a distance of", *(f"lr {lr:g}: theory / run" for lr in RATES)], rows),
        "saddle_eigenvalue": f"{SADDLE.eigenvalue:.6f}",
        "saddle_drop": f"{DROP:g}",
        **_small(),
    }
    return Comparison(checks, fields, lambda: _draw(trained, predicted, seen))


def escape(distance: float, lr: float) -> float:
    """Predict the epoch at which the loss, ln 2 - |eigenvalue| a^2 / 2 at distance a, has fallen by `DROP`."""
    reach = math.sqrt(2.0 * DROP / -SADDLE.eigenvalue)
    return theory.escape_time(distance, reach, lr=lr, eigenvalue=SADDLE.eigenvalue)


def runs(starts: list[tuple[float, float]], *, epochs: int) -> Trained:
    """Train one run for each (distance, lr), from initial weights in files."""
    arch = ArchSpec(hidden=(2,), activation="tanh")
    with TemporaryDirectory() as folder:
        specs = []
        for distance, lr in starts:
            path = Path(folder, f"{distance:g}.npz")
            np.savez(path, **SADDLE.near(distance))
            specs.append(RunSpec(arch=arch, init=InitSpec(name="file", path=str(path)), lr=lr, epochs=epochs))
        return train(specs)


def _small() -> dict[str, str]:
    """Time runs that start near 0, where the linearised time does not apply; a seed has one direction at all scales."""
    arch = ArchSpec(hidden=(3,), activation="tanh")
    inits = [InitSpec(std=std, biases="drawn") for std in SMALL]
    pairs = product(inits, range(SMALL_RUNS))
    specs = [RunSpec(arch=arch, init=init, lr=1.0, seed=seed, epochs=SMALL_EPOCHS) for init, seed in pairs]
    low = train(specs).losses < math.log(2.0) - SMALL_DROP
    times = np.where(low.any(axis=1), low.argmax(axis=1), np.inf).reshape(len(SMALL), SMALL_RUNS)
    ratios = [math.nan, *np.median(times[1:] / times[:-1], axis=1)]
    rows = [
        [f"{std:g}", f"{np.median(time):,.0f}", "" if math.isnan(ratio) else f"{ratio:.2f}"]
        for std, time, ratio in zip(SMALL, times, ratios, strict=True)
    ]
    head = ["init.std", "epochs to leave, median", "against the row above, median of the seeds"]
    return {"small": table(head, rows), "small_runs": str(SMALL_RUNS), "small_drop": f"{SMALL_DROP:g}"}


@matplotlib.rc_context(STYLE)
def _draw(trained: Trained, predicted: list[list[float]], seen: np.ndarray) -> Figure:
    figure = Figure(figsize=(2 * COLUMN, 2.9), layout="constrained")
    curves, times = figure.subplots(1, 2)
    every = np.arange(trained.losses.shape[1])
    for place, distance in list(enumerate(DISTANCES))[::2]:
        gap = math.log(2.0) - trained.losses[place]
        growth = distance * (1.0 - RATES[0] * SADDLE.eigenvalue) ** every
        curves.plot(every, gap, color=OUTCOME_COLOURS["stuck_ln2"], linewidth=2.2, alpha=0.6)
        curves.plot(every, -SADDLE.eigenvalue * growth**2 / 2.0, color="#111111", linewidth=0.9, linestyle="--")
    curves.set(
        yscale="log", ylim=(1e-12, 2), xlabel="epoch", ylabel="ln 2 - loss", title=f"lr {RATES[0]:g}, four starts"
    )
    for lr, line, dots, marker in zip(RATES, predicted, seen, "os^", strict=True):
        times.plot(DISTANCES, line, color="#111111", linewidth=1.0)
        times.plot(DISTANCES, dots, marker, color=OUTCOME_COLOURS["stuck_ln2"], markersize=5, label=f"lr {lr:g}")
    times.set(xscale="log", xlabel="distance from the saddle at the start", ylabel="epochs to leave", ylim=(0, None))
    times.set_title("Black: theory; red: runs")
    times.legend()
    return figure
