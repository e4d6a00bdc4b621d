"""Optimizers: each at the learning rate that suits it, on seeds that did not choose it."""

import pandas as pd

from answers.answer import Answer, against, brief, chosen, difference, differs, grid, moved_on, rate, row, share
from answers.studies import Studies
from markdown_table import table
from xorlab import statistics
from xorlab.figures import rates_along

STUDIES = ("optimizers",)
NAMES = ("gd", "momentum", "nesterov", "rmsprop", "adam")


def answer(studies: Studies) -> Answer:
    """Choose each optimizer's learning rate on half of the seeds, and compare them on the others."""
    runs = studies.load("optimizers")
    half = int(runs["seed"].median()) + 1
    best = {name: _best(chosen(runs[runs["seed"] < half], optimizer__name=name)) for name in NAMES}
    others = runs[runs["seed"] >= half]
    tested = others[others["lr"] == others["optimizer.name"].map(best)].drop(columns="lr")
    pairs, stuck = (against(tested, "optimizer.name", "gd", outcome=outcome) for outcome in ("converged", "stuck_ln2"))
    times = statistics.medians(chosen(tested, outcome="converged"), ["optimizer.name"]).set_index("optimizer.name")
    own = {name: chosen(tested, optimizer__name=name) for name in NAMES}
    fast = chosen(runs, optimizer__name="adam", lr=1.0)
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "tested": str(len(own["gd"])),
        "gd": rate(own["gd"]),
        "adam": difference(row(pairs, b="adam")),
        "rmsprop": difference(row(pairs, b="rmsprop")),
        "momentum": difference(row(pairs, b="momentum")),
        "nesterov": difference(row(pairs, b="nesterov")),
        "rmsprop_ln2": difference(row(stuck, b="rmsprop")),
        "left": share(*moved_on(tested, "optimizer.name", "gd", "rmsprop", to="converged")),
        "left_next": share(*moved_on(tested, "optimizer.name", "gd", "rmsprop", to="stuck_0.477")),
        "adam_fast": rate(fast),
        "gd_fast": rate(chosen(runs, optimizer__name="gd", lr=1.0)),
        "table": table(
            [
                "optimizer",
                "lr chosen",
                "converged, %",
                "at ln 2, %",
                "median epochs of those that converge",
                "against gd",
            ],
            [
                [
                    *(name, f"{best[name]:g}", brief(own[name]), brief(own[name], "stuck_ln2")),
                    *(f"{times.loc[name, 'median']:,.0f}", "" if name == "gd" else difference(row(pairs, b=name))),
                ]
                for name in NAMES
            ],
        ),
        "grid": grid(runs, ["optimizer.name"], "lr"),
    }
    claims = {
        "no optimizer converges more often than gd": not any(
            differs(row(pairs, b=name)) and row(pairs, b=name)["difference"] > 0 for name in NAMES[1:]
        ),
        "momentum and Nesterov do not differ from gd": not any(
            differs(row(pairs, b=name)) for name in ("momentum", "nesterov")
        ),
        "RMSprop leaves fewer at ln 2": differs(row(stuck, b="rmsprop")) and row(stuck, b="rmsprop")["difference"] < 0,
        "Adam converges less often": differs(row(pairs, b="adam")) and row(pairs, b="adam")["difference"] < 0,
    }
    rates = statistics.rates(runs, ["optimizer.name", "lr"], outcomes=["converged", "stuck_ln2"])
    title = "Which optimizer learns XOR?"
    outcomes = ["converged", "stuck_ln2"]
    draw = lambda: rates_along(rates, "lr", hue="optimizer.name", outcomes=outcomes, title=title)  # noqa: E731
    return Answer(fields, claims, {"optimizers": draw})


def _best(runs: pd.DataFrame) -> float:
    """Return the learning rate at which most runs converge, the smallest of equals."""
    rates = chosen(statistics.rates(runs, ["lr"]), outcome="converged")
    return float(rates.sort_values(["count", "lr"], ascending=[False, True])["lr"].iloc[0])
