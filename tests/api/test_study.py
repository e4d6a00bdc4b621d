"""Sweeps and runs from Python, in memory and in MLflow."""

import math
import subprocess
import sys
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import commands
import xorlab as xl
from xorlab import runs
from xorlab.errors import SpecError, XorlabError
from xorlab.numerics import training
from xorlab.spec import ArchSpec, OptimizerSpec, RunSpec

GRID = {"hidden": [2, (3, 3)], "lr": [0.1, 1], "seed": range(3), "epochs": 300}
MOMENTS = ["run_id", "sweep", "start", "duration"]
"""The columns that differ between a sweep in memory and the same one in MLflow."""


@pytest.fixture(scope="module")
def study():
    return xl.sweep(GRID)


@pytest.fixture(autouse=True)
def _no_pictures_left():
    yield
    plt.close("all")


def test_the_table_is_that_of_the_recorded_sweep(study, store_uri):
    recorded = xl.sweep(GRID, track="runs", uri=store_uri)
    assert "12 runs" in repr(recorded)
    pd.testing.assert_frame_equal(recorded.runs.drop(columns=MOMENTS), study.runs.drop(columns=MOMENTS))
    pd.testing.assert_frame_equal(recorded.curves().drop(columns="run_id"), study.curves().drop(columns="run_id"))
    thin = [each.curves(20).drop(columns="run_id") for each in (recorded, study)]
    pd.testing.assert_frame_equal(*thin)
    assert len(thin[0]) < len(study.curves()) / 10

    again = xl.load("latest", uri=store_uri)
    pd.testing.assert_frame_equal(again.runs, runs.load(store_uri, sweep="latest"))
    for place in (0, 11):
        for name, array in study[place].weights.items():
            assert (again[place].weights[name] == array).all()
        assert again[place].verdict == study[place].verdict
        assert repr(again[place]) == repr(study[place])


def test_the_command_line_records_the_same_table(study, store_uri, tmp_path):
    words = ["arch.hidden=[2],[3,3]", "lr=0.1,1", "seed=0..2", "epochs=300"]
    done = commands.call("train.py", "-m", *words, folder=tmp_path, uri=store_uri)
    assert done.returncode == 0, done.stderr
    typed = xl.load("latest", uri=store_uri).runs
    pd.testing.assert_frame_equal(typed.drop(columns=MOMENTS), study.runs.drop(columns=MOMENTS))
    assert runs.sweeps(store_uri)["command"][0].endswith("-m 'arch.hidden=[2],[3,3]' lr=0.1,1 seed=0..2 epochs=300")


def test_a_sweep_from_python_records_the_command_that_repeats_it(store_uri):
    settings = {"hidden": [2, (3, 3)], "target_loss": [None, 0.5], "optimizer": "adam", "seed": [0, 1, 2], "epochs": 5}
    xl.sweep(settings, track="runs", uri=store_uri)
    command = runs.sweeps(store_uri)["command"][0]
    said = "-m 'arch.hidden=[2],[3,3]' target_loss=null,0.5 optimizer=adam seed=0..2 epochs=5"
    assert command == f"python train.py {said}"


def test_rates_count_and_runs_are_chosen_by_outcome(study):
    rates = study.rates("hidden").set_index(["arch.hidden", "outcome"])
    for hidden, own in study.runs.groupby("arch.hidden"):
        assert rates.loc[(hidden, "converged"), "n"] == len(own)
        assert rates.loc[(hidden, "converged"), "count"] == (own["outcome"] == "converged").sum()
    assert {run.outcome for run in study.converged} == {"converged"}
    assert all(run.outcome.startswith("stuck") for run in study.stuck)
    assert len(study.stuck) + len(study.converged) <= len(study) == 12
    assert len(study[study.runs["lr"] == 1.0]) == len(study[2:8]) == 6


def test_a_run_shows_what_it_has_learned():
    run = xl.train(hidden=3, epochs=200, seed=42)
    assert run.spec == RunSpec(epochs=200)
    (losses,) = training.train([run.spec]).losses
    assert (run.curve()["loss"] == losses).all()
    X = run.predictions[["x1", "x2"]].to_numpy()
    W1, b1, W2, b2 = run.weights.values()
    logits = (np.maximum(X @ W1 + b1, 0) @ W2 + b2).ravel()
    np.testing.assert_allclose(run.predictions["logit"], logits, atol=1e-12)
    np.testing.assert_allclose(run.predictions["p"], 1 / (1 + np.exp(-logits)))
    assert run.predictions["target"].tolist() == [0, 1, 1, 0]
    assert run.initial_weights["W1"].shape == (2, 3)
    assert run.explanation in run._repr_html_()
    assert run.verdict.final_loss == run.info["final_loss"] == pytest.approx(math.log(2), abs=0.05)


