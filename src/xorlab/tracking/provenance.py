"""Where a run comes from: the program and its user, the commit and uncommitted changes, the machine and versions."""

import functools
import getpass
import importlib.metadata
import os
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from xorlab.spec import NUMERICS

COMMIT = "mlflow.source.git.commit"
"""MLflow's tag of the commit that a run was made with."""

DIRTY = "git.dirty"
"""The tag that says whether the tree had uncommitted changes."""

LONGEST_DIFF = 1_000_000
"""Characters of a diff that are kept."""


def checkout() -> Path:
    """Return the folder of the `train.py` in use, else the working folder.

    A command uses the `train.py` of its own checkout; anything else, such as a notebook, that of the checkout which
    this package is installed from.
    """
    program = Path(sys.argv[0]).resolve()
    candidates = (*program.parents[:3], *Path(__file__).resolve().parents[3:4])
    return next((folder for folder in candidates if (folder / "train.py").is_file()), Path.cwd())


def started_by() -> dict[str, str]:
    """Return MLflow's tags of the user and the program.

    On Databricks, in a notebook, and where the user has set up MLflow to add or change these tags, MLflow says them.
    """
    if (
        any(name.startswith("DATABRICKS_") for name in os.environ)
        or {"MLFLOW_RUN_CONTEXT", "MLFLOW_TRACKING_USERNAME"} & os.environ.keys()
        or Path("~/.mlflow/credentials").expanduser().exists()
        or "IPython" in sys.modules
        or importlib.metadata.entry_points(group="mlflow.run_context_provider")
    ):
        from xorlab.tracking import mlflow_internals

        return mlflow_internals.context_tags()
    return {
        "mlflow.user": getpass.getuser(),
        "mlflow.source.name": sys.argv[0] or "<console>",
        "mlflow.source.type": "LOCAL",
    }


def commit(folder: Path) -> dict[str, str]:
    """Return MLflow's tags of the commit, branch and remote of the git tree at `folder`, and `DIRTY`.

    Returns
    -------
    Nothing where there is no tree, or no commit in it.
    """
    lines = _git(folder, "status", "--porcelain=v2", "--branch").splitlines()
    branch = {words[1]: words[2] for words in map(str.split, lines) if words[0] == "#"}
    if branch.get("branch.oid", "(initial)") == "(initial)":
        return {}
    dirty = any(not line.startswith("#") for line in lines)
    tags = {COMMIT: branch["branch.oid"], DIRTY: str(dirty).lower()}
    if branch["branch.head"] != "(detached)":
        tags["mlflow.source.git.branch"] = branch["branch.head"]
    remotes = _git(folder, "config", "--get-regexp", r"^remote\..*\.url$").splitlines()
    if remotes:
        tags["mlflow.source.git.repoURL"] = re.sub("(?<=://)[^/]*@", "", remotes[0].split(maxsplit=1)[1])
    return tags


def uncommitted_changes(folder: Path) -> str:
    """Return how the git tree differs from its commit: a patch, then the names of the untracked files."""
    patch = _git(folder, "diff", "HEAD", "--no-color", "--no-ext-diff")
    cut = f"\n# cut: the first {LONGEST_DIFF:,} of {len(patch):,} characters\n" if len(patch) > LONGEST_DIFF else ""
    untracked = _git(folder, "ls-files", "--others", "--exclude-standard").splitlines()
    return patch[:LONGEST_DIFF] + cut + "".join(f"# untracked: {name}\n" for name in untracked)


def _git(folder: Path, *words: str) -> str:
    """Return what git prints about the tree at `folder`; nothing where there is no tree, or no git."""
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.decode(errors="replace")


def environment() -> dict[str, str]:
    """Return the tags numerics, numpy, python, libc and machine: what else may change the last bits of a run."""
    return {
        "numerics": str(NUMERICS),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "libc": " ".join(platform.libc_ver()).strip() or "not glibc",
        "machine": machine(),
    }


def here() -> dict[str, str]:
    """Return the tags of a run that this process trains: its environment, and its host, which changes no bits."""
    return {**environment(), "host": socket.gethostname()}


@functools.cache
def machine() -> str:
    """Name the system, the processor, and the widest instructions that NumPy uses on it."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    processor = model[1].strip() if model else platform.processor() or platform.machine()
    simd = (np.show_config(mode="dicts") or {}).get("SIMD Extensions", {})
    widest = [*simd.get("baseline", []), *simd.get("found", [])][-1:]
    return ", ".join([f"{platform.system()} {platform.machine()}", processor, *widest])
