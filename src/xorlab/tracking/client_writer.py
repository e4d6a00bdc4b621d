"""Writes runs through MlflowClient: into a tracking server, or a database that xorlab does not know."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import partial
from threading import Lock

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunInfo, RunTag
from mlflow.exceptions import MlflowException

from xorlab.tracking import artifacts, datasets
from xorlab.tracking.patience import Patience
from xorlab.tracking.records import Record, now
from xorlab.tracking.sql_writer import valid_value

PARALLEL = 4
"""Runs that are sent to a tracking server at once.

MLflow's server holds two connections to its database for each call of `log_batch`, and has 15 for each of its
processes. Calls that together take all of them with their first wait for each other, until the server gives up.
"""


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
        run_id = str(self._created(record).run_id)
        self._fill(run_id, record)
        return run_id

    def _created(self, record: Record) -> RunInfo:
        """Create a run, once, with its tags."""
        # MLflow's client cuts long values where it adds tags to a run, not where it creates one.
        tags = {key: valid_value("tags", key, value) for key, value in record.tags.items()}
        tried = False

        def create() -> RunInfo:
            nonlocal tried
            # Where the server went away before its answer came, the run may be there.
            found = self._begun(record.start, tags) if tried else None
            tried = True
            if found:
                return found
            run = self._client.create_run(self._experiment_id, start_time=record.start, tags=tags, run_name=record.name)
            return run.info

        return self._patience(create)

    def _begun(self, start: int, tags: Mapping[str, str]) -> RunInfo | None:
        """Return the run that was created at `start` with these tags."""
        condition = f"attributes.status = 'RUNNING' and attributes.start_time = {start}"
        for run in self._client.search_runs([self._experiment_id], condition):
            if tags.items() <= run.data.tags.items():
                return run.info
        return None

    def close(self, run_id: str, record: Record) -> None:
        """Add the rest of `record` to an open run and end it. A tag is replaced, a param is not."""
        self.describe(run_id, record)
        self._complete(run_id, self.artifact_uri(run_id), record)

    def _complete(self, run_id: str, uri: str, record: Record) -> None:
        """Write what a run lacks besides its name and tags, its files to `uri`, and end it."""
        self._patience(lambda: artifacts.write(uri, record.artifacts, tracking_uri=self._uri))
        self._fill(run_id, record)
        self.end(run_id, record.status, record.end)

    def _fill(self, run_id: str, record: Record) -> None:
        """Write the data set, the params and the metrics of a run."""
        self._add_data(run_id, record)
        params = [Param(key, value) for key, value in record.params.items()]
        metrics = [Metric(*row) for row in record.curve() + record.values()]
        # A point that is sent twice has the same time, and so is the same row.
        self._patience(lambda: self._client.log_batch(run_id, metrics=metrics, params=params))

    def describe(self, run_id: str, record: Record) -> None:
        """Replace the name and these tags of an open run; MLflow does not let a param change."""
        # The name as a tag would take two more connections of the server's.
        tags = [RunTag(key, value) for key, value in record.tags.items() if key != "mlflow.runName"]
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
        created = self._created(record)
        run_id = str(created.run_id)
        try:
            self._complete(run_id, created.artifact_uri, record)
        except BaseException:
            with suppress(MlflowException):
                self.end(run_id, "FAILED", now())
            raise
        return run_id

    def artifact_uri(self, run_id: str) -> str:
        """Return where the artifacts of a run are."""
        return str(self._patience(lambda: self._client.get_run(run_id)).info.artifact_uri)

    def _add_data(self, run_id: str, record: Record) -> None:
        if record.data is None:
            return
        dataset = Dataset(**datasets.describe(record.data, self._source))
        tag = [InputTag(key, value) for key, value in datasets.CONTEXT.items()]
        inputs = [DatasetInput(dataset, tag)]
        # MLflow fails where two requests at once bring a data set that it does not have yet.
        with nullcontext() if dataset.digest in self._known else self._first:
            self._patience(lambda: self._client.log_inputs(run_id, datasets=inputs))
            self._known.add(dataset.digest)