def test_what_would_have_helped_comes_as_tables():
    answer = xl.train(hidden=2, epochs=60, seed=0).why()
    assert answer.continuations.columns.tolist() == ["remedy", "override", "epochs", "outcome", "final_loss"]
    assert answer.restarts["n"].unique().tolist() == [100]
    assert answer._repr_markdown_().startswith("# 2-2-1 relu, xor")


def test_pictures_are_pyplots_and_show_what_was_asked(study):
    ax = study.plot.rates("arch.hidden")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["[2]", "[3, 3]"]
    assert plt.gcf() is ax.figure
    for draw in (study.plot.map, partial(study.plot.curves, "lr"), partial(study.plot.ends, "lr"), study[0].plot.loss):
        assert draw() is plt.gcf().axes[0]
    assert study[0].plot.plane(0, 10).get_title("left").startswith("epoch 0, loss")


def test_a_component_brings_its_own_settings():
    study = xl.sweep(optimizer="momentum", momentum=[0.5, 0.9], init="uniform", epochs=3)
    assert [run.spec.optimizer for run in study] == [OptimizerSpec(name="momentum", momentum=m) for m in (0.5, 0.9)]
    assert study.factors == ["optimizer.momentum"]
    assert xl.train(arch="2-8-8-1", epochs=1).spec.arch == ArchSpec(hidden=(8, 8))
    assert xl.train(**{"arch.hidden": np.array([2])}, lr=np.float64(0.5), epochs=1).spec.arch == ArchSpec(hidden=(2,))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hiden": 3}, "hiden is not a key; did you mean hidden?"),
        ({"learning_rate": 1}, "learning_rate is not a key; "),
        ({"std": 1.0}, "std may be data.std or init.std; write one of them"),
        ({"arch": "wide"}, "arch must be units from the inputs to the output, as in 2-8-1; got 'wide'"),
        ({"lr": -1}, "lr must be positive; got -1"),
        ({"lr": []}, "lr has no values; give at least one"),
        ({"seed": [1, 2, 1]}, "seed repeats 1; give each value once"),
        ({"hidden": 3, "arch.hidden": 4}, "arch.hidden is given twice; give it once"),
        ({"hidden": "3"}, "arch.hidden must be a list of widths"),
        ({"optimizer": "gd", "momentum": 0.9}, "optimizer.momentum does not belong to optimizer=gd"),
        ({"seed": range(20_000_000)}, "a sweep can have 16,777,216 runs; got 20,000,000"),
        ({"track": "all"}, "track must be one of runs, sweep; got 'all'"),
    ],
)
def test_a_mistake_is_refused_by_name(settings, said):
    with pytest.raises(SpecError) as refused:
        xl.sweep(**settings)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_one_run_is_trained_from_one_value_a_key():
    with pytest.raises(SpecError, match="train trains one run; got values for 2"):
        xl.train(seed=[1, 2], epochs=1)


def test_what_is_not_there_is_refused(store_uri):
    xl.sweep(epochs=1, track="runs", uri=store_uri)
    with pytest.raises(XorlabError, match="RUN must be latest"):
        xl.load("abc", uri=store_uri)
    (run,) = xl.load(xl.load(uri=store_uri)[0].id, uri=store_uri)
    assert run.spec == RunSpec(epochs=1)
    assert len(xl.load("all", uri=store_uri)) == 1


def test_a_plain_script_can_use_worker_processes(tmp_path):
    lines = ["import xorlab as xl", "print(len(xl.sweep(hidden=[2, 3], seed=range(4), epochs=20, workers=2)))"]
    (tmp_path / "plain.py").write_text("\n".join(lines))
    done = subprocess.run([sys.executable, tmp_path / "plain.py"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("8\n", "")


def test_the_import_is_lazy_and_its_names_are_listed():
    code = "import sys, xorlab as xl; print(len({'numpy', 'pandas', 'hydra'} & set(sys.modules)), *dir(xl)); xl.no"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("0 ")
    assert {"sweep", "train", "load", "Study", "Run", "__version__"} <= set(done.stdout.split())
    assert done.stderr.splitlines()[-1] == "AttributeError: module 'xorlab' has no attribute 'no'"
