"""The tables of runs, sweeps, losses and plans, as pandas frames."""

import csv
import io
import re
from collections.abc import Iterator, Sequence

import pandas as pd

from xorlab.errors import XorlabError
from xorlab.runs import columnar
from xorlab.runs.columns import MEASURED, VERSION, typed
from xorlab.runs.parts import KIND, Parts, joined, log_spaced_epochs, thin
from xorlab.runs.reader import experiment_id, open_reader
from xorlab.spec.runspec import LATER
from xorlab.spec.text import PARAMETERS
from xorlab.tracking import store
from xorlab.tracking.provenance import COMMIT
from xorlab.tracking.records import DIFF, PARENT, PLAN, REUSED

CHUNK = 500
"""Runs of no sweep whose whole curves are in memory at once before they are thinned."""


def load(
    uri: str | None = None,
    *,
    experiment: str = "xorlab",
    sweep: str | None = None,
    filter: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read runs into a tidy table, one row a run; a sweep is its runs, not itself a row.

    Parameters
    ----------
    uri
        The tracking store; `xorlab.tracking.store.uri` says which one None means.
    experiment
        The experiment's name.
    sweep
        Only the runs of one sweep, those of other sweeps that it counts included: its run id, the beginning of it, or
        ``latest``.
    filter
        A condition in MLflow's search language, as in ``params.lr = '0.1' and tags.outcome = 'stuck_ln2'``. It
        finds runs of MLflow's only, none of a sweep that was recorded with track=sweep.
    columns
        Only these, run_id and sweep; None for all. Of a sweep with track=sweep only these, and what it is sorted by,
        are read from its files.

    Returns
    -------
    DataFrame
        Columns run_id, name, sweep, status, start (UTC), duration (seconds), commit, outcome; every parameter, in its
        type and the specification's order; every other tag that is not MLflow's own; every metric's last
        value. A metric that has a parameter's name, as ``loss`` has, stands under ``last_loss``. The rows
        are sorted by the parameters.

    Raises
    ------
    XorlabError
        Where there is no such experiment or sweep, or the filter can't be read.
    """
    found = _load(uri, experiment, sweep, filter, columns)
    if columns is None:
        return found
    wanted = {"run_id", "sweep", *columns}
    return found[[name for name in found if name in wanted]]


def _load(
    uri: str | None, experiment: str, sweep: str | None, filter: str | None, columns: Sequence[str] | None
) -> pd.DataFrame:
    address = store.uri(uri)
    every = None if sweep is None else sweeps(address, experiment=experiment)
    parent = None if every is None else find_id(every["run_id"], str(sweep))
    if parent and (own := columnar.find(parent, address)) is not None:
        if filter:
            raise XorlabError(f"filter can't search sweep {parent}, recorded with track=sweep; filter its table")
        return own.table(columns)
    reader = open_reader(address, search=filter or None)
    found = reader.runs(experiment_id(reader, experiment), tag=(PARENT, parent) if parent else None)
    if parent and (reused := reader.artifact(parent, REUSED)):
        found = joined([found, reader.some(reused_ids(reused))])
    made = table(found)
    others = [] if parent or filter else columnar.every(address, experiment=experiment)
    tables = [own.table(columns) for own in others if own.spans]
    return pd.concat([made, *tables], ignore_index=True) if tables else made


def table(parts: Parts) -> pd.DataFrame:
    """Return runs as `load` does, from what the store or anyone else says of them."""
    found = _table(parts, kind="run")
    order = [*(key for key in PARAMETERS if key in found), "start", "run_id"]
    return found.sort_values(order, ignore_index=True)


def sweeps(uri: str | None = None, *, experiment: str = "xorlab") -> pd.DataFrame:
    """Read an experiment's sweeps, the latest first: run_id, name, status, start, duration, commit, tags, metrics."""
    reader = open_reader(store.uri(uri))
    found = reader.runs(experiment_id(reader, experiment), tag=(KIND, "sweep"))
    return _table(found, kind="sweep").sort_values(["start", "run_id"], ascending=False, ignore_index=True)


def curves(runs: pd.DataFrame, uri: str | None = None, *, points: int | None = None) -> pd.DataFrame:
    """Read the losses of `runs`, a table as `load` makes it, into one long table.

    Parameters
    ----------
    runs
        Which runs; of its columns run_id and sweep are read.
    uri
        The tracking store, as for `load`.
    points
        No more than about so many epochs a run, even on a log scale and the same throughout a sweep; the first
        and each run's last are among them. None: every epoch that was logged.

    Returns
    -------
    DataFrame
        Columns run_id, epoch, loss; runs in the order of `runs`, epochs ascending. Where a run was written
        twice the later value counts.
    """
    reader = open_reader(store.uri(uri))
    inside = runs["run_id"].str.contains(":", regex=False).astype("bool")
    columns = [
        own if points is None else thin(own, points)
        for own in (_columns(str(sweep), ids, uri) for sweep, ids in _by_sweep(runs["run_id"][inside]))
    ]
    everything, runs = runs, runs[~inside]
    if points is None:
        found = pd.concat([reader.losses(runs["run_id"].tolist()), *columns])
    else:
        alone = runs["run_id"][runs["sweep"].isna()].tolist()
        frames = []
        for start in range(0, len(alone), CHUNK):
            losses = reader.losses(alone[start : start + CHUNK])
            epochs = losses.groupby("run_id")["epoch"]
            kept = epochs.transform(lambda own: own.isin(log_spaced_epochs(own, points)))
            frames.append(losses[kept.astype("bool")])
        sweeps = runs.groupby("sweep", sort=False)["run_id"]
        frames += [reader.thinned(ids.tolist(), points=points) for _, ids in sweeps]
        found = pd.concat([reader.losses([]), *frames, *columns])
    order = pd.Index(everything["run_id"]).get_indexer(pd.Index(found["run_id"]))
    found = found.assign(order=order).drop_duplicates(["order", "epoch"], keep="last")
    return found.sort_values(["order", "epoch"], ignore_index=True).drop(columns="order")


def _by_sweep(ids: "pd.Series[str]") -> Iterator[tuple[str, list[int]]]:
    """Yield each sweep of runs that are columns, and their numbers."""
    split = ids.str.split(":", n=1, expand=True)
    for sweep, rows in split.groupby(0, sort=False) if len(split) else ():
        yield str(sweep), rows[1].astype("int64").tolist()


def _columns(sweep: str, numbers: list[int], uri: str | None) -> pd.DataFrame:
    found = columnar.find(sweep, uri)
    if found is None:
        raise XorlabError(f"{sweep} must be a sweep that was recorded with track=sweep")
    return found.curves(numbers)


def reused_ids(reused: bytes) -> list[str]:
    """Return the run ids in a sweep's list of the runs of other sweeps that it counts."""
    return [line["run_id"] for line in csv.DictReader(io.StringIO(reused.decode()))]


def plan(sweep: str, uri: str | None = None, *, experiment: str = "xorlab") -> pd.DataFrame | None:
    """Read what a sweep asked for: a row a run, a column in its type for each parameter that varies.

    Parameters
    ----------
    sweep
        Its run id, the beginning of it, or ``latest``.

    Returns
    -------
    None where the sweep has no plan, as one of an earlier version.
    """
    address = store.uri(uri)
    own = columnar.find(find_id(sweeps(address, experiment=experiment)["run_id"], sweep), address)
    if own is not None:
        return own.plan()
    text = _artifact(sweep, uri, experiment, PLAN)
    if text is None:
        return None
    return pd.read_csv(io.BytesIO(text), dtype=str).drop(columns="spec", errors="ignore").apply(typed)


def diff(sweep: str, uri: str | None = None, *, experiment: str = "xorlab") -> str:
    """Read what was not committed when a sweep was made, as a patch; nothing where all was."""
    return (_artifact(sweep, uri, experiment, DIFF) or b"").decode()


def _artifact(sweep: str, uri: str | None, experiment: str, name: str) -> bytes | None:
    address = store.uri(uri)
    return open_reader(address).artifact(find_id(sweeps(address, experiment=experiment)["run_id"], sweep), name)


def find_id(ids: "pd.Series[str]", sweep: str) -> str:
    """Return the one sweep's run id that `sweep` names, of these run ids with the latest first."""
    found = ids[:1] if sweep == "latest" else ids[ids.str.startswith(sweep)]
    if len(found) != 1:
        count = "no sweep" if found.empty else f"{len(found)} sweeps"
        raise XorlabError(
            f"sweep must be latest or the beginning of one sweep's run id; got {sweep!r}, which is {count}"
        )
    return str(found.iloc[0])


def _table(parts: Parts, *, kind: str) -> pd.DataFrame:
    """Join what runs carry to one row a run, and keep those of one kind: run or sweep."""
    sweep_ids = parts.tags["run_id"][(parts.tags["key"] == KIND) & (parts.tags["value"] == "sweep")]
    info = parts.info[parts.info["run_id"].isin(sweep_ids) == (kind == "sweep")].set_index("run_id")
    params, tags, metrics = (
        part[part["run_id"].isin(info.index)].pivot(index="run_id", columns="key", values="value").reindex(info.index)
        for part in (parts.params, parts.tags, parts.metrics)
    )
    later = {".".join(path): str(default) for path, default in LATER.items()}
    slope = later.pop("arch.leaky_slope")  # which only leaky units have
    params = params.fillna(later)
    if "arch.leaky_slope" in params:
        leaky = params["arch.activation"].str.contains("leaky_relu", na=False)
        params["arch.leaky_slope"] = params["arch.leaky_slope"].mask(leaky & params["arch.leaky_slope"].isna(), slope)
    metrics = metrics.reindex(columns=sorted({*metrics, *(MEASURED if kind == "run" else ())}))
    metrics = metrics.rename(columns={key: f"last_{key}" for key in metrics if key in params})
    tags = tags.rename(columns={"numerics": VERSION})
    own = [key for key in tags if not re.match(r"outcome$|xorlab[.]|mlflow[.]", str(key))]
    known = sorted(map(str, params), key=lambda key: (_ORDER.get(key, len(_ORDER)), key))
    head = pd.DataFrame(
        {
            "name": info["name"],
            "sweep": _column(tags, PARENT),
            "status": info["status"],
            "start": pd.to_datetime(info["start"], unit="ms", utc=True),
            "duration": (info["end"] - info["start"]).astype("Float64").astype("float64") / 1000.0,
            "commit": _column(tags, COMMIT),
            "outcome": _column(tags, "outcome"),
        }
    )
    table = [head, params[known].apply(typed), tags[own], metrics.astype("float64")]
    return pd.concat(table, axis=1).reset_index(names="run_id")


_ORDER = {key: place for place, key in enumerate(PARAMETERS)}


def _column(tags: pd.DataFrame, key: str) -> pd.Series:
    """Return a tag's column, empty where no run has it."""
    return tags[key] if key in tags else pd.Series(index=tags.index, dtype="str")
