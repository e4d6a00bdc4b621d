"""Runs and sweeps from specifications to MLflow, read back by MLflow's own client."""

import io
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mlflow.artifacts
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from xorlab import runs
from xorlab.errors import SpecError
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, InitSpec, RunSpec
from xorlab.spec.options import Options
from xorlab.sweeps.jobs import Job, JobResult
from xorlab.sweeps.results import Results
from xorlab.sweeps.runner import run_many, run_one


def jobs(*overrides: tuple[str, ...], **specification: Any) -> list[Job]:
    """Jobs whose overrides set lr, seed or the hidden widths."""
    made = []
    for texts in overrides:
        values: dict[str, Any] = {"epochs": 20, **specification}
        for key, _, value in (text.partition("=") for text in texts):
            values[key] = {"lr": float, "seed": int, "init": lambda path: InitSpec(name="file", path=path)}[key](value)
        spec = RunSpec(**values)
        swept = {key: text for key, _, text in (line.partition("=") for line in texts)}
        made.append(Job(config=spec.nested(), spec=spec, swept=swept))
    return made


GRID = tuple((f"lr={lr}", f"seed={seed}") for lr in ("0.1", "1") for seed in range(3))


def home(uri: str) -> Path:
    """The folder of a SQLite store, which no git tree is."""
    return Path(uri.removeprefix("sqlite:///")).parent


def sweep(wanted: list[Job], uri: str, **options: Any) -> list[JobResult]:
    asked = Options(uri=uri, **options)
    return run_many(wanted, asked, command="python train.py -m …", folder=home(uri))


def parent_and_children(client: MlflowClient) -> tuple[Run, list[Run]]:
    found = client.search_runs([client.get_experiment_by_name("xorlab").experiment_id])
    (parent,) = (run for run in found if run.data.tags.get("xorlab.kind") == "sweep")
    children = [run for run in found if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(children) == len(found) - 1
    return parent, children


def files(client: MlflowClient, run_id: str) -> set[str]:
    return {file.path for file in client.list_artifacts(run_id)}


def arrays(client: MlflowClient, run_id: str, name: str) -> dict[str, np.ndarray]:
    path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=name, tracking_uri=client.tracking_uri)
    with np.load(io.BytesIO(Path(path).read_bytes())) as content:
        return dict(content)


