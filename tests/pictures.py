"""Runs for pictures, and what a picture says."""

import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

LEVELS = {"ln2": math.log(2), "0.477": 0.4774, "0.347": 0.3466}
ENDS = {"converged": 0.01, "stuck_ln2": math.log(2), "stuck_0.477": 0.4774, "diverged": 9.0}
EPOCHS = 50


def sweep(seeds, lrs=(0.1, 1.0), outcomes=tuple(ENDS)):
    """Runs whose outcomes take turns, and curves that fall to where they end."""
    settings = list(itertools.product(lrs, range(seeds)))
    table = pd.DataFrame(settings, columns=["lr", "seed"])
    table["run_id"] = [f"run{number}" for number in range(len(table))]
    table["outcome"] = [outcomes[number % len(outcomes)] for number in range(len(table))]
    table["final_loss"] = table["outcome"].map(ENDS)
    table["epochs_to_converge"] = np.where(table["outcome"] == "converged", 10.0 + table["seed"], np.nan)
    start = np.linspace(0.7, 1.0, len(table))
    share = np.exp(-np.arange(EPOCHS) / 9)
    losses = share * start[:, None] + (1 - share) * table["final_loss"].to_numpy()[:, None]
    curves = pd.DataFrame(
        {
            "run_id": np.repeat(table["run_id"], EPOCHS),
            "epoch": np.tile(np.arange(EPOCHS), len(table)),
            "loss": losses.ravel(),
        }
    )
    return table, curves


def words(artist):
    """Every text on a figure or axes."""
    return [text.get_text() for text in artist.findobj(plt.Text) if text.get_text()]
