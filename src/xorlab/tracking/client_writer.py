"""Writes runs through MlflowClient: into a tracking server, or a database that xorlab does not know."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import partial
from threading import Lock

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from xorlab.tracking import artifacts, datasets
from xorlab.tracking.patience import Patience
from xorlab.tracking.records import Record, now

PARALLEL = 8
"""Runs that are sent to a tracking server at once; MLflow keeps ten connections."""


class ClientWriter:
    """Writes the runs of one experiment: to a tracking server several at once, to a database one after the other.

    Parameters
    ----------
    uri
        The tracking store.
    experiment_id
        An experiment that exists.
    source
        MLflow's tags of the program that made the data sets.
    """

    runs_at_once, losses_at_once = 32, 80_000

    def __init__(self, uri: str, experiment_id: str, source: Mapping[str, str]) -> None:
        self._uri = uri
        self._patience = Patience(uri)
        self._client = MlflowClient(uri)
        self._experiment_id = experiment_id
        self._source = source
        self._threads = ThreadPoolExecutor(PARALLEL if uri.startswith("http") else 1)
        self._known: set[str] = set()
        self._first = Lock()

    def open(self, record: Record) -> str:
        """Write a run as RUNNING, with its params, tags and data set, and return its id."""
        tried = False

        def create() -> str:
            nonlocal tried
            # Where the server went away before its answer came, the run may be there.
            found = self._begun(record) if tried else None
            tried = True
            return found or self._created(record)

        run_id = self._patience(create)
        self._describe(run_id, record)
        return run_id

    def _created(self, record: Record) -> str:
        tags = dict(record.tags)
        run = self._client.create_run(self._experiment_id, start_time=record.start, tags=tags, run_name=record.name)
        return str(run.info.run_id)

    def _begun(self, record: Record) -> str | None:
        """Return the id of a run that was opened for this record."""
        condition = f"attributes.status = 'RUNNING' and attributes.start_time = {record.start}"
        for run in self._client.search_runs([self._experiment_id], condition):
            if record.tags.items() <= run.data.tags.items():
                return str(run.info.run_id)
        return None

    def close(self, run_id: str, record: Record) -> None:
        """Add the rest of `record` to an open run and end it. A tag is replaced, a param is not."""
        self._describe(run_id, record)
        self._complete(run_id, record)

    def _complete(self, run_id: str, record: Record) -> None:
        if record.artifacts:
            uri = self.artifact_uri(run_id)
            self._patience(lambda: artifacts.write(uri, record.artifacts, tracking_uri=self._uri))
        metrics = [Metric(*row) for row in record.curve() + record.values()]
        # A point that is sent twice has the same time, and so is the same row.
        self._patience(lambda: self._client.log_batch(run_id, metrics=metrics))
        self.end(run_id, record.status, record.end)

    def describe(self, run_id: str, record: Record) -> None:
        """Replace the name and these tags of an open run; MLflow does not let a param change."""
        tags = [RunTag(key, value) for key, value in record.tags.items()]
        self._patience(lambda: self._client.update_run(run_id, name=record.name))
        self._patience(lambda: self._client.log_batch(run_id, tags=tags))

    def clean(self, run_id: str) -> None:
        """Do nothing: MLflow writes the files of a run after its rows."""

    def discard(self, run_ids: Sequence[str]) -> None:
        """Delete runs as MLflow does: they can be restored."""
        for run_id in run_ids:
            self._patience(partial(self._client.delete_run, run_id))

    def end(self, run_id: str, status: str, end: int) -> None:
        """End an open run."""
        self._patience(lambda: self._client.set_terminated(run_id, status, end))

    def write(self, records: Sequence[Record]) -> list[str]:
        """Write finished runs and return their ids, in order; one that can't be written whole is FAILED."""
        return list(self._threads.map(self._write, records))

    def _write(self, record: Record) -> str:
        run_id = self.open(record)
        try:
            self._complete(run_id, record)
        except BaseException:
            with suppress(MlflowException):
                self.end(run_id, "FAILED", now())
            raise
        return run_id

    def artifact_uri(self, run_id: str) -> str:
        """Return where the artifacts of a run are."""
        return str(self._patience(lambda: self._client.get_run(run_id)).info.artifact_uri)

    def _describe(self, run_id: str, record: Record) -> None:
        params = [Param(key, value) for key, value in record.params.items()]
        tags = [RunTag(key, value) for key, value in record.tags.items()]
        self._patience(lambda: self._client.log_batch(run_id, params=params, tags=tags))
        if record.data is not None:
            dataset = Dataset(**datasets.describe(record.data, self._source))
            tag = [InputTag(key, value) for key, value in datasets.CONTEXT.items()]
            inputs = [DatasetInput(dataset, tag)]
            # MLflow fails where two requests at once bring a data set that it does not have yet.
            with nullcontext() if dataset.digest in self._known else self._first:
                self._patience(lambda: self._client.log_inputs(run_id, datasets=inputs))
                self._known.add(dataset.digest)
