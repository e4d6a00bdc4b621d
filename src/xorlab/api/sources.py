"""Where the runs of a study are: in this process, or in MLflow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xorlab import runs
from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.errors import XorlabError
from xorlab.numerics.thinning import Every
from xorlab.numerics.trained import Trained, take
from xorlab.remedies.verification import retrain
from xorlab.runs import parts, single, tables
from xorlab.spec import RunSpec
from xorlab.sweeps import recording
from xorlab.sweeps.jobs import Job
from xorlab.sweeps.pool import Chunk
from xorlab.tracking import provenance
from xorlab.tracking.records import Record

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ended:
    """A run after its training: an ensemble of one, whose losses may be thinned, and what happened to it."""

    trained: Trained
    verdict: Verdict

    @property
    def spec(self) -> RunSpec:
        """The run's specification."""
        return self.trained.specs[0]

    def weights(self, kind: str) -> dict[str, Array]:
        """Return the ``initial`` or ``final`` weights: W1 (D, H), b1 (H,), W2, b2, and so on."""
        parameters: dict[str, Array] = getattr(self.trained, kind)
        return take(parameters, 0)


class Source(Protocol):
    """What a study asks of the place where its runs are."""

    def ended(self, run_id: str) -> Ended:
        """Return a run as it ended."""

    def weights(self, run_id: str, kind: str) -> dict[str, Array]:
        """Return the ``initial`` or ``final`` weights of a run: W1 (D, H), b1 (H,), W2, b2, and so on."""

    def curves(self, table: pd.DataFrame, points: int | None) -> pd.DataFrame:
        """Return losses as `xorlab.runs.curves` does."""


@dataclass
class Memory:
    """Runs that were trained in this process and are recorded nowhere. A run's id begins its identity."""

    jobs: Sequence[Job]
    log_every: Every
    records: dict[str, Record] = field(default_factory=dict)
    places: dict[str, tuple[Chunk, int]] = field(default_factory=dict)

    def add(self, chunk: Chunk) -> list[str]:
        """Keep a chunk's runs; return their outcomes."""
        for index, place in enumerate(chunk.places):
            job = self.jobs[place]
            run_id = job.spec.identity[:32]
            self.places[run_id] = chunk, index
            self.records[run_id] = (
                recording.failure(chunk, job.spec, job.name)
                if chunk.trained is None
                else recording.run(chunk, index, job.name, log_every=self.log_every, artifacts={})
            )
        return [verdict.outcome for verdict in chunk.verdicts] or ["failed"]

    def table(self) -> pd.DataFrame:
        """Return the runs as `xorlab.runs.load` would if they were recorded."""
        shared = {**provenance.commit(provenance.checkout()), **provenance.here()}
        records = self.records.items()
        info = [(run_id, one.name, one.status, one.start, one.end) for run_id, one in records]
        last = {run_id: {"loss": float(one.losses[-1])} if one.losses.size else {} for run_id, one in records}
        return tables.table(
            parts.Parts(
                parts.frame(info, parts.INFO),
                _long((run_id, one.params) for run_id, one in records),
                _long((run_id, {**shared, **one.tags}) for run_id, one in records),
                _long((run_id, {**one.metrics, **last[run_id]}) for run_id, one in records),
            )
        )

    def ended(self, run_id: str) -> Ended:
        chunk, index = self.places[run_id]
        if chunk.trained is None:
            raise XorlabError(f"run {run_id} failed: {chunk.error}")
        return Ended(chunk.trained.take(slice(index, index + 1)), chunk.verdicts[index])

    def weights(self, run_id: str, kind: str) -> dict[str, Array]:
        return self.ended(run_id).weights(kind)

    def curves(self, table: pd.DataFrame, points: int | None) -> pd.DataFrame:
        ids = table["run_id"].tolist()
        found = [(self.records[run_id].epochs, self.records[run_id].losses) for run_id in ids]
        lengths = [len(epochs) for epochs, _ in found]
        columns = {
            "run_id": np.repeat(np.array(ids, dtype=object), lengths),
            "epoch": np.concatenate([epochs for epochs, _ in found] or [np.zeros(0, np.int64)]),
            "loss": np.concatenate([losses for _, losses in found] or [np.zeros(0)]),
        }
        curves = pd.DataFrame(columns).astype({name: parts.TYPES[name] for name in columns})
        return curves if points is None else parts.thin(curves, points).reset_index(drop=True)


def _long(rows: Iterable[tuple[str, Any]]) -> pd.DataFrame:
    return parts.frame([(run_id, key, value) for run_id, own in rows for key, value in own.items()], parts.LONG)


@dataclass(frozen=True)
class Store:
    """Runs in MLflow. What is not recorded of a run, training it again shows: it repeats itself to the bit."""

    uri: str
    experiment: str

    def ended(self, run_id: str) -> Ended:
        run = single.find(run_id, self.uri, experiment=self.experiment)
        trained = retrain(run, self.uri)
        return Ended(trained, diagnose(trained)[0])

    def weights(self, run_id: str, kind: str) -> dict[str, Array]:
        run = single.find(run_id, self.uri, experiment=self.experiment)
        found = single.weights(run, self.uri, file=f"{kind}_weights.npz")
        return self.ended(run_id).weights(kind) if found is None else take(found, 0)

    def curves(self, table: pd.DataFrame, points: int | None) -> pd.DataFrame:
        return runs.curves(table, self.uri, points=points)
