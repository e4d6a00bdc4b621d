"""Kill sweeps at random moments, continue them, and compare every row with an undisturbed sweep's.

    python docs/make/torture.py --kills 200 --seed 0

Each command is a process of its own, forked from this one, which has imported everything: so that a kill costs a second
and not ten. A sweep is begun, disturbed and continued until it is complete; then the next one begins in a new store.
"""

import argparse
import collections
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
GRID = ("lr=0.1,1", "arch=2-2-1,2-3-1", "seed=0..14", "epochs=400", "log_every=7")
"""Sixty runs of two shapes."""
CHUNK = 6
"""Runs that are trained and written together."""
PAUSE = 0.05
"""Seconds that a chunk takes at least, so that a sweep lasts long enough to be disturbed in its midst."""


def prepare() -> None:
    """Import what the command needs, and cut its sweeps into small chunks."""
    import matplotlib.figure  # noqa: F401
    import pandas as pd  # noqa: F401

    import xorlab.cli.multirun
    import xorlab.figures.curves
    import xorlab.runs.sql_reader
    import xorlab.sweeps.continuing
    import xorlab.sweeps.runner
    import xorlab.tracking.sql_writer  # noqa: F401
    from xorlab.numerics import training

    train = training.train

    def slowly(*given, **options):
        time.sleep(PAUSE)
        return train(*given, **options)

    training.chunk = lambda spec: CHUNK
    training.train = slowly


