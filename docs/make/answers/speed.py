"""Speed: what a large learning rate does to runs that are stuck, and to those that are not."""

from answers.answer import Answer, brief, chosen, difference, differs, rate, row, share
from answers.studies import Studies
from markdown_table import table
from xorlab import statistics
from xorlab.diagnosis import theory
from xorlab.figures import rates_along

STUDIES = ("learning_rates",)
EDGE = 8.0
"""2 / lambda_max of a network whose units are all dead."""


def answer(studies: Studies) -> Answer:
    """Follow the runs stuck at lr 0.1 through larger learning rates, and count the units that die."""
    runs = studies.load("learning_rates")
    rates = statistics.rates(runs, ["lr"], outcomes=["converged", "stuck_ln2", "stuck_other"])
    ends = runs.pivot(index="seed", columns="lr", values="outcome")
    causes = chosen(runs, lr=0.1).set_index("seed")["cause"]
    collapsed = ends.index[(ends[0.1] == "stuck_ln2") & (causes == "affine_collapse")]
    dead = ends.index[(ends[0.1] == "stuck_ln2") & (causes == "all_dead")]
    edges = 2.0 * 0.1 / chosen(runs, lr=0.1).set_index("seed").loc[collapsed, "lr_lambda_max"]
    freed = ends.loc[collapsed, [1.0, 1.5, 2.0, 3.0]] == "converged"
    good = ends.index[ends[0.1] == "converged"]
    units = runs.assign(outcome=(runs["units_dead"] == 3.0).map({True: "dead", False: "live"}))
    few = runs[runs["lr"].isin([0.1, 1.0, 2.0, 3.0, 4.0])]
    converged, stuck = (statistics.compare(few, "lr", outcome=outcome) for outcome in ("converged", "stuck_ln2"))
    beyond = runs[(runs["lr"] > EDGE) & (runs["outcome"] == "stuck_other")]
    cycle = (beyond["final_loss"] - beyond["lr"].map(theory.cycle_loss)).abs().max()
    killed = chosen(units, lr=4.0).set_index("seed").loc[good, "outcome"]
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "collapsed": str(len(collapsed)),
        "dead": str(len(dead)),
        "edge_low": f"{edges.min():.1f}",
        "edge_high": f"{edges.max():.1f}",
        "edge_middle": f"{edges.median():.1f}",
        "freed": share(int(freed.any(axis=1).sum()), len(collapsed)),
        "freed_dead": share(int((ends.loc[dead] == "converged").any(axis=1).sum()), len(dead)),
        "good": str(len(good)),
        "killed": share(int((killed == "dead").sum()), len(killed)),
        "ln2_before": rate(chosen(runs, lr=0.1), "stuck_ln2"),
        "ln2_three": rate(chosen(runs, lr=3.0), "stuck_ln2"),
        "ln2_four": rate(chosen(runs, lr=4.0), "stuck_ln2"),
        "three": difference(row(stuck, a=0.1, b=3.0)),
        "two": difference(row(converged, a=0.1, b=2.0)),
        "five_dead": rate(chosen(units, lr=5.0), "dead"),
        "four": rate(chosen(runs, lr=4.0)),
        "edge_dead": rate(chosen(units, lr=EDGE), "dead"),
        "cycles": f"{len(beyond):,}",
        "table": table(
            ["lr", "converged, %", "at ln 2, %", "at no level, %", "all units dead, %"],
            [
                [
                    *(f"{lr:g}", *(brief(own, name) for name in ("converged", "stuck_ln2", "stuck_other"))),
                    brief(chosen(units, lr=lr), "dead"),
                ]
                for lr, own in runs.groupby("lr")
            ],
        ),
    }
    claims = {
        "no start that is all dead at lr 0.1 converges at any learning rate": not (ends.loc[dead] == "converged").any(
            axis=None
        ),
        "for half of the collapses the edge lies where nearly all networks die": bool(
            (chosen(units, lr=5.0)["outcome"] == "dead").mean() > 0.9 and edges.median() > 4.0
        ),
        "few affine collapses are freed by a larger learning rate": bool(freed.any(axis=1).mean() < 0.5),
        "lr 2 converges less often than lr 0.1": differs(row(converged, a=0.1, b=2.0)),
        "lr 3 ends at ln 2 more often than lr 0.1": differs(row(stuck, a=0.1, b=3.0)),
        "at lr 8 every network is dead": bool((chosen(units, lr=EDGE)["outcome"] == "dead").all()),
        "beyond, each is on the cycle of theory": bool(cycle < 1e-9),
    }
    title = "What does the learning rate do?"
    draw = lambda: rates_along(rates, "lr", outcomes=["converged", "stuck_ln2", "stuck_other"], title=title)  # noqa: E731
    return Answer(fields, claims, {"speed": draw})
