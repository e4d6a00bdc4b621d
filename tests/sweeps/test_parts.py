"""Sweeps with track=sweep: the same runs as with track=runs, as columns that are whole or absent."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from pandas.testing import assert_frame_equal

import xorlab as xl
from commands import ROOT, call
from xorlab import figures, runs
from xorlab.errors import SpecError, XorlabError
from xorlab.numerics import training
from xorlab.report import analysis, fates
from xorlab.report.selection import Selection
from xorlab.runs import columnar, single
from xorlab.spec import RunSpec
from xorlab.spec.product import Product, of
from xorlab.sweeps import parts
from xorlab.tracking.tracker import Tracker

GRID = {"lr": [0.1, 3.0, 1e200], "arch.hidden": [(2,), (3, 2)], "activation": ["relu", "tanh"], "seed": range(4)}
FEW = {"epochs": 40, "log_every": 15}
OWN = ["run_id", "name", "sweep", "start", "duration"]
"""What belongs to where a run is recorded."""


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of sweeps this small."""
    monkeypatch.setattr(figures, "sweep_curves", lambda *_, **__: Figure(figsize=(1, 1)))


def test_the_rows_are_those_of_runs_that_are_tracked_each(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    each = xl.sweep(GRID, track="runs", uri=store_uri, **FEW)
    columns = xl.sweep(GRID, track="sweep", uri=store_uri, **FEW)
    assert set(columns.runs["outcome"]) > {"diverged", "undecided"}
    assert_frame_equal(columns.runs.drop(columns=OWN), each.runs.drop(columns=OWN))
    assert columns.runs["name"].tolist() == each.runs["name"].tolist()
    for points in (None, 3):
        own, other = (study.curves(points).drop(columns="run_id") for study in (columns, each))
        assert_frame_equal(own, other)
    parent = columns.runs["sweep"][0]
    every = runs.load(store_uri)
    assert len(every) == 96
    read = []
    whole = columnar.Columnar.read

    def reading(own: columnar.Columnar, names: list[str], *numbers: object) -> object:
        read.append(names)
        return whole(own, names, *numbers)

    monkeypatch.setattr(columnar.Columnar, "read", reading)
    few = runs.load(store_uri, sweep=parent, columns=["lr", "outcome"])
    assert_frame_equal(few, columns.runs[["run_id", "sweep", "outcome", "lr"]])
    assert not {"losses", "spec", "final_loss", "plateaus"} & set(read[0])


@pytest.fixture
def study(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> xl.Study:
    """A sweep of 60 runs in three files."""
    monkeypatch.setattr(parts, "MOST", 25)
    grid = {"lr": np.geomspace(0.1, 10.0, 6), "init.std": np.linspace(0.5, 2.0, 10)}
    return xl.sweep(grid, track="sweep", uri=store_uri, **FEW)


def test_a_pixel_trained_alone_has_the_identity_and_the_bits_of_the_record(
    study: xl.Study, store_uri: str, tmp_path: Path
) -> None:
    sweep = study.runs["sweep"][0]
    for number in range(0, 60, 6):
        run = single.find(f"latest:{number}", store_uri)
        alone = xl.train({"lr": float(repr(run.spec.lr)), "init.std": float(repr(run.spec.init.std))}, **FEW)
        assert run.run_id == f"{sweep}:{number}"
        assert alone.spec == run.spec
        assert alone.spec.identity == run.tags["spec"] == study.runs.set_index("run_id")["spec"][run.run_id]
        assert float(alone.info["final_loss"]) == run.metrics["final_loss"]
        epochs, losses = single.losses(run, store_uri)
        assert epochs.tolist() == [0, 15, 30, 39]
        assert losses.tolist() == alone.curve()["loss"].tolist()
        loaded = xl.load(run.run_id, uri=store_uri)
        assert loaded.runs["run_id"].tolist() == [run.run_id]
        assert loaded[0].explanation == alone.explanation
    done = call("scripts/verify.py", f"{sweep[:6]}:17", folder=tmp_path, uri=store_uri)
    assert done.returncode == 0
    assert "bit for bit" in done.stdout


def test_what_a_sweep_lacks_is_trained_and_nothing_else(
    study: xl.Study, store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = columnar.every(store_uri)[0]
    files = sorted(Path(own.location, "runs").iterdir())
    assert [path.name for path in files] == [
        f"{first:08d}-{last:08d}.parquet" for first, last in ((0, 24), (25, 49), (50, 59))
    ]
    files[1].unlink()  # as a kill leaves it: a part is whole or absent
    done = call("scripts/sweeps.py", folder=tmp_path, uri=store_uri)
    assert re.search(r"60 +35 +0 +25 +incomplete", done.stdout)
    plan = call("train.py", "-m", "sweep=latest", "plan=true", folder=tmp_path, uri=store_uri)
    assert re.search(r"asked +60\n +there +35\n +missing +25", plan.stdout)
    trained = []
    train = training.train
    monkeypatch.setattr(training, "train", lambda specs, **options: trained.extend(specs) or train(specs, **options))
    done = call("train.py", "-m", "sweep=latest", "workers=1", folder=tmp_path, uri=store_uri)
    assert "35 of 60 runs are there; 25 are trained now" in done.stdout
    assert trained == own.product.specs(range(25, 50))
    again = xl.load(uri=store_uri).runs
    times = ["start", "duration"]
    assert_frame_equal(again.drop(columns=times), study.runs.drop(columns=times))
    material, sweep = analysis.material(Selection(uri=store_uri))
    assert sweep == own.run_id
    assert len(material.counted) == len(material.plan) == 60
    assert material.coverage["missing"].eq(0).all()
    assert material.rates["n"].sum() > 0
    assert len(material.curves) == 240


def test_a_sweep_killed_by_sigkill_has_whole_parts_and_goes_on(store_uri: str, tmp_path: Path) -> None:
    words = ["-m", "seed=0..3999", "epochs=1500", "log_every=500", "track=sweep", "workers=1"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": store_uri}
    process = subprocess.Popen([sys.executable, str(ROOT / "train.py"), *words], cwd=tmp_path, env=environment)
    while not (found := columnar_files(tmp_path)):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    own = columnar.every(store_uri)[0]
    assert 0 < own.there < 4000
    assert own.there % 1024 == 0
    assert own.read(["number"])["number"].to_pylist() == list(range(own.there))
    assert found[0].stat().st_size > 0
    assert own.missing == [range(own.there, 4000)]


def test_a_sweep_that_is_widened_keeps_its_numbers_and_is_that_of_one_made_at_once(
    store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST", 5)
    trained = []
    train = training.train
    monkeypatch.setattr(training, "train", lambda specs, **options: trained.extend(specs) or train(specs, **options))
    common = ["-m", "log_every=15", "workers=1"]

    def typed(*words: str) -> tuple[str, str]:
        trained.clear()
        done = call("train.py", *common, *words, folder=tmp_path, uri=store_uri)
        return done.stdout, done.stderr

    typed("epochs=40", "seed=0..5", "lr=0.1,1", "track=sweep")
    first = columnar.every(store_uri)[0]
    wider = ("epochs=40", "seed=0..9", "lr=0.1,1")
    assert re.search(r"asked +20\n +there +12\n +missing +8", typed(*wider, "sweep=latest", "plan=true")[0])
    assert not columnar.every(store_uri)[0].product.blocks

    write, files = Tracker.add_artifacts, []

    def killed(self: Tracker, run_id: str, given: dict[str, bytes]) -> None:
        files.extend(name for name in given if "parquet" in name)
        if len(files) == 2:
            raise KeyboardInterrupt
        write(self, run_id, given)

    with monkeypatch.context() as patch:
        patch.setattr(Tracker, "add_artifacts", killed)
        said = typed(*wider, "sweep=latest")[1]
    rest = f"to train the rest: python train.py -m sweep={first.run_id[:8]}"
    assert f"17 of 20 runs are finished and recorded; {rest}" in said
    assert "17 of 20 runs are there; 3 are trained now" in typed("sweep=latest")[0]
    assert len(trained) == 3
    with pytest.raises(XorlabError, match="a map needs a sweep of one grid"):
        fates.read("latest", store_uri)
    once = xl.sweep({"lr": [0.1, 1.0], "seed": range(10)}, track="sweep", uri=store_uri, experiment="once", **FEW)
    widened = xl.load(uri=store_uri)
    pair = [study.runs.sort_values(["lr", "seed"], ignore_index=True) for study in (once, widened)]
    assert_frame_equal(*(runs.drop(columns=OWN) for runs in pair), check_like=True)

    # Other keys, at whose values only some runs are asked for; two of these eight are there.
    said = typed("epochs=40,60", "seed=0,1", "lr=1,3", "sweep=latest")[0]
    assert "20 of 26 runs are there; 6 are trained now" in said
    assert len(trained) == 6
    own = columnar.every(store_uri)[0]
    assert own.run_id == first.run_id
    assert own.product.specs(range(12)) == first.product.specs(range(12))
    assert own.product.name(25) == "seed=1 lr=1 epochs=60"
    assert own.table(["epochs"])["epochs"].value_counts().to_dict() == {40: 22, 60: 4}
    material, _ = analysis.material(Selection(uri=store_uri))
    assert len(material.counted) == len(material.plan) == 26
    done = call("scripts/verify.py", "latest:16", folder=tmp_path, uri=store_uri)
    assert "bit for bit" in done.stdout


def columnar_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("mlruns/*/*/artifacts/runs/*.parquet"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lr=linspace(0.1,1,4096)", "seed=0..4095", "sweep=latest"], "and this grid together have 16,777,218"),
        (["sweep=latest", "track=runs"], "was recorded with track=sweep and stays so"),
        (["sweep=latest", "retry=failed"], "retry is for sweeps with track=runs"),
        (["lr=1,2", "track=sweep", "reuse=true"], "reuse is for sweeps with track=runs"),
        (["lr=1,2", "track=sweep", "artifacts=run"], "artifacts is for sweeps with track=runs"),
        (["lr=1,2", "track=all"], "track must be one of runs, sweep; got 'all'"),
        (["lr=1,-2", "track=sweep"], "lr=-2 track=sweep: lr must be positive; got -2"),
        (["seed=0..99,1.5", "track=sweep"], "seed must be a whole number"),
        (["init=normal,uniform", "init.std=1,2", "track=sweep"], "init.std"),
        (["arch.hidden=[2],[3,3]", "arch.activation=relu,[relu,tanh]", "track=sweep"], "must have a name for each"),
        (["seed=0..99", "log_every=1,2", "track=sweep"], "log_every belongs to the whole sweep"),
    ],
)
def test_refused_in_one_line(recorded: str, tmp_path: Path, words: list[str], message: str) -> None:
    done = call("train.py", "-m", *words, folder=tmp_path, uri=recorded)
    assert done.returncode != 0
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def recorded(once, ready_store) -> str:
    """A store with a sweep of two runs, recorded as columns."""

    def fill(folder: Path) -> None:
        shutil.copy(ready_store, folder / "mlflow.db")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(figures, "sweep_curves", lambda *_, **__: Figure(figsize=(1, 1)))
            xl.sweep(lr=[0.1, 0.2], epochs=2, track="sweep", uri=f"sqlite:///{folder}/mlflow.db")

    return f"sqlite:///{once('columns', fill)}/mlflow.db"


def test_a_product_reads_itself_back_and_checks_only_the_ends_of_long_axes() -> None:
    seen = []

    def compose(values):
        seen.append(values)
        return RunSpec(lr=values[0], seed=values[1])

    product = of(
        {"lr": np.geomspace(0.01, 100.0, 100).tolist(), "seed": range(10**4)}, compose, str, lambda value: value
    )
    assert len(product) == 10**6
    assert len(seen) < 20
    assert Product.read(product.json()).specs(range(10**6 - 1, 10**6)) == [RunSpec(lr=100.0, seed=10**4 - 1)]
    with pytest.raises(SpecError, match="lr must be positive"):
        of({"lr": [1.0] * 99 + [-1.0, 2.0]}, lambda values: RunSpec(lr=values[0]), str, lambda value: value)
