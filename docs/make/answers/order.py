"""Order: all points at once against an update after each."""

import pandas as pd

from answers.answer import Answer, chosen, difference, differs, grid, moved_on, rate, row, share
from answers.studies import Studies
from xorlab import statistics
from xorlab.figures import rates_along

STUDIES = ("batches",)
WAYS = {"full": "all at once", "in order": "one by one, in order", "shuffled": "one by one, shuffled"}
SAME = ((0.003, 0.01), (0.01, 0.03), (0.03, 0.1))
"""Learning rates one by one, and about four times as much for all at once: a pass goes about as far."""


def answer(studies: Studies) -> Answer:
    """Compare the three ways, at the same learning rate and at the same distance a pass."""
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
    dead = chosen(one, way="shuffled")
    fields = {
        "runs": f"{len(both):,}",
        "seeds": str(both["seed"].nunique()),
        "full": rate(chosen(runs, lr=0.1, way="full")),
        "single": rate(chosen(runs, lr=0.1, way="in order")),
        "middle": difference(row(pairs, **middle)),
        "full_ln2": rate(chosen(runs, lr=0.1, way="full"), "stuck_ln2"),
        "single_ln2": rate(chosen(runs, lr=0.1, way="in order"), "stuck_ln2"),
        "middle_ln2": difference(row(stuck, **middle)),
        "left": share(*moved_on(chosen(runs, lr=0.1), "way", "full", "in order", to="converged")),
        "left_next": share(*moved_on(chosen(runs, lr=0.1), "way", "full", "in order", to="stuck_0.477")),
        "fast_full": rate(chosen(one, way="full")),
        "fast_single": rate(chosen(one, way="in order")),
        "fast": difference(row(pairs, **fast)),
        "fast_ln2": rate(chosen(one, way="in order"), "stuck_ln2"),
        "fast_dead": share(int((chosen(one, way="in order")["units_dead"] == 3).sum()), len(dead)),
        "shuffled_dead": share(int((dead["units_dead"] == 3).sum()), len(dead)),
        "shuffled_descending": share(int((dead["outcome"] == "descending").sum()), len(dead)),
        "shuffled": f"{shuffled['p_holm'].min():.2g}",
        "tests": str(len(families[0])),
        "alike": ", ".join(
            f"{share(*counts)} at lr {a:g} and {b:g}" for (a, b), counts in zip(SAME, alike, strict=True)
        ),
        "ratio": f"{times['full'] / times['in order']:.2f}",
        "control": f"{parted} of {len(control):,}",
        "table": grid(runs.replace({"way": WAYS}), ["way"], "lr"),
        "ln2": grid(runs.replace({"way": WAYS}), ["way"], "lr", outcome="stuck_ln2"),
    }
    claims = {
        "at lr 1 one by one converges less often": differs(row(pairs, **fast)) and row(pairs, **fast)["difference"] < 0,
        "at lr 0.1 no difference is sure": not differs(row(stuck, **middle)) and not differs(row(pairs, **middle)),
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
    """Give each run its way, without the shuffled full batches."""
    full = runs["batch_size"].astype(str) == "full"
    way = runs["shuffle"].map({False: "in order", True: "shuffled"}).mask(full, "full")
    return runs.assign(way=way)[~(full & runs["shuffle"])].drop(columns=["batch_size", "shuffle"])


def _alike(runs: pd.DataFrame, single: float, full: float) -> tuple[int, int]:
    """Count the seeds that end with one outcome both ways."""
    a = chosen(runs, lr=single, way="in order").set_index("seed")["outcome"]
    b = chosen(runs, lr=full, way="full").set_index("seed")["outcome"]
    return int((a == b).sum()), len(a)