def start(folder: Path, *words: str) -> int:
    """Start the command in a process of its own; return its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        os.chdir(folder)
        said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(said, 1)
        os.dup2(said, 2)
        # Where this process has replaced them, as pytest does.
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        sys.argv = ["train.py", *words]
        print("$", *words, flush=True)
        from xorlab.cli.train import main

        status = main(conf=ROOT / "conf")
    except SystemExit as ended:
        status = int(ended.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait(pid: int, *, seconds: float = 300.0) -> int:
    """Wait for a process and return its status; one that hangs is killed, and that is an error."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise RuntimeError(f"process {pid} hung for {seconds:.0f} s")


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def children(pid: int) -> list[int]:
    """Return the worker processes of a process."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(word) for word in path.read_text().split()] if path.exists() else []
    return [each for each in found if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]


def lock(folder: Path, seconds: float) -> None:
    """Hold the write lock of the store."""
    with sqlite3.connect(folder / "mlflow.db", timeout=30, isolation_level=None) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")
    connection.close()


def kill_worker(pid: int, rng: np.random.RandomState) -> bool:
    """Kill one of the workers of a process; return False where it has none."""
    workers = children(pid)
    if workers:
        send(workers[rng.randint(len(workers))], signal.SIGKILL)
    return bool(workers)


def kill_all(pid: int) -> None:
    """Kill a process and its workers at once."""
    for each in [pid, *children(pid)]:
        send(each, signal.SIGKILL)


FAULTS: dict[str, tuple[float, Callable[[int, Path, np.random.RandomState], object]]] = {
    "SIGKILL": (0.45, lambda pid, folder, rng: send(pid, signal.SIGKILL)),
    "SIGKILL of all": (0.1, lambda pid, folder, rng: kill_all(pid)),
    "SIGKILL of a worker": (0.05, lambda pid, folder, rng: kill_worker(pid, rng)),
    "SIGTERM": (0.15, lambda pid, folder, rng: send(pid, signal.SIGTERM)),
    "Ctrl-C": (0.1, lambda pid, folder, rng: send(pid, signal.SIGINT)),
    "Ctrl-C twice": (
        0.1,
        lambda pid, folder, rng: (send(pid, signal.SIGINT), time.sleep(0.05), send(pid, signal.SIGINT)),
    ),
    "the store locked": (0.05, lambda pid, folder, rng: lock(folder, 2.0)),
}
"""How often each fault is drawn, and what it does to a process."""


def rows(folder: Path) -> tuple[dict[str, object], dict[str, int]]:
    """Return each run of the only sweep by its identity, and what should not be there."""
    connection = sqlite3.connect(folder / "mlflow.db")
    ((integrity,),) = connection.execute("PRAGMA integrity_check")
    kinds = dict(connection.execute("SELECT run_uuid, value FROM tags WHERE key = 'xorlab.kind'"))
    runs = dict(connection.execute("SELECT run_uuid, status FROM runs WHERE lifecycle_stage = 'active'"))
    specs = dict(connection.execute("SELECT run_uuid, value FROM tags WHERE key = 'spec'"))
    told = connection.execute("SELECT run_uuid, key, value FROM params").fetchall()
    told += connection.execute(
        "SELECT run_uuid, key, value FROM tags WHERE key IN ('outcome', 'cause', 'units', 'plateaus')"
    ).fetchall()
    metrics = connection.execute("SELECT run_uuid, key, step, value, timestamp FROM metrics").fetchall()
    connection.close()
    texts, points = collections.defaultdict(list), collections.defaultdict(list)
    for run_id, *text in told:
        texts[run_id].append(tuple(text))
    for run_id, key, step, value, _ in metrics:
        points[run_id].append((key, step, value))
    files = folder / "mlruns" / "1"
    found, wrong = {}, collections.Counter()
    wrong["broken database"] = integrity != "ok"
    for run_id, status in runs.items():
        if run_id in kinds:
            wrong["unfinished sweep"] += status != "FINISHED"
            continue
        wrong["unfinished run"] += status != "FINISHED"
        own = sorted(points[run_id])
        wrong["point twice"] += len(own) - len({point[:2] for point in own})
        weights = files / run_id / "artifacts" / "final_weights.npz"
        arrays = dict(np.load(weights)) if weights.exists() else {}
        wrong["run twice"] += specs[run_id] in found
        found[specs[run_id]] = (sorted(texts[run_id]), own, {key: each.tobytes() for key, each in arrays.items()})
    wrong["folder without a run"] = len({path.name for path in files.iterdir()} - runs.keys())
    wrong["parent"] = len(kinds) - 1
    wrong["draft"] = sum(1 for path in files.rglob(".*"))
    (parent,) = list(kinds)[:1]
    for name in ("table.csv", "causes.csv", "plan.csv"):
        found[name] = (files / parent / "artifacts" / name).read_bytes()
    wrong["parts"] = (files / parent / "artifacts" / "parts").exists()
    return found, {key: int(count) for key, count in wrong.items() if count}


def has_parent(folder: Path) -> bool:
    """Tell whether the sweep has been begun."""
    connection = sqlite3.connect(folder / "mlflow.db")
    found = connection.execute("SELECT 1 FROM tags WHERE key = 'xorlab.kind'").fetchall()
    connection.close()
    return bool(found)


def command(folder: Path, rng: np.random.RandomState) -> list[str]:
    """Return the words of the next command: a new sweep, or one that goes on."""
    words = ["-m", *GRID]
    if rng.rand() < 0.2:
        words.append("workers=2")
    if has_parent(folder):
        words = ["-m", "log_every=7", "sweep=latest"] if rng.rand() < 0.5 else [*words, "sweep=latest"]
    return words


def main() -> int:
    """Torture sweeps; return 1 where a row was lost, doubled or different."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the stores are made; a temporary folder unless given")
    parser.add_argument("--json", type=Path, help="where to write the counts")
    options = parser.parse_args()
    prepare()
    with tempfile.TemporaryDirectory(prefix="torture-", dir=options.folder) as folder:
        counts = torture(Path(folder), options.kills, np.random.RandomState(options.seed))
    print(json.dumps(counts, indent=2))
    if options.json:
        options.json.write_text(json.dumps(counts, indent=2) + "\n")
    return int(counts["rows lost"] + counts["rows different"] + sum(counts["wrong"].values()) > 0)


