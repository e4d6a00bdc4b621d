"""The notebooks, run as their reader would."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def folder(ready_store, tmp_path_factory) -> Path:
    """A folder with a store that holds a small sweep, made by the command."""
    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copy(ready_store, folder)
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    command = [sys.executable, str(ROOT / "train.py"), "-m", "lr=0.1,1", "seed=0..4", "epochs=500"]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    return folder


@pytest.mark.notebook
def test_the_analysis_runs_on_ones_own_runs(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    notebook = nbformat.read(ROOT / "notebooks" / "analysis.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [list(output.data) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in kinds for kinds in shown) == 3
    assert sum("text/html" in kinds for kinds in shown) == 4
