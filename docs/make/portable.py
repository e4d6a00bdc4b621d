"""Measure portable numerics: the error of each function against mpmath, and the time of training beside native.

python docs/make/portable.py accuracy --points 1000000
python docs/make/portable.py cost
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import mpmath
import numpy as np

from benchmarks.timing import digits
from markdown_table import table
from xorlab.numerics.ensemble import Ensemble, kernel
from xorlab.numerics.network import pack
from xorlab.numerics.training import chunk, draw
from xorlab.spec import ArchSpec, RunSpec
from xorlab.spec.components import portable

FUNCTIONS = {
    "exp": (portable.exp, mpmath.exp, (-746.0, 0.0)),
    "expm1": (portable.expm1, mpmath.expm1, (-40.0, 0.0)),
    "log1p": (portable.log1p, mpmath.log1p, (-0.3, 1.0)),
    "tanh": (portable.tanh, mpmath.tanh, (-20.0, 20.0)),
    "erf": (portable.erf, mpmath.erf, (-6.5, 6.5)),
    "normal_cdf": (portable.normal_cdf, mpmath.ncdf, (-1.0, 9.0)),
    "logistic": (portable.logistic, lambda z: 1 / (1 + mpmath.exp(-z)), (-708.0, 40.0)),
    "softplus": (
        lambda z, out: portable.softplus(z, out, np.empty_like(z)),
        lambda z: mpmath.log1p(mpmath.exp(z)),
        (-708.0, 40.0),
    ),
    "log": (portable.log, mpmath.log, (0.0, 100.0)),
}
"""Each function, mpmath's, and the interval to compare over."""
EPOCHS = {1: 1_000, 30: 500, 1_000: 60, 10_000: 12}
"""The epochs to train, by the number of runs."""
ROUNDS = 15


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("accuracy", "cost"))
    parser.add_argument("--points", type=int, default=10_000, help="points for each function; default: %(default)s")
    options = parser.parse_args()
    print(accuracy(options.points) if options.what == "accuracy" else cost())


def accuracy(points: int) -> str:
    """Return a table of the largest and the mean error of each function in units of the last place (ulp)."""
    rows = []
    for name, (build, exact, (low, high)) in FUNCTIONS.items():
        x = _points(low, high, points)
        found = np.empty_like(x)
        with np.errstate(all="ignore"):
            build(x, found)()
        errors = _ulps(x, found, exact)
        at = x[errors.argmax()]
        rows.append([f"`{name}`", f"{low:g} to {high:g}", f"{errors.max():.3f}", f"{at:.6g}", f"{errors.mean():.3f}"])
    return table(["function", "from, to", "largest error, ulp", "at", "mean error, ulp"], rows, right=True)


def _points(low: float, high: float, count: int) -> np.ndarray:
    """Draw half of the points evenly, the others at all orders of magnitude down to 2^-60."""
    rng = np.random.RandomState(0)
    ends = np.where(rng.random_sample(count - count // 2) < low / (low - high), low, high)
    return np.concatenate([rng.uniform(low, high, count // 2), ends * 2.0 ** rng.uniform(-60.0, 0.0, ends.size)])


def _ulps(x: np.ndarray, found: np.ndarray, exact: Callable[[mpmath.mpf], mpmath.mpf]) -> np.ndarray:
    errors = np.empty(len(x))
    with mpmath.workprec(120):
        for place, (at, value) in enumerate(zip(x.tolist(), found.tolist(), strict=True)):
            wanted = exact(mpmath.mpf(at))
            errors[place] = float(abs(mpmath.mpf(value) - wanted) / np.spacing(abs(float(wanted))))
    return errors


def cost() -> str:
    """Return a table of nanoseconds per run and epoch, and the ratio: medians over rounds in which both take turns."""
    rows = []
    for activation in ("relu", "tanh"):
        for runs, epochs in EPOCHS.items():
            times = _times(activation, runs, epochs)
            ratios = [b / a for a, b in zip(times["native"], times["portable"], strict=True)]
            each = [digits(median(times[name]) / runs / epochs * 1e9) for name in times]
            rows.append([activation, f"{runs:,}", *each, f"{median(ratios):.2f}"])
    return table(["activation", "R", "native, ns", "portable, ns", "ratio"], rows, right=True)


def _times(activation: str, runs: int, epochs: int) -> dict[str, list[float]]:
    work = {name: _work(activation, runs, epochs, name) for name in ("native", "portable")}
    seconds: dict[str, list[float]] = {name: [] for name in work}
    with kernel():
        for _ in range(ROUNDS):
            for name, train in work.items():
                start = time.perf_counter()
                train()
                seconds[name].append(time.perf_counter() - start)
    return seconds


def _work(activation: str, runs: int, epochs: int, numerics: str) -> Callable[[], None]:
    """Return what trains 2-3-1 networks in a sweep's chunks; drawing their weights is done."""
    arch = ArchSpec(hidden=(3,), activation=activation)
    one = RunSpec(arch=arch, epochs=epochs, numerics=numerics)
    ensembles = []
    for start in range(0, runs, size := chunk(one)):
        seeds = range(start, min(start + size, runs))
        specs = [RunSpec(arch=arch, seed=seed, epochs=epochs, numerics=numerics) for seed in seeds]
        draws = [draw(spec)[0] for spec in specs]
        initial = {name: np.stack([drawn[name] for drawn in draws]) for name in draws[0]}
        ensemble = Ensemble(specs, pack(initial, one.units))
        ensembles.append((ensemble, np.empty((epochs, ensemble.theta.shape[1]))))

    def train() -> None:
        for ensemble, losses in ensembles:
            ensemble.epochs(losses, None)

    return train


if __name__ == "__main__":
    main()
