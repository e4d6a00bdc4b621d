"""How often a deep network is born dead, beside the published bounds."""

from collections.abc import Iterable

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.random import RandomState

from markdown_table import table
from predictions.comparison import Check, Comparison, interval
from predictions.networks import Array, of_one, preactivations
from xorlab.diagnosis import theory
from xorlab.figures.axes import COLUMN
from xorlab.figures.palette import STYLE
from xorlab.spec import ArchSpec, DataSpec, InitSpec
from xorlab.spec.components.datasets import load

WIDTHS = (2, 3, 4)
LAYERS = range(2, 11)
INPUTS = {
    "one input": np.array([[-1.0], [1.0]]),
    "XOR": load(DataSpec())[0],
    "XOR, points -1 and 1": load(DataSpec(encoding="bipolar"))[0],
}
"""The data: one input on both sides of 0, for which the bounds are proved, and XOR in both encodings."""

CHECKED = ("one input", "XOR")
"""The data on which both bounds are checked; the lower one does not hold on the points -1 and 1."""

MARKERS = dict(zip(INPUTS, ("o", "^", "x"), strict=True))


def compare(networks: int) -> Comparison:
    """Compare the bounds with `networks` networks for each width and data set."""
    rates = {
        (name, width): dead(width, X, of_one(place, networks))
        for place, ((name, X), width) in enumerate((item, width) for item in INPUTS.items() for width in WIDTHS)
    }
    checks = [
        Check(f"born dead on {name}, width {width}, {layers} layers", theory.born_dead(width, layers), seen)
        for (name, width), counts in rates.items()
        if name in CHECKED
        for layers, seen in zip(LAYERS, (interval(count, networks) for count in counts), strict=True)
    ]
    shares = {key: [count / networks for count in counts] for key, counts in rates.items()}
    fields = {"depth": _table(shares), "depth_networks": f"{networks:,}", "depth_below": _below(shares)}
    return Comparison(checks, fields, lambda: _draw(rates, networks))


def dead(width: int, X: Array, streams: Iterable[RandomState]) -> list[int]:
    """Count the networks of 2, 3, … layers with a hidden layer that is off at every point of X (N, D)."""
    arch = ArchSpec(hidden=(width,) * (LAYERS[-1] - 1))
    hidden = preactivations(arch, InitSpec(), X, streams)[:-1]
    off = np.array([(z <= 0.0).all(axis=(0, 1)) for z in hidden])
    return [int(count) for count in np.logical_or.accumulate(off).sum(axis=1)]


def _table(shares: dict[tuple[str, int], list[float]]) -> str:
    rows = []
    for width in WIDTHS:
        for place, layers in enumerate(LAYERS):
            low, high = theory.born_dead(width, layers)
            seen = [f"{shares[name, width][place]:.4f}" for name in INPUTS]
            rows.append([str(width), str(layers), *seen, f"{low:.4f}-{high:.4f}"])
    return table(["width", "layers", *INPUTS, "bounds"], rows)


def _below(shares: dict[tuple[str, int], list[float]]) -> str:
    """Return an example of a rate on the points -1 and 1 that is below the lower bound."""
    name, layers = "XOR, points -1 and 1", 3
    rate, low = shares[name, 2][layers - 2], theory.born_dead(2, layers)[0]
    return f"{rate:.4f} instead of at least {low:.4f} for width 2 and {layers} layers"


@matplotlib.rc_context(STYLE)
def _draw(rates: dict[tuple[str, int], list[int]], networks: int) -> Figure:
    """Draw the band between the bounds, and the rates with their intervals, a panel for each width."""
    figure = Figure(figsize=(2 * COLUMN, 3.1), layout="constrained")
    for ax, width in zip(figure.subplots(1, len(WIDTHS), sharey=True), WIDTHS, strict=True):
        low, high = np.array([theory.born_dead(width, layers) for layers in LAYERS]).T
        ax.fill_between(LAYERS, low, high, color="#d7dce2", linewidth=0, label="between the bounds")
        for name, colour in zip(INPUTS, ("#111111", "#c0302f", "#8a8a8a"), strict=True):
            seen = np.array([interval(count, networks) for count in rates[name, width]]).T
            ax.vlines(LAYERS, *seen, color=colour, linewidth=1.8)
            rate = np.array(rates[name, width]) / networks
            ax.plot(LAYERS, rate, MARKERS[name], color=colour, markersize=4.5, label=name)
        ax.set(title=f"{width} units a layer", xlabel="layers", xticks=LAYERS[::2], ylim=(-0.03, 1.0))
    figure.axes[0].set_ylabel("born dead")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
