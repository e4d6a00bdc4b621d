"""Records for tests to write."""

from pathlib import Path

import numpy as np

from xorlab.tracking.tracker import Data, Record, Tracker

XOR = Data(name="xor", X=np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), y=np.array([0, 1, 1, 0.0]))
AND = Data(name="and", X=XOR.X, y=np.array([0, 0, 0, 1.0]))


def sample(name, *, epochs=5, data=XOR, **changes) -> Record:
    """A record with something in every field; its curve is the same for the same name."""
    rng = np.random.RandomState(sum(name.encode()))
    given = {
        "description": f"**{name}** did what it did",
        "params": {"lr": "0.1", "arch.hidden": "[3]", "seed": "7"},
        "tags": {"outcome": "converged", "spec": "ab" * 32},
        "metrics": {"final_loss": 0.25, "accuracy": 1},
        "step": epochs - 1,
        "epochs": np.arange(epochs),
        "losses": rng.rand(epochs),
        "start": 1_700_000_000_000,
        "end": 1_700_000_009_000,
        "artifacts": {"config.yaml": b"lr: 0.1\n", "weights/final.npz": b"\0\1"},
    }
    return Record(name=name, data=data, **{**given, **changes})


RECORDS = [
    sample("one"),
    sample("another", data=AND),
    sample("long", epochs=2_300),
    sample("short", epochs=1, status="FAILED"),
    sample("empty", epochs=0, data=None, metrics={}, params={}, tags={}, artifacts={}, description=""),
    sample("wordy", description="x" * 9_000, params={"hidden": "y" * 7_000}),
]


def write_sweep(uri: str, folder: Path) -> list[str]:
    tracker = Tracker(uri, "xorlab", folder=folder)
    sweep = Record(name="sweep", start=1, end=2)
    with tracker.running(sweep) as parent:
        ids = tracker.write(RECORDS, parent=parent)
        tracker.close(parent, sweep)
    return ids


def count(engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar())
