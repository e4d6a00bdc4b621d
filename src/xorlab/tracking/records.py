"""What a run tells MLflow, as values."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

MetricRow = tuple[str, float, int, int]
"""Key, value, time in milliseconds, step."""

PLAN = "plan.csv"
"""The artifact of a sweep that tells what it asks for: the parameters that vary, a row a run."""

REUSED = "reused.csv"
"""The artifact of a sweep that names the runs of other sweeps which it counts: their ids and identities."""

ASKED = "xorlab.plan"
"""The tag of a sweep by which another of the same plan is found: a hash of its runs' identities."""

PARENT = "mlflow.parentRunId"
"""MLflow's tag of a nested run: the id of the run it belongs to."""

PARTS = "parts"
"""The folder among a sweep's artifacts for what its runs need until it ends, such as the weights of each chunk."""

BEGUN = f"{PARTS}/begun.txt"
"""The artifact of a sweep that names the runs whose files are being written: after a kill some may have no rows."""

AXES = "axes.json"
"""The artifact of a sweep with track=sweep that tells what it asks for: the first run, and the axes that vary."""

COLUMNS = "runs"
"""The folder among such a sweep's artifacts with its runs: Parquet files, each named by its first and last run."""

TRACK = "track"
"""The tag of a sweep whose runs are such files; its value is ``sweep``."""

DIFF = "uncommitted.diff"
"""The artifact of a sweep, or of a run of its own, that tells how the tree differed from its commit."""

LOG_EVERY = "log_every"
"""The tag of a run whose losses are recorded at every so many epochs, and at the last; a sweep has it for its runs."""

CONVERGED_BELOW = "converged_below"
"""The tag of a sweep that says below which loss its runs have converged."""


USE = "use"
"""The tag of a run that uses functions of the user's: the module that registers them."""


def now() -> int:
    """Return the milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """The data a run learnt from: X is (N, D), y is (N,)."""

    name: str
    X: NDArray[Any]
    y: NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """A run as MLflow is to show it.

    Parameters
    ----------
    description
        Markdown, at the head of the run's page.
    metrics, step
        Finite values, one each, all at one step.
    epochs, losses
        The metric ``loss``: finite values (E,) and their steps, ascending.
    start, end
        Milliseconds since 1970; the moment the record is made unless told.
    loss_times
        Milliseconds since 1970, of the first and the last loss; `start` and `end` unless told.
    status
        FINISHED, FAILED or KILLED.
    artifacts
        Contents by their paths among the run's artifacts.
    """

    name: str
    description: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    step: int = 0
    epochs: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    losses: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    start: int = field(default_factory=now)
    end: int = field(default_factory=now)
    loss_times: tuple[float, float] | None = None
    status: str = "FINISHED"
    data: Data | None = None
    artifacts: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.epochs.shape != self.losses.shape:
            raise ValueError(f"epochs must match losses; got {self.epochs.shape} and {self.losses.shape}")
        # MLflow would keep inf as 1.8e308, and nan breaks its run page.
        if not (np.isfinite(self.losses).all() and all(map(math.isfinite, self.metrics.values()))):
            raise ValueError(f"losses and metrics must be finite; got others in {self.name}")

    def curve(self) -> list[MetricRow]:
        """Return the metric ``loss``, its times spread evenly over `loss_times`."""
        first, last = self.loss_times or (self.start, self.end)
        times = np.linspace(first, last, len(self.epochs)).astype(np.int64)
        return list(zip(repeat("loss"), self.losses.tolist(), times.tolist(), self.epochs.tolist(), strict=False))

    def values(self) -> list[MetricRow]:
        """Return the metrics that have one value."""
        return [(key, float(value), self.end, self.step) for key, value in self.metrics.items()]
