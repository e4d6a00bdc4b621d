"""From specifications to tracked runs: a single run that tells its story, and a sweep that counts its outcomes."""

import json
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xorlab import figures, levels, logbook, pool, prose, store, terminal, training
from xorlab.errors import SpecError
from xorlab.interrupts import held, terminable
from xorlab.logbook import npz
from xorlab.options import Options
from xorlab.pool import Chunk
from xorlab.spec import RunSpec
from xorlab.table import REPLICATES, Table, explain, tabulate
from xorlab.tracking import Tracker

OWN_FILES = 1000
"""In a sweep of more runs than this the parent carries their weights and configurations."""
LINE = 100
"""Columns of a paragraph in the terminal."""
PANELS = 12
"""A sweep of more settings than this has its curves in one panel."""
CURVE_POINTS = 200
"""Points of each curve in a sweep's picture."""


@dataclass(frozen=True)
class Job:
    """One run that was asked for: the overrides as typed, the composed configuration, the specification."""

    overrides: tuple[str, ...]
    config: Mapping[str, Any]
    spec: RunSpec


@dataclass(frozen=True)
class JobResult:
    """What became of a job: its run in MLflow, its outcome, final loss and cause, or why it failed."""

    run_id: str | None
    outcome: str | None
    final_loss: float | None
    error: str | None
    cause: str | None = None


def run_one(job: Job, options: Options, *, folder: Path) -> JobResult:
    """Train and track a single run, and tell what happened to it.

    Parameters
    ----------
    job : the run
    options : how it is judged, printed and tracked
    folder : where the default store lies

    Raises
    ------
    SpecError
        Where a file of initial weights does not fit.
    StoreError
        Where the store can't be used.
    """
    uri = store.uri(options.uri, folder=folder)
    tracker = Tracker(uri, options.experiment, folder=folder)
    name = prose.title(job.spec)
    with terminable(), tracker.running(logbook.opening(job.spec, name)) as run_id:
        with terminal.Bars(runs=1, epochs=job.spec.epochs) as bars:
            chunk = next(_chunks([job], replace(options, workers=1, log_every=1), bars))
        if chunk.trained is None:
            raise SpecError(str(chunk.error))
        _tell(chunk, options.print_every)
        artifacts = {}
        if options.artifacts != "none":
            artifacts = {**logbook.files(chunk, 0, job.config), **logbook.pictures(chunk, 0)}
        tracker.close(run_id, logbook.run(chunk, 0, name, log_every=options.log_every, artifacts=artifacts))
    _point_to(uri, tracker.experiment_id, run_id, folder)
    verdict = chunk.verdicts[0]
    return JobResult(run_id, verdict.outcome, verdict.final_loss, None, verdict.cause)


def run_many(
    jobs: Sequence[Job], options: Options, *, swept: Sequence[str], command: str, folder: Path
) -> list[JobResult]:
    """Train and track the runs of a sweep under one parent, and count what happened to them.

    Parameters
    ----------
    jobs : the runs
    options : how they are judged and tracked, and by how many workers
    swept : the keys that vary, in the order they were typed
    command : the command as typed
    folder : where the default store lies

    Returns
    -------
    One result a job, in order.

    Raises
    ------
    StoreError
        Where the store can't be used.
    """
    uri = store.uri(options.uri, folder=folder)
    tracker = Tracker(uri, options.experiment, folder=folder)
    specs = [job.spec for job in jobs]
    name = f"sweep of {', '.join(swept) or 'nothing'}: {len(jobs):,} runs"
    about: dict[str, Any] = {"swept": swept, "command": command}
    with terminable(), tracker.running(logbook.sweep(name, specs, **about)) as parent:
        sweep = _Sweep(jobs, options, swept)
        epochs = sum(spec.epochs for spec in specs)
        try:
            with terminal.Bars(runs=len(jobs), epochs=epochs) as bars:
                for chunk in _chunks(jobs, options, bars):
                    with held():
                        bars.tracked(sweep.track(chunk, tracker, parent))
        except BaseException:
            print(f"{len(sweep.results):,} of {len(jobs):,} runs are finished and kept", file=sys.stderr)
            raise
        tables = sweep.tables()
        done = logbook.sweep(name, specs, tables=tables.values(), outcomes=sweep.outcomes(), **about)
        tracker.close(parent, replace(done, artifacts=sweep.artifacts(tables)))
    for table in tables.values():
        terminal.show(table)
    _point_to(uri, tracker.experiment_id, parent, folder)
    return [sweep.results[place] for place in range(len(jobs))]


def _chunks(jobs: Sequence[Job], options: Options, bars: terminal.Bars) -> Iterator[Chunk]:
    return pool.stream(
        [job.spec for job in jobs],
        converged_below=options.converged_below,
        log_every=options.log_every,
        workers=options.workers,
        progress=bars.trained,
    )


