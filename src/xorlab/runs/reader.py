"""Reads runs from a tracking store: by SQL where its tables are known, else through MlflowClient."""

from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from xorlab.errors import XorlabError
from xorlab.runs.parts import Parts
from xorlab.tracking import store


class Reader(Protocol):
    """What `SqlReader` and `ClientReader` have in common."""

    def experiment(self, name: str) -> str | None:
        """Return the id of the active experiment of this name."""

    def runs(self, experiment: str, *, tag: tuple[str, str] | None = None, keys: Sequence[str] | None = None) -> Parts:
        """Return the experiment's active runs, or those of them that carry this tag.

        Where `keys` are given, no params and only these tags and metrics need be read, which is several times as fast.
        """

    def some(self, ids: Sequence[str]) -> Parts:
        """Return those of these runs that are active."""

    def run(self, run_id: str) -> Parts:
        """Return one run."""

    def find(self, experiment: str, beginning: str) -> list[str]:
        """Return the ids of up to two active runs whose ids begin so."""

    def latest(self, experiment: str) -> list[str]:
        """Return the id of the active run that started last and is no sweep; none where there is none."""

    def losses(self, ids: Sequence[str]) -> pd.DataFrame:
        """Return every recorded loss of these runs (`CURVE`)."""

    def thinned(self, ids: Sequence[str], *, points: int) -> pd.DataFrame:
        """Return the losses at `log_spaced` epochs of the longest run, and each run's last."""

    def location(self, run_id: str) -> str:
        """Return the address of a run's artifacts."""

    def artifact(self, run_id: str, name: str) -> bytes | None:
        """Read a file at the top of a run's artifacts; None where there is none of this name."""


def open_reader(uri: str, *, search: str | None = None) -> Reader:
    """Return the fastest reader of a store.

    Parameters
    ----------
    search
        A condition in MLflow's search language, which only MLflow understands.
    """
    engine = store.engine(uri)
    if engine is not None and search is None:
        from xorlab.runs.sql_reader import SqlReader

        return SqlReader(uri, engine)
    from xorlab.runs.client_reader import ClientReader

    store.ready(uri)
    return ClientReader(uri, search=search)


def experiment_id(reader: Reader, name: str) -> str:
    """Return the id of the experiment of this name; raise XorlabError where there is none."""
    found = reader.experiment(name)
    if found is None:
        raise XorlabError(f"experiment must be one that has runs; got {name!r}")
    return found
