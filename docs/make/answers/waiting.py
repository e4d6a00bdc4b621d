"""Waiting: whether more epochs help, and how the learning rate matters."""

import pandas as pd

from answers.answer import Answer, against, chosen, comparisons, differs, grid, part, rate, row, share
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
    """Compare the same starts after a tenth of the epochs, all of them and ten times as many."""
    runs = studies.load("patience")
    usual = chosen(runs, lr=0.1)
    long = usual[usual["epochs"].isin([10_000, 100_000])]
    pairs = statistics.compare(long, "epochs", within=["arch.activation"])
    relu = chosen(usual, arch__activation="relu")
    before, after = (chosen(relu, epochs=epochs).set_index("seed")["outcome"] for epochs in (10_000, 100_000))
    stuck = before.index[before == "stuck_ln2"]
    same = int((after[stuck] == "stuck_ln2").sum())
    level = leaky_level()
    last = chosen(runs, arch__activation="leaky_relu", lr=1.0, epochs=100_000)
    at = last[(last["final_loss"] - level).abs() < SAME]
    alike = _alike(chosen(runs, arch__activation="relu"))
    sides = chosen(runs, lr=1.0, epochs=100_000)
    sides = sides[sides["arch.activation"].isin(["relu", "leaky_relu"])]
    wide = against(sides, "arch.activation", "relu")
    ends = sides.pivot(index="seed", columns="arch.activation", values="outcome")
    won = ends["leaky_relu"] == "converged"
    resting = {"others": ["stuck_0.347", "stuck_0.477"], "stuck_ln2": ["stuck_ln2"]}
    released = {name: won[ends["relu"].isin(outcomes)] for name, outcomes in resting.items()}
    moving = ~runs["outcome"].str.match("converged|stuck|diverged")
    others = last[(last["outcome"] != "converged") & (last["outcome"] != "stuck_ln2")]
    fields = {
        "seeds": str(runs["seed"].nunique()),
        "runs": f"{len(runs):,}",
        "alike": part(*alike[1000]),
        "leaky_end": rate(last),
        "level": f"{level:.6f}",
        "compared": comparisons(
            [
                *(
                    (f"{name}, lr 0.1, 10,000 to 100,000 epochs", row(pairs, arch__activation=name), "converged")
                    for name in ("relu", "leaky_relu", "tanh")
                ),
                ("relu to leaky_relu, lr 1, 100,000 epochs", row(wide, b="leaky_relu"), "converged"),
            ]
        ),
        "shares": table(
            ["runs", "of these", "share"],
            [
                ["relu, lr 0.1, at ln 2 after 10,000 epochs", "at ln 2 after 100,000", share(same, len(stuck))],
                *(
                    [
                        f"all starts, lr × epochs = {way:,}",
                        "converge with all of these settings or with none",
                        share(*c),
                    ]
                    for way, c in alike.items()
                ),
                *(
                    [f"relu rests at {where} at the end", "converge with leaky_relu", share(int(won.sum()), len(won))]
                    for where, won in zip(("0.347 or 0.477", "ln 2"), released.values(), strict=True)
                ),
                ["leaky_relu, neither converged nor at ln 2", f"at {level:.6f}", share(len(at), len(others))],
            ],
        ),
        "converged": grid(runs, ["arch.activation", "lr"], "epochs"),
        "ln2": grid(runs, ["arch.activation", "lr"], "epochs", outcome="stuck_ln2"),
        "moving": grid(
            runs.assign(outcome=moving.map({True: "moving", False: "at rest"})),
            ["arch.activation", "lr"],
            "epochs",
            outcome="moving",
        ),
    }
    relu_pair, leaky_pair = (row(pairs, arch__activation=name) for name in ("relu", "leaky_relu"))
    claims = {
        "with ReLU ten times the epochs make no difference": not differs(relu_pair),
        "every ReLU run at ln 2 after 10,000 epochs is there after 100,000": same == len(stuck) > 0,
        "with leaky ReLU they do": differs(leaky_pair) and leaky_pair["difference"] > 0,
        "most other leaky runs end at a level of their own": statistics.wilson(len(at), len(others))[0] > 0.5,
        "most that leaky ReLU gains rests at 0.347 or 0.477 with ReLU": released["others"].sum()
        > 2 * released["stuck_ln2"].sum(),
        "leaky ReLU converges more often than ReLU in the end": differs(row(wide, b="leaky_relu")),
        "runs of the same product of lr and epochs mostly end alike": all(c >= 0.95 * n for c, n in alike.values()),
    }
    curves = statistics.survival(chosen(usual, epochs=100_000), ["arch.activation"])
    title = "How long until a run has converged?"
    return Answer(fields, claims, {"waiting": lambda: survival_curves(curves, ["arch.activation"], title=title)})


def leaky_level() -> float:
    """Return the lowest loss with logits -c and c at two points and 0.01 c on the wrong side at the other two.

    This is half of ln(1 + exp(-c)) + ln(1 + exp(0.01 c)); at its minimum sigmoid(-c) = 0.01 sigmoid(0.01 c).
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
