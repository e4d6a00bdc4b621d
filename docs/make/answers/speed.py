"""Speed: the effect of a large learning rate on runs that are stuck and on runs that are not."""

import math

from answers.answer import Answer, brief, chosen, comparisons, differs, rate, row, share
from answers.studies import Studies
from markdown_table import table
from xorlab import statistics
from xorlab.diagnosis import theory
from xorlab.diagnosis.outcomes import ordered
from xorlab.figures import rates_along

STUDIES = ("learning_rates",)
EDGE = 8.0
"""2 / lambda_max of a network whose units are all dead."""
NEAR = 1e-9
"""Losses nearer than this are the same."""


def answer(studies: Studies) -> Answer:
    """Compare the starts that are stuck at lr 0.1 with the same starts at larger learning rates; count dead units."""
    runs = studies.load("learning_rates")
    ends = runs.pivot(index="seed", columns="lr", values="outcome")
    slow = chosen(runs, lr=0.1).set_index("seed")
    collapsed = ends.index[(ends[0.1] == "stuck_ln2") & (slow["units_split"] == 0) & (slow["units_dead"] < 3)]
    dead = ends.index[(ends[0.1] == "stuck_ln2") & (slow["units_dead"] == 3)]
    edges = 2.0 * 0.1 / slow.loc[collapsed, "lr_lambda_max"]
    freed = ends.loc[collapsed, [1.0, 1.5, 2.0, 3.0]] == "converged"
    good = ends.index[ends[0.1] == "converged"]
    units = runs.assign(outcome=(runs["units_dead"] == 3.0).map({True: "dead", False: "live"}))
    few = runs[runs["lr"].isin([0.1, 1.0, 2.0, 3.0, 4.0])]
    converged, stuck = (statistics.compare(few, "lr", outcome=outcome) for outcome in ("converged", "stuck_ln2"))
    gap = (runs["final_loss"] - runs["lr"].map(theory.cycle_loss)).abs()
    cycling = runs.assign(outcome=((runs["lr"] > EDGE) & (gap < NEAR)).map({True: "cycle", False: "none"}))
    beyond = runs["lr"] > EDGE
    at_ln2 = (runs["final_loss"] - math.log(2.0)).abs() < NEAR
    drawn = ordered(["converged", "stuck_ln2", *runs[beyond]["outcome"].mode()])
    rates = statistics.rates(runs, ["lr"], outcomes=drawn)
    killed = chosen(units, lr=4.0).set_index("seed").loc[good, "outcome"]
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "edge": f"{edges.median():.1f}",
        "five_dead": rate(chosen(units, lr=5.0), "dead"),
        "compared": comparisons(
            [
                ("lr 0.1 to 2", row(converged, a=0.1, b=2.0), "converged"),
                ("lr 0.1 to 3", row(stuck, a=0.1, b=3.0), "stuck_ln2"),
            ]
        ),
        "shares": table(
            ["starts that at lr 0.1", "at a larger lr", "share"],
            [
                [
                    "collapse to an affine network",
                    "converge at 1, 1.5, 2 or 3",
                    share(int(freed.any(axis=1).sum()), len(collapsed)),
                ],
                [
                    "have only dead units",
                    "converge at any",
                    share(int((ends.loc[dead] == "converged").any(axis=1).sum()), len(dead)),
                ],
                ["converge", "have only dead units at 4", share(int((killed == "dead").sum()), len(killed))],
            ],
        ),
        "table": table(
            ["lr", "converged, %", "at ln 2, %", "on the 2-cycle, %", "all units dead, %"],
            [
                [
                    *(f"{lr:g}", brief(own), brief(own, "stuck_ln2")),
                    *(brief(chosen(cycling, lr=lr), "cycle"), brief(chosen(units, lr=lr), "dead")),
                ]
                for lr, own in runs.groupby("lr")
            ],
        ),
    }
    claims = {
        "no start that is all dead at lr 0.1 converges at any learning rate": not (ends.loc[dead] == "converged").any(
            axis=None
        ),
        "for half of the collapses 2 / lambda_max is where nearly all networks die": bool(
            (chosen(units, lr=5.0)["outcome"] == "dead").mean() > 0.9 and edges.median() > 4.0
        ),
        "few affine collapses are freed by a larger learning rate": bool(freed.any(axis=1).mean() < 0.5),
        "lr 4 kills more starts than larger learning rates free": int((killed == "dead").sum())
        > 5 * int(freed.any(axis=1).sum()),
        "lr 2 converges less often than lr 0.1": differs(row(converged, a=0.1, b=2.0)),
        "lr 3 ends at ln 2 more often than lr 0.1": differs(row(stuck, a=0.1, b=3.0)),
        "at lr 8 every network is dead": bool((chosen(units, lr=EDGE)["outcome"] == "dead").all()),
        "beyond lr 8 every run is at ln 2 or on the cycle of theory": bool(
            (at_ln2 | (cycling["outcome"] == "cycle"))[beyond].all()
        ),
    }
    title = "What does the learning rate do?"
    draw = lambda: rates_along(rates, "lr", outcomes=drawn, title=title)  # noqa: E731
    return Answer(fields, claims, {"speed": draw})