def test_a_single_run_is_tracked_whole(store_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    (job,) = jobs((), epochs=5000)
    result = run_one(job, Options(uri=store_uri), folder=home(store_uri))
    client = MlflowClient(store_uri)
    assert result.run_id is not None
    run = client.get_run(result.run_id)
    alone = train([job.spec])

    assert run.info.status == "FINISHED"
    assert run.info.run_name == "2-3-1 relu, xor, gd lr=0.1, normal init, seed=42"
    assert run.data.params == {key: str(value) for key, value in job.spec.parameters().items()}
    assert run.data.tags["spec"] == job.spec.identity
    assert run.data.tags["outcome"] == "stuck_ln2"
    assert run.data.tags["cause"] == "affine_collapse"
    assert run.data.tags["units"] == "on dead on"
    assert run.data.tags["staying"] == "certified"
    assert run.data.metrics["units_dead"] == 1.0
    assert abs(run.data.metrics["interaction"]) < 1e-9
    assert run.data.metrics["final_loss"] == alone.final_loss[0]
    assert run.data.metrics["epochs_run"] == 5000
    history = client.get_metric_history(result.run_id, "loss")
    assert [(metric.step, metric.value) for metric in history] == list(enumerate(alone.losses[0].tolist()))
    assert [given.dataset.name for given in run.inputs.dataset_inputs] == ["xor"]
    assert files(client, result.run_id) == {
        "config.yaml",
        "final_weights.npz",
        "initial_weights.npz",
        "loss.png",
        "surface.png",
    }
    for name, parameters in (("initial", alone.initial), ("final", alone.final)):
        stored = arrays(client, result.run_id, f"{name}_weights.npz")
        assert {key: value.tolist() for key, value in stored.items()} == {
            k: v[0].tolist() for k, v in parameters.items()
        }

    printed = capsys.readouterr().out
    assert "Epoch 0, Loss: 1.0763\nEpoch 1000, Loss: 0.6932\nEpoch 2000, Loss: 0.6931\n" in printed
    assert "Stuck at ln 2" in printed
    assert f"/runs/{result.run_id}?workflowType=machine_learning" in printed


def test_a_run_s_bits_do_not_depend_on_log_every(store_uri: str) -> None:
    (job,) = jobs((), epochs=100)
    run_one(job, Options(uri=store_uri, log_every=30, artifacts="none"), folder=home(store_uri))
    client = MlflowClient(store_uri)
    (run,) = client.search_runs(["1"])
    history = client.get_metric_history(run.info.run_id, "loss")
    whole = train([job.spec]).losses[0]
    assert [(metric.step, metric.value) for metric in history] == [(at, whole[at]) for at in (0, 30, 60, 90, 99)]
    assert files(client, run.info.run_id) == set()


def test_losses_on_a_log_scale_are_the_default_of_large_sweeps_only() -> None:
    assert [Options().every(runs) for runs in (1, 1000, 1001)] == [1, 1, "log"]
    assert Options(log_every=5).every(10_000) == 5
    for wrong in ("linear", 0, 1.5):
        with pytest.raises(SpecError, match="log_every must be"):
            Options(log_every=wrong)


def test_a_sweep_is_one_parent_and_a_run_for_each_job(store_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = jobs(*GRID)
    results = sweep(wanted, store_uri)
    client = MlflowClient(store_uri)
    parent, children = parent_and_children(client)

    by_id = {run.info.run_id: run for run in children}
    assert [by_id[str(result.run_id)].info.run_name for result in results] == [
        " ".join(f"{key}={text}" for key, text in job.swept.items()) for job in wanted
    ]
    for job, result in zip(wanted, results, strict=True):
        run = by_id[str(result.run_id)]
        assert run.info.status == "FINISHED"
        assert run.data.tags["spec"] == job.spec.identity
        assert run.data.metrics["final_loss"] == result.final_loss == train([job.spec]).final_loss[0]
        assert files(client, run.info.run_id) == {"config.yaml", "final_weights.npz", "initial_weights.npz"}

    assert parent.info.status == "FINISHED"
    assert parent.data.tags["swept"] == "lr,seed"
    assert parent.data.params["arch.hidden"] == "[3]"
    assert {"lr", "seed"}.isdisjoint(parent.data.params)
    counts = {outcome: [r.outcome for r in results].count(outcome) for outcome in {r.outcome for r in results}}
    assert parent.data.metrics == {"runs": 6.0, **counts}
    assert files(client, parent.info.run_id) == {"causes.csv", "curves.png", "plan.csv", "table.csv"}
    assert "lr=0.1" in capsys.readouterr().out


def test_a_sweep_that_is_broken_off_still_tells_what_it_was_to_be(
    store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Results, "write", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        sweep(jobs(*GRID), store_uri)
    monkeypatch.undo()
    plan = runs.plan("latest", store_uri)
    assert plan is not None
    assert list(map(tuple, plan.to_numpy().tolist())) == [(lr, seed) for lr in (0.1, 1.0) for seed in range(3)]
    assert plan.dtypes.to_dict() == {"lr": np.dtype("float64"), "seed": np.dtype("int64")}
    sweep(jobs(*GRID), store_uri)
    table = runs.load(store_uri, sweep="latest")
    assert table[list(plan)].equals(plan)


def test_a_failing_job_is_recorded_and_the_others_finish(store_uri: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", W1=np.ones((9, 9)))
    wanted = jobs(("seed=1",), (f"init={tmp_path / 'bad.npz'}",), ("seed=2",))
    results = sweep(wanted, store_uri)
    assert [result.error is None for result in results] == [True, False, True]
    parent, children = parent_and_children(MlflowClient(store_uri))
    assert sorted(run.info.status for run in children) == ["FAILED", "FINISHED", "FINISHED"]
    (failed,) = (run for run in children if run.info.status == "FAILED")
    assert failed.data.tags["error"] == results[1].error
    assert parent.data.metrics["failed"] == 1.0


def test_a_diverged_run_is_recorded_with_finite_numbers(store_uri: str) -> None:
    wanted = jobs(("lr=1e300",), ("lr=0.1",), arch=ArchSpec(hidden=(3,), activation="identity"))
    results = sweep(wanted, store_uri)
    assert results[0].outcome == "diverged"
    client = MlflowClient(store_uri)
    run = client.get_run(str(results[0].run_id))
    assert run.info.status == "FINISHED"
    history = [metric.value for metric in client.get_metric_history(run.info.run_id, "loss")]
    assert len(history) == run.data.metrics["epochs_run"] < 20
    assert all(map(math.isfinite, history + list(run.data.metrics.values())))


def test_the_parent_carries_the_weights_of_many_runs(store_uri: str) -> None:
    results = sweep(jobs(*GRID), store_uri, artifacts="sweep")
    client = MlflowClient(store_uri)
    parent, children = parent_and_children(client)
    assert all(files(client, run.info.run_id) == set() for run in children)
    weights = arrays(client, parent.info.run_id, "final_weights.npz")
    place = weights["2-3-1/run_id"].tolist().index(results[4].run_id)
    alone = train([jobs(GRID[4])[0].spec]).final
    assert weights["2-3-1/W1"][place].tolist() == alone["W1"][0].tolist()
    assert {"configs.json", "initial_weights.npz"} < files(client, parent.info.run_id)


WAITING = """
import sys
from pathlib import Path
from xorlab.numerics import training
from xorlab.spec import RunSpec
from xorlab.errors import SpecError
from xorlab.spec.options import Options
from xorlab.sweeps.jobs import Job
from xorlab.sweeps.runner import run_many

uri = sys.argv[1]
training.BLOCK = 1
spec = RunSpec(epochs=10**6)
job = Job(config=spec.nested(), spec=spec)
options = Options(uri=uri, workers=1)
run_many([job, job], options, command="…", folder=Path())
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_an_interrupted_sweep_is_killed_and_not_left_running(
    store_uri: str, number: signal.Signals, status: int
) -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITING, store_uri], stderr=subprocess.PIPE, env=os.environ)
    client = MlflowClient(store_uri)
    deadline = time.monotonic() + 60
    while not (found := client.get_experiment_by_name("xorlab")) or not client.search_runs([found.experiment_id]):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == status
    assert [run.info.status for run in client.search_runs([found.experiment_id])] == ["KILLED"]


def test_a_run_without_any_finite_loss_does_not_stop_a_sweep(store_uri: str) -> None:
    results = sweep(jobs(("seed=1",), ("seed=2",), init=InitSpec(std=1e200)), store_uri)
    assert [result.outcome for result in results] == ["diverged", "diverged"]
    run = MlflowClient(store_uri).get_run(str(results[0].run_id))
    assert run.data.metrics["epochs_run"] == 0.0
    assert "final_loss" not in run.data.metrics
