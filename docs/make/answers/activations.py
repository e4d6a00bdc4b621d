"""Activations: which ones get stuck, and how long the others wait at ln 2."""

import math

import pandas as pd

from answers.answer import Answer, against, brief, chosen, difference, differs, grid, part, rate, row
from answers.studies import Studies
from markdown_table import table
from xorlab import statistics
from xorlab.figures import convergence_maps
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, DataSpec, RunSpec
from xorlab.spec.components.datasets import load

STUDIES = ("activations",)
BY = ["arch.activation", "lr"]
LONG = 100_000
"""Epochs to check that a run stays at ln 2."""
NONE = 1e-6
"""Distances below this count as zero."""
PLATEAU = 1_000
"""Epochs within 0.005 of ln 2 that make a long plateau."""


def answer(studies: Studies) -> Answer:
    """Compare each activation with ReLU at lr 1, and count the runs that wait at ln 2."""
    runs = studies.load("activations")
    rates = statistics.rates(runs, BY, outcomes=["converged", "stuck_ln2"])
    one = chosen(runs, lr=1.0)
    pairs = against(one, "arch.activation", "relu")
    ln2 = against(one, "arch.activation", "relu", outcome="stuck_ln2")
    times = statistics.medians(one, ["arch.activation"]).set_index("arch.activation")
    slow = chosen(runs, lr=0.1)
    waited = _waited(chosen(slow, arch__activation="sigmoid"))
    smooth = ["elu", "gelu", "softplus", "sigmoid"]
    identity = chosen(runs, arch__activation="identity")
    one_of = {name: chosen(one, arch__activation=name) for name in runs["arch.activation"].unique()}
    straight = chosen(one_of["elu"], outcome="stuck_ln2")["seed"].tolist()
    longer = [_straight(seed) for seed in straight]
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "relu": rate(one_of["relu"]),
        "gelu": rate(one_of["gelu"]),
        "elu_seeds": straight,
        "elu_epochs": str(LONG),
        "waited": part(*waited),
        "table": grid(runs, ["arch.activation"], "lr"),
        "ln2": grid(runs, ["arch.activation"], "lr", outcome="stuck_ln2"),
        "times": table(
            [
                *("activation", "converged, %", "median epochs (95 %)", "ln 2, %"),
                *("converged against relu, points", "gained, lost", "p"),
            ],
            [
                [
                    *(name, brief(one_of[name]), _median(times.loc[name]), brief(one_of[name], "stuck_ln2")),
                    *(["", "", ""] if name == "relu" else difference(row(pairs, b=name))),
                ]
                for name in times.index
            ],
        ),
    }
    claims = {
        "at lr 1 every activation but identity converges more often than ReLU": all(
            differs(row(pairs, b=name)) and row(pairs, b=name)["difference"] > 0
            for name in [*smooth, "tanh", "leaky_relu"]
        ),
        "identity never converges": not (identity["outcome"] == "converged").any(),
        "of five smooth activations at most one run in all is at ln 2 at lr 1": sum(
            (one_of[name]["outcome"] == "stuck_ln2").sum() for name in [*smooth, "tanh"]
        )
        <= 1,
        "the elu run at ln 2 is where elu is linear, and still there after 100,000 epochs": bool(longer)
        and all(longer),
        "elu, gelu, softplus and sigmoid nearly always converge at lr 1, tanh less often": all(
            (one_of[name]["outcome"] == "converged").mean()
            > max(0.95, (one_of["tanh"]["outcome"] == "converged").mean())
            for name in smooth
        ),
        "leaky ReLU is at ln 2 less often than ReLU at lr 1": differs(row(ln2, b="leaky_relu"))
        and row(ln2, b="leaky_relu")["difference"] < 0,
        "leaky ReLU is still at ln 2 at lr 1": bool((one_of["leaky_relu"]["outcome"] == "stuck_ln2").any()),
        "some sigmoid networks that converge wait at ln 2 first": waited[0] > 0.1 * waited[1],
    }
    title = "Which activation learns XOR?"
    return Answer(fields, claims, {"activations": lambda: convergence_maps(rates, BY, title=title)})


def _straight(seed: int) -> bool:
    """Train an elu network for `LONG` epochs; return whether it is at ln 2, with all units where elu is linear."""
    trained = train([RunSpec(arch=ArchSpec(activation="elu"), epochs=LONG, seed=seed)])
    X, _ = load(DataSpec())
    hidden = X @ trained.final["W1"][0] + trained.final["b1"][0]
    return bool(hidden.min() > -NONE and abs(trained.final_loss[0] - math.log(2.0)) < NONE)


def _waited(runs: pd.DataFrame) -> tuple[int, int]:
    """Count the runs that converged after a long plateau at ln 2, and those that converged."""
    done = chosen(runs, outcome="converged")
    epochs = done["plateaus"].astype(str).str.extract(r"ln2: ([\d,]+) epochs")[0]
    return int((epochs.str.replace(",", "").astype(float) > PLATEAU).sum()), len(done)


def _median(time: "pd.Series[float]") -> str:
    if pd.isna(time["median"]) or time["median"] == float("inf"):
        return "never half"
    high = "…" if pd.isna(time["high"]) or time["high"] == float("inf") else f"{time['high']:,.0f}"
    return f"{time['median']:,.0f} ({time['low']:,.0f} to {high})"
