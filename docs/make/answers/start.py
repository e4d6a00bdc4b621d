"""Start: whether the scheme of the initial weights matters."""

from answers.answer import Answer, against, chosen, comparisons, differs, grid
from answers.studies import Studies
from xorlab import statistics
from xorlab.figures import convergence_maps

STUDIES = ("initialisation",)
BY = ["arch.hidden", "init.name"]
EQUAL = ("constant", "zeros")


def answer(studies: Studies) -> Answer:
    """Compare each random scheme with the standard normal one."""
    runs = studies.load("initialisation")
    drawn, equal = runs[~runs["init.name"].isin(EQUAL)], runs[runs["init.name"].isin(EQUAL)]
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
        "apart": " and ".join(apart["b"]),
        "compared": comparisons(
            [
                (f"normal to {widest['b']}, width 3", widest, "converged"),
                *((f"normal to {pair['b']}, width 8", pair, "converged") for _, pair in apart.iterrows()),
                ("normal to torch_default, width 3", torch, "stuck_ln2"),
            ]
        ),
        "table": grid(runs, ["init.name"], "arch.hidden"),
        "ln2": grid(runs, ["init.name"], "arch.hidden", outcome="stuck_ln2"),
    }
    claims = {
        "with three units no random scheme differs from normal": not narrow.apply(differs, axis=1).any(),
        "with eight only he_uniform does": apart["b"].tolist() == ["he_uniform"],
        "PyTorch's start ends at ln 2 more often": differs(torch) and torch["difference"] > 0,
        "equal units never leave ln 2": bool((equal["outcome"] == "stuck_ln2").all()),
        "because they are tied": bool(equal["cause"].astype(str).str.contains("tied").all()),
    }
    rates = statistics.rates(runs, BY, outcomes=["converged", "stuck_ln2"])
    title = "Which start learns XOR?"
    return Answer(fields, claims, {"start": lambda: convergence_maps(rates, [*BY[::-1]], title=title)})
