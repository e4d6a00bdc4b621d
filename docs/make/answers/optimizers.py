"""Optimizers: each at its best learning rate, on seeds that were not used to choose it."""

import pandas as pd

from answers.answer import (
    Answer,
    against,
    brief,
    chosen,
    comparisons,
    differs,
    grid,
    moved_on,
    points,
    rate,
    row,
    share,
)
from answers.studies import Studies
from markdown_table import table
from xorlab import statistics
from xorlab.diagnosis.outcomes import phrase
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
    left = {to: moved_on(tested, "optimizer.name", "gd", "rmsprop", to=to) for to in ("converged", "stuck_0.477")}
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "tested": str(len(own["gd"])),
        "adam": points(row(pairs, b="adam")),
        "adam_fast": rate(fast),
        "table": table(
            ["optimizer", "lr chosen", "converged, %", "at ln 2, %", "median epochs of the converged runs"],
            [
                [
                    *(name, f"{best[name]:g}", brief(own[name]), brief(own[name], "stuck_ln2")),
                    f"{times.loc[name, 'median']:,.0f}",
                ]
                for name in NAMES
            ],
        ),
        "compared": comparisons(
            [
                *((f"gd to {name}", row(pairs, b=name), "converged") for name in NAMES[1:]),
                ("gd to rmsprop", row(stuck, b="rmsprop"), "stuck_ln2"),
            ]
        ),
        "shares": table(
            ["starts at ln 2 with gd, elsewhere with rmsprop", "share"],
            [[phrase(to), share(*counts)] for to, counts in left.items()],
        ),
        "grid": grid(runs, ["optimizer.name"], "lr"),
    }
    claims = {
        "no optimizer converges more often than gd": not any(
            differs(row(pairs, b=name)) and row(pairs, b=name)["difference"] > 0 for name in NAMES[1:]
        ),
        "momentum, Nesterov and RMSprop do not differ from gd": not any(
            differs(row(pairs, b=name)) for name in ("momentum", "nesterov", "rmsprop")
        ),
        "of the starts that leave ln 2 with RMSprop more than half end at 0.477": left["stuck_0.477"][0]
        > 0.5 * left["stuck_0.477"][1],
        "at lr 1 Adam converges less often than gd": bool(
            (fast["outcome"] == "converged").mean()
            < 0.5 * (chosen(runs, optimizer__name="gd", lr=1.0)["outcome"] == "converged").mean()
        ),
        "RMSprop leaves fewer at ln 2, but not significantly": not differs(row(stuck, b="rmsprop"))
        and row(stuck, b="rmsprop")["difference"] < 0,
        "Adam converges less often": differs(row(pairs, b="adam")) and row(pairs, b="adam")["difference"] < 0,
    }
    rates = statistics.rates(runs, ["optimizer.name", "lr"], outcomes=["converged", "stuck_ln2"])
    title = "Which optimizer learns XOR?"
    outcomes = ["converged", "stuck_ln2"]
    draw = lambda: rates_along(rates, "lr", hue="optimizer.name", outcomes=outcomes, title=title)  # noqa: E731
    return Answer(fields, claims, {"optimizers": draw})


def _best(runs: pd.DataFrame) -> float:
    """Return the learning rate at which most runs converge; the smallest if several do equally well."""
    rates = chosen(statistics.rates(runs, ["lr"]), outcome="converged")
    return float(rates.sort_values(["count", "lr"], ascending=[False, True])["lr"].iloc[0])
