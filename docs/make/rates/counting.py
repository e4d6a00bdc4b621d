"""Training the runs of a row in blocks of seeds, and the table that keeps how many ended how."""

import csv
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from rates.rows import Row
from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics import training
from xorlab.statistics import wilson

BLOCK = 10_000
"""Runs that are trained before the table is written again."""
FIRST = 16
"""The ends of so many first seeds are kept apart, so that training them again tests the table exactly."""
SOLVED = "solved"
End = tuple[str, str]
"""An outcome and its cause; both are as `xorlab.diagnosis` names them but for `SOLVED`, which has no cause."""


@dataclass
class Counts:
    """How many runs of a row ended how: of all seeds from 0 on, and of the first `FIRST`."""

    all: Counter[End] = field(default_factory=Counter)
    first: Counter[End] = field(default_factory=Counter)

    @property
    def runs(self) -> int:
        """How many runs were trained; the next seed."""
        return self.all.total()

    @property
    def failed(self) -> int:
        """How many were not solved."""
        return self.runs - self.all[SOLVED, ""]

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate of failure."""
        return wilson(self.failed, self.runs)

    def enough(self, row: Row) -> bool:
        """Tell whether the row needs no more runs."""
        if self.runs < min(BLOCK, row.most):
            return False
        low, high = self.interval
        return self.runs >= row.most or (high - low) / 2.0 <= row.goal


def ends(row: Row, seeds: range) -> list[End]:
    """Train some seeds of a row and return how each ended."""
    specs = [replace(row.spec, seed=seed) for seed in seeds]
    size = training.chunk(specs[0])
    found: list[End] = []
    for start in range(0, len(specs), size):
        trained = training.train(specs[start : start + size])
        own = [(SOLVED, "")] * len(trained.specs)
        failed = np.flatnonzero([word != "target_loss" for word in trained.stopped])
        verdicts = diagnose(trained.take(failed), converged_below=row.target) if failed.size else []
        for place, verdict in zip(failed.tolist(), verdicts, strict=True):
            if verdict.outcome != "converged":  # by its last update
                own[place] = (verdict.outcome, verdict.cause or "")
        found += own
    return found


def add(row: Row, counts: Counts) -> None:
    """Train the next block of a row and count it."""
    start = counts.runs
    found = ends(row, range(start, min(start + BLOCK, row.most)))
    counts.all.update(found)
    counts.first.update(found[: max(FIRST - start, 0)])


def read(path: Path) -> dict[str, Counts]:
    """Read the table; without a file it is empty."""
    found: dict[str, Counts] = {}
    if path.exists():
        with path.open() as file:
            for line in csv.DictReader(file):
                own, end = found.setdefault(line["row"], Counts()), (line["outcome"], line["cause"])
                own.all[end], own.first[end] = int(line["runs"]), int(line["first"])
    return found


def write(path: Path, table: Mapping[str, Counts]) -> None:
    """Write the table, whole or not at all."""
    new = path.with_suffix(".new")
    with new.open("w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("row", "outcome", "cause", "runs", "first"))
        for name, counts in table.items():
            writer.writerows((name, *end, n, counts.first[end]) for end, n in sorted(counts.all.items()))
    os.replace(new, path)