@dataclass
class _Sweep:
    """A sweep under way: what has come of its jobs, and what its parent will carry."""

    jobs: Sequence[Job]
    options: Options
    swept: Sequence[str]
    results: dict[int, JobResult] = field(default_factory=dict)
    curves: list[tuple[str, NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)
    weights: dict[str, dict[str, list[NDArray[Any]]]] = field(
        default_factory=lambda: {"initial_weights": defaultdict(list), "final_weights": defaultdict(list)}
    )

    def track(self, chunk: Chunk, tracker: Tracker, parent: str) -> list[str]:
        """Write a chunk's runs and return their outcomes."""
        places = chunk.places
        if chunk.trained is None:
            record = logbook.failure(chunk, self.jobs[places[0]].spec, self._name(places[0]))
            self.results[places[0]] = JobResult(tracker.write([record], parent=parent)[0], None, None, chunk.error)
            return ["failed"]
        keep = self._artifacts() == "run"
        every = self.options.log_every
        records = [
            logbook.run(
                chunk,
                index,
                self._name(place),
                log_every=every,
                artifacts=logbook.files(chunk, index, self.jobs[place].config) if keep else {},
            )
            for index, place in enumerate(places)
        ]
        ids = tracker.write(records, parent=parent)
        for place, run_id, verdict, record in zip(places, ids, chunk.verdicts, records, strict=True):
            self.results[place] = JobResult(run_id, verdict.outcome, verdict.final_loss, None, verdict.cause)
            points = np.unique(np.geomspace(1, max(len(record.epochs), 1), CURVE_POINTS).astype(int)) - 1
            self.curves.append((run_id, record.epochs[points], record.losses[points]))
        if self._artifacts() == "sweep":
            self._collect(chunk, ids)
        return [verdict.outcome for verdict in chunk.verdicts]

    def outcomes(self) -> list[str]:
        """Return each job's outcome, in order; failed where it has none."""
        return [self.results[place].outcome or "failed" for place in range(len(self.jobs))]

    def tables(self) -> dict[str, Table]:
        """Lay out the outcomes by what was swept, and the causes by outcome."""
        places = range(len(self.jobs))
        causes = [self.results[place].cause for place in places]
        return {
            "table": tabulate([self._setting(place) for place in places], self.outcomes()),
            "causes": explain(self.outcomes(), causes),
        }

    def artifacts(self, tables: Mapping[str, Table]) -> dict[str, bytes]:
        """Make what the parent carries: the tables, the picture of all curves, and files for many runs."""
        found = {f"{name}.csv": table.csv().encode() for name, table in tables.items()}
        if self.curves:
            found["curves.png"] = self._picture()
        if self._artifacts() == "sweep":
            configs = {self.results[place].run_id: dict(job.config) for place, job in enumerate(self.jobs)}
            found["configs.json"] = json.dumps(configs, default=str).encode()
            for kind, arrays in self.weights.items():
                found[f"{kind}.npz"] = npz({key: np.concatenate(parts) for key, parts in arrays.items()})
        return found

    def _picture(self) -> bytes:
        import pandas as pd

        ids, epochs, losses = zip(*self.curves, strict=True)
        lengths = [len(points) for points in epochs]
        columns = {"run_id": np.repeat(ids, lengths), "epoch": np.concatenate(epochs), "loss": np.concatenate(losses)}
        curves = pd.DataFrame(columns)
        compared = [key for key in self.swept if key not in REPLICATES]
        runs = pd.DataFrame(
            {"run_id": result.run_id, "outcome": result.outcome, **self._setting(place)}
            for place, result in self.results.items()
            if result.outcome
        )
        panels = runs.groupby(compared).ngroups if compared else 1
        named = {name: level for spec in self._kinds() for name, level in levels.spectrum(spec).items()}
        by = compared if panels <= PANELS else []
        return figures.png(figures.sweep_curves(curves, runs, named, by=by))

    def _kinds(self) -> list[RunSpec]:
        """Return one specification for each data set and loss of the sweep."""
        return list({(job.spec.data, job.spec.loss): job.spec for job in self.jobs}.values())

    def _collect(self, chunk: Chunk, ids: list[str]) -> None:
        """Add a chunk's weights to the sweep's, by the networks' units: ``2-3-1/W1`` (R, 2, 3), ``2-3-1/run_id``."""
        assert chunk.trained is not None
        units = "-".join(map(str, training.units(chunk.trained.specs[0])))
        for kind, parameters in zip(self.weights, (chunk.trained.initial, chunk.trained.final), strict=True):
            for key, array in {"run_id": np.array(ids), **parameters}.items():
                self.weights[kind][f"{units}/{key}"].append(array)

    def _artifacts(self) -> str:
        return self.options.artifacts or ("run" if len(self.jobs) <= OWN_FILES else "sweep")

    def _setting(self, place: int) -> dict[str, str]:
        """Return the swept keys of a job and their values, as typed."""
        pairs = (text.lstrip("+~").partition("=") for text in self.jobs[place].overrides)
        values = {key: value for key, _, value in pairs}
        return {key: values.get(key, "") for key in self.swept}

    def _name(self, place: int) -> str:
        return " ".join(f"{key}={value}" for key, value in self._setting(place).items()) or prose.title(
            self.jobs[place].spec
        )


def _tell(chunk: Chunk, every: int) -> None:
    """Print a run's losses, its predictions and its outcome."""
    assert chunk.trained is not None
    spec, verdict = chunk.trained.specs[0], chunk.verdicts[0]
    print(prose.title(spec))
    epochs = int(chunk.trained.epochs[0])
    for epoch in range(0, epochs, every):
        print(f"Epoch {epoch}, Loss: {chunk.trained.losses[0, epoch]:.4f}")
    print("Predictions:")
    for line in prose.predictions(spec, chunk.trained.logits[0]):
        print(f"  {line}")
    print(textwrap.fill(f"Outcome: {prose.verdict(spec, verdict, epochs=epochs)}", LINE))


def _point_to(uri: str, experiment_id: str, run_id: str, folder: Path) -> None:
    """Say where a run is and how to see it."""
    print(f"Run {run_id} in {store.shown(uri)}")
    serve = (
        "mlflow ui" if uri == store.uri(None, folder=folder) else f"mlflow ui --backend-store-uri '{store.shown(uri)}'"
    )
    where = f"run `{serve}` in {folder} and open " if not uri.startswith("http") else "open "
    print(f"To see it, {where}{store.page(uri, experiment_id, run_id)}")
