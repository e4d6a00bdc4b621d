"""Width: how many hidden units are needed, and what theory allows."""

import math
from itertools import pairwise

import pandas as pd

from answers.answer import Answer, brief, chosen, difference, differs, plain, rate, row, share
from answers.studies import Studies
from markdown_table import table
from xorlab import statistics
from xorlab.diagnosis import theory
from xorlab.figures import rates_along
from xorlab.spec import InitSpec
from xorlab.statistics.settings import natural

STUDIES = ("width",)
BY = ["arch.hidden"]
ENOUGH = 0.95
OUTCOMES = {"converged": "converged", "stuck_ln2": "ln 2", "stuck_0.477": "0.477", "stuck_0.347": "0.347"}


def answer(studies: Studies) -> Answer:
    """Compare widths with each other and with the bound."""
    runs = studies.load("width")
    rates = statistics.rates(runs, BY, outcomes=[*OUTCOMES])
    bounds = statistics.bounds(runs, BY)
    widths = sorted(runs["arch.hidden"].unique(), key=natural)
    pairs = statistics.compare(runs, "arch.hidden")
    steps = [row(pairs, a=a, b=b) for a, b in pairwise(widths)]
    converged = chosen(rates, outcome="converged").set_index("arch.hidden").join(bounds.set_index("arch.hidden"))
    enough = [width for width in widths if converged.loc[width, "low"] >= ENOUGH]
    stuck = {width: chosen(runs, arch__hidden=width) for width in widths}
    at_ln2 = chosen(runs, outcome="stuck_ln2")
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "enough": enough[0].strip("[]") if enough else "none of these",
        "enough_rate": rate(stuck[(enough or widths)[0]]),
        "table": _table(stuck, converged),
        "two": rate(stuck["[2]"]),
        "two_bound": f"{100 * converged.loc['[2]', 'bound']:.1f}",
        "eight": rate(stuck["[8]"]),
        **{f"draw_{width.strip('[]')}": f"{100 * _part(converged, width):.1f} %" for width in ("[2]", "[3]", "[8]")},
        "ln2": str(len(at_ln2)),
        "collapsed": share(int((at_ln2["cause"] == "affine_collapse").sum()), len(at_ln2)),
        "dead": share(int((at_ln2["cause"] == "all_dead").sum()), len(at_ln2)),
        "proved": share(int((at_ln2["staying"] == "certified").sum()), len(at_ln2)),
        "eight_bound": f"{100 * converged.loc['[8]', 'bound']:.2f}",
        "eight_ln2": rate(stuck["[8]"], "stuck_ln2"),
        "eight_pair": rate(stuck["[8]"], "stuck_0.347"),
        "first_step": difference(steps[0]),
        "unsure": ", ".join(f"{plain(step['a'])} to {plain(step['b'])}" for step in steps if not differs(step))
        or "none",
    }
    claims = {
        "up to width 8 the whole interval lies below theory's bound": bool(
            (converged.loc[["[2]", "[3]", "[4]", "[6]", "[8]"]].eval("high < bound")).all()
        ),
        "each step in width up to 12 converges more often": all(
            differs(step) and step["difference"] > 0 for step in steps[:-1]
        ),
        "the last step shows no difference": not differs(steps[-1]),
        "width 8 ends more often with a tied pair than at ln 2": (stuck["[8]"]["outcome"] == "stuck_0.347").sum()
        > 3 * (stuck["[8]"]["outcome"] == "stuck_ln2").sum(),
        "all runs at ln 2 are collapsed or dead": bool(at_ln2["cause"].isin(["affine_collapse", "all_dead"]).all()),
        "with two units the draw explains half of the failures, with three less": _part(converged, "[2]")
        > 0.5
        > _part(converged, "[3]"),
    }
    title = "How wide must a hidden layer be?"
    draw = lambda: rates_along(rates, "arch.hidden", outcomes=["converged", "stuck_ln2"], bounds=bounds, title=title)  # noqa: E731
    return Answer(fields, claims, {"width": draw})


def _part(converged: pd.DataFrame, width: str) -> float:
    """Return the part of the failures that a start with fewer than two live units explains."""
    failed = 1.0 - converged.loc[width, "rate"]
    return float((1.0 - converged.loc[width, "bound"]) / failed) if failed else math.inf


def _table(runs: dict[str, pd.DataFrame], converged: pd.DataFrame) -> str:
    rows = []
    for width, own in runs.items():
        start = theory.start(InitSpec(), int(width.strip("[]")))
        told = [f"{100 * row(converged.reset_index(), arch__hidden=width)['bound']:.2f}", f"{100 * start.affine:.2f}"]
        rows.append([width.strip("[]"), *told, *(brief(own, outcome) for outcome in OUTCOMES)])
    return table(["width", "bound, %", "affine at the start, %", *(f"{name}, %" for name in OUTCOMES.values())], rows)
