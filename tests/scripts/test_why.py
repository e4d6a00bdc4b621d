import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from xorlab.tracking import store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(ready_store, tmp_path_factory) -> Path:
    """A folder with a store of its own."""
    folder = tmp_path_factory.mktemp("why")
    shutil.copy(ready_store, folder)
    return folder


def command(folder, script, *words):
    """Run one of the project's scripts in a folder with a store of its own."""
    environment = os.environ | {"MLFLOW_TRACKING_URI": store.default(folder)}
    arguments = [sys.executable, str(ROOT / script), *words]
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)


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


def test_nothing_that_is_tried_rescues_the_notebooks_run(folder, notebook):
    run_id, called = notebook
    assert (called.returncode, called.stderr) == (0, "")
    assert "stuck at ln 2" in called.stdout
    assert "affine collapse" in called.stdout
    assert "None of 7 remedies does." in called.stdout
    assert re.search(r"^more epochs +epochs=100000 +100,000 +stuck at ln 2 +0.6931", called.stdout, re.MULTILINE)
    assert called.stdout.endswith(f" s. Logged to run {run_id}: why.md and why.csv, among the artifacts.\n")


def test_wider_networks_are_likelier_to_converge_than_the_notebooks(notebook):
    rows = re.findall(r"^(.+?)  .*?(\d+) of 100 +\d\S* to \d\S* %(.*)$", notebook[1].stdout, re.MULTILINE)
    found = {name: (int(count), word.strip()) for name, count, word in rows}
    assert found["as it is"][1] == ""
    for name in ("twice the width", "four times the width", "tanh units"):
        count, word = found[name]
        assert count > found["as it is"][0]
        assert word == "likelier"


def test_the_answer_is_with_the_run(folder, notebook):
    run_id, called = notebook
    page = artifact(folder, run_id, "why.md")
    assert page.startswith("# 2-3-1 relu, xor, gd lr=0.1, normal init, seed=42\n\nStuck at ln 2")
    table = pd.read_csv(io.StringIO(artifact(folder, run_id, "why.csv")))
    rescues = table[table["about"] == "this run"]
    assert rescues["converged"].sum() == 0
    assert set(rescues["outcome"]) == {"stuck_ln2"}
    wide = table[table["override"] == "arch.hidden=[12]"].iloc[0]
    assert re.search(rf"^four times the width .* {wide['converged']} of 100 ", called.stdout, re.MULTILINE)


def test_a_sweep_is_answered_for_all_that_did_not_converge(folder):
    parent = trained(folder, "-m", "lr=0.1,1", "seed=0..4", "epochs=300")
    called = command(folder, "scripts/why.py", "--sweep", "latest")
    assert (called.returncode, called.stderr) == (0, "")
    client = MlflowClient(store.default(folder))
    experiment = client.get_experiment_by_name("xorlab").experiment_id
    runs = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    left = {run.info.run_id for run in runs if run.data.tags["outcome"] != "converged"}
    files = {run.info.run_id: {file.path for file in client.list_artifacts(run.info.run_id)} for run in runs}
    assert {run_id for run_id, names in files.items() if {"why.md", "why.csv"} <= names} == left
    assert called.stdout.startswith(f"{len(left)} of 10 runs of the sweep did not converge.\n")
    assert called.stdout.count("What makes a new run likelier to converge?") == 2
    assert "in all" in called.stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["f" * 32], 1, "which is no run"),
        (["--sweep", "ffff"], 1, "sweep must be latest or the beginning"),
        (["--experiment", "nope", "ab"], 1, "experiment must be one that has runs"),
        (["--uri", "sqlite:///nowhere.db", "ab"], 1, "there is none"),
        ([], 2, "one of the arguments RUN --sweep is required"),
    ],
    ids=["run", "sweep", "experiment", "store", "nothing"],
)
def test_a_mistake_is_told_and_writes_nothing(folder, notebook, words, status, said):
    called = command(folder, "scripts/why.py", *words)
    assert called.returncode == status
    assert said in called.stderr.splitlines()[-1]
    assert "Traceback" not in called.stderr
    assert not (folder / "nowhere.db").exists()
