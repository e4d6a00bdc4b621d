"""What other definitions of success would change: the same seeds, counted by each."""

from collections.abc import Mapping, Sequence
from typing import Any

from markdown_table import table as markdown_table
from rates.counting import SOLVED, ends
from rates.rows import Row
from xorlab.api import keys
from xorlab.numerics import training

SEEDS = range(2000)
ROWS = (
    "1986: sweep, eta 0.25, momentum 0.9, weights within 0.5",
    "PyTorch: Adam 0.001, width 4",
    "Keras: a tutorial: Dense(16, relu), mse, Adam, 500 epochs",
    "scikit-learn: 200 iterations, width 16",
    "scikit-learn: 200 iterations, width 100",
    "2-2-1: tanh, gd 1",
    "xorlab: ReLU, normal weights, gd 0.1, width 3",
)
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "every point on its side once": {"target_accuracy": 1.0},
    "no output further than 0.4": {"target_max_error": 0.4},
    "no output further than 0.1": {"target_max_error": 0.1},
}


def table(rows: Sequence[Row]) -> str:
    """Return the share of runs that fail by each definition, and after twice the epochs."""
    found = []
    for row in rows:
        if row.key in ROWS:
            twice = Row(row.group, row.name, {**row.settings, "epochs": 2 * row.spec.epochs})
            own = [_failed(row), *(_missed(row, goal) for goal in OTHERS.values()), _failed(twice)]
            found.append([row.key, *(f"{100.0 * share:.1f}" for share in own)])
    return markdown_table(["configuration", "as on this page", *OTHERS, "twice the epochs"], found, right=True)


def _failed(row: Row) -> float:
    return sum(outcome != SOLVED for outcome, _ in ends(row, SEEDS)) / len(SEEDS)


def _missed(row: Row, goal: Mapping[str, Any]) -> float:
    """Return the share of runs that never reach another target."""
    jobs = keys.jobs(keys.grid({**row.settings, **goal, "seed": SEEDS}), {})
    trained = training.train([job.spec for job in jobs])
    return sum(word not in goal for word in trained.stopped) / len(SEEDS)
