"""Train one sweep on several engines and compare all that they record, row for row.

    python docs/make/engines.py local dask
    python docs/make/engines.py local slurm engine.queue=short
    python docs/make/engines.py --sweep "seed=0..9999 epochs=1000 log_every=10" local dask

Without `--sweep`, 500 runs mix shapes, optimizers, learning rates, batches and arithmetics; some diverge. Each engine
has a store of its own. Words with = are added to the command of the engine that they follow, or to all commands if they
come first. `--own-slurm` starts a SLURM cluster of this machine alone; it needs SLURM and munge, and root.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))

GRID = (
    "arch=2-2-1,2-3-1,2-8-1,2-2-2-2-2-1,2-16-16-1",
    "optimizer=gd,momentum,nesterov,rmsprop,adam",
    "lr=0.01,0.1,1,10,1e200",
    "batch_size=full,2",
    "numerics=native,portable",
    "epochs=200",
    "log_every=7",
    "artifacts=run",
)
OWN = ("command", "host", "mlflow.note.content", "mlflow.parentRunId", "xorlab.driver", "xorlab.heartbeat")
"""Tags that name a time, a host, an id or the command. A run's note is compared, its sweep's is not."""
ELSEWHERE = ("engine", "tracking", "workers")
Contents = Mapping[str, list[Any]]
"""The rows of a run by the name of their table, and its files as ``artifacts``."""
TABLES = ("params", "tags", "metrics", "latest_metrics", "inputs", "runs")


def contents(uri: str, experiment: str = "xorlab") -> dict[str, Contents]:
    """Return all that a store records of the runs and sweeps of an experiment, without times, hosts and ids.

    Returns
    -------
    By the name of a run and its identity, the rows of each of `TABLES`, and its files with their bytes.
    """
    engine = sa.create_engine(uri)
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        wanted = (*TABLES, "datasets", "experiments")
        rows = {name: connection.execute(tables.tables[name].select()).mappings().all() for name in wanted}
    engine.dispose()
    (own,) = (row["experiment_id"] for row in rows["experiments"] if row["name"] == experiment)
    ids = {row["run_uuid"] for row in rows["runs"] if row["experiment_id"] == own}
    rows["inputs"] = [row for row in rows["inputs"] if row["destination_id"] in ids]
    for table in ("runs", "params", "tags", "metrics", "latest_metrics"):
        rows[table] = [row for row in rows[table] if row["run_uuid"] in ids]
    sets = {row["dataset_uuid"]: (row["name"], row["digest"], row["dataset_profile"]) for row in rows["datasets"]}
    specs = {row["run_uuid"]: row["value"] for row in rows["tags"] if row["key"] == "spec"}
    names = {row["run_uuid"]: f"{row['name']} {specs.get(row['run_uuid'], '')}" for row in rows["runs"]}
    assert len(set(names.values())) == len(names), "a run was recorded twice"
    found: dict[str, dict[str, list[Any]]] = {name: {table: [] for table in TABLES} for name in names.values()}
    for row in rows["runs"]:
        found[names[row["run_uuid"]]]["runs"] = [(row["status"], row["lifecycle_stage"], row["user_id"])]
        found[names[row["run_uuid"]]]["artifacts"] = list(_files(row["artifact_uri"], names))
    for row in rows["inputs"]:
        found[names[row["destination_id"]]]["inputs"].append(sets[row["source_id"]])
    for table in ("params", "tags", "metrics", "latest_metrics"):
        for row in rows[table]:
            run_id, key = row["run_uuid"], row["key"]
            if table != "tags" or key not in OWN or (key == "mlflow.note.content" and run_id in specs):
                kept = (key, repr(row["value"]), row.get("step"), row.get("is_nan"))
                found[names[run_id]][table].append(kept)
    return {name: {table: sorted(each) for table, each in tables.items()} for name, tables in found.items()}


def _files(uri: str, names: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a run; none where they are not in a folder. What has runs' ids has their names instead."""
    folder = Path(uri.removeprefix("file://"))
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.name == "config.yaml":
                content = repr(_elsewhere(yaml.safe_load(content))).encode()
            elif path.name == "configs.json":
                configs = {names[run_id]: _elsewhere(config) for run_id, config in json.loads(content).items()}
                content = repr(sorted(configs.items())).encode()
            elif path.suffix == ".npz":
                content = repr(sorted(_weights(path, names))).encode()
            yield str(path.relative_to(folder)), content


