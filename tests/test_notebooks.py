"""The notebooks, run as their reader would, beside what is kept of them, and their numbers computed another way."""

import json
import math

import nbformat
import numpy as np
import pytest

import notebooks
import xorlab as xl
from xorlab import runs
from xorlab.numerics import training
from xorlab.spec import ArchSpec, RunSpec
from xorlab.spec.components import datasets

pytestmark = pytest.mark.notebook


def kept(name):
    return nbformat.read(notebooks.FOLDER / f"{name}.ipynb", as_version=4)


def executed(name, folder, *, ask):
    """Run a notebook in a folder; return it and the value of an expression of its own names."""
    notebook = notebooks.execute(name, folder, ask=f"import json\nprint(json.dumps({ask}))")
    return notebook, json.loads(notebook.cells.pop().outputs[-1].text)


def pictures(notebook):
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return sum("image/png" in output.get("data", {}) for output in outputs)


def ends(width, seeds, **changes):
    """Whether runs learned XOR, and whether they lie at ln 2: told from their last logits and losses alone."""
    trained = training.train([RunSpec(arch=ArchSpec(hidden=(width,)), seed=seed, **changes) for seed in seeds])
    _, y = datasets.load(RunSpec().data)
    right = ((trained.logits > 0) == (y == 1)).all(axis=1)
    return right & (trained.final_loss < 0.1), np.abs(trained.final_loss - math.log(2)) < 1e-3


def test_ten_lines_make_a_figure_of_ones_own():
    first = next(cell for cell in kept("analysis").cells if cell.cell_type == "code")
    assert sum(bool(line.strip()) for line in first.source.splitlines()) == 10
    assert first.source.splitlines()[-1] == 'figure.savefig("figure.pdf")'


def test_the_analysis_is_kept_as_it_runs(store_uri, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    xl.sweep(notebooks.SWEEP, track="runs")
    notebook, rates = executed("analysis", tmp_path, ask="rates.to_dict('records')")
    assert notebooks.told(notebook) == notebooks.told(kept("analysis"))
    assert pictures(notebook) == pictures(kept("analysis")) == 5
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    groups = runs.load(store_uri, sweep="latest").groupby("lr")["outcome"]
    assert {row["lr"]: row["count"] for row in rates} == groups.agg(lambda told: (told == "converged").sum()).to_dict()


def test_the_story_of_ln2_is_kept_as_it_runs(tmp_path):
    ask = "{'rates': rates.to_dict('records'), 'ten': ten.runs['outcome'].tolist(), 'on': on.tolist()}"
    notebook, found = executed("ln2", tmp_path, ask=ask)
    told = notebooks.told(notebook)
    assert told == notebooks.told(kept("ln2"))
    assert pictures(notebook) == pictures(kept("ln2")) == 6
    assert told[0].startswith("Epoch 0, Loss: 1.0763\nEpoch 1000, Loss: 0.6932\nEpoch 2000, Loss: 0.6931\n")
    assert "certified to stay: True" in "".join(told)
    assert found["on"] == [True, False, True]

    learned, stuck = ends(3, range(10))
    assert [outcome == "converged" for outcome in found["ten"]] == learned.tolist()
    assert [outcome == "stuck_ln2" for outcome in found["ten"]] == stuck.tolist()
    rates = {(row["arch.hidden"], row["outcome"]): row["count"] for row in found["rates"]}
    for width in (2, 3, 8):
        learned, stuck = ends(width, range(100), epochs=3000)
        assert (rates[f"[{width}]", "converged"], rates[f"[{width}]", "stuck_ln2"]) == (learned.sum(), stuck.sum())
