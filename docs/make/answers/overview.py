"""Overview: the map of widths and learning rates, for convergence and for ln 2."""

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from answers.answer import Answer, chosen, difference, differs, grid, percent, rate
from answers.studies import Studies
from xorlab import statistics
from xorlab.diagnosis.outcomes import phrase
from xorlab.figures import PAGE, convergence_map
from xorlab.figures.lettering import headline, note
from xorlab.figures.palette import STYLE

STUDIES = ("map",)
OUTCOMES = ("converged", "stuck_ln2")
BY = ["arch.hidden", "lr"]
WORKING = (0.01, 0.03, 0.1, 0.3, 1.0)
"""The learning rates between too slow and too fast."""


def answer(studies: Studies) -> Answer:
    """Map both rates over widths and learning rates."""
    runs = studies.load("map")
    rates = statistics.rates(runs, BY, outcomes=OUTCOMES)
    working, fast = runs[runs["lr"].isin(WORKING)], runs[runs["lr"] >= 10.0]
    pairs = statistics.compare(working, "lr", within=["arch.hidden"])
    slower, faster = (chosen(runs, lr=value) for value in (1.0, 3.0))
    over = statistics.compare(runs[runs["lr"].isin([1.0, 3.0])], "lr", within=["arch.hidden"])
    stuck = statistics.compare(runs[runs["lr"].isin([1.0, 3.0])], "lr", within=["arch.hidden"], outcome="stuck_ln2")
    widest = pairs.loc[pairs["difference"].abs().idxmax()]
    usual = chosen(runs, lr=0.1)
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "converged": grid(runs, ["arch.hidden"], "lr"),
        "ln2": grid(runs, ["arch.hidden"], "lr", outcome="stuck_ln2"),
        "narrow": rate(chosen(usual, arch__hidden="[2]")),
        "notebook": rate(chosen(usual, arch__hidden="[3]")),
        "wide": rate(chosen(usual, arch__hidden="[16]")),
        "narrow_ln2": rate(chosen(usual, arch__hidden="[2]"), "stuck_ln2"),
        "wide_ln2": rate(chosen(usual, arch__hidden="[16]"), "stuck_ln2"),
        "fast": rate(chosen(fast, lr=10.0, arch__hidden="[16]")),
        "pairs": str(len(pairs)),
        "most": f"{100 * abs(widest['difference']):.1f}",
        "most_where": f"width {widest['arch.hidden'].strip('[]')}, between lr {widest['a']:g} and {widest['b']:g}",
        "over": f"{percent(-over['difference'].max())} to {percent(-over['difference'].min())}",
        "over_p": f"{over['p_holm'].max():.1g}",
        "slower_ln2": rate(chosen(slower, arch__hidden="[8]"), "stuck_ln2"),
        "faster_ln2": rate(chosen(faster, arch__hidden="[8]"), "stuck_ln2"),
        "ln2_8": difference(chosen(stuck, arch__hidden="[8]").iloc[0]),
    }
    claims = {
        "from lr 0.01 to 1 no pair of learning rates differs in its rate of convergence": not pairs.apply(
            differs, axis=1
        ).any(),
        "at every width lr 3 converges less often than lr 1": bool(
            (over.apply(differs, axis=1) & (over["difference"] < 0)).all()
        ),
        "nothing converges at lr 10 and above": not (fast["outcome"] == "converged").any(),
        "at every width lr 3 ends at ln 2 more often than lr 1": bool(
            (stuck.apply(differs, axis=1) & (stuck["difference"] > 0)).all()
        ),
    }
    return Answer(fields, claims, {"map": lambda: _map(rates)})


@matplotlib.rc_context(STYLE)
def _map(rates: pd.DataFrame) -> Figure:
    """Draw the map of convergence, and its twin of ln 2 below."""
    figure = Figure(figsize=(PAGE, 6.6), layout="constrained")
    told = rates.assign(width=rates["arch.hidden"].str.strip("[]").astype(int))
    for ax, outcome in zip(figure.subplots(2, 1, sharex=True), OUTCOMES, strict=True):
        convergence_map(told, x="lr", y="width", outcome=outcome, ax=ax)
        ax.set_title(phrase(outcome))
        ax.label_outer()
    headline(figure, "When does XOR converge, and when is it stuck at ln 2?")
    seeds = rates["n"].iloc[0]
    note(figure, f"2-k-1 by width k and learning rate; above: the rate in %; below: n, {seeds} runs in each cell")
    return figure
