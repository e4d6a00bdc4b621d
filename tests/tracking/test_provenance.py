import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.tracking.context.git_context import GitRunContext
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.git_utils import get_git_branch, get_git_commit, get_git_repo_url

from samples import sample
from xorlab.spec import NUMERICS
from xorlab.tracking import provenance
from xorlab.tracking.tracker import Tracker

ROOT = Path(__file__).resolve().parents[2]


def test_the_environment_is_that_of_this_process():
    environment = provenance.environment()
    assert environment["numpy"] == np.__version__
    assert environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert environment["numerics"] == str(NUMERICS)
    assert environment["machine"].startswith(f"{platform.system()} {platform.machine()}, ")


def test_the_machine_names_the_instructions_that_numpy_uses():
    config = np.show_config(mode="dicts")["SIMD Extensions"]
    assert provenance.machine().split(", ")[-1] in [*config["baseline"], *config["found"]]


def test_the_checkout_is_that_of_the_running_program_then_the_packages(tmp_path, monkeypatch):
    (tmp_path / "train.py").touch()
    (tmp_path / "scripts").mkdir()
    for program in ("train.py", "scripts/analyze.py", "docs/make/findings.py"):
        monkeypatch.setattr(sys, "argv", [str(tmp_path / program)])
        assert provenance.checkout() == tmp_path
    monkeypatch.setattr(sys, "argv", ["/usr/bin/ipython"])
    assert provenance.checkout() == ROOT
    monkeypatch.setattr(provenance, "__file__", "/usr/lib/python3/site-packages/xorlab/tracking/provenance.py")
    monkeypatch.chdir(tmp_path)
    assert provenance.checkout() == tmp_path


def test_commands_of_a_checkout_share_its_store_wherever_they_run_and_the_package_lies(ready_store, tmp_path):
    lab, elsewhere = tmp_path / "lab", tmp_path / "elsewhere"
    for folder in ("conf", "scripts"):
        shutil.copytree(ROOT / folder, lab / folder)
    shutil.copy(ROOT / "train.py", lab)
    shutil.copy(ready_store, lab)
    elsewhere.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_TRACKING")}

    def call(*words):
        command = [sys.executable, *words]
        return subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=True)

    call(lab / "train.py", "epochs=20", "artifacts=none")
    (run,) = MlflowClient(f"sqlite:///{lab}/mlflow.db").search_runs(["1"])
    assert "Identical" in call(lab / "scripts" / "verify.py", run.info.run_id).stdout
    assert not any(elsewhere.iterdir())


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=me", "-c", "user.email=me@here")
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def tree(tmp_path):
    """A git tree with one commit, of train.py."""
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init")
    (folder / "train.py").write_text("lr = 0.1\n")
    git(folder, "add", "train.py")
    git(folder, "commit", "-m", "Begin")
    return folder


@pytest.mark.parametrize("remote", [None, "https://me:secret@host/tree.git", "git@host:tree.git"])
def test_git_is_described_as_by_mlflow(tree, remote):
    git(tree, "checkout", "-b", "a-branch")
    if remote:
        git(tree, "remote", "add", "origin", remote)
    path = str(tree / "train.py")
    theirs = {
        "mlflow.source.git.commit": get_git_commit(path),
        "mlflow.source.git.branch": get_git_branch(path),
        "mlflow.source.git.repoURL": get_git_repo_url(path),
        "git.dirty": "false",
    }
    assert provenance.commit(tree) == {key: value for key, value in theirs.items() if value is not None}
    git(tree, "checkout", "--detach")
    assert "mlflow.source.git.branch" not in provenance.commit(tree)


def test_a_tree_without_a_commit_has_none(tmp_path):
    git(tmp_path, "init")
    assert provenance.commit(tmp_path) == {}


def test_the_user_and_the_program_are_those_that_mlflow_says(monkeypatch):
    for program in ("train.py", ""):
        monkeypatch.setattr(sys, "argv", [program])
        assert provenance.started_by() == resolve_tags(ignore=[GitRunContext])
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", '{"team": "xor"}')
    assert provenance.started_by().items() > {"mlflow.user": "somebody", "team": "xor"}.items()


def written_tags(uri: str, folder: Path) -> dict[str, str]:
    (run_id,) = Tracker(uri, "xorlab", folder=folder).write([sample("one")])
    return MlflowClient(uri).get_run(run_id).data.tags


def test_a_run_records_its_commit_and_whether_the_tree_had_changes(store_uri, tmp_path, tree):
    assert "git.dirty" not in written_tags(store_uri, tmp_path)
    commit = git(tree, "rev-parse", "HEAD").strip()
    clean = written_tags(store_uri, tree)
    assert (clean["mlflow.source.git.commit"], clean["git.dirty"]) == (commit, "false")
    (tree / "new.py").touch()
    assert written_tags(store_uri, tree)["git.dirty"] == "true"


def test_a_sweep_keeps_the_uncommitted_changes_and_its_runs_do_not(store_uri, tmp_path, tree):
    assert provenance.uncommitted_changes(tree) == ""
    (tree / "train.py").write_text("lr = 0.2\n")
    (tree / "new.py").touch()
    tracker = Tracker(store_uri, "xorlab", folder=tree)
    with tracker.running(sample("sweep")) as parent:
        (child,) = tracker.write([sample("one", artifacts={})], parent=parent)
    (patch,) = (tmp_path / "mlruns").rglob("uncommitted.diff")
    assert patch.parts[-3] == parent != child
    text = patch.read_text()
    assert "-lr = 0.1\n+lr = 0.2\n" in text
    assert text.endswith("# untracked: new.py\n")


def test_every_run_records_its_environment(store_uri, tmp_path):
    assert written_tags(store_uri, tmp_path).items() >= provenance.environment().items()
