"""The page docs/scale.md."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.timing import digits
from markdown_table import table
from scaling.model import COSTS, FITTED, TERMS, Constants, Sweep, cpu, errors, hours, models, predicted
from xorlab.spec.product import MOST as LARGEST

TEMPLATE = Path(__file__).with_name("scale.md")
DRAWN = [
    Sweep("runs", 10**6, 1_000, 10, 100),
    Sweep("runs", 10**6, 1_000, 1_000, 100),
    *(Sweep("sweep", 10**6, 1_000, 10, workers) for workers in (2, 100)),
    *(Sweep("sweep", 10**9, 1_000, every, workers) for workers in (100, 10_000) for every in (10, 1_000)),
    Sweep("runs", 10**9, 1_000, 1_000, 10_000),
]
"""What nobody has trained."""
MILLION = Sweep("sweep", 2**20, 1_000, 100)
"""What docs/make/million.py trains."""
UNITS = {
    "s": {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9},
    "B": {"MB": 1e6, "kB": 1e3, "B": 1.0},
    "": {"": 1.0},
}


def page(kept: Mapping[str, Any]) -> str:
    """Return docs/scale.md."""
    known, checked = models(kept["sweeps"]), errors(kept["sweeps"])
    return TEMPLATE.read_text().format(
        **{key: kept[key] for key in ("date", "machine")},
        rounds=_rounds(kept["sweeps"]),
        spread=f"{100 * _spread(kept['sweeps']):.0f}",
        worst=f"{100 * max(abs(error['cpu']) for _, error in checked):.0f}",
        checks=_checks(checked),
        million=digits(cpu(predicted(known["sweep"], MILLION))),
        far=_far(kept, known),
        largest=f"{LARGEST:,}",
        task=digits(kept["task"] * 1e3, 2),
        tasks=digits(1 / kept["task"], 2),
        **{f"constants_{track}": _constants(own) for track, own in known.items()},
        slower=digits(_slower(known["runs"]), 2),
        **{key: digits(each) for key, each in kept["transfer"].items()},
    )


def _rounds(sweeps: Sequence[Mapping[str, Any]]) -> str:
    counts = {sum(Sweep.of(each) == sweep for each in sweeps) for sweep in FITTED}
    return " or ".join("once" if count == 1 else f"{count} times" for count in sorted(counts))


def _spread(sweeps: Sequence[Mapping[str, Any]]) -> float:
    """Return how much more CPU a sweep took in one round than in another, relatively and at most."""
    rounds = [[cpu(each) for each in sweeps if Sweep.of(each) == sweep] for sweep in FITTED]
    return max(max(each) / min(each) - 1 for each in rounds)


def _slower(constants: Constants) -> float:
    """Return how many times as long the driver takes for a run as a worker, start-up apart."""
    more, fewer = (predicted(constants, Sweep("runs", runs, 1_000, 10)) for runs in (10**6, 0))
    return (more["driver_cpu"] - fewer["driver_cpu"]) / (more["workers_cpu"] - fewer["workers_cpu"])


def _constants(constants: Constants) -> str:
    cells = [
        [label, *(_amount(constants[cost].get(term, 0), unit) for term in TERMS)]
        for cost, (label, _, unit) in COSTS.items()
    ]
    return table(["", *TERMS.values()], cells, right=True)


def _amount(value: float, unit: str) -> str:
    """Return a value in the largest unit of which it has at least one; of nothing, nothing."""
    if value == 0:
        return ""
    sizes = UNITS[unit]
    name = next((name for name, size in sizes.items() if value >= size), unit)
    return f"{digits(value / sizes[name], 2)} {name}".strip()


def _checks(checked: Sequence[tuple[Mapping[str, Any], Mapping[str, float]]]) -> str:
    cells = [
        [
            *(each["track"], *(f"{each[key]:,}" for key in ("runs", "epochs", "every", "workers"))),
            *(digits(cpu(each)), f"{100 * error['cpu']:+.0f} %"),
            *(digits(each["memory"] / 1e6), f"{100 * error['memory']:+.0f} %"),
            *(digits(each["store"] / 1e6), f"{100 * error['store']:+.0f} %"),
        ]
        for each, error in checked
    ]
    head = ["track", "runs", "epochs", "log_every", "workers", "CPU s", "model", "memory MB", "model", "store MB"]
    return table([*head, "model"], cells, right=True)


def _far(kept: Mapping[str, Any], known: Mapping[str, Constants]) -> str:
    cells = []
    for sweep in DRAWN:
        costs, size, moved = predicted(known[sweep.track], sweep), sweep.sizes(), kept["transfer"]
        found = hours(costs, sweep, kept["task"])
        limit = max(found, key=lambda part: found[part])
        memory = predicted(known[sweep.track], sweep._replace(runs=min(sweep.runs, LARGEST)))["memory"]
        sent = costs["store"]  # with track=sweep, a worker returns the file that is stored
        if sweep.track == "runs":
            sent = size["run"] * (moved["sent"] + moved["returned"]) + size["row"] * moved["row"]
        cells.append(
            [
                *(sweep.track, f"{sweep.runs:,}", f"{sweep.every:,}", f"{sweep.workers:,}"),
                *(digits(each, 2) for each in found.values()),
                *(limit, f"{math.ceil(found[limit] / found['workers']):,}"),
                *(digits(each / 1e9, 2) for each in (sent, costs["store"], memory)),
            ]
        )
    head = ["track", "runs", "log_every", "workers", "workers h", "driver h", "scheduler h", "database h", "limit"]
    return table([*head, "sweeps at once", "sent GB", "store GB", "memory GB"], cells, right=True)
