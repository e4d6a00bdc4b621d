"""Waiting: whether more epochs help, and what the learning rate has to do with it."""

from typing import Any

import pandas as pd

from answers.answer import Answer, against, brief, chosen, difference, differs, rate, row, share
from answers.studies import Studies
from markdown_table import table
from xorlab import statistics
from xorlab.figures import survival_curves

STUDIES = ("patience",)
WAYS = {100: ((0.01, 10_000), (0.1, 1_000)), 1000: ((0.01, 100_000), (0.1, 10_000), (1.0, 1_000))}
"""Learning rates and epochs with the same product."""
LEAK = 0.01
"""The slope of leaky ReLU below 0."""
SAME = 1e-12
"""Losses nearer than this are the same."""


def answer(studies: Studies) -> Answer:
    """Follow the same starts through a tenth and ten times the epochs."""
    runs = studies.load("patience")
    usual = chosen(runs, lr=0.1)
    long = usual[usual["epochs"].isin([10_000, 100_000])]
    pairs = statistics.compare(long, "epochs", within=["arch.activation"])
    relu, leaky = (chosen(usual, arch__activation=name) for name in ("relu", "leaky_relu"))
    before, after = (chosen(relu, epochs=epochs).set_index("seed")["outcome"] for epochs in (10_000, 100_000))
    stuck = before.index[before == "stuck_ln2"]
    same = int((after[stuck] == "stuck_ln2").sum())
    level = leaky_level()
    last = chosen(runs, arch__activation="leaky_relu", lr=1.0, epochs=100_000)
    nameless = chosen(last, outcome="stuck_other")
    at = nameless[(nameless["final_loss"] - level).abs() < SAME]
    alike = _alike(chosen(runs, arch__activation="relu"))
    sides = chosen(runs, lr=1.0, epochs=100_000)
    sides = sides[sides["arch.activation"].isin(["relu", "leaky_relu"])]
    wide = against(sides, "arch.activation", "relu")
    ends = sides.pivot(index="seed", columns="arch.activation", values="outcome")
    won = ends["leaky_relu"] == "converged"
    resting = {"others": ["stuck_0.347", "stuck_0.477"], "stuck_ln2": ["stuck_ln2"]}
    released = {name: won[ends["relu"].isin(outcomes)] for name, outcomes in resting.items()}
    fields = {
        "seeds": str(runs["seed"].nunique()),
        "runs": f"{len(runs):,}",
        "relu": difference(row(pairs, arch__activation="relu")),
        "relu_before": rate(chosen(relu, epochs=10_000)),
        "relu_after": rate(chosen(relu, epochs=100_000)),
        "leaky": difference(row(pairs, arch__activation="leaky_relu")),
        "tanh": difference(row(pairs, arch__activation="tanh")),
        "stay": share(same, len(stuck)),
        "alike": _said(alike),
        "leaky_before": rate(chosen(leaky, epochs=10_000)),
        "leaky_after": rate(chosen(leaky, epochs=100_000)),
        "leaky_end": rate(last),
        "leaky_ln2": rate(last, "stuck_ln2"),
        "relu_end": rate(chosen(sides, arch__activation="relu")),
        "sides": difference(row(wide, b="leaky_relu")),
        "rested": share(int(released["others"].sum()), len(released["others"])),
        "freed": share(int(released["stuck_ln2"].sum()), len(released["stuck_ln2"])),
        "level": f"{level:.6f}",
        "at_level": str(len(at)),
        "nameless": str(len(nameless)),
        "table": _table(runs),
    }
    relu_pair, leaky_pair = (row(pairs, arch__activation=name) for name in ("relu", "leaky_relu"))
    claims = {
        "with ReLU ten times the epochs make no difference": not differs(relu_pair),
        "every ReLU run at ln 2 after 10,000 epochs is there after 100,000": same == len(stuck) > 0,
        "with leaky ReLU they do": differs(leaky_pair) and leaky_pair["difference"] > 0,
        "leaky ReLU ends at its own level": len(at) >= 10 and len(at) >= 0.9 * len(nameless),
        "most that leaky ReLU gains rests at 0.347 or 0.477 with ReLU": released["others"].sum()
        > 2 * released["stuck_ln2"].sum(),
        "leaky ReLU converges more often than ReLU in the end": differs(row(wide, b="leaky_relu")),
        "runs of the same product of lr and epochs mostly fare alike": all(c >= 0.95 * n for c, n in alike.values()),
    }
    curves = statistics.survival(chosen(usual, epochs=100_000), ["arch.activation"])
    title = "How long until a run has converged?"
    return Answer(fields, claims, {"waiting": lambda: survival_curves(curves, ["arch.activation"], title=title)})


def leaky_level() -> float:
    """Give the loss at which two points are right with logits -c, c and the other two leak to the wrong side by 0.01 c.

    Half of ln(1 + exp(-c)) + ln(1 + exp(0.01 c)), least where sigmoid(-c) = 0.01 sigmoid(0.01 c).
    """
    import numpy as np
    from scipy.optimize import brentq
    from scipy.special import expit

    c = brentq(lambda c: expit(-c) - LEAK * expit(LEAK * c), 0.0, 50.0, xtol=1e-14)
    return float(np.logaddexp(0.0, -c) + np.logaddexp(0.0, LEAK * c)) / 2.0


def _alike(runs: pd.DataFrame) -> dict[int, tuple[int, int]]:
    """Count the seeds that converge at every learning rate and epochs of a product, or at none."""
    found = {}
    for way, settings in WAYS.items():
        ends = [
            chosen(runs, lr=lr, epochs=epochs).set_index("seed")["outcome"] == "converged" for lr, epochs in settings
        ]
        table = pd.concat(ends, axis=1)
        found[way] = (int((table.nunique(axis=1) == 1).sum()), len(table))
    return found


def _said(alike: dict[int, tuple[int, int]]) -> str:
    return " and ".join(f"{share(*counts)} at a product of {way:,}" for way, counts in alike.items())


def _table(runs: pd.DataFrame) -> str:
    rows: list[list[Any]] = []
    for (activation, lr, epochs), own in runs.groupby(["arch.activation", "lr", "epochs"], sort=False):
        cells = [brief(own, name) for name in ("converged", "stuck_ln2", "descending")]
        rows.append([activation, f"{lr:g}", f"{epochs:,}", f"{lr * epochs:g}", *cells])
    head = ["activation", "lr", "epochs", "lr × epochs", "converged, %", "ln 2, %", "still descending, %"]
    return table(head, rows)
