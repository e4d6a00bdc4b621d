"""The notebooks, run as their reader would, and their numbers computed another way."""

import json
import math
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from xorlab import runs
from xorlab.components import datasets
from xorlab.numerics import training
from xorlab.spec import ArchSpec, RunSpec

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "notebooks"

pytestmark = pytest.mark.notebook


def executed(name, folder, *, ask):
    """Run a notebook in a folder; return its outputs, all that it printed, and the answer to what is asked of it then.

    Parameters
    ----------
    ask
        An expression of the notebook's own names, for the value that comes back by way of JSON.
    """
    notebook = nbformat.read(KEPT / f"{name}.ipynb", as_version=4)
    asked = nbformat.v4.new_code_cell(f"import json\nprint(json.dumps({ask}))")
    notebook.cells.append(asked)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    outputs = [output for cell in notebook.cells[:-1] for output in cell.get("outputs", [])]
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    return outputs, printed, json.loads(notebook.cells[-1].outputs[-1].text)


def count(outputs, kind):
    return sum(kind in output.get("data", {}) for output in outputs)


def ends(width, seeds, **changes):
    """Whether runs learned XOR, and whether they lie at ln 2: told from their last logits and losses alone."""
    trained = training.train([RunSpec(arch=ArchSpec(hidden=(width,)), seed=seed, **changes) for seed in seeds])
    _, y = datasets.load(RunSpec().data)
    right = ((trained.logits > 0) == (y == 1)).all(axis=1)
    return right & (trained.final_loss < 0.1), np.abs(trained.final_loss - math.log(2)) < 1e-3


@pytest.mark.parametrize("name", ["analysis", "ln2"])
def test_a_notebook_is_kept_without_outputs(name):
    cells = nbformat.read(KEPT / f"{name}.ipynb", as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_ten_lines_make_a_figure_of_ones_own():
    first = next(
        cell for cell in nbformat.read(KEPT / "analysis.ipynb", as_version=4).cells if cell.cell_type == "code"
    )
    assert sum(bool(line.strip()) for line in first.source.splitlines()) == 10
    assert first.source.splitlines()[-1] == 'figure.savefig("figure.pdf")'


def test_the_analysis_runs_on_ones_own_runs(copied, tmp_path, monkeypatch):
    uri = copied().uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    ask = "rates[rates['outcome'] == 'converged'].to_dict('records')"
    outputs, _, rates = executed("analysis", tmp_path, ask=ask)
    assert count(outputs, "image/png") == 4
    assert count(outputs, "text/html") == 5
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    groups = runs.load(uri, sweep="latest").groupby("lr")["outcome"]
    assert {row["lr"]: row["count"] for row in rates} == groups.agg(lambda told: (told == "converged").sum()).to_dict()
    assert [row["n"] for row in rates] == [5, 5]


def test_the_story_of_ln2_comes_out(tmp_path):
    ask = (
        "{'rates': rates.to_dict('records'), 'cells': cells.to_dict('records'), 'states': states, 'runs': len(grid),"
        " 'printed': (p > 0.5).tolist(), 'ten': ten['outcome'].tolist()}"
    )
    outputs, printed, found = executed("ln2", tmp_path, ask=ask)
    assert count(outputs, "image/png") == 6
    assert "Epoch 0, Loss: 1.0763\nEpoch 1000, Loss: 0.6932\nEpoch 2000, Loss: 0.6931\n" in printed
    assert "certified to stay: True" in printed
    assert "below the bound: 0" in printed
    assert found["states"] == ["on", "dead", "on"]
    assert found["printed"] == [False, True, False, True]
    _check_rates(found)
    assert found["runs"] == 7 * 7 * 60


def _check_rates(found):
    """Hold the notebook's rates to runs that are judged without the diagnosis."""
    learned, stuck = ends(3, range(10))
    assert [outcome == "converged" for outcome in found["ten"]] == learned.tolist()
    assert [outcome == "stuck_ln2" for outcome in found["ten"]] == stuck.tolist()
    rates = {(row["arch.hidden"], row["outcome"]): row["count"] for row in found["rates"]}
    for width in (2, 3, 8):
        learned, stuck = ends(width, range(200))
        told = rates[f"[{width}]", "converged"], rates[f"[{width}]", "stuck_ln2"]
        assert told == (learned.sum(), stuck.sum())
    cells = {(row["arch.hidden"], row["lr"], row["outcome"]): row["count"] for row in found["cells"]}
    learned, stuck = ends(4, range(60), lr=1.0)
    assert (cells["[4]", 1.0, "converged"], cells["[4]", 1.0, "stuck_ln2"]) == (learned.sum(), stuck.sum())
