"""Order: an update from all points at once, or after each point."""

import pandas as pd

from answers.answer import Answer, chosen, comparisons, differs, grid, moved_on, part, row, share
from answers.studies import Studies
from markdown_table import table
from xorlab import statistics
from xorlab.diagnosis.outcomes import phrase
from xorlab.figures import rates_along

STUDIES = ("batches",)
WAYS = {"full": "all at once", "in order": "one by one, in order", "shuffled": "one by one, shuffled"}
SAME = ((0.003, 0.01), (0.01, 0.03), (0.03, 0.1))
"""Learning rates one by one, and three times as much all at once: a pass goes about the same distance."""


def answer(studies: Studies) -> Answer:
    """Compare the three ways, at the same learning rate and at the same distance in each pass."""
    both = studies.load("batches")
    control = both[both["batch_size"].astype(str) == "full"].pivot(
        index=["lr", "seed"], columns="shuffle", values="outcome"
    )
    parted = int((control[False] != control[True]).sum())
    runs = _named(both)
    # One family of tests: every two of the three ways at every learning rate.
    families = [statistics.compare(runs, "way", within=["lr"], outcome=name) for name in ("converged", "stuck_ln2")]
    pairs, stuck = (family[(family["a"] == "full") & (family["b"] == "in order")] for family in families)
    shuffled = families[0][families[0]["a"] == "in order"]
    middle, fast = {"lr": 0.1}, {"lr": 1.0}
    one = chosen(runs, lr=1.0)
    alike = [_alike(runs, *two) for two in SAME]
    times = statistics.medians(chosen(runs, lr=0.01, outcome="converged"), ["way"]).set_index("way")["median"]
    single, changed = chosen(one, way="in order"), chosen(runs, lr=0.1)
    dead = int((single["units_dead"] == 3).sum())
    left = {to: moved_on(changed, "way", "full", "in order", to=to) for to in ("converged", "stuck_0.477")}
    fields = {
        "runs": f"{len(both):,}",
        "seeds": str(both["seed"].nunique()),
        "dead": part(dead, len(single)),
        "ratio": f"{times['full'] / times['in order']:.1f}",
        "compared": comparisons(
            [
                ("lr 0.1", row(pairs, **middle), "converged"),
                ("lr 0.1", row(stuck, **middle), "stuck_ln2"),
                ("lr 1", row(pairs, **fast), "converged"),
            ]
        ),
        "shares": table(
            ["runs", "of these", "share"],
            [
                *(
                    [
                        f"one by one at lr {a:g}",
                        f"converge both here and all at once at lr {b:g}, or in neither",
                        share(*counts),
                    ]
                    for (a, b), counts in zip(SAME, alike, strict=True)
                ),
                *(
                    [
                        "lr 0.1: at ln 2 all at once, elsewhere one by one",
                        f"{phrase(to)} one by one",
                        share(*counts),
                    ]
                    for to, counts in left.items()
                ),
                ["lr 1: one by one", "all units dead", share(dead, len(single))],
                ["all at once", "another outcome if shuffled", share(parted, len(control))],
            ],
        ),
        "table": grid(runs.replace({"way": WAYS}), ["way"], "lr"),
        "ln2": grid(runs.replace({"way": WAYS}), ["way"], "lr", outcome="stuck_ln2"),
    }
    claims = {
        "at lr 1 one by one converges less often": differs(row(pairs, **fast)) and row(pairs, **fast)["difference"] < 0,
        "of the starts that leave ln 2 one by one more than half end at 0.477": left["stuck_0.477"][0]
        > 0.5 * left["stuck_0.477"][1],
        "at equal distance in each pass almost the same starts converge": all(count > 0.85 * n for count, n in alike),
        "at lr 1 hardly any run converges one by one": bool((single["outcome"] == "converged").mean() < 0.05),
        "at lr 0.1 no difference is significant": not differs(row(stuck, **middle))
        and not differs(row(pairs, **middle)),
        "shuffling makes no difference to convergence": not shuffled.apply(differs, axis=1).any(),
        "one pass is worth about four": abs(times["full"] / times["in order"] - 4.0) < 0.4,
        "shuffling a full batch changes no run's outcome": parted == 0,
    }
    rates = statistics.rates(runs.replace({"way": WAYS}), ["way", "lr"], outcomes=["converged", "stuck_ln2"])
    title = "All points at once, or one by one?"
    outcomes = ["converged", "stuck_ln2"]
    draw = lambda: rates_along(rates, "lr", hue="way", outcomes=outcomes, title=title)  # noqa: E731
    return Answer(fields, claims, {"order": draw})


def _named(runs: pd.DataFrame) -> pd.DataFrame:
    """Add the column way and leave out the shuffled full batches."""
    full = runs["batch_size"].astype(str) == "full"
    way = runs["shuffle"].map({False: "in order", True: "shuffled"}).mask(full, "full")
    return runs.assign(way=way)[~(full & runs["shuffle"])].drop(columns=["batch_size", "shuffle"])


def _alike(runs: pd.DataFrame, single: float, full: float) -> tuple[int, int]:
    """Count the seeds that converge both ways or neither way, and all."""
    a = chosen(runs, lr=single, way="in order").set_index("seed")["outcome"]
    b = chosen(runs, lr=full, way="full").set_index("seed")["outcome"]
    return int(((a == "converged") == (b == "converged")).sum()), len(a)
