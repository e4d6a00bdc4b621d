"""Where runs end, by how they started: the part that the closed forms do not explain."""

from collections import Counter

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from markdown_table import table
from predictions.comparison import Check, Comparison, interval
from predictions.networks import interaction, of_seeds, preactivations
from predictions.starts import AFFINE
from xorlab.diagnosis import theory
from xorlab.diagnosis.levels import spectrum
from xorlab.diagnosis.outcomes import ordered, phrase
from xorlab.diagnosis.verdict import Verdict
from xorlab.figures.axes import COLUMN
from xorlab.figures.palette import STYLE, colour
from xorlab.spec import ArchSpec, DataSpec, InitSpec, RunSpec
from xorlab.spec.components.datasets import load
from xorlab.sweeps import pool

WIDTHS = (2, 3, 4, 8)
CLASSES = ("all dead", "affine, a unit live", "one live unit, split", "two live or more, one split")
EPOCHS = 10_000
Counts = dict[int, Counter[tuple[str, str]]]
"""For each width, the number of runs by their class at the start and their outcome."""


def compare(networks: int) -> Comparison:
    """Train networks / 5 runs of each width, and count them by their start and their outcome."""
    runs = max(networks // 5, 1)
    classes = {width: start_classes(width, runs) for width in WIDTHS}
    verdicts = {width: judged(width, runs) for width in WIDTHS}
    ends = {width: [verdict.outcome for verdict in verdicts[width]] for width in WIDTHS}
    counts = {width: Counter(zip(classes[width], ends[width], strict=True)) for width in WIDTHS}
    certified = {
        width: sum(verdict.outcome == "stuck_ln2" and verdict.evidence.certified for verdict in verdicts[width])
        for width in WIDTHS
    }
    checks = [check for width in WIDTHS for check in _checks(width, counts[width])]
    fields = {
        "outcomes": _table(counts),
        "levels": _levels(),
        "outcomes_rates": _rates(counts, certified),
        "outcomes_runs": f"{runs:,}",
        "outcomes_affine_converged": _example(classes[3], ends[3], "affine, a unit live", "converged"),
        "outcomes_split_stuck": _example(classes[3], ends[3], "two live or more, one split", "stuck_ln2"),
    }
    return Comparison(checks, fields, lambda: _draw(counts))


def start_classes(width: int, runs: int) -> list[str]:
    """Return the class at the start of the networks of the first seeds."""
    X, _ = load(DataSpec())
    hidden, output = preactivations(ArchSpec(hidden=(width,)), InitSpec(), X, of_seeds(range(runs)))
    live = (hidden > 0.0).any(axis=0).sum(axis=0)
    flat = np.abs(interaction(output[:, 0])) < AFFINE
    return [CLASSES[place] for place in np.select([live == 0, flat, live == 1], [0, 1, 2], 3)]


def judged(width: int, runs: int) -> list[Verdict]:
    """Train the first seeds at the default settings and return their verdicts."""
    specs = [RunSpec(arch=ArchSpec(hidden=(width,)), seed=seed, epochs=EPOCHS) for seed in range(runs)]
    found = {}
    for chunk in pool.stream(specs, converged_below=0.1, log_every=EPOCHS, workers=1):
        found |= dict(zip(chunk.places, chunk.verdicts, strict=True))
    return [found[place] for place in range(runs)]


def _checks(width: int, counted: Counter[tuple[str, str]]) -> list[Check]:
    """Check that only runs with two live units converge, and that all others rest at a level."""
    converged = Counter(start for start, end in counted.elements() if end == "converged")
    few = sum(converged[start] for start in (CLASSES[0], CLASSES[2]))
    left = sum(count for (start, end), count in counted.items() if start == CLASSES[0] and end != "stuck_ln2")
    ends = {"converged", *(f"stuck_{name}" for name in spectrum(RunSpec()))}
    elsewhere = sum(count for (_, end), count in counted.items() if end not in ends)
    bound = theory.start(InitSpec(), width).two_live
    return [
        Check(f"converged, width {width}", (0.0, bound), interval(converged.total(), counted.total())),
        Check(f"converged from one split unit or none, width {width}", (0.0, 0.0), (few, few)),
        Check(f"all dead that left ln 2, width {width}", (0.0, 0.0), (left, left)),
        Check(f"neither converged nor at a level, width {width}", (0.0, 0.0), (elsewhere, elsewhere)),
    ]


def _example(classes: list[str], ends: list[str], start: str, end: str) -> str:
    """Return the command of the first run with this start and this end."""
    both = list(zip(classes, ends, strict=True))
    return f"`python train.py seed={both.index((start, end))}`" if (start, end) in both else "none of these runs"


def _table(counts: Counts) -> str:
    names = ordered({end for counted in counts.values() for _, end in counted})
    rows = [
        [str(width), start, *(f"{counts[width][start, name]:,}" for name in names)]
        for width in WIDTHS
        for start in CLASSES
    ]
    return table(["hidden", "at the start", *(phrase(name) for name in names)], rows)


def _levels() -> str:
    """Return a table of the levels of some data sets and losses."""
    data = {"XOR": DataSpec(), "AND": DataSpec(name="and"), "parity of 3": DataSpec(name="parity")}
    rows = []
    for name, own in data.items():
        for loss in ("bce", "mse"):
            found = spectrum(RunSpec(data=own, loss=loss)).values()
            rows.append([name, loss, ", ".join(f"{level:.4f}" for level in found)])
    return table(["data", "loss", "levels above 0"], rows)


def _rates(counts: Counts, certified: dict[int, int]) -> str:
    """Return a table of the closed forms beside the outcomes; they would agree if the start decided the end."""
    rows = []
    for width, counted in counts.items():
        runs, predicted = counted.total(), theory.start(InitSpec(), width)
        flat = {end: sum(counted[start, end] for start in CLASSES[:2]) for end in ("stuck_ln2", "converged")}
        started = sum(count for (start, _), count in counted.items() if start in CLASSES[:2])
        stuck = sum(count for (_, end), count in counted.items() if end == "stuck_ln2")
        converged = sum(count for (_, end), count in counted.items() if end == "converged")
        row = [f"{predicted.affine:.4f}", _share(stuck, runs), _share(flat["stuck_ln2"], started)]
        row += [_share(flat["converged"], started), _share(stuck - flat["stuck_ln2"], stuck)]
        row += [_share(certified[width], stuck)]
        rows.append([str(width), *row, f"{predicted.two_live:.4f}", _share(converged, runs)])
    affine = ["P(affine at the start)", "end at ln 2", "affine starts: end at ln 2", "affine starts: converge"]
    stays = ["at ln 2: not affine at the start", "at ln 2: certified"]
    return table(["hidden", *affine, *stays, "P(two live)", "converge"], rows)


def _share(count: int, n: int) -> str:
    return f"{count / n:.1%} ({count:,} of {n:,})" if n else "none"


@matplotlib.rc_context(STYLE)
def _draw(counts: Counts) -> Figure:
    """Draw a bar for each class and width: the share of runs, stacked by outcome."""
    figure = Figure(figsize=(2 * COLUMN, 3.3), layout="constrained")
    names = ordered({end for counted in counts.values() for _, end in counted})
    labels = ("all\ndead", "affine", "one\nlive", "rest")
    for ax, (width, counted) in zip(figure.subplots(1, len(WIDTHS), sharey=True), counts.items(), strict=True):
        base = np.zeros(len(CLASSES))
        for name in names:
            height = np.array([counted[start, name] for start in CLASSES]) / counted.total()
            ax.bar(range(len(CLASSES)), height, bottom=base, color=colour(name), width=0.8, label=phrase(name))
            base += height
        ax.set(title=f"2-{width}-1", xticks=range(len(CLASSES)))
        ax.set_xticklabels(labels)
    figure.axes[0].set_ylabel("share of the runs, by how they start")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
