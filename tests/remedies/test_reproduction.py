"""Recorded runs, trained again: what xorlab recorded is reproduced, and what is missing or changed is found."""

import random
import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from xorlab.errors import XorlabError
from xorlab.remedies.verification import verify
from xorlab.runs import single
from xorlab.spec import InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.options import Options
from xorlab.sweeps.jobs import Job
from xorlab.sweeps.runner import run_many

KINDS = {
    "all epochs": {},
    "target": {"lr": 1.0, "seed": 1, "target_loss": 0.6},
    "target at once": {"target_loss": 10.0},
    "divergence": {"lr": 1e200},
    "divergence later": {"lr": 1e60, "optimizer": OptimizerSpec(name="momentum")},
    "no finite loss": {"init": InitSpec(name="normal", std=1e200)},
    "batches": {"batch_size": 3, "shuffle": True},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.npz"
    np.savez(path, W1=np.linspace(-1.0, 1.0, 6).reshape(2, 3), W2=np.ones((3, 1)))
    return path


def record(store_uri, folder, specs, **options):
    """Train specifications as a sweep and return their run ids."""
    given = Options(uri=store_uri, workers=1, **options)
    jobs = [Job({}, spec) for spec in specs]
    return [result.run_id for result in run_many(jobs, given, command="", folder=folder)]


def test_runs_of_any_length_spacing_ending_and_artifacts_are_identical(store_uri, tmp_path, weights, capsys):
    draw = random.Random(0)
    for artifacts in ("run", "sweep", "none", "run"):
        lengths = [draw.choice([1, 2, draw.randint(3, 60), draw.randint(60, 400)]) for _ in KINDS]
        kinds = [*KINDS.values(), {"init": InitSpec(name="file", path=str(weights))}]
        specs = [RunSpec(epochs=epochs, **kind) for epochs, kind in zip([*lengths, 30], kinds, strict=True)]
        log_every = draw.choice([1, 7, "log", draw.randint(2, 500)])
        ids = record(store_uri, tmp_path, specs, log_every=log_every, artifacts=artifacts)
        for run_id, spec in zip(ids, specs, strict=True):
            assert verify(single.find(run_id, store_uri), store_uri).identical, (spec, log_every, artifacts)


@pytest.mark.parametrize(("epochs", "log_every"), [(200, 20), (9, 1), (2, 7)])
def test_every_epoch_that_is_deleted_is_found(store_uri, tmp_path, epochs, log_every):
    (run_id,) = record(store_uri, tmp_path, [RunSpec(epochs=epochs)], log_every=log_every)
    run = single.find(run_id, store_uri)
    assert verify(run, store_uri).identical
    for gone in [*range(0, epochs, log_every), epochs - 1]:
        with sqlite3.connect(tmp_path / "mlflow.db") as connection:
            condition = f"WHERE key = 'loss' AND run_uuid = '{run_id}' AND step = {gone}"
            kept = connection.execute(f"SELECT * FROM metrics {condition}").fetchall()
            connection.execute(f"DELETE FROM metrics {condition}")
            connection.commit()
            comparison = verify(run, store_uri)
            assert comparison.epochs[comparison.differs].tolist() == [gone]
            connection.executemany(f"INSERT INTO metrics VALUES ({', '.join('?' * len(kept[0]))})", kept)
        connection.close()


def test_a_record_of_an_earlier_version_has_its_spacing_inferred(store_uri, tmp_path):
    (run_id,) = record(store_uri, tmp_path, [RunSpec(epochs=200)], log_every=20)
    run = single.find(run_id, store_uri)
    old = replace(run, tags={key: value for key, value in run.tags.items() if key != "log_every"})
    assert verify(old, store_uri).identical


def test_weights_that_are_gone_are_one_line(store_uri, tmp_path, weights):
    spec = RunSpec(epochs=5, init=InitSpec(name="file", path=str(weights)))
    (run_id,) = record(store_uri, tmp_path, [spec], artifacts="none")
    run = single.find(run_id, store_uri)
    weights.rename(weights.with_suffix(".moved"))
    try:
        with pytest.raises(XorlabError, match=r"initial_weights\.npz"):
            verify(run, store_uri)
    finally:
        weights.with_suffix(".moved").rename(weights)
