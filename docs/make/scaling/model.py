"""What a sweep costs: a sum over its runs, losses, epochs and workers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.optimize import nnls

from xorlab.numerics.thinning import logged
from xorlab.numerics.training import parameter_count
from xorlab.spec import RunSpec
from xorlab.sweeps import engines, parts, pool


class Sweep(NamedTuple):
    """A sweep of 2-3-1 over seeds."""

    track: str
    runs: int
    epochs: int
    every: int
    workers: int = 2

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return the sweep of a measurement, which has its fields and its costs."""
        return cls(*(row[key] for key in cls._fields))

    def sizes(self) -> dict[str, float]:
        """Return how much it has of what costs something.

        One worker is the driver itself, and starts no process. With track=sweep the driver reads the losses of the
        runs that it draws; with track=runs it has them all.
        """
        losses = len(logged(self.epochs, self.every))
        return {
            "start": 1,
            "worker": self.workers if self.workers > 1 else 0,
            "run": self.runs,
            "row": self.runs * losses,
            "curve": min(self.runs, parts.CURVES) * losses if self.track == "sweep" else 0,
            "epoch": self.runs * self.epochs,
        }


FITTED = [
    *(Sweep("runs", *size) for size in ((500, 100, 50), (3_000, 100, 50), (3_000, 100, 2), (1_500, 4_000, 2_000))),
    Sweep("runs", 6_000, 1_000, 500),
    *(Sweep("sweep", *size) for size in ((1_000, 100, 50), (20_000, 100, 50), (20_000, 100, 2), (4_000, 4_000, 2_000))),
    Sweep("sweep", 20_000, 1_000, 500),
]
"""What the constants come from."""
CHECKED = [
    *(Sweep("runs", runs, 1_000, 10, workers) for runs in (1_000, 10_000) for workers in (1, 2)),
    Sweep("runs", 20_000, 200, 50),
    *(Sweep("sweep", runs, 1_000, 10, workers) for runs in (1_000, 10_000) for workers in (1, 2)),
    Sweep("sweep", 100_000, 1_000, 100),
]
"""What they must predict."""


class Cost(NamedTuple):
    """What a sweep costs, a sum over `terms`, in CPU seconds, bytes or rows."""

    label: str
    terms: tuple[str, ...]
    unit: str


COSTS = {
    "driver_cpu": Cost("driver, CPU", ("start", "run", "row", "curve"), "s"),
    "workers_cpu": Cost("workers, CPU", ("worker", "run", "row", "epoch"), "s"),
    "memory": Cost("driver's memory", ("start", "run", "row", "curve"), "B"),
    "store": Cost("store on disk", ("start", "run", "row"), "B"),
    "rows": Cost("rows of the database", ("start", "run", "row"), ""),
}
TERMS = {
    "start": "a sweep",
    "worker": "a worker",
    "run": "a run",
    "row": "a loss",
    "curve": "a loss drawn",
    "epoch": "a run's epoch",
}
Constants = Mapping[str, Mapping[str, float]]
"""By the names of a cost and of a term."""

POSTGRES = 70_000
"""Rows that PostgreSQL takes in a second, about: docs/performance.md measures it."""


def cpu(costs: Mapping[str, float]) -> float:
    """Return the CPU seconds of all processes."""
    return costs["driver_cpu"] + costs["workers_cpu"]


def fitted(found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the constants of each cost, none of them negative, with the least squares of relative errors."""
    sizes = [Sweep.of(each).sizes() for each in found]
    constants = {}
    for cost, (_, terms, _) in COSTS.items():
        matrix = np.array([[size[term] for term in terms] for size in sizes]) / [[each[cost]] for each in found]
        scale = np.maximum(matrix.max(axis=0), np.finfo(float).tiny)  # a term may be nowhere
        constants[cost] = dict(zip(terms, nnls(matrix / scale, np.ones(len(found)))[0] / scale, strict=True))
    return constants


def predicted(constants: Constants, sweep: Sweep) -> dict[str, float]:
    """Return the costs of a sweep."""
    sizes = sweep.sizes()
    return {cost: sum(each * sizes[term] for term, each in own.items()) for cost, own in constants.items()}


def hours(costs: Mapping[str, float], sweep: Sweep, task: float) -> dict[str, float]:
    """Return the hours of each part of a sweep, were there only one driver, scheduler and database."""
    if sweep.track == "runs":
        epochs = sweep.epochs * parameter_count(RunSpec())
        together = min(engines.REMOTE_UPDATES / epochs, pool.POINTS / len(logged(sweep.epochs, sweep.every)))
    else:
        together = parts.MOST
    seconds = {
        "workers": costs["workers_cpu"] / sweep.workers,
        "driver": costs["driver_cpu"],
        "scheduler": sweep.runs / together * task,
        "database": costs["rows"] / POSTGRES,
    }
    return {part: each / 3600 for part, each in seconds.items()}


def models(sweeps: Sequence[Mapping[str, Any]]) -> dict[str, Constants]:
    """Return the constants of each way to record a sweep."""
    found = [each for each in sweeps if Sweep.of(each) in FITTED]
    return {track: fitted([each for each in found if each["track"] == track]) for track in ("runs", "sweep")}


def errors(sweeps: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], dict[str, float]]]:
    """Return each sweep that was not fitted, with the relative error of the model for each cost and for all CPU."""
    known, found = models(sweeps), []
    for each in (each for each in sweeps if Sweep.of(each) in CHECKED):
        model = predicted(known[each["track"]], Sweep.of(each))
        error = {cost: model[cost] / each[cost] - 1 for cost in ("memory", "store")}
        found.append((each, {"cpu": cpu(model) / cpu(each) - 1, **error}))
    return found
