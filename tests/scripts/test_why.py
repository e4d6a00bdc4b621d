import io
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from commands import call
from xorlab.tracking import store


@pytest.fixture(scope="module")
def folder(ready_store, tmp_path_factory) -> Path:
    """A folder with a store of its own."""
    folder = tmp_path_factory.mktemp("why")
    shutil.copy(ready_store, folder)
    return folder


def command(folder, script, *words):
    return call(script, *words, folder=folder, uri=store.default(folder))


def trained(folder, *words) -> str:
    """Train by the command and return the id of the run that it tells last."""
    called = command(folder, "train.py", *words)
    assert called.returncode == 0, called.stderr
    return re.findall("^Run ([0-9a-f]{32}) ", called.stdout, re.MULTILINE)[-1]


def artifact(folder, run_id, name) -> str:
    client = MlflowClient(store.default(folder))
    return Path(client.download_artifacts(run_id, name, str(folder))).read_text()


@pytest.fixture(scope="module")
def notebook(folder):
    """The notebook's run, and what why.py says of it."""
    run_id = trained(folder)
    return run_id, command(folder, "scripts/why.py", run_id[:10])


def test_the_notebooks_run_stays_stuck_however_long_it_goes_on(notebook):
    run_id, called = notebook
    assert (called.returncode, called.stderr) == (0, "")
    assert "Stuck at ln 2" in called.stdout
    assert "affine collapse" in called.stdout
    assert re.search(r"^more epochs +epochs=100000 +100,000 +stuck at ln 2 +0.6931", called.stdout, re.MULTILINE)
    last = called.stdout.splitlines()[-1]
    assert last.endswith(f" s. Run {run_id} has the answer among its artifacts: why.md and why.csv.")


def test_wider_networks_are_likelier_to_converge_than_the_notebooks(notebook):
    rows = re.findall(r"^(.+?)  .*?(\d+) of 100 +\d\S* to \d\S* %(.*)$", notebook[1].stdout, re.MULTILINE)
    found = {name: (int(count), word.strip()) for name, count, word in rows}
    assert found["as it is"][1] == ""
    for name in ("twice the width", "four times the width", "tanh units"):
        count, word = found[name]
        assert count > found["as it is"][0]
        assert word == "more likely"


def test_the_answer_is_with_the_run(folder, notebook):
    run_id, called = notebook
    page = artifact(folder, run_id, "why.md")
    assert page.startswith("# 2-3-1 relu, xor, gd lr=0.1, normal init, seed=42\n\nStuck at ln 2")
    table = pd.read_csv(io.StringIO(artifact(folder, run_id, "why.csv")))
    continued = table[table["about"] == "this run"]
    # Whether Adam or a large learning rate frees it depends on the processor's last bits.
    count = re.search(r"With (none|\d) of 7 remedies", called.stdout)
    assert count is not None
    assert continued["converged"].sum() == int(count[1].replace("none", "0"))
    assert set(continued["outcome"][continued["override"].isin(["epochs=100000", "lr=0.01"])]) == {"stuck_ln2"}
    wide = table[table["override"] == "'arch.hidden=[12]'"].iloc[0]
    assert re.search(rf"^four times the width .* {wide['converged']} of 100 ", called.stdout, re.MULTILINE)


def test_a_sweep_is_answered_for_all_that_did_not_converge(folder):
    parent = trained(folder, "-m", "lr=0.1,1", "seed=0..4", "epochs=300")
    called = command(folder, "scripts/why.py", "latest")
    assert (called.returncode, called.stderr) == (0, "")
    client = MlflowClient(store.default(folder))
    experiment = client.get_experiment_by_name("xorlab").experiment_id
    runs = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    left = {run.info.run_id for run in runs if run.data.tags["outcome"] != "converged"}
    files = {run.info.run_id: {file.path for file in client.list_artifacts(run.info.run_id)} for run in runs}
    assert {run_id for run_id, names in files.items() if {"why.md", "why.csv"} <= names} == left
    assert called.stdout.startswith(f"{len(left)} of 10 runs of the sweep did not converge.\n")
    assert called.stdout.count(" makes new runs more likely to converge?") == 2
    assert "total" in called.stdout


def test_a_network_of_another_program_is_answered_for(tmp_path):
    """A 2-2-1 tanh network whose weights are equal, as PyTorch names them; its widths are read from the file."""
    weights = {"0.weight": np.ones((2, 2)), "0.bias": np.zeros(2), "2.weight": np.ones((1, 2)), "2.bias": np.zeros(1)}
    np.savez(tmp_path / "w.npz", **weights)
    called = call(
        *("scripts/why.py", "--weights", "w.npz", "loss=mse", "--converged-below", "0.05", "arch.activation=tanh"),
        *("epochs=300", "seed=3"),
        folder=tmp_path,
        uri=store.default(tmp_path),
    )
    assert (called.returncode, called.stderr) == (0, "")
    assert called.stdout.startswith("2-2-1 tanh, xor, gd lr=0.1\n0.weight (2, 2) in w.npz is read as (outputs, inputs)")
    assert "so gradient descent goes on from here" in called.stdout
    assert "init=file init.path=w.npz" in called.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["f" * 32], 2, "which is no run"),
        (["--sweep", "ffff"], 2, "sweep must be latest or the beginning"),
        (["--experiment", "nope", "ab"], 2, "experiment must be one that has runs"),
        (["--uri", "sqlite:///nowhere.db", "ab"], 2, "there is none"),
        (["--losses", "l.csv", "ab"], 2, "argument --losses: needs --weights"),
        (["--weights", "w.npz"], 2, "--weights must name a readable file; got 'w.npz'"),
        ([], 2, "one of the arguments RUN --sweep --weights is required"),
    ],
    ids=["run", "sweep", "experiment", "store", "losses", "weights", "nothing"],
)
def test_a_mistake_is_one_line_and_writes_nothing(folder, notebook, words, status, said):
    called = command(folder, "scripts/why.py", *words)
    assert called.returncode == status
    assert said in called.stderr.splitlines()[-1]
    assert "Traceback" not in called.stderr
    assert not (folder / "nowhere.db").exists()
