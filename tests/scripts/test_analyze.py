import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Param, RunTag

import commands
from xorlab import report, runs
from xorlab.cli.report import main
from xorlab.report import writing
from xorlab.spec import RunSpec
from xorlab.tracking.tracker import Record, Tracker

PICTURES = ["causes", "final_losses", "loss_curves", "rates", "survival"]
TABLES = [
    "causes",
    "comparisons",
    "coefficients",
    "coverage",
    "logrank",
    "model",
    "outcomes",
    "rates",
    "settings",
    "times",
]


@pytest.fixture(scope="module")
def folder(copied) -> Path:
    """A folder with a store that holds a small sweep and a single run."""
    swept = copied()
    params = RunSpec(lr=0.5, seed=5).parameters()
    single = Record(
        name="single",
        params={key: str(value) for key, value in params.items()},
        tags={"outcome": "descending"},
        metrics={"final_loss": 0.7},
        epochs=np.arange(2),
        losses=np.array([0.8, 0.7]),
    )
    Tracker(swept.uri, "xorlab", folder=swept.folder).write([single])
    return swept.folder


@pytest.fixture
def analyze(folder, monkeypatch, capsys):
    """The command in that folder: words -> status, what it printed, its errors."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    monkeypatch.chdir(folder)

    def call(*words):
        status = main(list(words), prog="analyze.py")
        return (status, *capsys.readouterr())

    return call


def test_the_latest_sweep_is_analysed_by_default_and_its_run_carries_the_report(copied):
    swept = copied()
    assert swept.analyzed.startswith("10 runs of experiment xorlab\n")
    assert "Of 10 runs, " in swept.analyzed
    out = swept.folder / "outputs" / "analysis"
    written = {path.name for path in out.iterdir()}
    assert {f"{name}.{kind}" for name in PICTURES for kind in ("png", "svg", "pdf")} <= written
    assert {"report.html", "runs.csv", "runs.parquet", *(f"{name}.csv" for name in TABLES)} <= written
    (logged,) = (swept.folder / "mlruns").rglob("report.html")
    assert logged.read_bytes() == (out / "report.html").read_bytes()
    page = logged.read_text()
    assert "train.py -m lr=0.1,1 seed=5..9 epochs=1000" in page
    assert f"python scripts/analyze.py --sweep {logged.parts[-3][:8]} --only rates" in page
    assert runs.load(swept.uri)["commit"].dropna()[0] in page


def test_one_table_or_picture_is_made_alone(folder, analyze):
    status, printed, _ = analyze("--only", "times", "--out", "one")
    assert (status, [path.name for path in (folder / "one").iterdir()]) == (0, ["times.csv"])
    assert printed.startswith("Time to converge\n")
    analyze("--only", "survival", "--out", "two")
    assert sorted(path.suffix for path in (folder / "two").iterdir()) == [".pdf", ".png", ".svg"]


@pytest.fixture
def one_picture(monkeypatch):
    """A report draws one picture only, where a test is about its words and tables."""
    monkeypatch.setattr(writing, "PICTURES", {"rates": report.PICTURES["rates"]})


@pytest.mark.usefixtures("one_picture")
def test_a_deleted_a_failed_and_a_doubled_run_are_told(folder, analyze, tmp_path):
    for name in ("mlflow.db", "mlruns"):
        place = shutil.copytree if name == "mlruns" else shutil.copy
        place(folder / name, tmp_path / name)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    first, second, third = runs.load(uri, sweep="latest")[:3].to_dict("records")
    client = MlflowClient(uri)
    client.delete_run(first["run_id"])
    client.delete_tag(second["run_id"], "outcome")
    client.set_terminated(second["run_id"], "FAILED")
    again = client.create_run(client.get_run(third["run_id"]).info.experiment_id)
    kept = client.get_run(third["run_id"]).data
    client.log_batch(
        again.info.run_id,
        params=[Param(*pair) for pair in kept.params.items()],
        tags=[RunTag(key, value) for key, value in kept.tags.items() if key != "mlflow.runName"],
    )
    status, printed, errors = analyze("--uri", uri, "--out", str(tmp_path / "out"))
    assert (status, errors) == (0, "")
    assert "1 of 10 planned runs failed" in printed
    assert "1 of 10 planned runs is missing" in printed
    assert "1 of 10 planned runs was repeated and counts once" in printed
    coverage = pd.read_csv(tmp_path / "out" / "coverage.csv")
    counts = coverage[["intended", "done", "failed", "unfinished", "missing", "duplicated", "foreign"]].sum()
    assert counts.tolist() == [10, 8, 1, 0, 1, 1, 0]
    assert pd.read_csv(tmp_path / "out" / "settings.csv")["n"].tolist() == [3, 5]


@pytest.mark.usefixtures("one_picture")
def test_a_second_sweep_is_compared_with(folder, analyze):
    words = ("-m", "lr=0.1,1", "seed=0..4", "epochs=500", "arch=2-8-1", "tracking.experiment=b")
    called = commands.call("train.py", *words, folder=folder, uri=f"sqlite:///{folder}/mlflow.db")
    assert called.returncode == 0, called.stderr
    sweep = runs.sweeps(f"sqlite:///{folder}/mlflow.db", experiment="b")["run_id"][0]
    status, printed, errors = analyze("--experiment", "b", "--against", sweep[:10], "--out", "against", "--no-log")
    assert (status, errors) == (0, "")
    assert "No difference from the other sweep was found in the 2 settings that both have." in printed
    assert set(pd.read_csv(folder / "against" / "against.csv")["difference"]) == {0.0}


def test_the_tables_agree_with_each_other(folder):
    tables = folder / "outputs" / "analysis"
    table, rates = (pd.read_csv(tables / f"{name}.csv") for name in ("runs", "rates"))
    assert len(table) == 10
    expected = table.groupby("lr")["outcome"].apply(lambda outcomes: (outcomes == "converged").sum())
    converged = rates[rates["outcome"] == "converged"].set_index("lr")
    assert converged["count"].to_dict() == expected.to_dict()
    assert converged["n"].tolist() == [5, 5]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--sweep", "all"], 11),
        (["--filter", "params.lr = '0.5'"], 1),
        (["--filter", "params.seed = '8'"], 2),
        (["--since", "1h"], 11),
        (["--since", "2000-01-01", "--filter", "params.seed = '8'"], 2),
        (["--since", "2000-01-01T10:00"], 11),
    ],
    ids=["all", "one", "filter", "ago", "since and filter", "since"],
)
def test_runs_are_chosen_by_sweep_filter_and_time(folder, analyze, words, count):
    status, _, errors = analyze(*words, "--only", "settings", "--out", "chosen")
    assert (status, errors) == (0, "")
    assert pd.read_csv(folder / "chosen" / "settings.csv")["n"].sum() == count


@pytest.mark.usefixtures("one_picture")
def test_the_report_of_a_choice_of_runs_says_how_many_and_how_they_were_chosen(folder, analyze):
    status, printed, errors = analyze("--filter", "params.lr = '0.5'", "--out", "one")
    assert (status, errors) == (0, "")
    assert printed.startswith("1 run of experiment xorlab")
    assert "params.lr = &#39;0.5&#39;" in (folder / "one" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--experiment", "nope"], "experiment must be one that has runs; got 'nope'"),
        (["--sweep", "zzz"], "sweep must be latest"),
        (["--filter", "params.lr = '7'"], "no run with an outcome"),
        (["--filter", "lr is small"], "filter must be in MLflow's search language"),
        (["--uri", "sqlite:///nowhere.db"], "there is none"),
        (["--since", "yesterday-ish"], "since must be a time, as 2026-11-01, or how long ago, as 2h or 7d"),
        (["--since", "2222-01-01"], "no run with an outcome"),
        (["--against", "zzz"], "sweep must be latest"),
        (["--only", "rubbish"], "only must be a picture or a table of the report (rates, "),
        (["--only", "fates"], "only must be what these runs have something to show for; got fates"),
    ],
    ids=["experiment", "sweep", "no runs", "filter", "store", "time", "future", "against", "only", "not of these"],
)
def test_a_mistake_is_one_line_and_writes_nothing(folder, analyze, words, said):
    status, _, errors = analyze(*words, "--out", "never")
    assert status == 2
    assert said in errors
    assert errors.count("\n") == 1
    assert not (folder / "never").exists()
    assert not (folder / "nowhere.db").exists()
