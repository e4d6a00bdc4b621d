import re
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from commands import call
from xorlab.cli.verify import main
from xorlab.tracking import store


@pytest.fixture(scope="module")
def written(ready_store, tmp_path_factory) -> tuple[Path, str]:
    """A store that the command has written a run to, and the run's id."""
    folder = tmp_path_factory.mktemp("verify")
    shutil.copy(ready_store, folder)
    called = command(folder, "train.py", "epochs=1200", "log_every=1")
    assert called.returncode == 0, called.stderr
    return folder, re.findall("^Run ([0-9a-f]{32}) ", called.stdout, re.MULTILINE)[0]


def command(folder, script, *words):
    return call(script, *words, folder=folder, uri=store.default(folder))


@pytest.fixture
def tampered(written, tmp_path, monkeypatch, capsys):
    """Change a copy of the store by SQL, and verify the run there: -> status, what it printed, its errors."""
    shutil.copy(written[0] / "mlflow.db", tmp_path)
    uri = store.default(tmp_path)

    def verify(*statements):
        with sqlite3.connect(tmp_path / "mlflow.db") as connection:
            for statement in statements:
                assert connection.execute(statement).rowcount > 0
        connection.close()
        status = main([written[1], "--uri", uri], prog="verify.py")
        return (status, *capsys.readouterr())

    return verify


def test_an_untouched_run_is_identical(written):
    folder, run_id = written
    called = command(folder, "scripts/verify.py", run_id[:10])
    assert (called.returncode, called.stderr) == (0, "")
    assert called.stdout.startswith(f"2-3-1 relu, xor, gd lr=0.1, normal init, seed=42\nRun {run_id} of ")
    assert "Identical: all 1,200 recorded losses and the final loss, bit for bit.\n" in called.stdout
    assert re.search(r"^numpy +(\S+) +\1 *$", called.stdout, re.MULTILINE)
    assert "differs" not in called.stdout


def test_a_loss_that_was_tampered_with_is_found_at_its_epoch(tampered):
    status, printed, errors = tampered(
        "UPDATE metrics SET value = value + 1e-12 WHERE key = 'loss' AND step = 777",
        "UPDATE metrics SET value = value + 1e-9 WHERE key = 'loss' AND step = 900",
    )
    assert (status, errors) == (1, "")
    assert re.search(
        r"^Different, first at epoch 777: recorded 0\.69\d+, today 0\.69\d+ \(-1e-12\)\.$", printed, re.MULTILINE
    )
    assert "2 of 1,201 losses differ, by at most 1e-09.\n" in printed
    assert printed.endswith("The environment is the same: it is not the reason.\n")


def test_another_environment_is_told(tampered):
    status, printed, _ = tampered(
        "UPDATE tags SET value = '1.0.0' WHERE key = 'numpy'", "DELETE FROM tags WHERE key = 'machine'"
    )
    assert status == 0
    assert "across machines" not in printed
    assert re.search(r"^numpy +1\.0\.0 +\S+ +differs *$", printed, re.MULTILINE)
    assert re.search(r"^machine +not recorded +\S.* unknown *$", printed, re.MULTILINE)


def test_a_run_of_another_machine_is_said_to_be_compared_across_machines(tampered):
    status, printed, _ = tampered("UPDATE tags SET value = 'node7' WHERE key = 'host'")
    assert status == 0
    assert re.search(r"^This compares across machines: trained on node7 \(.*\), compared on ", printed, re.MULTILINE)


def test_a_difference_that_the_environment_may_explain(tampered):
    status, printed, _ = tampered(
        "UPDATE tags SET value = '1.0.0' WHERE key = 'numpy'",
        "UPDATE latest_metrics SET value = 0.5 WHERE key = 'final_loss'",
    )
    assert status == 1
    assert "Different, first at the final loss: recorded 0.5, today 0.69" in printed
    assert "\nPossible reasons: numpy. The last bits of a native run depend on them; " in printed


def test_a_run_from_a_file_is_verified_without_the_file(written):
    folder, _ = written
    path = folder / "w.npz"
    np.savez(path, W1=np.linspace(-1.0, 1.0, 6).reshape(2, 3), W2=np.ones((3, 1)))
    words = ("init=file", f"init.path={path}", "epochs=60", "batch_size=3", "shuffle=true")
    run_id = re.findall("^Run ([0-9a-f]{32}) ", command(folder, "train.py", *words).stdout, re.MULTILINE)[0]
    path.unlink()
    called = command(folder, "scripts/verify.py", run_id)
    assert (called.returncode, called.stderr) == (0, "")
    assert "Identical: all 60 recorded losses" in called.stdout


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE params SET value = '0.2' WHERE key = 'lr'", "must have the identity of its params"),
        ("UPDATE params SET value = 'red' WHERE key = 'lr'", "lr must be a number; got 'red'"),
        ("DELETE FROM tags WHERE key = 'spec'", "must be a run of xorlab's"),
        ("DELETE FROM metrics WHERE key = 'loss'", "must have losses on record"),
    ],
    ids=["identity", "value", "foreign", "no losses"],
)
def test_what_can_not_be_verified_is_one_line(tampered, statement, said):
    status, printed, errors = tampered(statement)
    assert (status, printed) == (2, "")
    assert errors.startswith("verify.py: ")
    assert said in errors
    assert errors.count("\n") == 1
