"""Run the notebooks and keep them with their outputs: python docs/make/notebooks.py.

The analysis reads a sweep that is made for it first, in a store of its own.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

import xorlab as xl

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"

NAMES = ("ln2", "analysis")

SWEEP = {"lr": [0.01, 0.1, 1], "seed": range(10)}
"""What the analysis asks its reader to train."""

VARIES = "varies"
"""The tag of a cell whose output depends on the processor's last bits."""


def execute(name: str, folder: Path, *, ask: str = "") -> nbformat.NotebookNode:
    """Run a notebook in a folder and return it with its outputs; `ask` is code for one more cell at its end."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    if ask:
        notebook.cells.append(nbformat.v4.new_code_cell(ask))
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources, record_timing=False).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _passing(output)]
    return notebook


def _passing(output: nbformat.NotebookNode) -> bool:
    """Tell whether an output only showed how far the work was."""
    return output.get("name") == "stderr" or output.get("data", {}).get("text/plain", "").startswith("<IPython.core")


def told(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what each cell printed or returned as text, without the cells that vary; a picture has no text."""
    return [
        "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code" and VARIES not in cell.metadata.get("tags", [])
    ]


def main() -> int:
    """Run each notebook and write it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        xl.sweep(SWEEP, track="runs")
        for name in NAMES:
            notebook = execute(name, Path(folder))
            notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
            nbformat.write(notebook, FOLDER / f"{name}.ipynb")
            print(f"notebooks/{name}.ipynb", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
