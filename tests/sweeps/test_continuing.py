"""Sweeps that go on: killed ones are completed, finished ones widened, and nothing that is there is trained again."""

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from commands import call
from xorlab import figures, runs
from xorlab.errors import XorlabError
from xorlab.numerics import training
from xorlab.report import analysis
from xorlab.report.selection import Selection
from xorlab.runs import single
from xorlab.spec import ArchSpec, InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.options import Options
from xorlab.sweeps.jobs import Job, JobResult
from xorlab.sweeps.results import Results
from xorlab.sweeps.runner import run_many


def grid(*, lr: tuple[str, ...] = ("0.1", "1"), seeds: int = 4, **specification: Any) -> list[Job]:
    """Jobs of every combination of learning rates and seeds."""
    found = []
    for text in lr:
        for seed in range(seeds):
            spec = RunSpec(lr=float(text), seed=seed, **{"epochs": 20, **specification})
            varying = {key: value for key, value in (("lr", text), ("seed", str(seed))) if key == "seed" or len(lr) > 1}
            found.append(Job(config=spec.nested(), spec=spec, swept=varying, typed={"lr": text, "seed": str(seed)}))
    return found


@pytest.fixture
def sweep(store_uri: str, tmp_path: Path):
    """Train jobs as a sweep in a store of the test's own: jobs, options -> results."""

    def run(jobs: list[Job], **options: Any) -> list[JobResult]:
        asked = Options(uri=store_uri, **{"workers": 1, **options})
        return run_many(jobs, asked, command="python train.py -m …", folder=tmp_path)

    return run


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of sweeps this small."""
    monkeypatch.setattr(figures, "sweep_curves", lambda *_, **__: Figure(figsize=(1, 1)))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the identities of the runs that are trained, in order."""
    found: list[str] = []
    train = training.train

    def counting(specs: list[RunSpec], **options: Any) -> training.Trained:
        found.extend(spec.identity for spec in specs)
        return train(specs, **options)

    monkeypatch.setattr(training, "train", counting)
    return found


@pytest.fixture
def killed(sweep, monkeypatch: pytest.MonkeyPatch):
    """Begin a sweep in chunks of two runs, and end it when so many chunks are written: jobs, chunks, options."""

    def begin(jobs: list[Job], *, chunks: int, **options: Any) -> None:
        write, count = Results.write, 0

        def ending(self: Results, chunk: Any) -> list[str]:
            nonlocal count
            if count == chunks:
                raise KeyboardInterrupt
            count += 1
            return write(self, chunk)

        with monkeypatch.context() as patch:
            patch.setattr(training, "chunk", lambda spec: 2)
            patch.setattr(Results, "write", ending)
            with pytest.raises(KeyboardInterrupt):
                sweep(jobs, **options)

    return begin


def parent(uri: str) -> Path:
    """The folder of the last sweep's artifacts."""
    sweep_id = runs.sweeps(uri)["run_id"].iloc[0]
    return Path(uri.removeprefix("sqlite:///")).parent / "mlruns" / "1" / sweep_id / "artifacts"


def facts(uri: str) -> dict[str, Any]:
    """What the last sweep's parent and its runs are, without what differs between two that do the same."""
    (last, *_) = runs.sweeps(uri).drop(columns=["run_id", "start", "duration", "command"]).to_dict("records")
    table = runs.load(uri, sweep="latest")
    curves = runs.curves(table, uri).drop(columns="run_id")
    table = table.drop(columns=["run_id", "sweep", "start", "duration", "name"])
    files = {path.name: path.read_bytes() for path in parent(uri).glob("*.csv")}
    return {"parent": str(last), "runs": table.to_csv(), "curves": curves.to_csv(), "files": files}


@pytest.mark.parametrize("artifacts", ["run", "sweep"])
def test_a_killed_sweep_goes_on_and_is_what_an_undisturbed_one_is(killed, sweep, trained, store_uri, artifacts) -> None:
    killed(grid(), chunks=2, artifacts=artifacts)
    there = trained[:4]
    del trained[:]
    results = sweep(grid(), sweep="latest", artifacts=artifacts)
    assert set(trained) == {job.spec.identity for job in grid()} - set(there)
    assert len(trained) == 4
    assert [result.run_id for result in results] == runs.load(store_uri, sweep="latest")["run_id"].tolist()
    continued = facts(store_uri)
    weights = [single.weights(single.find(result.run_id, store_uri), store_uri) for result in results]
    assert not (parent(store_uri) / "parts").exists()

    sweep(grid(), artifacts=artifacts)
    assert facts(store_uri) == continued
    for found, job in zip(weights, grid(), strict=True):
        assert np.array_equal(found["W1"], training.train([job.spec]).initial["W1"])


