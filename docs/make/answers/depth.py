"""Depth: from no hidden layer to four, narrow and wide."""

import json

import pandas as pd

from answers.answer import Answer, against, chosen, comparisons, differs, grid, part, points, row, share
from answers.studies import Studies
from markdown_table import table
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
    relu = chosen(deep, arch__activation="relu")
    narrow = chosen(relu, width=2, layers=4)
    dead = int(narrow["cause"].astype(str).str.contains("dead").sum()), len(narrow)
    low, high = theory.born_dead(2, 5)
    four = pairs[pairs["b"] == 4].set_index(["arch.activation", "width"])
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "tests": str(len(pairs)),
        "dead": part(*dead),
        "tanh": points(four.loc[("tanh", 2)]),
        "compared": comparisons(
            [
                *(
                    (f"relu, width {width}", row(stuck, arch__activation="relu", width=width, b=4), "stuck_ln2")
                    for width in (2, 4)
                ),
                *((f"relu, width {width}", four.loc[("relu", width)], "converged") for width in (2, 4, 8)),
                *((f"{name}, width 2", four.loc[(name, 2)], "converged") for name in ("tanh", "leaky_relu")),
            ]
        ),
        "shares": table(
            ["relu, four layers of two units", "share"],
            [
                ["a layer is dead at the end", share(*dead)],
                ["a layer is dead at the start, by theory", f"{100 * low:.1f} to {100 * high:.1f} %"],
            ],
        ),
        "converged": grid(deep, ["arch.activation", "width"], "layers"),
        "ln2": grid(relu, ["width"], "layers", outcome="stuck_ln2"),
    }
    claims = {
        "without a hidden layer nothing converges": not (none["outcome"] == "converged").any(),
        "four layers of two ReLU units end at ln 2 more often than one": differs(
            row(stuck, arch__activation="relu", width=2, b=4)
        )
        and row(stuck, arch__activation="relu", width=2, b=4)["difference"] > 0,
        "more than half of them have a dead layer at the end": dead[0] > 0.5 * dead[1],
        "at width 2, 4 and 8 depth makes no significant difference to ReLU's convergence": not any(
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
    """Add the number of hidden layers and their width; all layers of a network have the same width."""
    shapes = runs["arch.hidden"].map(json.loads)
    return runs.assign(layers=shapes.map(len), width=shapes.map(lambda shape: shape[0] if shape else 0))
