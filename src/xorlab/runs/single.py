"""Reads a single run: its specification, checked against its identity, its losses and its initial weights."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xorlab.errors import SpecError, XorlabError
from xorlab.runs import columnar, tables
from xorlab.runs.columnar import Columnar
from xorlab.runs.parts import KIND, Parts
from xorlab.runs.reader import experiment_id, open_reader
from xorlab.spec import NUMERICS, RunSpec, text
from xorlab.spec.components import functions
from xorlab.spec.text import PARAMETERS
from xorlab.tracking import store
from xorlab.tracking.records import PARENT, TRACK, USE

Array = NDArray[np.float64]

INITIAL_WEIGHTS = "initial_weights.npz"
"""The artifact with the weights that a run, or each run of a sweep, started from."""

MOST = 20_000
"""Runs of a sweep with track=sweep that are read whole at once."""

SHOWN = 12
"""Digits of an identity in a message."""


@dataclass(frozen=True)
class StoredRun:
    """A run as MLflow has it.

    Attributes
    ----------
    run_id, experiment : where it is stored, the experiment by its name
    start : when it began
    spec : its specification, from its params
    tags : its tags
    metrics : the last value of each metric
    """

    run_id: str
    experiment: str
    start: datetime
    spec: RunSpec
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


def find(run: str, uri: str | None = None, *, experiment: str = "xorlab") -> StoredRun:
    """Read the run that `run` names: its id, the beginning of it, or ``latest``, the one that started last.

    Raises
    ------
    XorlabError
        Where there is no such run, or more than one; where it is a sweep, or no run of xorlab's; where its params
        give another identity than its tag ``spec``.
    """
    address = store.uri(uri)
    if place := columnar.PLACE.fullmatch(run):
        return _of_columns(place[1], int(place[2]), address, experiment)
    found = _ids(run, address, experiment)
    if len(found) != 1:
        count = "several" if found else "no run"
        raise XorlabError(
            f"RUN must be latest, the id of a run in {experiment} or its beginning; got {run!r}, which is {count}"
        )
    parts = open_reader(address).run(found[0])
    if _carried(parts.tags).get(TRACK) == "sweep":
        raise XorlabError(f"RUN must be one run; {run!r} is a sweep of them: its first is {found[0][:SHOWN]}:0")
    (stored,) = _stored(parts, found, experiment)
    return stored


def _of_columns(sweep: str, number: int, address: str, experiment: str) -> StoredRun:
    """Read a run of a sweep that was recorded with track=sweep, by its number."""
    if sweep == "latest":
        found = [own.run_id for own in columnar.every(address, experiment=experiment)][:1]
    else:
        found = _ids(sweep, address, experiment)
    own = columnar.find(found[0], address) if len(found) == 1 else None
    if own is None:
        raise XorlabError(
            f"SWEEP:NUMBER needs a sweep that was recorded with track=sweep; got {sweep!r}, which is none"
        )
    if number >= len(own.product):
        raise XorlabError(f"sweep {sweep} has the runs 0 to {len(own.product) - 1:,}; got {number}")
    (row,) = own.read(None, [number]).drop_columns(["losses"]).to_pylist() or [None]
    if row is None:
        raise XorlabError(f"run {number} of sweep {sweep} is not there yet")
    return _stored_row(own, row, experiment)


def _stored_row(own: Columnar, row: Mapping[str, Any], experiment: str) -> StoredRun:
    """Return a run from its row of columns; raise XorlabError where it has not the identity of its parameters."""
    number = row["number"]
    run_id = f"{own.run_id}:{number}"
    (spec,) = own.product.specs(range(number, number + 1))
    if spec.identity != row["spec"].hex():
        raise XorlabError(
            f"run {run_id} must have the identity of its parameters; they give {spec.identity[:SHOWN]}…, "
            f"its column spec is {row['spec'].hex()[:SHOWN]}…"
        )
    texts = {key: value for key, value in row.items() if isinstance(value, str) and key not in PARAMETERS}
    metrics = {key: value for key, value in row.items() if isinstance(value, float) and key not in PARAMETERS}
    tags = {**own.tags, **texts, "spec": spec.identity, PARENT: own.run_id}
    return StoredRun(run_id, experiment, datetime.fromtimestamp(row["start"] / 1000.0, UTC), spec, tags, metrics)


def find_sweep(name: str, uri: str | None = None, *, experiment: str = "xorlab") -> str | None:
    """Return the id of the sweep that `name` names: its id, the beginning of it, or ``latest``.

    Returns
    -------
    None where `name` names something else; of ``latest``, where the run that started last belongs to no sweep.
    """
    address = store.uri(uri)
    found = [] if ":" in name else _ids(name, address, experiment)
    if len(found) != 1:
        return None
    tags = _carried(open_reader(address).run(found[0]).tags)
    if tags.get(TRACK) == "sweep":
        return found[0]
    return tags.get(PARENT) if name == "latest" else found[0] if tags.get(KIND) == "sweep" else None


def find_unconverged(sweep: str, uri: str | None = None, *, experiment: str = "xorlab") -> tuple[list[StoredRun], int]:
    """Read the runs of a sweep that have an outcome other than converged; count all that have an outcome.

    Parameters
    ----------
    sweep
        Its run id, the beginning of it, or ``latest``.
    """
    table = tables.load(uri, experiment=experiment, sweep=sweep, columns=["outcome"]).dropna(subset="outcome")
    chosen = table[table["outcome"] != "converged"]
    if chosen.empty:
        return [], len(table)
    ids = chosen["run_id"].tolist()
    address = store.uri(uri)
    if (own := columnar.find(ids[0].partition(":")[0], address) if ":" in ids[0] else None) is not None:
        if len(ids) > MOST:
            raise XorlabError(
                f"at most {MOST:,} runs that did not converge can be answered for at once; got {len(ids):,}. "
                f"Name one run, as {ids[0][:SHOWN]}:{ids[0].partition(':')[2]}"
            )
        read = own.read(None, [int(run_id.partition(":")[2]) for run_id in ids]).drop_columns(["losses"])
        return [_stored_row(own, row, experiment) for row in read.to_pylist()], len(table)
    return _stored(open_reader(store.uri(uri)).some(ids), ids, experiment), len(table)


def losses(run: StoredRun, uri: str | None = None) -> tuple[NDArray[np.int64], Array]:
    """Read the recorded losses of a run: their epochs (K,), ascending, and their values (K,)."""
    table = tables.curves(pd.DataFrame({"run_id": [run.run_id], "sweep": [None]}), uri)
    return table["epoch"].to_numpy(np.int64), table["loss"].to_numpy(np.float64)


def weights(run: StoredRun, uri: str | None = None, *, file: str = INITIAL_WEIGHTS) -> dict[str, Array] | None:
    """Read recorded weights of a run: W1 (1, D, H), b1 (1, H), W2, … as an ensemble of one.

    Parameters
    ----------
    run : the run
    uri : the tracking store
    file : the artifact that holds them

    Returns
    -------
    None where neither the run nor the sweep that it belongs to carries them.
    """
    if ":" in run.run_id:  # the runs of a sweep with track=sweep carry none
        return None
    reader = open_reader(store.uri(uri))
    content = reader.artifact(run.run_id, file)
    if content is not None:
        return {name: array[None] for name, array in _arrays(content).items()}
    parent = run.tags.get(PARENT)
    content = None if parent is None else reader.artifact(parent, file)
    arrays = {} if content is None else _arrays(content)
    for shape in {key.rpartition("/")[0] for key in arrays}:
        rows = np.flatnonzero(arrays[f"{shape}/run_id"] == run.run_id)
        if rows.size:
            names = [key for key in arrays if key.startswith(f"{shape}/") and not key.endswith("/run_id")]
            return {key.rpartition("/")[2]: arrays[key][rows] for key in names}
    return None


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _ids(run: str, address: str, experiment: str) -> list[str]:
    """Return the ids of up to two runs or sweeps that `run` may name."""
    reader = open_reader(address)
    number = experiment_id(reader, experiment)
    if run == "latest":
        found = reader.latest(number)
        sweeps = columnar.every(address, experiment=experiment)[:1]
        if sweeps and (not found or reader.run(found[0]).info["start"].iloc[0] < sweeps[0].start):
            return [sweeps[0].run_id]
        return found
    return reader.find(number, run) if re.fullmatch("[0-9a-f]{1,32}", run) else []


def _stored(parts: Parts, ids: list[str], experiment: str) -> list[StoredRun]:
    """Return the runs of these ids, in order."""
    starts = parts.info.set_index("run_id")["start"]
    long = [dict(list(part.groupby("run_id"))) for part in (parts.params, parts.tags, parts.metrics)]
    runs = []
    for run_id in ids:
        params, tags, metrics = (_carried(part.get(run_id)) for part in long)
        start = datetime.fromtimestamp(starts[run_id] / 1000.0, UTC)
        runs.append(StoredRun(run_id, experiment, start, _specification(run_id, params, tags), tags, metrics))
    return runs


def _carried(long: pd.DataFrame | None) -> dict[str, Any]:
    return {} if long is None else dict(zip(long["key"], long["value"], strict=True))


def _specification(run_id: str, params: Mapping[str, str], tags: Mapping[str, str]) -> RunSpec:
    """Return the specification of a run; raise XorlabError where it has none, or not the one of its tag ``spec``."""
    if tags.get(KIND) == "sweep":
        raise XorlabError(f"RUN must be one run; got {run_id}, which is a sweep of them")
    if "spec" not in tags:
        raise XorlabError(f"RUN must be a run of xorlab's, with a tag spec; got {run_id}, which has none")
    try:
        list(functions.registered(params.get("source")))
    except XorlabError as error:
        module = tags.get(USE)
        where = f"in the module {module}: --use {module}" if module else "in Python, in the same process"
        raise XorlabError(f"run {run_id} must find its functions: {error}, {where}") from error
    try:
        spec = text.specification(params)
    except SpecError as error:
        raise XorlabError(f"the params of run {run_id} must be a specification's; {error}") from error
    if spec.identity != tags["spec"]:
        numerics = tags.get("numerics", str(NUMERICS))
        why = f"; its numerics are {numerics}, these are {NUMERICS}" if numerics != str(NUMERICS) else ""
        raise XorlabError(
            f"run {run_id} must have the identity of its params; they give {spec.identity[:SHOWN]}…, "
            f"its tag spec is {tags['spec'][:SHOWN]}…{why}"
        )
    return spec