def test_a_sweep_is_widened_and_then_is_one_made_at_once(sweep, trained, store_uri) -> None:
    first = sweep(grid(seeds=2))
    del trained[:]
    results = sweep(grid(lr=("0.01", "0.1", "1"), seeds=3), sweep="latest")
    assert len(trained) == 5
    assert [results[3].run_id, results[6].run_id] == [first[0].run_id, first[2].run_id]
    assert len(runs.sweeps(store_uri)) == 1
    command = "python train.py -m … && python train.py -m … sweep=latest"
    assert runs.sweeps(store_uri)["command"].tolist() == [command]
    widened = facts(store_uri)
    sweep(grid(lr=("0.01", "0.1", "1"), seeds=3))
    assert facts(store_uri) == widened


def test_a_new_axis_places_old_runs_at_the_value_they_had(sweep, store_uri) -> None:
    sweep(grid(lr=("0.1",), seeds=2))
    [wide] = [ArchSpec(hidden=(4,))]
    jobs = [
        Job(config={}, spec=job.spec, swept=job.swept, typed={**job.typed, "arch": "2-4-1"})
        for job in grid(lr=("0.1",), seeds=2, arch=wide)
    ]
    sweep(jobs, sweep="latest")
    assert runs.sweeps(store_uri)["swept"].tolist() == ["seed,arch"]
    lines = (parent(store_uri) / "table.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["arch", "arch=2-3-1", "arch=2-4-1"]
    plan = runs.plan("latest", store_uri)
    assert plan.to_dict("list") == {"arch.hidden": ["[3]", "[3]", "[4]", "[4]"], "seed": [0, 1, 0, 1]}
    material, _ = analysis.material(Selection(uri=store_uri))
    assert material.coverage[["intended", "done", "missing"]].to_numpy().tolist() == [[2, 2, 0], [2, 2, 0]]


def test_parameters_that_only_some_runs_have_survive_a_plan(sweep, trained, store_uri) -> None:
    sweep([*grid(seeds=1), *grid(seeds=1, optimizer=OptimizerSpec(name="momentum", momentum=0.5))])
    del trained[:]
    sweep([], sweep="latest")
    assert trained == []
    with sqlite3.connect(store_uri.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name LIKE 'lr=%'")
    sweep([], sweep="latest")
    assert sorted(trained) == sorted(runs.load(store_uri, sweep="latest")["spec"])
    assert len(trained) == 4


def test_what_does_not_decide_the_numbers_trains_nothing_again(sweep, trained, capsys) -> None:
    sweep(grid(), log_every=3)
    del trained[:]
    sweep(grid(), sweep="latest", log_every=7, converged_below=0.2, artifacts="none", workers=2)
    assert trained == []
    said = capsys.readouterr().err
    assert "log_every stays 3, as in the sweep's other runs; got 7" in said
    assert "converged_below stays 0.1" in said


def test_failed_runs_are_tried_again_when_asked_for(sweep, trained, tmp_path, store_uri) -> None:
    file = tmp_path / "w.npz"
    np.savez(file, W1=np.ones((2, 3)), W2=np.ones((3, 1)))
    jobs = [*grid(seeds=1), *grid(seeds=1, init=InitSpec(name="file", path=str(file)))]
    content = file.read_bytes()
    file.write_bytes(b"")
    assert [result.error is None for result in sweep(jobs)] == [True, True, False, False]
    file.write_bytes(content)
    del trained[:]
    assert [result.error is None for result in sweep(jobs, sweep="latest")] == [True, True, False, False]
    assert trained == []
    assert [result.error for result in sweep(jobs, sweep="latest", retry="failed")] == [None] * 4
    table = runs.load(store_uri, sweep="latest")
    assert sorted(table["status"]) == ["FAILED", "FAILED", *["FINISHED"] * 4]
    assert runs.sweeps(store_uri)["runs"].tolist() == [4.0]


def test_runs_of_other_numerics_stay_until_asked_for(sweep, trained, store_uri, monkeypatch, capsys) -> None:
    for module in ("spec.runspec", "tracking.provenance", "sweeps.plan"):
        monkeypatch.setattr(f"xorlab.{module}.NUMERICS", 1)
    sweep(grid(seeds=2))
    monkeypatch.undo()
    del trained[:]
    sweep(grid(seeds=3), sweep="latest")
    assert (
        "4 are of another version of the numerics and stay, unless retry=outdated is given" in capsys.readouterr().out
    )
    assert len(runs.load(store_uri, sweep="latest")) == 6
    sweep(grid(seeds=3), sweep="latest", retry="outdated")
    table = runs.load(store_uri, sweep="latest")
    assert sorted(table["spec"]) == sorted(job.spec.identity for job in grid(seeds=3))


def test_finished_runs_of_other_sweeps_are_counted_where_they_are(sweep, trained, store_uri) -> None:
    first = sweep(grid(seeds=2))
    del trained[:]
    results = sweep(grid(seeds=3), reuse=True)
    assert len(trained) == 2
    assert results[0].run_id == first[0].run_id
    table = runs.load(store_uri, sweep="latest")
    assert sorted(table["spec"]) == sorted(job.spec.identity for job in grid(seeds=3))
    assert table["sweep"].nunique() == 2
    assert len(runs.load(store_uri)) == 6
    material, sweep_id = analysis.material(Selection(uri=store_uri))
    assert sweep_id == runs.sweeps(store_uri)["run_id"].iloc[0]
    assert material.coverage["done"].sum() == 6
    del trained[:]
    sweep([], sweep="latest")
    assert trained == []


def test_a_plan_trains_and_writes_nothing(killed, trained, store_uri, tmp_path, capsys) -> None:
    missing = f"sqlite:///{tmp_path}/none.db"
    run_many(grid(), Options(uri=missing, plan=True), command="…", folder=tmp_path)
    assert not (tmp_path / "none.db").exists()
    assert "8 runs to train; how long they take is not known" in capsys.readouterr().out
    killed(grid(), chunks=1)
    del trained[:]
    before = Path(store_uri.removeprefix("sqlite:///")).read_bytes()
    wider = Options(uri=store_uri, sweep="latest", plan=True)
    run_many(grid(seeds=5), wider, command="…", folder=tmp_path)
    said = capsys.readouterr().out
    assert [line.split() for line in said.splitlines()[1:-1]] == [
        ["asked", "10"],
        ["done", "2"],
        ["of", "other", "sweeps", "0"],
        ["failed", "0"],
        ["torn", "0"],
        ["outdated", "0"],
        ["missing", "8"],
    ]
    assert said.splitlines()[-1].startswith("8 runs to train, about 0:00:0")
    assert trained == []
    assert Path(store_uri.removeprefix("sqlite:///")).read_bytes() == before


def test_a_command_points_to_the_unfinished_sweep_of_its_grid(sweep, killed, store_uri, capsys) -> None:
    killed(grid(), chunks=1)
    short = runs.sweeps(store_uri)["run_id"].iloc[0][:8]
    capsys.readouterr()
    sweep(grid(seeds=2))
    assert capsys.readouterr().err == ""
    sweep(grid())
    assert capsys.readouterr().err == (
        f"Sweep {short} asked for the same runs and was not finished; to continue it instead of beginning anew: "
        f"python train.py -m … sweep={short}\n"
    )


def test_a_sweep_that_is_not_there_is_refused(sweep, store_uri) -> None:
    sweep(grid(seeds=1))
    with pytest.raises(XorlabError, match="got 'ffff', which is no sweep"):
        sweep(grid(), sweep="ffff")


def test_files_of_runs_without_rows_are_removed(killed, sweep, store_uri) -> None:
    killed(grid(), chunks=2)
    folder = parent(store_uri)
    *_, last = (folder / "parts" / "begun.txt").read_text().split()
    orphan = folder.parents[1] / ("f" * 32)
    (orphan / "artifacts").mkdir(parents=True)
    (orphan / "artifacts" / "config.yaml").touch()
    (folder / "parts" / "begun.txt").write_text(f"{last}\n{orphan.name}")
    sweep(grid(), sweep="latest")
    assert not orphan.exists()
    ids = {*runs.load(store_uri)["run_id"], folder.parent.name}
    assert {path.name for path in folder.parents[1].iterdir()} == ids


def test_sweeps_are_listed_as_they_stand(killed, sweep, store_uri, tmp_path, capsys) -> None:
    sweep(grid(seeds=2))
    killed(grid(), chunks=1)
    listed = call("scripts/sweeps.py", folder=tmp_path, uri=store_uri).stdout.splitlines()
    ids = [run_id[:8] for run_id in runs.sweeps(store_uri)["run_id"]]
    found = [line.split()[:1] + line.split()[3:8] for line in listed[1:3]]
    assert found == [[ids[0], "8", "2", "0", "6", "killed"], [ids[1], "4", "4", "0", "0", "complete"]]
    assert listed[-1] == f"{ids[0]} is killed; to continue it: python train.py -m sweep={ids[0]}"
    with sqlite3.connect(store_uri.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE runs SET status = 'RUNNING' WHERE run_uuid LIKE ?", (f"{ids[0]}%",))
    running = call("scripts/sweeps.py", "latest", folder=tmp_path, uri=store_uri).stdout
    assert " running " in running  # this process is its driver
    with sqlite3.connect(store_uri.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE tags SET value = 'elsewhere' || value WHERE key = 'xorlab.driver'")
        connection.execute("UPDATE tags SET value = '0' WHERE key = 'xorlab.heartbeat'")
    watched = call("scripts/sweeps.py", "--watch", folder=tmp_path, uri=store_uri)
    assert watched.stdout.partition("  ")[2] == f"sweep {ids[0]} is dead: 2 of 8 done, 0 failed, 6 missing\n"


def test_a_report_is_of_the_newest_sweep_that_has_runs(killed, sweep, store_uri) -> None:
    sweep(grid(seeds=2))
    killed(grid(), chunks=0)
    table, found = Selection(uri=store_uri).load()
    assert (len(table), found) == (4, runs.sweeps(store_uri)["run_id"].iloc[1])
