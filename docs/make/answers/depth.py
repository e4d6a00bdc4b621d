"""Depth: no hidden layer to four, narrow and wide."""

import json

import pandas as pd

from answers.answer import Answer, against, chosen, difference, differs, grid, rate, row, share
from answers.studies import Studies
from xorlab import statistics
from xorlab.diagnosis import theory
from xorlab.figures import rates_along

STUDIES = ("depth",)


def answer(studies: Studies) -> Answer:
    """Compare each depth with one hidden layer, at each width and activation."""
    runs = _shaped(studies.load("depth"))
    none, deep = runs[runs["layers"] == 0], runs[runs["layers"] > 0]
    pairs = against(deep, "layers", 1, within=["arch.activation", "width"])
    stuck = against(deep, "layers", 1, within=["arch.activation", "width"], outcome="stuck_ln2")
    relu, tanh = (chosen(deep, arch__activation=name) for name in ("relu", "tanh"))
    narrow = chosen(relu, width=2, layers=4)
    dead = int((narrow["cause"] == "all_dead").sum())
    low, high = theory.born_dead(2, 5)
    four = pairs[pairs["b"] == 4].set_index(["arch.activation", "width"])
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "flat": f"{(none['outcome'] == 'converged').sum()} of {len(none)} runs",
        "relu_one": rate(chosen(relu, width=2, layers=1)),
        "relu_four": rate(narrow),
        "relu_two_pair": difference(four.loc[("relu", 2)]),
        "relu_two_ln2": difference(row(stuck, arch__activation="relu", width=2, b=4)),
        "relu_eight_one": rate(chosen(relu, width=8, layers=1)),
        "relu_eight_four": rate(chosen(relu, width=8, layers=4)),
        "relu_eight_pair": difference(four.loc[("relu", 8)]),
        "two_p": f"{four.loc[('relu', 2), 'p_holm']:.2g}",
        "eight_p": f"{four.loc[('relu', 8), 'p_holm']:.2g}",
        "tests": str(len(pairs)),
        "relu_four_ln2": difference(row(stuck, arch__activation="relu", width=4, b=4)),
        "relu_four_pair": difference(four.loc[("relu", 4)]),
        "tanh_one": rate(chosen(tanh, width=2, layers=1)),
        "tanh_four": rate(chosen(tanh, width=2, layers=4)),
        "tanh_pair": difference(four.loc[("tanh", 2)]),
        "leaky_pair": difference(four.loc[("leaky_relu", 2)]),
        "dead": share(dead, len(narrow)),
        "bounds": f"{100 * low:.1f} and {100 * high:.1f} %",
        "tables": "\n\n".join(
            f"{name}, converged, %:\n\n{grid(part, ['width'], 'layers')}"
            for name, part in deep.groupby("arch.activation", sort=False)
        ),
        "ln2": grid(relu, ["width"], "layers", outcome="stuck_ln2"),
    }
    claims = {
        "without a hidden layer nothing converges": not (none["outcome"] == "converged").any(),
        "four layers of two ReLU units end at ln 2 more often than one": differs(
            row(stuck, arch__activation="relu", width=2, b=4)
        ),
        "at width 2, 4 and 8 ReLU's convergence is not surely another": not any(
            differs(four.loc[("relu", width)]) for width in (2, 4, 8)
        ),
        "at width 4 four layers end at ln 2 more often than one": differs(
            row(stuck, arch__activation="relu", width=4, b=4)
        ),
        "at width 2 depth helps tanh and leaky ReLU": all(
            differs(four.loc[(name, 2)]) and four.loc[(name, 2)]["difference"] > 0 for name in ("tanh", "leaky_relu")
        ),
    }
    rates = statistics.rates(chosen(deep, width=2), ["arch.activation", "layers"], outcomes=["converged", "stuck_ln2"])
    title = "Two units a layer: does depth help?"
    both = ["converged", "stuck_ln2"]
    draw = lambda: rates_along(rates, "layers", hue="arch.activation", outcomes=both, title=title)  # noqa: E731
    return Answer(fields, claims, {"depth": draw})


def _shaped(runs: pd.DataFrame) -> pd.DataFrame:
    """Add the number of hidden layers and their width; every layer of a network here is as wide."""
    shapes = runs["arch.hidden"].map(json.loads)
    return runs.assign(layers=shapes.map(len), width=shapes.map(lambda shape: shape[0] if shape else 0))
