"""Points: the encoding of the data, the biases, and ReLU's derivative at 0."""

import pandas as pd

from answers.answer import Answer, brief, chosen, difference, differs, rate, row
from answers.studies import Studies
from markdown_table import table
from xorlab import statistics
from xorlab.figures import rates_along
from xorlab.statistics.settings import natural

STUDIES = ("encoding", "kink")


def answer(studies: Studies) -> Answer:
    """Compare the encodings, and the derivatives, at each width and kind of biases."""
    runs, kinks = studies.load("encoding"), studies.load("kink")
    within = ["init.biases", "arch.hidden"]
    moved = statistics.compare(runs, "data.encoding", within=within)
    stuck = statistics.compare(runs, "data.encoding", within=within, outcome="stuck_ln2")
    slope = statistics.compare(kinks, "arch.relu_grad_at_zero", within=within)
    bias = statistics.compare(chosen(runs, data__encoding="binary"), "init.biases", within=["arch.hidden"])
    bias_ln2 = statistics.compare(
        chosen(runs, data__encoding="binary"), "init.biases", within=["arch.hidden"], outcome="stuck_ln2"
    )
    zero = chosen(runs, data__encoding="bipolar", init__biases="zero")
    binary = chosen(runs, data__encoding="binary", init__biases="zero")
    three = {"init__biases": "zero", "arch__hidden": "[3]"}
    drawn = chosen(slope, init__biases="drawn")
    fields = {
        "runs": f"{len(runs) + len(kinks):,}",
        "seeds": str(runs["seed"].nunique()),
        "bipolar_ln2": rate(chosen(zero, arch__hidden="[2]"), "stuck_ln2"),
        "binary_ln2": rate(chosen(binary, arch__hidden="[2]"), "stuck_ln2"),
        "binary_three": rate(chosen(binary, arch__hidden="[3]")),
        "bipolar_three": rate(chosen(zero, arch__hidden="[3]")),
        "three": difference(_oriented(row(moved, **three))),
        "two_ln2": difference(_oriented(row(stuck, init__biases="zero", arch__hidden="[2]"))),
        "slope_three": difference(row(slope, **three)),
        "slope_zero": rate(chosen(kinks, arch__relu_grad_at_zero=0.0, **three)),
        "slope_one": rate(chosen(kinks, arch__relu_grad_at_zero=1.0, **three)),
        "drawn": f"{int(drawn['only_a'].sum() + drawn['only_b'].sum())} of {int(drawn['n'].sum())}",
        "bias_three": difference(_oriented(row(bias, arch__hidden="[3]"), first="zero")),
        "bias_ln2": difference(_oriented(row(bias_ln2, arch__hidden="[3]"), first="zero")),
        "table": _table(runs, kinks),
    }
    claims = {
        "with points at -1 and 1 and zero biases nothing is at ln 2": not (zero["outcome"] == "stuck_ln2").any(),
        "at every width but the narrowest more converge there": all(
            differs(row(moved, init__biases="zero", arch__hidden=width)) for width in ("[3]", "[4]", "[8]")
        ),
        "a derivative of 1 helps with zero biases at every width": bool(
            chosen(slope, init__biases="zero").apply(differs, axis=1).all()
        ),
        "it does nothing with drawn biases": int(drawn["only_a"].sum() + drawn["only_b"].sum()) == 0,
        "drawn biases put more runs at ln 2 at width 3": differs(row(bias_ln2, arch__hidden="[3]")),
    }
    rates = statistics.rates(
        chosen(runs, init__biases="zero"), ["data.encoding", "arch.hidden"], outcomes=["converged", "stuck_ln2"]
    )
    title = "Points at 0 and 1, or at -1 and 1?"
    both = ["converged", "stuck_ln2"]
    draw = lambda: rates_along(rates, "arch.hidden", hue="data.encoding", outcomes=both, title=title)  # noqa: E731
    return Answer(fields, claims, {"points": draw})


def _oriented(pair: "pd.Series[float]", first: str = "binary") -> "pd.Series[float]":
    """Turn a pair so that this value comes first."""
    from answers.answer import turned

    return pair if pair["a"] == first else turned(pair)


def _table(runs: pd.DataFrame, kinks: pd.DataFrame) -> str:
    rows = []
    for width in sorted(runs["arch.hidden"].unique(), key=natural):
        for biases in ("zero", "drawn"):
            own = chosen(runs, arch__hidden=width, init__biases=biases)
            one = chosen(kinks, arch__hidden=width, init__biases=biases, arch__relu_grad_at_zero=1.0)
            sets = [chosen(own, data__encoding="binary"), one, chosen(own, data__encoding="bipolar")]
            cells = [brief(part, outcome) for part in sets for outcome in ("converged", "stuck_ln2")]
            rows.append([width.strip("[]"), biases, *cells])
    kinds = ("0 and 1", "0 and 1, derivative 1 at 0", "-1 and 1")
    head = ["width", "biases", *(f"{kind}: {what}" for kind in kinds for what in ("converged", "ln 2"))]
    return table(head, rows)
