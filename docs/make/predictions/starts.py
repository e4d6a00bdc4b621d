"""How often a network is dead or affine before any training."""

from collections.abc import Iterable

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.random import RandomState

from markdown_table import table
from predictions.comparison import Check, Comparison, interval
from predictions.networks import interaction, of_one, preactivations
from xorlab.diagnosis import theory
from xorlab.figures.axes import COLUMN
from xorlab.figures.palette import STYLE
from xorlab.spec import ArchSpec, DataSpec, InitSpec
from xorlab.spec.components.datasets import load

SETTINGS: dict[str, tuple[InitSpec, str]] = {
    "zero biases": (InitSpec(), "binary"),
    "normal biases": (InitSpec(biases="drawn"), "binary"),
    "PyTorch's default": (InitSpec(name="torch_default"), "binary"),
    "normal biases, points -1 and 1": (InitSpec(biases="drawn"), "bipolar"),
    "PyTorch's default, points -1 and 1": (InitSpec(name="torch_default"), "bipolar"),
}
"""The initialisations with closed forms, and the encoding of the data."""

WIDTHS = (2, 3, 4, 8)
KINDS = {"all_dead": "all dead", "affine": "affine", "two_live": "two live or more"}
LOWEST = 1e-5
"""The lowest probability in the picture."""
AFFINE = 1e-9
"""An interaction smaller than this is a rounding error."""


def compare(networks: int) -> Comparison:
    """Compare the closed forms with `networks` networks for each setting and width."""
    checks = []
    for place, (init, encoding) in enumerate(SETTINGS.values()):
        for width in WIDTHS:
            streams = of_one(len(checks), networks)
            simulated, predicted = counts(init, encoding, width, streams), theory.start(init, width, encoding=encoding)
            for kind in KINDS:
                p = getattr(predicted, kind)
                checks.append(Check(f"{kind} {place} {width}", (p, p), interval(simulated[kind], networks)))
    return Comparison(checks, {"starts": _table(checks), "starts_networks": f"{networks:,}"}, lambda: _draw(checks))


def counts(init: InitSpec, encoding: str, width: int, streams: Iterable[RandomState]) -> dict[str, int]:
    """Count the networks of each kind: dead units from their pre-activations, affine networks from their logits."""
    X, _ = load(DataSpec(encoding=encoding))
    hidden, output = preactivations(ArchSpec(hidden=(width,)), init, X, streams)
    live = (hidden > 0.0).any(axis=0).sum(axis=0)
    flat = np.abs(interaction(output[:, 0])) < AFFINE
    return {"all_dead": int((live == 0).sum()), "affine": int(flat.sum()), "two_live": int((live > 1).sum())}


def _table(checks: list[Check]) -> str:
    """Return a table with a row for each setting and width, and theory and simulation of each kind in a cell."""
    found = {tuple(check.quantity.split()): check for check in checks}
    rows = [
        [name, str(width), *(_cell(found[kind, str(place), str(width)]) for kind in KINDS)]
        for place, name in enumerate(SETTINGS)
        for width in WIDTHS
    ]
    return table(["start", "hidden", *KINDS.values()], rows)


def _cell(check: Check) -> str:
    low, high = check.simulated
    return f"{check.theory[0]:.5f} ({low:.5f}-{high:.5f})" + ("" if check.holds else " **no**")


@matplotlib.rc_context(STYLE)
def _draw(checks: list[Check]) -> Figure:
    """Draw predictions as lines and simulated intervals as bars, a panel for each setting with points 0 and 1."""
    figure = Figure(figsize=(2 * COLUMN, 3.2), layout="constrained")
    panels = [name for name, (_, encoding) in SETTINGS.items() if encoding == "binary"]
    for place, (ax, name) in enumerate(zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True)):
        for kind, colour in zip(KINDS, ("#c0302f", "#ea8548", "#08386f"), strict=True):
            own = [check for check in checks if check.quantity.startswith(f"{kind} {place} ")]
            line, *seen = np.array([(check.theory[0], *check.simulated) for check in own]).T
            words = KINDS[kind]
            if kind == "two_live":  # its complement shows on a log scale
                line, seen, words = 1.0 - line, [1.0 - end for end in seen], "fewer than two live"
            ax.plot(WIDTHS, line, color=colour, linewidth=1.0, label=words)
            ax.vlines(WIDTHS, *np.maximum(seen, LOWEST / 10), color=colour, linewidth=4.0, alpha=0.55)
        ax.set(title=name, xlabel="hidden units", xticks=WIDTHS, yscale="log", ylim=(LOWEST, 1.0))
    figure.axes[0].set_ylabel("probability at the start")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
