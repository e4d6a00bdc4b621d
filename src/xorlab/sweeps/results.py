"""The results of a sweep: its runs written chunk by chunk, then the tables, picture and files of their parent."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis import levels
from xorlab.numerics.thinning import log_spaced
from xorlab.spec.options import Options
from xorlab.sweeps import recording
from xorlab.sweeps.jobs import Job, JobResult
from xorlab.sweeps.pool import Chunk
from xorlab.sweeps.tables import REPLICATES, Table, count_causes, tabulate
from xorlab.tracking.tracker import Tracker

OWN_FILES = 1000
"""The most runs of a sweep that carry their own weights and configurations; of more, the parent carries them."""
CURVE_PANELS = 12
"""The most settings that each have a panel of loss curves; more share one."""
CURVE_POINTS = 200
"""Points of each curve in a sweep's picture."""


@dataclass
class Results:
    """What came of a sweep's jobs so far, and what their parent is to carry.

    Attributes
    ----------
    jobs, options : the sweep
    results : by the job's place in the sweep
    curves : run id, epochs and losses of each trained run, thinned
    weights : the arrays of each kind of file, by key, chunk by chunk
    """

    jobs: Sequence[Job]
    options: Options
    results: dict[int, JobResult] = field(default_factory=dict)
    curves: list[tuple[str, NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)
    weights: dict[str, dict[str, list[NDArray[Any]]]] = field(
        default_factory=lambda: {"initial_weights": defaultdict(list), "final_weights": defaultdict(list)}
    )

    def write(self, chunk: Chunk, tracker: Tracker, parent: str) -> list[str]:
        """Write a chunk's runs to MLflow and return their outcomes."""
        places = chunk.places
        if chunk.trained is None:
            record = recording.failure(chunk, self.jobs[places[0]].spec, self.jobs[places[0]].name)
            self.results[places[0]] = JobResult(tracker.write([record], parent=parent)[0], None, None, chunk.error)
            return ["failed"]
        keep = self._artifacts() == "run"
        every = self.options.log_every
        records = [
            recording.run(
                chunk,
                index,
                self.jobs[place].name,
                log_every=every,
                artifacts=recording.files(chunk, index, self.jobs[place].config) if keep else {},
            )
            for index, place in enumerate(places)
        ]
        ids = tracker.write(records, parent=parent)
        for place, run_id, verdict, record in zip(places, ids, chunk.verdicts, records, strict=True):
            self.results[place] = JobResult(run_id, verdict.outcome, verdict.final_loss, None, verdict.cause)
            points = log_spaced(record.epochs, CURVE_POINTS)
            self.curves.append((run_id, record.epochs[points], record.losses[points]))
        if self._artifacts() == "sweep":
            self._collect(chunk, ids)
        return [verdict.outcome for verdict in chunk.verdicts]

    def outcomes(self) -> list[str]:
        """Return each job's outcome, in order; "failed" where it has none."""
        return [self.results[place].outcome or "failed" for place in range(len(self.jobs))]

    def tables(self) -> dict[str, Table]:
        """Count the outcomes by what was swept, and the causes by outcome."""
        outcomes = self.outcomes()
        causes = [self.results[place].cause for place in range(len(self.jobs))]
        return {
            "table": tabulate([job.swept for job in self.jobs], outcomes),
            "causes": count_causes(outcomes, causes),
        }

    def artifacts(self, tables: Mapping[str, Table]) -> dict[str, bytes]:
        """Make the parent's files: the tables, the picture of all curves, and the files of many runs."""
        found = {f"{name}.csv": table.csv().encode() for name, table in tables.items()}
        if self.curves:
            found["curves.png"] = self._picture()
        if self._artifacts() == "sweep":
            configs = {self.results[place].run_id: dict(job.config) for place, job in enumerate(self.jobs)}
            found["configs.json"] = json.dumps(configs, default=str).encode()
            for kind, arrays in self.weights.items():
                found[f"{kind}.npz"] = recording.npz({key: np.concatenate(parts) for key, parts in arrays.items()})
        return found

    def _picture(self) -> bytes:
        import pandas as pd

        from xorlab import figures

        ids, epochs, losses = zip(*self.curves, strict=True)
        lengths = [len(points) for points in epochs]
        columns = {"run_id": np.repeat(ids, lengths), "epoch": np.concatenate(epochs), "loss": np.concatenate(losses)}
        curves = pd.DataFrame(columns)
        compared = [key for key in self.jobs[0].swept if key not in REPLICATES]
        runs = pd.DataFrame(
            {"run_id": result.run_id, "outcome": result.outcome, **self.jobs[place].swept}
            for place, result in self.results.items()
            if result.outcome
        )
        panels = runs.groupby(compared).ngroups if compared else 1
        kinds = {(job.spec.data, job.spec.loss): job.spec for job in self.jobs}.values()
        named = {name: level for spec in kinds for name, level in levels.spectrum(spec).items()}
        by = compared if panels <= CURVE_PANELS else []
        return figures.png(figures.sweep_curves(curves, runs, named, by=by))

    def _collect(self, chunk: Chunk, ids: list[str]) -> None:
        """Add a chunk's weights to the sweep's, by the networks' units: ``2-3-1/W1`` (R, 2, 3), ``2-3-1/run_id``."""
        assert chunk.trained is not None
        units = "-".join(map(str, chunk.trained.specs[0].units))
        for kind, parameters in zip(self.weights, (chunk.trained.initial, chunk.trained.final), strict=True):
            for key, array in {"run_id": np.array(ids), **parameters}.items():
                self.weights[kind][f"{units}/{key}"].append(array)

    def _artifacts(self) -> str:
        return self.options.artifacts or ("run" if len(self.jobs) <= OWN_FILES else "sweep")
