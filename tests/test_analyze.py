import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xorlab.spec import RunSpec
from xorlab.tracking import Record, Tracker

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ["epochs_to_convergence", "final_losses", "loss_curves", "rate_converged", "rate_stuck_ln2"]


@pytest.fixture(scope="module")
def folder(ready_store, tmp_path_factory) -> Path:
    """A folder with a store that holds a small sweep and a single run, made by the command."""
    folder = tmp_path_factory.mktemp("analyze")
    shutil.copy(ready_store, folder)
    called = command(folder, "train.py", "-m", "lr=0.1,1", "seed=0..4", "epochs=500")
    assert called.returncode == 0, called.stderr
    params = RunSpec(lr=0.5, seed=5).parameters()
    single = Record(
        name="single",
        params={key: str(value) for key, value in params.items()},
        tags={"outcome": "descending"},
        metrics={"final_loss": 0.7},
        epochs=np.arange(2),
        losses=np.array([0.8, 0.7]),
    )
    Tracker(f"sqlite:///{folder}/mlflow.db", "xorlab", folder=folder).write([single])
    return folder


def command(folder, script, *words):
    """Run one of the project's scripts in a folder with a store of its own."""
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    arguments = [sys.executable, str(ROOT / script), *words]
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def analyze(folder, monkeypatch, capsys):
    """The script's main in that folder: words -> status, what it printed, its errors."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    monkeypatch.chdir(folder)
    script = runpy.run_path(str(ROOT / "scripts" / "analyze.py"))

    def call(*words):
        status = script["main"](list(words))
        return (status, *capsys.readouterr())

    return call


def test_the_latest_sweep_is_analysed_by_default(folder):
    called = command(folder, "scripts/analyze.py")
    assert (called.returncode, called.stderr) == (0, "")
    assert called.stdout.startswith("10 runs of experiment xorlab\n")
    assert "When does it converge?" in called.stdout
    assert "When does it get stuck at ln 2?" in called.stdout
    written = sorted(path.name for path in (folder / "outputs" / "analysis").iterdir())
    assert written == sorted(
        ["rates.csv", "runs.csv", *(f"{name}.{kind}" for name in PICTURES for kind in ("png", "svg"))]
    )


def test_the_tables_agree_with_each_other(folder, analyze):
    analyze("--out", "tables")
    runs, rates = (pd.read_csv(folder / "tables" / f"{name}.csv") for name in ("runs", "rates"))
    assert len(runs) == 10
    expected = runs.groupby("lr")["outcome"].apply(lambda outcomes: (outcomes == "converged").sum())
    converged = rates[rates["outcome"] == "converged"].set_index("lr")
    assert converged["count"].to_dict() == expected.to_dict()
    assert converged["n"].tolist() == [5, 5]


@pytest.mark.parametrize(
    ("words", "runs"),
    [(["--sweep", "all"], 11), (["--filter", "params.lr = '0.5'"], 1), (["--filter", "params.seed = '3'"], 2)],
    ids=["all", "one", "filter"],
)
def test_runs_are_chosen_by_sweep_and_filter(analyze, words, runs):
    status, printed, errors = analyze(*words, "--out", "chosen")
    assert (status, errors) == (0, "")
    assert printed.startswith(f"{runs} runs of experiment xorlab\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--experiment", "nope"], "experiment must be one that has runs; got 'nope'"),
        (["--sweep", "zzz"], "sweep must be latest"),
        (["--filter", "params.lr = '7'"], "no run with an outcome"),
        (["--filter", "lr is small"], "filter must be in MLflow's search language"),
        (["--uri", "sqlite:///nowhere.db"], "there is none"),
    ],
    ids=["experiment", "sweep", "no runs", "filter", "store"],
)
def test_a_mistake_is_one_line_and_writes_nothing(folder, analyze, words, said):
    status, _, errors = analyze(*words, "--out", "never")
    assert status == 1
    assert said in errors
    assert errors.count("\n") == 1
    assert not (folder / "never").exists()
    assert not (folder / "nowhere.db").exists()
