"""Reads runs through MlflowClient: any store, page by page, and the only reader of MLflow's search language."""

from collections.abc import Iterator, Sequence

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from xorlab.errors import XorlabError
from xorlab.runs.parts import CURVE, INFO, KIND, LONG, Parts, frame, thin
from xorlab.tracking import artifacts, store

PAGE = 1000
"""Runs in one answer to MlflowClient.search_runs."""

LAST = 100
"""How many of the last runs are searched for one that is no sweep, and how many ids stand in one search."""


class ClientReader:
    """Reads any store; `Reader` says what each method returns.

    Parameters
    ----------
    search
        A condition that runs must meet, in MLflow's search language.
    """

    def __init__(self, uri: str, *, search: str | None = None) -> None:
        self._uri = uri
        self._client = MlflowClient(uri)
        self._search = [search] if search else []

    def experiment(self, name: str) -> str | None:
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id) if found and found.lifecycle_stage == "active" else None

    def runs(self, experiment: str, *, tag: tuple[str, str] | None = None, keys: Sequence[str] | None = None) -> Parts:
        del keys  # MLflow returns everything
        conditions = [f"tags.`{tag[0]}` = '{tag[1]}'"] if tag else []
        return _parts(list(self._pages([experiment], " and ".join([*self._search, *conditions]))))

    def some(self, ids: Sequence[str]) -> Parts:
        experiments = [str(each.experiment_id) for each in self._client.search_experiments()]
        chunks = (ids[start : start + LAST] for start in range(0, len(ids), LAST))
        named = (", ".join(f"'{run_id}'" for run_id in chunk) for chunk in chunks)
        searches = (" and ".join([*self._search, f"attributes.run_id IN ({names})"]) for names in named)
        found = (self._pages(experiments, search) for search in searches)
        return _parts([run for pages in found for run in pages])

    def run(self, run_id: str) -> Parts:
        return _parts([self._client.get_run(run_id)])

    def find(self, experiment: str, beginning: str) -> list[str]:
        condition = f"attributes.run_id LIKE '{beginning}%'"
        return [run.info.run_id for run in self._client.search_runs([experiment], condition, max_results=2)]

    def latest(self, experiment: str) -> list[str]:
        # MLflow's filters can't exclude a tag, so the sweeps among the last runs are skipped here.
        order = ["attributes.start_time DESC"]
        last = self._client.search_runs([experiment], order_by=order, max_results=LAST)
        return [run.info.run_id for run in last if run.data.tags.get(KIND) != "sweep"][:1]

    def losses(self, ids: Sequence[str]) -> pd.DataFrame:
        histories = ((run_id, self._client.get_metric_history(run_id, "loss")) for run_id in ids)
        rows = [(run_id, each.step, each.value) for run_id, history in histories for each in history]
        return frame(rows, CURVE)

    def thinned(self, ids: Sequence[str], *, points: int) -> pd.DataFrame:
        return thin(self.losses(ids), points)

    def location(self, run_id: str) -> str:
        with store.reported(self._uri):
            return str(self._client.get_run(run_id).info.artifact_uri)

    def artifact(self, run_id: str, name: str) -> bytes | None:
        with store.reported(self._uri):
            return artifacts.read(self.location(run_id), name, tracking_uri=self._uri)

    def _pages(self, experiments: list[str], search: str) -> Iterator[Run]:
        """Yield all runs that a search finds; one answer of MLflow holds no more than `PAGE`."""
        token = None
        while True:
            try:
                page = self._client.search_runs(experiments, search, max_results=PAGE, page_token=token)
            except MlflowException as error:
                if error.error_code != "INVALID_PARAMETER_VALUE":
                    raise
                raise XorlabError(f"filter must be in MLflow's search language; {error.message}") from error
            yield from page
            token = page.token
            if not token:
                return


def _parts(runs: Sequence[Run]) -> Parts:
    infos = [run.info for run in runs]
    info = [(each.run_id, each.run_name, each.status, each.start_time, each.end_time) for each in infos]
    long = []
    for part in ("params", "tags", "metrics"):
        rows = [(run.info.run_id, key, value) for run in runs for key, value in getattr(run.data, part).items()]
        long.append(frame(rows, LONG))
    return Parts(frame(info, INFO), *long)
