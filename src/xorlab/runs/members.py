"""A sweep as it is recorded: its plan, and what is known of each of its runs, without their parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pandas as pd

from xorlab.runs import columnar
from xorlab.runs.parts import KIND, Parts
from xorlab.runs.reader import experiment_id, open_reader
from xorlab.runs.tables import find_id, reused_ids
from xorlab.tracking import store
from xorlab.tracking.records import ASKED, PARENT, PLAN, REUSED

TAGS = ("spec", "numerics", "outcome", "cause", "error", "log_every")


class Member(NamedTuple):
    """A run of a sweep; start and end in milliseconds since 1970, None where the run has no such tag or metric."""

    run_id: str
    status: str
    start: int
    end: int | None
    final_loss: float | None = None
    spec: str | None = None
    numerics: str | None = None
    outcome: str | None = None
    cause: str | None = None
    error: str | None = None
    log_every: str | None = None


@dataclass(frozen=True)
class StoredSweep:
    """A sweep as MLflow has it.

    Attributes
    ----------
    run_id, name, status, start : of its parent
    tags, params : of its parent
    plan : what it asks for, as recorded; None where nothing is recorded
    members : its own runs
    reused : the runs of other sweeps that it counts
    """

    run_id: str
    name: str
    status: str
    start: datetime
    tags: Mapping[str, str]
    params: Mapping[str, str]
    plan: bytes | None
    members: Sequence[Member]
    reused: Sequence[Member]


def every(uri: str | None = None, *, experiment: str = "xorlab") -> list[str]:
    """Return the run ids of an experiment's sweeps, the latest first."""
    reader = open_reader(store.uri(uri))
    found = reader.runs(experiment_id(reader, experiment), tag=(KIND, "sweep"), keys=())
    return [*found.info.sort_values(["start", "run_id"], ascending=False)["run_id"]]


def newest(uri: str | None = None, *, experiment: str = "xorlab") -> str | None:
    """Return the run id of the newest sweep that has a run with an outcome; None where there is none."""
    reader = open_reader(store.uri(uri))
    number = experiment_id(reader, experiment)
    columns = {own.run_id: own for own in columnar.every(uri, experiment=experiment)}
    for run_id in every(uri, experiment=experiment):
        if run_id in columns:
            if columns[run_id].spans:
                return run_id
            continue
        if "outcome" in set(reader.runs(number, tag=(PARENT, run_id), keys=("outcome",)).tags["key"]):
            return run_id
    return None


def find(sweep: str, uri: str | None = None, *, experiment: str = "xorlab") -> str:
    """Return the run id of the sweep that `sweep` names: its run id, the beginning of it, or ``latest``.

    Raises
    ------
    XorlabError
        Where there is no such sweep, or more than one.
    """
    return find_id(pd.Series(every(uri, experiment=experiment), dtype="str"), sweep)


def read(run_id: str, uri: str | None = None, *, experiment: str = "xorlab") -> StoredSweep:
    """Read a sweep and its runs."""
    reader = open_reader(store.uri(uri))
    parent = reader.run(run_id)
    tags, params = (dict(zip(part["key"], part["value"], strict=True)) for part in (parent.tags, parent.params))
    own = reader.runs(experiment_id(reader, experiment), tag=(PARENT, run_id), keys=(*TAGS, "final_loss"))
    reused = reader.artifact(run_id, REUSED)
    others = [] if reused is None else _members(reader.some(reused_ids(reused)))
    info = parent.info.iloc[0]
    return StoredSweep(
        run_id,
        str(info["name"]),
        str(info["status"]),
        datetime.fromtimestamp(info["start"] / 1000.0, UTC),
        tags,
        params,
        reader.artifact(run_id, PLAN),
        _members(own),
        others,
    )


def finished(uri: str | None = None, *, experiment: str = "xorlab", but: str | None = None) -> list[Member]:
    """Return the finished runs of an experiment that are not of one sweep."""
    reader = open_reader(store.uri(uri))
    found = reader.runs(experiment_id(reader, experiment), keys=(*TAGS, PARENT, "final_loss"))
    own = found.tags["run_id"][(found.tags["key"] == PARENT) & (found.tags["value"] == (but or ""))]
    others = _members(found)
    left_out = set(own)
    return [each for each in others if each.run_id not in left_out and each.status == "FINISHED"]


def params(ids: Sequence[str], uri: str | None = None) -> dict[str, dict[str, str]]:
    """Return the parameters of runs, as text, by run id."""
    found: dict[str, dict[str, str]] = {run_id: {} for run_id in ids}
    long = open_reader(store.uri(uri)).some(ids).params
    for run_id, key, value in zip(long["run_id"], long["key"], long["value"], strict=True):
        found[run_id][key] = value
    return found


def unfinished(plan: str, uri: str | None = None, *, experiment: str = "xorlab") -> str | None:
    """Return the id of the last sweep that asked for this plan, by its hash, and was killed or failed."""
    reader = open_reader(store.uri(uri))
    info = reader.runs(experiment_id(reader, experiment), tag=(ASKED, plan), keys=()).info
    newest = info.sort_values("start", ascending=False)[:1]
    ended = newest[newest["status"].isin(["KILLED", "FAILED"])]
    return None if ended.empty else str(ended["run_id"].iloc[0])


def _members(parts: Parts) -> list[Member]:
    carried: dict[str, dict[str, Any]] = {run_id: {} for run_id in parts.info["run_id"]}
    for long in (parts.tags, parts.metrics):
        for run_id, key, value in zip(long["run_id"], long["key"], long["value"], strict=True):
            if key in Member._fields:
                carried[run_id][key] = value
    rows = parts.info[["run_id", "status", "start", "end"]].itertuples(index=False, name=None)
    return [
        Member(run_id, status, start, None if pd.isna(end) else end, **carried[run_id])
        for run_id, status, start, end in rows
    ]
