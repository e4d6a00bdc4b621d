"""A run from MLflow's record alone: its specification, checked against its identity, and what else it tells."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run
from numpy.typing import NDArray

from xorlab import runs
from xorlab.errors import SpecError, XorlabError
from xorlab.runs import reading
from xorlab.spec import NUMERICS, RunSpec, text
from xorlab.tracking import store

Array = NDArray[np.float64]

INITIAL = "initial_weights.npz"
"""The artifact that a run began with."""

LAST = 100
"""How many of the last runs are searched for one that is no sweep."""

SHOWN = 12
"""Digits of an identity that are shown."""


@dataclass(frozen=True)
class Recalled:
    """A run as MLflow has it.

    Attributes
    ----------
    run_id, experiment : where it is kept, the experiment by its name
    start : when it began
    spec : its specification, from its params
    tags, metrics : what it tells beside: text, and last values
    """

    run_id: str
    experiment: str
    start: datetime
    spec: RunSpec
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


def recall(run: str, uri: str | None = None, *, experiment: str = "xorlab") -> Recalled:
    """Recall the run that `run` names: its id, the beginning of it, or ``latest``, the one that began last.

    Raises
    ------
    XorlabError
        Where there is no such run, or more than one; where it is a sweep, or no run of xorlab's; where its
        params make another identity than its tag ``spec`` says.
    """
    address = store.uri(uri)
    found = _found(run, address, experiment)
    if len(found) != 1:
        count = "several" if found else "no run"
        raise XorlabError(
            f"RUN must be latest, the id of a run in {experiment} or its beginning; got {run!r}, which is {count}"
        )
    return _recalled(found[0], experiment)


def sweep(name: str, uri: str | None = None, *, experiment: str = "xorlab") -> str | None:
    """Return the id of the sweep that `name` names: its id, the beginning of it, or ``latest``.

    Returns
    -------
    None where `name` names something else; of ``latest``, where the run that began last belongs to no sweep.
    """
    found = _found(name, store.uri(uri), experiment)
    if len(found) != 1:
        return None
    tags = found[0].data.tags
    return (
        found[0].info.run_id if tags.get(runs.KIND) == "sweep" else tags.get(runs.PARENT) if name == "latest" else None
    )


def unconverged(sweep: str, uri: str | None = None, *, experiment: str = "xorlab") -> tuple[list[Recalled], int]:
    """Recall the runs of a sweep that have an outcome other than converged; count all that have an outcome.

    Parameters
    ----------
    sweep
        Its run id, the beginning of it, or ``latest``.
    """
    table = runs.load(uri, experiment=experiment, sweep=sweep).dropna(subset="outcome")
    client = MlflowClient(store.uri(uri))
    chosen = table["run_id"][table["outcome"] != "converged"]
    return [_recalled(client.get_run(run_id), experiment) for run_id in chosen], len(table)


def curve(recalled: Recalled, uri: str | None = None) -> tuple[NDArray[np.int64], Array]:
    """Read the recorded losses of a run: their epochs (K,), ascending, and their values (K,)."""
    table = runs.curves(pd.DataFrame({"run_id": [recalled.run_id], "sweep": [None]}), uri)
    return table["epoch"].to_numpy(np.int64), table["loss"].to_numpy(np.float64)


def weights(recalled: Recalled, uri: str | None = None) -> dict[str, Array] | None:
    """Read the recorded initial weights of a run: W1 (1, D, H), b1 (1, H), W2, … as an ensemble of one.

    Returns
    -------
    None where neither the run nor the sweep that it belongs to carries them.
    """
    address = store.uri(uri)
    content = reading.artifact(address, recalled.run_id, INITIAL)
    if content is not None:
        return {name: array[None] for name, array in _arrays(content).items()}
    parent = recalled.tags.get(runs.PARENT)
    content = None if parent is None else reading.artifact(address, parent, INITIAL)
    arrays = {} if content is None else _arrays(content)
    for shape in {key.rpartition("/")[0] for key in arrays}:
        rows = np.flatnonzero(arrays[f"{shape}/run_id"] == recalled.run_id)
        if rows.size:
            names = [key for key in arrays if key.startswith(f"{shape}/") and not key.endswith("/run_id")]
            return {key.rpartition("/")[2]: arrays[key][rows] for key in names}
    return None


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _found(run: str, address: str, experiment: str) -> list[Run]:
    number = reading.reader(address).experiment(experiment)
    if number is None:
        raise XorlabError(f"experiment must be one that has runs; got {experiment!r}")
    client = MlflowClient(address)
    if run == "latest":
        # MLflow's filters can't exclude a tag, so the sweeps among the last runs are skipped here.
        last = client.search_runs([number], order_by=["attributes.start_time DESC"], max_results=LAST)
        return [each for each in last if each.data.tags.get(runs.KIND) != "sweep"][:1]
    if not re.fullmatch("[0-9a-f]{1,32}", run):
        return []
    return list(client.search_runs([number], f"attributes.run_id LIKE '{run}%'", max_results=2))


def _recalled(run: Run, experiment: str) -> Recalled:
    run_id, tags = run.info.run_id, run.data.tags
    if tags.get(runs.KIND) == "sweep":
        raise XorlabError(f"RUN must be one run; got {run_id}, which is a sweep of them")
    if "spec" not in tags:
        raise XorlabError(f"RUN must be a run of xorlab's, with a tag spec; got {run_id}, which has none")
    try:
        spec = text.specification(run.data.params)
    except SpecError as error:
        raise XorlabError(f"the params of run {run_id} must be a specification's; {error}") from error
    if spec.identity != tags["spec"]:
        raise XorlabError(_another(run_id, spec, tags))
    start = datetime.fromtimestamp(run.info.start_time / 1000.0, UTC)
    return Recalled(run_id, experiment, start, spec, dict(tags), dict(run.data.metrics))


def _another(run_id: str, spec: RunSpec, tags: Mapping[str, str]) -> str:
    """Say that a run is not the one its params describe, and why where the tags tell."""
    numerics = tags.get("numerics", str(NUMERICS))
    why = f"; its numerics are {numerics}, these are {NUMERICS}" if numerics != str(NUMERICS) else ""
    pair = f"its params make {spec.identity[:SHOWN]}…, its tag spec is {tags['spec'][:SHOWN]}…"
    return f"run {run_id} must have the identity of its params; {pair}{why}"
