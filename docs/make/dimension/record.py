"""What is measured, in the order in which the answer sharpens soonest, and the two tables that keep it."""

import csv
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import RandomState

from dimension import exact, maps, zooms
from dimension.labels import ACTIVATIONS, BASE, CORNER, SEEDS, SPAN, VARIANTS, label

SIDES = {256: SEEDS, 1024: SEEDS, 4096: SEEDS[:3]}
"""The sides of the maps, and the seeds for each."""
COLUMNS = ("level", "solved", "crossed", "single", *(f"lag{lag}" for lag in zooms.LAGS), "flips", "least", "most")
"""A row of zooms.csv, after its variant, activation and seed: a level of its zoom, and counts.

Points that are solved; pieces that cross the boundary; pieces that cross it once; pairs of unlike points at each lag;
points that the base labels otherwise; the least and most lr at a crossing, in thousandths of log10.
"""


class Zoom(NamedTuple):
    """A zoom: all levels of one seed."""

    variant: str
    activation: str
    seed: int


class Map(NamedTuple):
    """A map of one seed."""

    activation: str
    seed: int
    side: int


class Exact(NamedTuple):
    """The roughest piece of a base zoom of tanh at a level, in arithmetic of many digits."""

    seed: int
    level: int


EXACT_LEVELS = (8, 10, 4)
EXACT_COLUMNS = ("double", "exact", "flips")
"""A row of exact.csv, after its seed and level: crossings in double precision and with many digits; unlike labels."""

Levels = list[dict[str, int]]
Boxes = dict[int, int]


def work() -> Iterator[Zoom | Map | Exact]:
    """Yield what is to be measured, first things first."""
    yield from (Zoom(BASE, activation, seed) for seed, activation in product(SEEDS, ACTIVATIONS))
    others = [name for name in VARIANTS if name != BASE]
    for seeds in (SEEDS[:4], SEEDS[4:]):
        yield from (Zoom(name, activation, seed) for seed, name, activation in product(seeds, others, ACTIVATIONS))
        yield from (Map(activation, seed, 256) for seed, activation in product(seeds, ACTIVATIONS))
        yield from (Exact(seed, level) for seed, level in product(seeds, EXACT_LEVELS))
    for side in (1024, 4096):
        yield from (Map(activation, seed, side) for seed, activation in product(SIDES[side], ACTIVATIONS))


def measure(folder: Path, kept: Path, seconds: float) -> None:
    """Measure what the tables in `folder` lack, for so much CPU time; the pixels of maps are in files in `kept`."""
    zoomed, counted = read_zooms(folder / "zooms.csv"), read_boxes(folder / "boxes.csv")
    again = read_exact(folder / "exact.csv")
    for each in (folder, kept):
        each.mkdir(parents=True, exist_ok=True)
    start = time.process_time()
    for task in work():
        if task in zoomed or task in counted or task in again:
            continue
        if time.process_time() - start > seconds:
            return
        if isinstance(task, Zoom):
            zoomed[task] = list(zoom(task))
            write(folder / "zooms.csv", (*Zoom._fields, *COLUMNS), _rows(zoomed))
        elif isinstance(task, Exact):
            again[task] = exactly(task)
            lines = ((*key, *own.values()) for key, own in again.items())
            write(folder / "exact.csv", (*Exact._fields, *EXACT_COLUMNS), lines)
        else:
            path = kept / f"{task.activation}-{task.seed}-{task.side}.npy"
            solved = label(VARIANTS[BASE], task.activation, task.seed)
            for left in maps.compute(path, solved, task.side, CORNER, SPAN):
                if time.process_time() - start > seconds and left:
                    return
            counted[task] = maps.boxes(np.load(path))
            rows = ((*key, box, count) for key, own in counted.items() for box, count in own.items())
            write(folder / "boxes.csv", (*Map._fields, "box", "count"), rows)
        print(f"{time.process_time() - start:.0f} s: {task}", file=sys.stderr, flush=True)


def zoom(task: Zoom) -> Iterator[dict[str, int]]:
    """Zoom a boundary of one seed, and yield the counts of each level."""
    variant = VARIANTS[task.variant]
    own, base = (label(each, task.activation, task.seed) for each in (variant, VARIANTS[BASE]))
    rng, size = RandomState(task.seed), {"windows": variant.windows, "levels": variant.levels}
    for level, (points, labels) in enumerate(zooms.descend(own, rng, CORNER, SPAN, **size)):
        steps = (labels[:, 1:] != labels[:, :-1]).sum(axis=1)
        flips = 0 if task.variant == BASE else int((base(points.reshape(-1, 2)) != labels.ravel()).sum())
        lr = points[:, :-1, 0][labels[:, 1:] != labels[:, :-1]]
        ends = (1000.0 * lr.min(), 1000.0 * lr.max()) if lr.size else (0, 0)
        counts = (labels.sum(), (steps > 0).sum(), (steps == 1).sum(), *zooms.changes(labels), flips, *ends)
        yield dict(zip(COLUMNS, (level, *map(int, counts)), strict=True))


def exactly(task: Exact) -> dict[str, int]:
    """Label the points of the roughest piece again with many digits, and count."""
    base = VARIANTS[BASE]
    points, double = zooms.roughest(label(base, "tanh", task.seed), task.seed, level=task.level)
    labels = exact.label(base, task.seed)(points)
    crossings = [int((own[1:] != own[:-1]).sum()) for own in (double, labels)]
    return dict(zip(EXACT_COLUMNS, (*crossings, int((double != labels).sum())), strict=True))


def _rows(zoomed: Mapping[Zoom, Levels]) -> Iterator[tuple[str | int, ...]]:
    return ((*key, *level.values()) for key, levels in zoomed.items() for level in levels)


def read_zooms(path: Path) -> dict[Zoom, Levels]:
    """Read the table of zooms; without a file it is empty."""
    found: dict[Zoom, Levels] = {}
    for line in _lines(path):
        key = Zoom(line["variant"], line["activation"], int(line["seed"]))
        found.setdefault(key, []).append({name: int(line[name]) for name in COLUMNS})
    return found


def read_boxes(path: Path) -> dict[Map, Boxes]:
    """Read the table of boxes; without a file it is empty."""
    found: dict[Map, Boxes] = {}
    for line in _lines(path):
        key = Map(line["activation"], int(line["seed"]), int(line["side"]))
        found.setdefault(key, {})[int(line["box"])] = int(line["count"])
    return found


def read_exact(path: Path) -> dict[Exact, dict[str, int]]:
    """Read the table of pieces with many digits; without a file it is empty."""
    return {
        Exact(int(line["seed"]), int(line["level"])): {name: int(line[name]) for name in EXACT_COLUMNS}
        for line in _lines(path)
    }


def _lines(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open() as file:
        return list(csv.DictReader(file))


def write(path: Path, head: Iterable[str], lines: Iterable[Iterable[str | int]]) -> None:
    """Write a table, whole or not at all."""
    new = path.with_suffix(".new")
    with new.open("w") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *lines])
    os.replace(new, path)
