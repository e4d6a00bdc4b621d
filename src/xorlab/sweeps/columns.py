"""What a worker makes of some runs of a product: it trains them, and returns them as a file of columns."""

import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from xorlab.diagnosis.units import STATES
from xorlab.numerics.thinning import Every, logged
from xorlab.runs import columnar
from xorlab.spec import RunSpec
from xorlab.spec.product import Product
from xorlab.sweeps import pool, recording
from xorlab.sweeps.pool import Chunk, Progress

TAGS = ("outcome", "cause", "units", "partition", "plateaus", "staying", "kink", "error")
METRICS = (
    *("final_loss", "accuracy", "error_max", "error_mean", "epochs_run", "epochs_to_converge", "gradient_norm"),
    *("hessian_min", "hessian_max", "lr_lambda_max", "interaction", "loss_bound", "last_loss"),
    *(f"units_{state}" for state in STATES),
)


@dataclass(frozen=True)
class Span:
    """Runs of a product, from `start` up to `stop`, which is not one of them; what a worker is sent at a time.

    Attributes
    ----------
    length : the epochs of a run, on the average over the product
    """

    start: int
    stop: int
    length: float

    @property
    def runs(self) -> int:
        """How many runs they are."""
        return self.stop - self.start

    @property
    def epochs(self) -> int:
        """The epochs over all of them."""
        return round(self.runs * self.length)

    def halves(self) -> tuple["Span", "Span"]:
        """Halve a span of more than one run."""
        middle = (self.start + self.stop) // 2
        return Span(self.start, middle, self.length), Span(middle, self.stop, self.length)

    def failed(self, error: str, start: float) -> "Lost":
        """Return a run that could not be trained."""
        return Lost(self, error, start)


@dataclass(frozen=True)
class Part:
    """Runs that have ended, as the bytes of a Parquet file, and how many ended how."""

    span: Span
    content: bytes
    outcomes: Counter[str]


@dataclass(frozen=True)
class Lost:
    """A run whose worker died over it."""

    span: Span
    error: str
    start: float


def train(
    product: Product,
    span: Span,
    *,
    converged_below: float,
    log_every: Every,
    progress: Progress = lambda epochs: None,
) -> list[Part]:
    """Train the runs of a span, judge them, and write them as columns.

    Parameters
    ----------
    product : the sweep
    span : which of its runs
    converged_below, log_every, progress : as for `pool.stream`
    """
    specs = product.specs(range(span.start, span.stop))
    made = _Columns(product, span.start, log_every)
    for chunk in pool.chunks(specs, converged_below=converged_below, log_every=log_every, progress=progress):
        made.add(chunk, specs)
    return [Part(span, made.parquet(), made.outcomes)]


def lost(product: Product, found: Lost, log_every: Every) -> Part:
    """Return the file of a run that could not be trained."""
    made = _Columns(product, found.span.start, log_every)
    kept = np.zeros(0, dtype=np.int64)
    specs = product.specs(range(found.span.start, found.span.stop))
    made.add(Chunk((0,), None, kept, [], found.error, found.start, time.time()), specs)
    return Part(found.span, made.parquet(), made.outcomes)


@dataclass
class _Columns:
    """The runs of a part, chunk by chunk."""

    product: Product
    first: int
    log_every: Every
    tables: list[pa.Table] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, chunk: Chunk, specs: list[RunSpec]) -> None:
        """Add a chunk, whose places count from the first run."""
        numbers = self.first + np.array(chunk.places, dtype=np.int64)
        R = len(numbers)
        tags: list[dict[str, str]] = [{"error": str(chunk.error)}] * R
        metrics: list[dict[str, float]] = [{}] * R
        losses = pa.nulls(R, pa.list_(pa.float64()))
        trained = chunk.trained
        if trained is not None:
            tags = [{"outcome": verdict.outcome, **recording.tags(verdict)} for verdict in chunk.verdicts]
            each = zip(trained.specs, chunk.verdicts, trained.epochs.tolist(), trained.logits, strict=True)
            metrics = [recording.metrics(*own) for own in each]
            losses = self._losses(chunk, metrics)
        self.outcomes.update(own.get("outcome", "failed") for own in tags)
        columns: dict[str, Any] = {
            "number": pa.array(numbers),
            "spec": pa.array([bytes.fromhex(specs[place].identity) for place in chunk.places], pa.binary(32)),
            "status": pa.array(["FAILED" if trained is None else "FINISHED"] * R),
            "start": pa.array([round(1000 * chunk.start)] * R),
            "end": pa.array([round(1000 * chunk.end)] * R),
            **columnar.parameters(self.product, numbers, self.product.varying),
            **{name: pa.array([own.get(name) for own in tags], pa.string()) for name in TAGS},
            **{name: pa.array([own.get(name) for own in metrics], pa.float64()) for name in METRICS},
            "losses": losses,
        }
        self.tables.append(pa.table(columns))

    def _losses(self, chunk: Chunk, metrics: list[dict[str, float]]) -> pa.Array:
        """Return the logged losses of each run; enter the last among its metrics."""
        assert chunk.trained is not None

        @cache
        def columns(epochs: int) -> NDArray[np.int64]:
            return np.searchsorted(chunk.kept, logged(epochs, self.log_every))

        lengths = chunk.trained.epochs.tolist()
        rows = [own[columns(length)] for own, length in zip(chunk.trained.losses, lengths, strict=True)]
        for own, row in zip(metrics, rows, strict=True):
            if row.size:
                own["last_loss"] = float(row[-1])
        offsets = np.concatenate([[0], np.cumsum([row.size for row in rows])]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(rows)))

    def parquet(self) -> bytes:
        """Return the runs as a file, in order."""
        table = pa.concat_tables(self.tables)
        if len(self.tables) > 1:
            table = table.sort_by("number")
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        return bytes(sink.getvalue())
