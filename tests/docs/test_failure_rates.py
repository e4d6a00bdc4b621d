"""The table of failure rates: its rows trained again, its page, and the learning rates of 1986."""

import csv
import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

import failure_rates as script
from rates import counting, page, rows
from xorlab.numerics.training import draw, train

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROWS = {row.key: row for row in rows.rows()}
TABLE = counting.read(DOCS / "failure-rates.csv")
CHEAP = (
    "1986: sweep, eta 0.5, momentum 0.9, weights within 0.5",
    "PyTorch: SGD 0.1, width 4",
    "scikit-learn: 200 iterations, width 16",
    "2-2-1: tanh, Adam 0.01",
    "xorlab: ReLU, normal weights, gd 0.1, width 3",
)


def test_every_row_is_counted():
    assert list(TABLE) == list(ROWS)


@pytest.mark.parametrize("key", CHEAP)
def test_the_first_seeds_of_a_row_end_as_in_the_table(key):
    """One of sixteen may differ, since the last bits depend on the processor."""
    found = Counter(counting.ends(ROWS[key], range(counting.FIRST)))
    assert (found - TABLE[key].first).total() <= 1
    assert TABLE[key].first.total() == counting.FIRST


def test_the_page_is_made_from_the_table():
    assert script.main(["--check"]) == 0


def test_rates_and_seeds_are_those_of_a_plain_computation():
    text = (DOCS / "failure-rates.md").read_text()
    with (DOCS / "failure-rates.csv").open() as file:
        lines = list(csv.DictReader(file))
    for key, row in ROWS.items():
        own = [line for line in lines if line["row"] == key]
        runs = sum(int(line["runs"]) for line in own)
        failed = sum(int(line["runs"]) for line in own if line["outcome"] != "solved")
        low, high = proportion_confint(failed, runs, method="wilson")
        line = rf"^\| {re.escape(row.name)} \| {runs:,} \| ([\d.]+) \(([\d.]+)–([\d.]+)\)(.*)$"
        wanted = pytest.approx([100 * failed / runs, 100 * low, 100 * high], abs=0.051)
        (found,) = (each for each in re.finditer(line, text, re.M) if [float(each[n]) for n in (1, 2, 3)] == wanted)
        seeds = found[4].rsplit("|", 2)[1].strip()
        if failed < runs and not seeds.startswith("over"):
            n = int(seeds.split(" ")[0].replace(",", ""))
            assert (failed / runs) ** n <= 0.01
            assert n == 1 or (failed / runs) ** (n - 1) > 0.01


def test_a_solved_run_is_within_0_4_of_its_targets():
    for key in ("2-2-1: tanh, Adam 0.01", "1986: sweep, eta 0.5, momentum 0.9, weights within 0.5"):
        row = ROWS[key]
        trained = train([replace(row.spec, seed=seed) for seed in range(8)])
        solved = np.array(trained.stopped) == "target_loss"
        p = 1.0 / (1.0 + np.exp(-trained.logits[solved]))
        assert solved.any()
        assert (np.abs(p - [0.0, 1.0, 1.0, 0.0]) <= 0.4).all(), key


@pytest.mark.parametrize("unit", ["sweep", "pattern"])
def test_the_learning_rates_of_1986(unit):
    """Against the generalized delta rule for E = (t - o)^2 / 2, summed over patterns, in a plain loop."""
    row = ROWS[f"1986: {unit}, eta 0.25, momentum 0.9, weights within 0.5"]
    spec = replace(row.spec, seed=3, epochs=20)
    start = draw(spec)[0]
    theta = [start[name].copy() for name in ("W1", "b1", "W2", "b2")]
    moves = [np.zeros_like(each) for each in theta]
    points = [((0.0, 0.0), 0.0), ((0.0, 1.0), 1.0), ((1.0, 0.0), 1.0), ((1.0, 1.0), 0.0)]
    for _ in range(20):
        for batch in [points] if unit == "sweep" else [[point] for point in points]:
            falls = [np.zeros_like(each) for each in theta]
            for x, t in batch:
                W1, b1, W2, b2 = theta
                h = 1.0 / (1.0 + np.exp(-(np.array(x) @ W1 + b1)))
                (o,) = 1.0 / (1.0 + np.exp(-(h @ W2 + b2)))
                delta = (t - o) * o * (1.0 - o)
                hidden = delta * W2[:, 0] * h * (1.0 - h)
                own = (np.outer(x, hidden), hidden, delta * h[:, None], np.array([delta]))
                falls = [fall + each for fall, each in zip(falls, own, strict=True)]
            moves = [0.25 * fall + 0.9 * move for fall, move in zip(falls, moves, strict=True)]
            theta = [own + move for own, move in zip(theta, moves, strict=True)]
    final = train([spec]).final
    for name, own in zip(("W1", "b1", "W2", "b2"), theta, strict=True):
        assert final[name][0] == pytest.approx(own, abs=1e-12)


def test_how_many_seeds_are_needed():
    assert page.needed(0.0) == 1
    assert page.needed(0.1) == 2
    assert page.needed(0.5) == 7
    assert page.needed(1.0) == math.inf


def test_training_goes_on_where_the_table_ends(tmp_path, monkeypatch):
    row = rows.Row("2-2-1", "test", {"arch": "2-2-1", "lr": 1.0, "epochs": 50}, most=24)
    monkeypatch.setattr(counting, "BLOCK", 8)
    counts = counting.Counts()
    counting.add(row, counts)
    counting.write(tmp_path / "table.csv", {row.key: counts})
    again = counting.read(tmp_path / "table.csv")[row.key]
    while not again.enough(row):
        counting.add(row, again)
    whole = counting.ends(row, range(24))
    assert again.all == Counter(whole)
    assert again.first == Counter(whole[: counting.FIRST])
