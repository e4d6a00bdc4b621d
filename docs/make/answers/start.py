"""Start: whether the scheme of the initial weights matters."""

import pandas as pd

from answers.answer import Answer, against, chosen, difference, differs, grid, percent, rate
from answers.studies import Studies
from xorlab import statistics
from xorlab.figures import convergence_maps

STUDIES = ("initialisation",)
BY = ["arch.hidden", "init.name"]
EQUAL = ("constant", "zeros")


def answer(studies: Studies) -> Answer:
    """Compare each random scheme with the notebook's."""
    runs = studies.load("initialisation")
    drawn, equal = runs[~runs["init.name"].isin(EQUAL)], runs[runs["init.name"].isin(EQUAL)]
    one = equal.drop_duplicates(["init.name", "arch.hidden"])
    converged, stuck = (
        against(drawn, "init.name", "normal", within=["arch.hidden"], outcome=outcome)
        for outcome in ("converged", "stuck_ln2")
    )
    narrow, wide = (chosen(converged, arch__hidden=width) for width in ("[3]", "[8]"))
    widest = narrow.loc[narrow["difference"].abs().idxmax()]
    apart = wide[wide.apply(differs, axis=1)]
    torch = chosen(stuck, arch__hidden="[3]", b="torch_default").iloc[0]
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "schemes": str(drawn["init.name"].nunique()),
        "narrow": f"{_span(drawn, '[3]')}",
        "wide": f"{_span(drawn, '[8]')}",
        "widest": f"{widest['b']}, {difference(widest)}",
        "apart": "; ".join(f"{pair['b']} {difference(pair)}" for _, pair in apart.iterrows()) or "none",
        "torch": difference(torch),
        "torch_ln2": rate(chosen(drawn, arch__hidden="[3]", init__name="torch_default"), "stuck_ln2"),
        "normal_ln2": rate(chosen(drawn, arch__hidden="[3]", init__name="normal"), "stuck_ln2"),
        "equal": f"{(equal['outcome'] == 'stuck_ln2').sum():,} of {len(equal):,}",
        "starts": str(len(one)),
        "table": grid(runs, ["init.name"], "arch.hidden"),
        "ln2": grid(runs, ["init.name"], "arch.hidden", outcome="stuck_ln2"),
    }
    claims = {
        "with three units no random scheme differs from normal": not narrow.apply(differs, axis=1).any(),
        "with eight only he_uniform does": apart["b"].tolist() == ["he_uniform"],
        "PyTorch's start ends at ln 2 more often": differs(torch) and torch["difference"] > 0,
        "equal units never leave ln 2": bool((equal["outcome"] == "stuck_ln2").all()),
        "because they are tied": bool((equal["cause"] == "tied_units").all()),
    }
    rates = statistics.rates(runs, BY, outcomes=["converged", "stuck_ln2"])
    title = "Which start learns XOR?"
    return Answer(fields, claims, {"start": lambda: convergence_maps(rates, [*BY[::-1]], title=title)})


def _span(runs: pd.DataFrame, width: str) -> str:
    rates = chosen(statistics.rates(chosen(runs, arch__hidden=width), ["init.name"]), outcome="converged")
    return f"{percent(rates['rate'].min())} to {percent(rates['rate'].max())} %"