def empty_copy(database: Path, name: str) -> Path:
    """Return a copy of a store without runs, for a folder of this name beside its own."""
    copy = Path(shutil.copy(database, database.parents[1] / "empty.db"))
    connection = sqlite3.connect(copy)
    for table in ("metrics", "latest_metrics", "params", "tags", "inputs", "input_tags", "datasets", "runs"):
        connection.execute(f"DELETE FROM {table}")
    moved = "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)"
    connection.execute(moved, (database.parent.name, name))
    connection.commit()
    connection.close()
    return copy


def disturb(pid: int, folder: Path, rng: np.random.RandomState, seconds: float) -> tuple[str | None, int, int]:
    """Let a fault strike a process at a random moment; return its name, the exit status and the orphaned workers.

    Parameters
    ----------
    seconds
        What the whole sweep takes.

    Returns
    -------
    None for the name where the fault had no effect: the process had ended, or there was no worker to kill.
    """
    weights = np.array([weight for weight, _ in FAULTS.values()])
    name = [*FAULTS][rng.choice(len(FAULTS), p=weights / weights.sum())]
    # Anywhere in it, or at its start.
    time.sleep(rng.choice([rng.uniform(0.0, seconds), rng.uniform(0.0, 0.3 * seconds)]))
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        return None, os.waitstatus_to_exitcode(status), 0
    workers = children(pid)
    if FAULTS[name][1](pid, folder, rng) is False:
        return None, wait(pid), 0
    status = wait(pid)
    deadline = time.monotonic() + 10.0
    while any(Path(f"/proc/{each}").exists() for each in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    return name, status, sum(Path(f"/proc/{each}").exists() for each in workers)


def torture(folder: Path, kills: int, rng: np.random.RandomState) -> dict[str, object]:
    """Disturb sweeps until so many faults have struck; count what came of them."""
    undisturbed, live = folder / "undisturbed", folder / "live"
    undisturbed.mkdir()
    begun = time.monotonic()
    wait(start(undisturbed, "-m", *GRID))
    seconds = time.monotonic() - begun
    expected, wrong = rows(undisturbed)
    assert not wrong, wrong
    empty = empty_copy(undisturbed / "mlflow.db", live.name)
    struck, commands, statuses, found_wrong = (collections.Counter() for _ in range(4))
    lost = different = tracebacks = sweeps = 0
    while struck.total() < kills:
        shutil.rmtree(live, ignore_errors=True)
        live.mkdir()
        shutil.copy(empty, live / "mlflow.db")
        status = None
        while status != 0:
            words = command(live, rng)
            begun = time.monotonic()
            pid = start(live, *words)
            if struck.total() < kills and rng.rand() < 0.85:
                name, status, orphans = disturb(pid, live, rng, seconds)
                struck.update([name] if name else [])
                found_wrong["orphaned worker"] += orphans
            else:
                status = wait(pid)
            statuses[str(status)] += 1
            print(f"{struck.total():4} {time.monotonic() - begun:5.1f} s  {status:4}  {' '.join(words)}", flush=True)
        sweeps += 1
        found, wrong = rows(live)
        lost += len(expected.keys() - found.keys())
        different += sum(found[key] != expected[key] for key in expected.keys() & found.keys())
        found_wrong.update(wrong)
        said = (live / "said.txt").read_text()
        tracebacks += said.count("Traceback")
        commands[str(said.count("$ "))] += 1
        if wrong or "Traceback" in said or found != expected:
            shutil.copytree(live, folder.parent / f"torture-failed-{os.getpid()}-{sweeps}")
    return {
        "faults": dict(struck),
        "sweeps": sweeps,
        "commands of a sweep": dict(sorted(commands.items(), key=lambda item: int(item[0]))),
        "exit statuses": dict(statuses),
        "rows compared": sweeps * len(expected),
        "rows lost": lost,
        "rows different": different,
        "tracebacks": tracebacks,
        "wrong": {key: count for key, count in found_wrong.items() if count},
    }


if __name__ == "__main__":
    raise SystemExit(main())
