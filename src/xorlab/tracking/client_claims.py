"""Who trains the runs that show as RUNNING, through MlflowClient: by a tracking server's clock, or this machine's."""

import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from xorlab.tracking.drivers import DRIVER, HEARTBEAT, Claims, Driven, Driver, this_process
from xorlab.tracking.server import without_user

SETTLED = 1.0
"""Seconds after which a claim is read again: a rival that had read the same driver has written its own by then."""


class ClientClaims(Claims):
    """Claims through MlflowClient, which can't compare and set at once: a claim is written, and read again."""

    failures = (MlflowException, OSError)

    def __init__(self, uri: str, experiment_id: str) -> None:
        self._uri = uri
        self._client = MlflowClient(uri)
        self._experiment_id = experiment_id

    def running(self) -> list[Driven]:
        found = self._client.search_runs([self._experiment_id], "attributes.status = 'RUNNING'")
        now = self._now() if found else 0.0
        return [_driven(run, now) for run in found]

    def one(self, run_id: str) -> Driven:
        return _driven(self._client.get_run(run_id), self._now())

    def kill(self, run: Driven) -> bool:
        if self.one(run.run_id)[2:4] != run[2:4]:
            return False
        self._client.set_terminated(run.run_id, "KILLED", round(1000 * (self._now() - run.age)))
        return True

    def take(self, run: Driven) -> bool:
        mine = this_process()
        self._client.set_tag(run.run_id, DRIVER, mine.text)
        self.renew(run.run_id)
        time.sleep(SETTLED)
        if self.one(run.run_id).driver != mine:
            return False
        self._client.update_run(run.run_id, status="RUNNING")
        return True

    def renew(self, run_id: str) -> None:
        self._client.set_tag(run_id, HEARTBEAT, str(int(self._now())))

    def _now(self) -> float:
        """Return the seconds since 1970 by the server's clock, which all drivers share; this machine's without one."""
        if not self._uri.startswith("http"):
            return time.time()
        try:
            with urllib.request.urlopen(f"{without_user(self._uri)}/health", timeout=5) as answer:
                date = answer.headers["Date"]
        except urllib.error.HTTPError as error:
            error.close()
            date = error.headers["Date"]
        return parsedate_to_datetime(date).timestamp() if date else time.time()


def _driven(run: Run, now: float) -> Driven:
    tags, info = run.data.tags, run.info
    driver = Driver(*tags[DRIVER].split(" ")) if DRIVER in tags else None
    return Driven(info.run_id, info.run_name, info.status, driver, now - float(tags.get(HEARTBEAT, 0)))
