"""Runs of XOR as frames, and the reports made of them."""

import numpy as np
import pandas as pd

from xorlab import report
from xorlab.report import Material
from xorlab.spec import NUMERICS, RunSpec


def table(cells, **columns):
    """Runs of XOR: for each lr a list of outcomes, one a seed."""
    rows = [
        {
            **{key: str(value) if key == "arch.hidden" else value for key, value in RunSpec().parameters().items()},
            **{"lr": lr, "seed": seed, "outcome": outcome, "status": "FINISHED" if outcome else "FAILED"},
            "epochs_to_converge": 100.0 + 10 * seed if outcome == "converged" else np.nan,
            "final_loss": 0.01 if outcome == "converged" else 0.6931,
            "cause": "affine_collapse" if outcome == "stuck_ln2" else "slow" if outcome == "descending" else None,
        }
        for lr, outcomes in cells.items()
        for seed, outcome in enumerate(outcomes)
    ]
    runs = pd.DataFrame(rows).assign(numerics_version=str(NUMERICS), **columns)
    runs["run_id"] = [f"{number:032x}" for number in range(len(runs))]
    runs["spec"] = [f"{lr} {seed}" for lr, seed in zip(runs["lr"], runs["seed"], strict=True)]
    runs["sweep"] = "5" * 32
    return runs


def curves(runs):
    return pd.DataFrame(
        [(run, epoch, 0.7 - epoch / 100) for run in runs["run_id"] for epoch in range(5)],
        columns=["run_id", "epoch", "loss"],
    )


def material(cells, **given):
    return Material(table(cells), curves, **given)


TWENTY = {0.1: ["converged"] * 3 + ["stuck_ln2"] * 7, 1.0: ["converged"] * 9 + ["descending"]}
SETTINGS = TWENTY | {10.0: ["converged", "stuck_ln2", "stuck_ln2"]}
"""The runs of the report that tests share."""


def written(folder, cells=TWENTY, **given):
    words = {
        "about": "20 runs",
        "made_by": "python train.py -m …",
        "command": "python scripts/analyze.py --sweep 55555555",
    }
    page = report.write(material(cells, **given), folder, origin={"Commit": ["<abc>"]}, diff="-lr < 1\n", **words)
    return page.read_text()
