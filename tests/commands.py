"""The project's commands, called in this process, without the seconds that a new one takes to start."""

import io
import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton

ROOT = Path(__file__).resolve().parents[1]


def call(script: str | Path, *words: str, folder: Path, uri: str | None = None) -> CompletedProcess[str]:
    """Run a script of the project in a folder.

    Parameters
    ----------
    script : its path, in the checkout unless it is absolute
    words : what is typed after it
    folder : the working folder
    uri : the tracking store; None leaves it to the command

    Returns
    -------
    What `subprocess.run` returns of a process: its status, and as text what it printed and its errors.
    """
    path, said, errors = ROOT / script, io.StringIO(), io.StringIO()
    kept = {key: value for key, value in os.environ.items() if key not in ("HYDRA_FULL_ERROR", "MLFLOW_TRACKING_URI")}
    given = {} if uri is None else {"MLFLOW_TRACKING_URI": uri}
    with (
        mock.patch.dict(os.environ, {**kept, **given}, clear=True),
        mock.patch.object(sys, "argv", [str(path), *words]),
        chdir(folder),
        redirect_stdout(said),
        redirect_stderr(errors),
        _fresh_hydra(),
    ):
        try:
            runpy.run_path(str(path), run_name="__main__")
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
    return CompletedProcess([str(path), *words], status, said.getvalue(), errors.getvalue())


@contextmanager
def _fresh_hydra() -> Iterator[None]:
    """Hydra refuses to start twice in a process; put its singletons back afterwards."""
    state = Singleton.get_state()
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        Singleton.set_state(state)
