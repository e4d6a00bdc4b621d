"""The command line, as a user types it: a process in a folder of its own, the store beside train.py."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import commands

ROOT = Path(__file__).parents[2]
HEAVY = (
    *("filelock", "jinja2", "matplotlib", "mlflow", "pandas", "pyarrow", "rich"),
    *("scipy", "sqlalchemy", "statsmodels"),
)
KEYS = "see python train.py --help"


@pytest.fixture
def lab(tmp_path):
    """A copy of the command and its configuration, with no store beside it."""
    folder = tmp_path / "lab"
    shutil.copytree(ROOT / "conf", folder / "conf")
    shutil.copy(ROOT / "train.py", folder)
    return folder


@pytest.fixture
def stored(lab, ready_store):
    """The same with a store that is ready."""
    shutil.copy(ready_store, lab / "mlflow.db")
    return lab


def command(lab, *arguments):
    return [sys.executable, str(lab / "train.py"), *arguments]


def environment():
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HYDRA_", "MLFLOW_"))}
    return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true"}


def process(lab, *arguments):
    return subprocess.run(
        command(lab, *arguments), cwd=lab.parent, env=environment(), capture_output=True, text=True, check=False
    )


def call(lab, *arguments):
    """Call the command in this process; `test_an_answer_needs_no_heavy_import` starts real ones."""
    return commands.call(lab / "train.py", *arguments, folder=lab.parent)


def files(lab):
    return sorted(path for path in lab.parent.rglob("*") if path.is_file())


def rows(lab, query):
    with sqlite3.connect(f"file:{lab}/mlflow.db?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("lr=-1", "lr must be positive; got -1"),
        ("lr=fast", "lr must be a number; got 'fast'"),
        ("arch.hidden=[0]", "a width in arch.hidden must be at least 1; got 0"),
        ("seed=0..9", "seed=0..9 is a sweep; add -m to run it"),
        ("seed=0,1", "seed=0,1 is a sweep; add -m to run it"),
        ("seed=range(0,3)", "seed=range(0,3) is a sweep; add -m to run it"),
        ("seed=0 seed=1", "seed is given 2 times; write seed=a,b or seed=0..9 with -m to sweep over it"),
        ("epochs=0", "epochs must be at least 1; got 0"),
        ("epochs=1000000000000", "epochs must be at most 100000000; got 1000000000000"),
        (
            "-m arch.hidden=[100000,100000] seed=0..3",
            "arch.hidden=[100000,100000] seed=0: a network can have 10,000,000 parameters; "
            "arch.hidden=[100000, 100000] has 10,000,200,001. Give fewer or smaller widths",
        ),
        (
            "init=file init.path=/dev/zero",
            "init.path must name a readable .npz file; got '/dev/zero'",
        ),
        ("sweep=latest", "sweep, retry, plan and reuse are about a sweep; add -m"),
        (
            "-m sweep=newest",
            "sweep=newest: sweep must be new, latest, or the beginning of a sweep's run id; got 'newest'",
        ),
        ("lrr=1", f"lrr is not a key of the configuration; {KEYS}"),
        ("init.nope=1", f"init.nope is not a key of the configuration; {KEYS}"),
        ("data=and,or", "data=and,or is a sweep; add -m to run it"),
        ("data=nand", "data must be one of and, file, noisy_xor, or, own, parity, xnor, xor; got nand"),
        ("lr=${nope}", "Interpolation key 'nope' not found"),
        ("workers=0", "workers must be at least 1; got 0"),
        ("-m lr=1,-1 seed=0..3", "lr=-1 seed=0: lr must be positive; got -1"),
        ("-m lrr=1,2", f"lrr=1: lrr is not a key of the configuration; {KEYS}"),
        ("-m seed=0..4,3", "seed=0..4,3 repeats 3; give each value of seed once"),
        ("-m seed=0 seed=1 seed=2", "seed is given 3 times; write seed=a,b or seed=0..9 with -m to sweep over it"),
        ("-m seed=range(5,5)", "seed=range(5,5) is empty; a sweep needs at least one value of seed"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(lab, typed, answer):
    before = files(lab)
    done = call(lab, *typed.split())
    assert (done.stderr.splitlines(), done.stdout, done.returncode) == ([answer], "", 2)
    assert files(lab) == before


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("lr==1", "lr==1 can't be read: extraneous input '='"),
        ("init=nope", "init must be one of"),
        ("-m init=normal,nope", "init=nope: init must be one of"),
        ("-cn nope", "Cannot find primary config 'nope'"),
        ("+nope=1", "nope is not a key; the keys are"),
        ("hydra/launcher=nope", "hydra/launcher must be one of"),
        ("-m --cfg job", "Hydra can't run this command: Only one of --run, --multirun"),
        ("--foo", "unrecognized arguments: --foo; see python train.py --hydra-help"),
        ("-c foo", "argument --cfg/-c: invalid choice"),
        ("-m =3", "=3 has no key; write key=value"),
        ("~arch.hidden.0", "Hydra can't run this command: list indices must be integers"),
        ("-m ~arch.hidden.0", "Hydra can't run this command: list indices must be"),
        ("+lr=3", "lr is a key already; write it without +"),
    ],
)
def test_a_mistake_that_hydra_finds_is_one_line_too(lab, typed, named):
    done = call(lab, *typed.split())
    assert (len(done.stderr.splitlines()), done.stdout, done.returncode) == (1, "", 2)
    assert done.stderr.startswith(named)


def test_a_single_run_prints_the_notebooks_lines_and_is_kept_beside_the_command(stored):
    done = process(stored, "epochs=1001")
    assert done.returncode == 0, done.stderr
    assert "Epoch 0, Loss: 1.0763\nEpoch 1000, Loss: 0.6932\n" in done.stdout
    assert "mlflow ui" in done.stdout
    assert rows(stored, "SELECT status FROM runs") == [("FINISHED",)]
    assert not (stored.parent / "mlflow.db").exists()
    assert not list(stored.parent.rglob(".hydra"))


def test_a_sweep_as_typed(stored):
    done = call(stored, "-m", "lr=0.01,0.1,1", "seed=0..9", "epochs=2", "artifacts=none")
    assert done.returncode == 0, done.stderr
    children = "SELECT p.value, count(*) FROM params p JOIN tags t USING (run_uuid) WHERE t.key = 'mlflow.parentRunId'"
    assert sorted(rows(stored, f"{children} AND p.key = 'lr' GROUP BY 1")) == [("0.01", 10), ("0.1", 10), ("1.0", 10)]
    assert len(rows(stored, f"{children} AND p.key = 'seed' GROUP BY 1")) == 10
    assert rows(stored, "SELECT DISTINCT status FROM runs") == [("FINISHED",)]
    assert rows(stored, "SELECT count(*) FROM runs") == [(31,)]


def test_a_file_that_does_not_fit_refuses_the_sweep_before_anything_is_written(stored):
    rng = np.random.default_rng(0)
    weights = {"W1": rng.normal(size=(2, 3)), "b1": np.zeros(3), "W2": rng.normal(size=(3, 1)), "b2": np.zeros(1)}
    np.savez(stored / "weights.npz", **weights)
    path = f"init.path={stored / 'weights.npz'}"
    done = call(stored, "-m", "arch=2-2-1,2-3-1", "init=file", path, "epochs=2", "artifacts=none")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"arch=2-2-1 init=file {path} epochs=2 artifacts=none: {path.partition('=')[2]} must hold")
    assert rows(stored, "SELECT count(*) FROM runs") == [(0,)]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_nothing_running(stored, number, status):
    typed = command(stored, "epochs=50000000")
    with subprocess.Popen(typed, cwd=stored.parent, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while rows(stored, "SELECT status FROM runs") != [("RUNNING",)] and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(number)
        try:
            _, complaint = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == status
    assert "Traceback" not in complaint
    assert rows(stored, "SELECT status FROM runs") == [("KILLED",)]


@pytest.mark.parametrize("flags", ["--help", "--hydra-help", "--cfg job", "--cfg job experiment=card", "--info config"])
def test_hydras_flags_pass(lab, flags):
    done = call(lab, *flags.split())
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    ("typed", "status", "said"),
    [
        ("--help", 0, []),
        ("lrr=1", 2, [f"lrr is not a key of the configuration; {KEYS}"]),
        ("lr=-1", 2, ["lr must be positive; got -1"]),
        ("-m lr=-1,1", 2, ["lr=-1: lr must be positive; got -1"]),
    ],
)
def test_an_answer_needs_no_heavy_import(lab, typed, status, said):
    arguments = [sys.executable, "-X", "importtime", str(lab / "train.py"), *typed.split()]
    done = subprocess.run(arguments, cwd=lab, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == status
    times = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert [line for line in done.stderr.splitlines() if line not in times] == said
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in times}
    assert {"hydra", "xorlab"} < imported
    assert imported.isdisjoint(HEAVY)
