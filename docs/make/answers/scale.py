"""Scale: how large the first weights should be."""

import math

import pandas as pd

from answers.answer import Answer, against, chosen, comparisons, differs, grid, points, row
from answers.studies import Studies
from xorlab import statistics
from xorlab.figures import rates_along

STUDIES = ("scale",)
NAMES = ("relu", "tanh", "sigmoid")
NEAR = 0.001
"""A loss that is nearer to ln 2 than this is at ln 2."""
FLAT = 0.01
"""A norm of the gradient below this is small."""


def answer(studies: Studies) -> Answer:
    """Compare each scale with the usual one."""
    runs = studies.load("scale")
    late, usual = (chosen(runs, lr=lr) for lr in (1.0, 0.1))
    pairs = {lr: against(chosen(runs, lr=lr), "init.std", 1.0, within=["arch.activation"]) for lr in (0.1, 1.0)}
    small = {name: chosen(usual, arch__activation=name, init__std=0.01) for name in NAMES}
    relu = chosen(usual, arch__activation="relu")
    relu_ln2 = against(relu, "init.std", 1.0, outcome="stuck_ln2")
    flat = pd.concat([small["tanh"], small["sigmoid"]])
    saddles = (flat["hessian_min"] < 0.0) & (flat["gradient_norm"] < FLAT)
    at_ln2 = ((usual["final_loss"] - math.log(2.0)).abs() < NEAR).map({True: "at ln 2", False: "elsewhere"})
    tanh_best, tanh_large = (row(pairs[1.0], arch__activation="tanh", b=std) for std in (0.1, 10.0))
    relu_small = row(pairs[0.1], arch__activation="relu", b=0.01)
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "relu_small": points(relu_small),
        "tanh_large": points(tanh_large),
        "compared": comparisons(
            [
                ("relu, lr 0.1, std 1 to 0.01", relu_small, "converged"),
                ("relu, lr 0.1, std 1 to 0.01", row(relu_ln2, b=0.01), "stuck_ln2"),
                ("relu, lr 0.1, std 1 to 10", row(pairs[0.1], arch__activation="relu", b=10.0), "converged"),
                ("relu, lr 1, std 1 to 10", row(pairs[1.0], arch__activation="relu", b=10.0), "converged"),
                ("tanh, lr 1, std 1 to 0.1", tanh_best, "converged"),
                ("tanh, lr 1, std 1 to 10", tanh_large, "converged"),
            ]
        ),
        "usual": grid(usual, ["arch.activation"], "init.std"),
        "late": grid(late, ["arch.activation"], "init.std"),
        "ln2": grid(usual.assign(outcome=at_ln2), ["arch.activation"], "init.std", outcome="at ln 2"),
    }
    claims = {
        "a hundredth of the scale does not keep ReLU at ln 2": not differs(row(relu_ln2, b=0.01)),
        "a hundredth of the scale costs ReLU little convergence": -0.15 < relu_small["difference"] < 0.0,
        "it keeps every tanh and sigmoid network there": bool((at_ln2[flat.index] == "at ln 2").all()),
        "nearly all of them are at a saddle": bool(saddles.mean() > 0.9),
        "at lr 0.1 ten times the scale shows no difference for ReLU": not differs(
            row(pairs[0.1], arch__activation="relu", b=10.0)
        ),
        "a tenth of the scale is better for tanh at lr 1": differs(tanh_best) and tanh_best["difference"] > 0,
        "ten times the scale is worse for tanh and ReLU at lr 1": all(
            differs(pair) and pair["difference"] < 0
            for pair in (tanh_large, row(pairs[1.0], arch__activation="relu", b=10.0))
        ),
    }
    rates = statistics.rates(late, ["arch.activation", "init.std"])
    title = "How large should the first weights be?"
    draw = lambda: rates_along(rates, "init.std", hue="arch.activation", title=title)  # noqa: E731
    return Answer(fields, claims, {"scale": draw})
