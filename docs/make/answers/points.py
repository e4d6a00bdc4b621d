"""Points: the encoding of the data, the biases, and ReLU's derivative at 0."""

import pandas as pd

from answers.answer import Answer, brief, chosen, comparisons, differs, plain, points, row
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
    three = {"init__biases": "zero", "arch__hidden": "[3]"}
    encoded = _oriented(row(moved, **three))
    drawn = chosen(slope, init__biases="drawn")
    fields = {
        "runs": f"{len(runs) + len(kinks):,}",
        "seeds": str(runs["seed"].nunique()),
        "three": points(encoded),
        "slope_three": points(row(slope, **three)),
        "compared": comparisons(
            [
                (
                    "points 0, 1 to -1, 1; width 2",
                    _oriented(row(stuck, init__biases="zero", arch__hidden="[2]")),
                    "stuck_ln2",
                ),
                ("points 0, 1 to -1, 1; width 3", encoded, "converged"),
                ("derivative at 0 from 0 to 1; width 3", row(slope, **three), "converged"),
                ("zero to drawn biases; width 3", _oriented(row(bias_ln2, arch__hidden="[3]"), "zero"), "stuck_ln2"),
                ("zero to drawn biases; width 3", _oriented(row(bias, arch__hidden="[3]"), "zero"), "converged"),
            ]
        ),
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
        "drawn biases make no significant difference to convergence at width 3": not differs(
            row(bias, arch__hidden="[3]")
        ),
    }
    rates = statistics.rates(
        chosen(runs, init__biases="zero"), ["data.encoding", "arch.hidden"], outcomes=["converged", "stuck_ln2"]
    )
    title = "Points at 0 and 1, or at -1 and 1?"
    both = ["converged", "stuck_ln2"]
    draw = lambda: rates_along(rates, "arch.hidden", hue="data.encoding", outcomes=both, title=title)  # noqa: E731
    return Answer(fields, claims, {"points": draw})


def _oriented(pair: "pd.Series[float]", first: str = "binary") -> "pd.Series[float]":
    """Return a comparison with this value as a."""
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
            rows.append([plain(width), biases, *cells])
    kinds = ("0 and 1", "0 and 1, derivative 1 at 0", "-1 and 1")
    head = ["width", "biases", *(f"{kind}: {what}" for kind in kinds for what in ("converged", "ln 2"))]
    return table(head, rows)
