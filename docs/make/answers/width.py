"""Width: how many hidden units are needed, and the bound from theory."""

import math
from itertools import pairwise

import pandas as pd

from answers.answer import Answer, brief, chosen, comparisons, differs, part, plain, rate, row
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
    """Compare each width with the next, and with the bound."""
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
        "enough": plain(enough[0]) if enough else "",
        "least": f"{100 * ENOUGH:.0f} %",
        "table": _table(stuck, converged),
        "two": rate(stuck["[2]"]),
        "draw_2": f"{100 * _drawn(converged, '[2]'):.0f} %",
        "certified": part(int((at_ln2["staying"] == "certified").sum()), len(at_ln2)),
        "compared": comparisons([(f"{plain(pair['a'])} to {plain(pair['b'])}", pair, "converged") for pair in steps]),
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
        "at ln 2 no unit splits the points": bool((at_ln2["units_split"] == 0).all()),
        "with eight units hardly any failure is explained by dead units": _drawn(converged, "[8]") < 0.05,
    }
    title = "How wide must a hidden layer be?"
    draw = lambda: rates_along(rates, "arch.hidden", outcomes=["converged", "stuck_ln2"], bounds=bounds, title=title)  # noqa: E731
    return Answer(fields, claims, {"width": draw})


def _drawn(converged: pd.DataFrame, width: str) -> float:
    """Return the share of the failures that start with fewer than two live units."""
    failed = 1.0 - converged.loc[width, "rate"]
    return float((1.0 - converged.loc[width, "bound"]) / failed) if failed else math.inf


def _table(runs: dict[str, pd.DataFrame], converged: pd.DataFrame) -> str:
    rows = []
    for width, own in runs.items():
        start = theory.start(InitSpec(), int(width.strip("[]")))
        theirs = [f"{100 * converged.loc[width, 'bound']:.2f}", f"{100 * start.affine:.2f}"]
        rows.append([plain(width), *theirs, *(brief(own, outcome) for outcome in OUTCOMES)])
    return table(["width", "bound, %", "affine at the start, %", *(f"{name}, %" for name in OUTCOMES.values())], rows)
