"""Overview: the map of widths and learning rates, for convergence and for ln 2."""

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from answers.answer import Answer, chosen, comparisons, differs, grid, plain, points, rate, row
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
    over = statistics.compare(runs[runs["lr"].isin([1.0, 3.0])], "lr", within=["arch.hidden"])
    stuck = statistics.compare(runs[runs["lr"].isin([1.0, 3.0])], "lr", within=["arch.hidden"], outcome="stuck_ln2")
    widest = pairs.loc[pairs["difference"].abs().idxmax()]
    three = chosen(runs, lr=0.1, arch__hidden="[3]")
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "converged": grid(runs, ["arch.hidden"], "lr"),
        "ln2": grid(runs, ["arch.hidden"], "lr", outcome="stuck_ln2"),
        "notebook": rate(three),
        "notebook_ln2": rate(three, "stuck_ln2"),
        "most": points(widest),
        "compared": comparisons(
            [
                (f"lr {widest['a']:g} to {widest['b']:g}, width {plain(widest['arch.hidden'])}", widest, "converged"),
                *(
                    (f"lr 1 to 3, width {plain(width)}", row(family, arch__hidden=width), outcome)
                    for family, outcome in ((over, "converged"), (stuck, "stuck_ln2"))
                    for width in ("[2]", "[8]", "[16]")
                ),
            ]
        ),
    }
    wide = working[working["arch.hidden"].isin(["[12]", "[16]"])]
    claims = {
        "with 12 units or more nearly all runs converge from lr 0.01 to 1": bool(
            (wide["outcome"] == "converged").mean() > 0.98
        ),
        "with 4 units or fewer a third of the runs fail at every learning rate": bool(
            (
                rates[(rates["outcome"] == "converged") & rates["arch.hidden"].isin(["[2]", "[3]", "[4]"])]["rate"]
                < 2 / 3
            ).all()
        ),
        "at lr 0.1 seed 42 of 2-3-1 is at ln 2": chosen(three, seed=42)["outcome"].tolist() == ["stuck_ln2"],
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
    """Draw the map of convergence, and below it the map of ln 2."""
    figure = Figure(figsize=(PAGE, 6.6), layout="constrained")
    widths = rates.assign(width=rates["arch.hidden"].str.strip("[]").astype(int))
    for ax, outcome in zip(figure.subplots(2, 1, sharex=True), OUTCOMES, strict=True):
        convergence_map(widths, x="lr", y="width", outcome=outcome, ax=ax)
        ax.set_title(phrase(outcome))
        ax.label_outer()
    headline(figure, "When does XOR converge, and when is it stuck at ln 2?")
    seeds = rates["n"].iloc[0]
    note(figure, f"2-k-1 by width k and learning rate; above: the rate in %; below: n, {seeds} runs in each cell")
    return figure