def _elsewhere(config: Mapping[str, object]) -> dict[str, object]:
    """Return a configuration without what says where a run is trained and recorded."""
    return {key: config[key] for key in config if key not in ELSEWHERE}


def _weights(path: Path, names: Mapping[str, str]) -> Iterator[tuple[str, str, bytes]]:
    """Yield the name of each run, of each of its arrays, and the array's bytes; a run's own file names no run."""
    with np.load(path) as file:
        arrays = dict(file)
    for key in (key for key in arrays if not key.endswith("run_id")):
        ids = arrays.get(f"{key.rpartition('/')[0]}/run_id")
        if ids is None:
            yield "", key, arrays[key].tobytes()
        else:
            yield from ((names[run_id], key, each.tobytes()) for run_id, each in zip(ids, arrays[key], strict=True))


def differences(one: Mapping[str, Contents], other: Mapping[str, Contents]) -> list[str]:
    """Name the runs, and their tables and files, in which two stores differ."""
    said = [f"{name} is in one store only" for name in sorted(one.keys() ^ other.keys())]
    for name in sorted(one.keys() & other.keys()):
        mine, theirs = one[name], other[name]
        said += [f"{name}: {table}" for table in TABLES if mine[table] != theirs[table]]
        said += [
            f"{name}: {file}" for file in sorted({file for file, _ in {*mine["artifacts"]} ^ {*theirs["artifacts"]}})
        ]
    return said


def train(engine: str, folder: Path, words: list[str]) -> str:
    """Train a sweep on an engine into a store of its own; return its URI."""
    folder.mkdir()
    uri = f"sqlite:///{folder}/mlflow.db"
    command = [sys.executable, str(ROOT / "train.py"), "-m", f"engine={engine}", *words]
    start = time.monotonic()
    subprocess.run(
        command, cwd=folder, env=os.environ | {"MLFLOW_TRACKING_URI": uri}, check=True, stdout=subprocess.DEVNULL
    )
    print(f"{engine}: {time.monotonic() - start:.1f} s", flush=True)
    return uri


def commands(words: Iterable[str]) -> dict[str, list[str]]:
    """Return the words of each engine's command."""
    shared: list[str] = []
    found: dict[str, list[str]] = {}
    own = shared
    for word in words:
        if "=" not in word:
            own = found[word] = [*shared]
        else:
            own.append(word)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Compare the engines that the command line names; return 1 where a row differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+", metavar="ENGINE or KEY=VALUE")
    parser.add_argument("--sweep", default=" ".join(GRID), metavar="WORDS", help="what to train in place of 500 runs")
    parser.add_argument("--own-slurm", action="store_true", help="start a SLURM cluster of this machine alone")
    options = parser.parse_args(arguments)
    asked = commands([*options.sweep.split(), *options.words])
    first, *others = asked
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="engines-")))
        if options.own_slurm:
            import servers

            os.environ["SLURM_CONF"] = stack.enter_context(servers.slurm())
        reference = contents(train(first, folder / first, asked[first]))
        counts = {table: sum(len(run[table]) for run in reference.values()) for table in (*TABLES, "artifacts")}
        print(f"{first}: {', '.join(f'{count:,} {table}' for table, count in counts.items())}")
        outcomes = [row[1] for run in reference.values() for row in run["tags"] if row[0] == "outcome"]
        print(", ".join(f"{outcomes.count(each)} {each}" for each in sorted(set(outcomes))))
        different = 0
        for engine in others:
            found = differences(reference, contents(train(engine, folder / engine, asked[engine])))
            print(f"{engine}: {len(found)} differences from {first}", *found[:10], sep="\n  ")
            different += len(found)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
