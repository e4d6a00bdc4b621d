"""Where a run comes from: the checkout, its commit and uncommitted changes, and the machine and versions it ran on."""

import platform
import re
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


def commit(folder: Path) -> dict[str, str]:
    """Return the tags `COMMIT` and `DIRTY` of the git tree at `folder`; none outside a tree."""
    lines = _git(folder, "status", "--porcelain=v2", "--branch").splitlines()
    if not lines:
        return {}
    name = next(line.split()[2] for line in lines if line.startswith("# branch.oid"))
    dirty = any(not line.startswith("#") for line in lines)
    return {COMMIT: name, DIRTY: str(dirty).lower()}


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
    """Return the tags numerics, numpy, python and machine: what else may change the last bits of a run."""
    return {
        "numerics": str(NUMERICS),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": machine(),
    }


def machine() -> str:
    """Name the system, the processor, and the widest instructions that NumPy uses on it."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    processor = model[1].strip() if model else platform.processor() or platform.machine()
    simd = (np.show_config(mode="dicts") or {}).get("SIMD Extensions", {})
    widest = [*simd.get("baseline", []), *simd.get("found", [])][-1:]
    return ", ".join([f"{platform.system()} {platform.machine()}", processor, *widest])
