"""Scale: how large the first weights should be."""

import pandas as pd

from answers.answer import Answer, against, chosen, difference, differs, grid, rate, row
from answers.studies import Studies
from xorlab import statistics
from xorlab.figures import rates_along

STUDIES = ("scale",)
NAMES = ("relu", "tanh", "sigmoid")


def answer(studies: Studies) -> Answer:
    """Compare each scale with the usual one, at lr 1, where time matters least."""
    runs = studies.load("scale")
    late, usual = (chosen(runs, lr=lr) for lr in (1.0, 0.1))
    pairs = {lr: against(chosen(runs, lr=lr), "init.std", 1.0, within=["arch.activation"]) for lr in (0.1, 1.0)}
    small = {name: chosen(usual, arch__activation=name, init__std=0.01) for name in NAMES}
    relu = chosen(usual, arch__activation="relu")
    relu_ln2 = against(relu, "init.std", 1.0, outcome="stuck_ln2")
    causes = pd.concat([small["tanh"], small["sigmoid"]])["cause"]
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "relu_small": rate(small["relu"]),
        "relu_usual": rate(chosen(relu, init__std=1.0)),
        "relu_pair": difference(row(pairs[0.1], arch__activation="relu", b=0.01)),
        "relu_ln2": difference(row(relu_ln2, b=0.01)),
        "relu_large_slow": difference(row(pairs[0.1], arch__activation="relu", b=10.0)),
        "tanh_small": rate(small["tanh"], "stuck_ln2"),
        "sigmoid_small": rate(small["sigmoid"], "stuck_ln2"),
        "saddles": f"{(causes == 'saddle').sum():,} of {len(causes):,}",
        "tanh_best": rate(chosen(late, arch__activation="tanh", init__std=0.1)),
        "tanh_large": rate(chosen(late, arch__activation="tanh", init__std=10.0)),
        "tanh_pair": difference(row(pairs[1.0], arch__activation="tanh", b=10.0)),
        "tanh_small_pair": difference(row(pairs[1.0], arch__activation="tanh", b=0.1)),
        "relu_large": difference(row(pairs[1.0], arch__activation="relu", b=10.0)),
        "usual": grid(usual, ["arch.activation"], "init.std"),
        "late": grid(late, ["arch.activation"], "init.std"),
        "ln2": grid(usual, ["arch.activation"], "init.std", outcome="stuck_ln2"),
    }
    claims = {
        "a hundredth of the scale does not keep ReLU at ln 2": not differs(row(relu_ln2, b=0.01)),
        "it keeps every tanh and sigmoid network there": all(
            (small[name]["outcome"] == "stuck_ln2").all() for name in ("tanh", "sigmoid")
        ),
        "nearly all of them at a saddle": bool((causes == "saddle").mean() > 0.9),
        "at lr 0.1 ten times the scale shows no difference for ReLU": not differs(
            row(pairs[0.1], arch__activation="relu", b=10.0)
        ),
        "a tenth of the scale is better for tanh at lr 1": differs(row(pairs[1.0], arch__activation="tanh", b=0.1)),
        "ten times the scale is worse for tanh and ReLU at lr 1": all(
            differs(row(pairs[1.0], arch__activation=name, b=10.0)) for name in ("tanh", "relu")
        ),
    }
    rates = statistics.rates(late, ["arch.activation", "init.std"])
    title = "How large should the first weights be?"
    draw = lambda: rates_along(rates, "init.std", hue="arch.activation", title=title)  # noqa: E731
    return Answer(fields, claims, {"scale": draw})
