"""The one room that writes to MLflow: runs as records, in bulk where the store is a database."""

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from mlflow import MlflowClient
from mlflow.data.numpy_dataset import from_numpy
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils import mlflow_tags as keys

from xorlab.errors import StoreError
from xorlab.tracking import provenance, rows, store
from xorlab.tracking.interrupts import held
from xorlab.tracking.records import DIFF, Data, Record

__all__ = ["Data", "Record", "Tracker"]

ROWS = 100_000
"""About as many losses as one transaction takes, for other writers wait while it lasts."""

RUNS = 1_000
"""As many runs as one transaction takes."""


class Tracker:
    """The door to one experiment of one store.

    Every method raises StoreError where the store can't be reached or written.

    Parameters
    ----------
    uri
        The tracking URI, as from `store.uri`.
    experiment
        The experiment's name; it is made where there is none.
    folder
        The git tree whose commit and uncommitted changes are recorded; `provenance.checkout` unless given.
    """

    def __init__(self, uri: str, experiment: str, *, folder: Path | None = None) -> None:
        store.ready(uri)
        self.uri = uri
        self.experiment_id = store.experiment_id(uri, experiment)
        with store.reported(uri):
            self._client = MlflowClient(uri)
            self._experiment = self._client.get_experiment(self.experiment_id)
        self._engine = store.engine(uri)
        folder = folder or provenance.checkout()
        commit = provenance.commit(folder)
        self._context = {**resolve_tags(commit), **provenance.environment()}
        dirty = commit.get(provenance.DIRTY) == "true"
        self._diff = {DIFF: provenance.uncommitted_changes(folder).encode()} if dirty else {}
        self._inputs: dict[tuple[str, bytes, bytes], DatasetInput] = {}
        if self._engine is None:
            print(f"{store.shown(uri)} is written through MlflowClient, which is slower", file=sys.stderr)

    @contextmanager
    def running(self, record: Record, *, parent: str | None = None) -> Iterator[str]:
        """Open a run that shows as RUNNING and yield its id; `close` ends it, as the last thing inside.

        One without a parent carries the tree's uncommitted changes, where there are any.
        What is raised inside ends it as well: KILLED by Ctrl-C or an exit, FAILED by an error.
        """
        run_id = None
        try:
            with held():
                run_id = self._create(record)
                self._describe(run_id, record, parent)
                if parent is None:
                    self.add_artifacts(run_id, self._diff)
            yield run_id
        except BaseException as error:
            # A store that fails now must not hide why the run ended.
            with held(), suppress(StoreError), store.reported(self.uri):
                if run_id is not None:
                    self._client.set_terminated(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
            raise

    def _create(self, record: Record) -> str:
        with store.reported(self.uri):
            run = self._client.create_run(
                self.experiment_id, start_time=record.start, tags=self._context, run_name=record.name
            )
        return str(run.info.run_id)

    def close(self, run_id: str, record: Record) -> None:
        """End an open run, once, with all that `record` holds."""
        with held(), store.reported(self.uri):
            self._describe(run_id, record)
            self.add_artifacts(run_id, record.artifacts)
            if self._engine is None:
                metrics = [Metric(*row) for row in record.curve() + record.values()]
                self._client.log_batch(run_id, metrics=metrics)
            else:
                with self._engine.begin() as connection:
                    rows.insert_metrics(connection, {run_id: record})
            self._client.set_terminated(run_id, record.status, record.end)

    def write(self, records: Iterable[Record], *, parent: str | None = None) -> list[str]:
        """Write finished runs and return their ids, in order.

        In a database a run is there whole or not at all, whatever kills the process.
        """
        if self._engine is None:
            return [self._write_one(record, parent) for record in records]
        return [run_id for chunk in _chunks(records) for run_id in self._write_chunk(chunk, parent)]

    def add_artifacts(self, run_id: str, artifacts: Mapping[str, bytes]) -> None:
        """Add files, by their paths among the artifacts of a run."""
        if artifacts:
            with store.reported(self.uri):
                self._save(self._client.get_run(run_id).info.artifact_uri, artifacts)

    def _describe(self, run_id: str, record: Record, parent: str | None = None) -> None:
        """Log what says what a run is; what is there already is left as it is."""
        with store.reported(self.uri):
            params = [Param(key, value) for key, value in record.params.items()]
            tags = [RunTag(key, value) for key, value in _tags(record, parent).items()]
            self._client.log_batch(run_id, params=params, tags=tags)
            if record.data is not None:
                self._client.log_inputs(run_id, datasets=[self._input(record.data)])

    def _write_one(self, record: Record, parent: str | None) -> str:
        with self.running(record, parent=parent) as run_id:
            self.close(run_id, record)
        return run_id

    def _write_chunk(self, records: list[Record], parent: str | None) -> list[str]:
        """Write one transaction; the files come first, so that a run that shows has its own."""
        assert self._engine is not None
        # Ascending ids keep MLflow's indices compact, and its UI in the order of the sweep.
        ids = sorted(uuid4().hex for _ in records)
        runs = {
            run_id: replace(record, tags={**self._context, keys.MLFLOW_RUN_NAME: record.name, **_tags(record, parent)})
            for run_id, record in zip(ids, records, strict=True)
        }
        inputs = {run_id: self._input(record.data) for run_id, record in runs.items() if record.data}
        with held(), store.reported(self.uri):
            for run_id, record in runs.items():
                self._save(rows.artifact_uri(self._experiment, run_id), record.artifacts)
            with self._engine.begin() as connection:
                rows.insert_runs(connection, self._experiment, runs)
                rows.insert_inputs(connection, self._experiment, inputs)
        return ids

    def _save(self, artifact_uri: str, artifacts: Mapping[str, bytes]) -> None:
        if not artifacts:
            return
        with tempfile.TemporaryDirectory() as folder:
            for name, content in artifacts.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            get_artifact_repository(artifact_uri, tracking_uri=self.uri).log_artifacts(folder)

    def _input(self, data: Data) -> DatasetInput:
        """MLflow's dataset input, made once for all the runs that learn from the same values."""
        key = (data.name, data.X.tobytes(), data.y.tobytes())
        if key not in self._inputs:
            dataset = from_numpy(data.X, targets=data.y, name=data.name)
            tag = InputTag(keys.MLFLOW_DATASET_CONTEXT, "training")
            self._inputs[key] = DatasetInput(dataset=dataset._to_mlflow_entity(), tags=[tag])
        return self._inputs[key]


def _tags(record: Record, parent: str | None) -> dict[str, str]:
    given = {keys.MLFLOW_RUN_NOTE: record.description, keys.MLFLOW_PARENT_RUN_ID: parent}
    return {**{key: value for key, value in given.items() if value}, **record.tags}


def _chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Yield runs of records for one transaction each."""
    chunk: list[Record] = []
    losses = 0
    for record in records:
        chunk.append(record)
        losses += len(record.losses)
        if losses >= ROWS or len(chunk) == RUNS:
            yield chunk
            chunk, losses = [], 0
    if chunk:
        yield chunk
