"""Maps of the boundary from afar and from near."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from dimension.labels import ACTIVATIONS, BASE, CORNER, SPAN, VARIANTS, label
from dimension.zooms import FACTOR, STEPS, roughest
from xorlab.figures.palette import OUTCOME_COLOURS, STYLE

SEED = 1
SIDE = 128
"""Networks across and upwards in each map."""
SHOWN = (1, 3, 5, 7)
"""The levels of the zoom whose scale the maps have, after one of the whole square."""
COLOURS = [OUTCOME_COLOURS[name] for name in ("stuck_0.477", "converged")]


def picture() -> Figure:
    """Train the networks of the maps and draw them: a row for each activation, the nearer maps round one point."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 3.3), layout="constrained")
        grid = figure.subplots(len(ACTIVATIONS), 1 + len(SHOWN), squeeze=False)
        for row, activation in zip(grid, reversed(ACTIVATIONS), strict=True):
            solved = label(VARIANTS[BASE], activation, SEED)
            middle = roughest(solved, SEED, level=max(SHOWN))[0][STEPS // 2]
            spans = [SPAN, *(SPAN / 3.0 / FACTOR**level for level in SHOWN)]
            for ax, span in zip(row, spans, strict=True):
                around = CORNER + SPAN / 2.0 if span == SPAN else middle
                offsets = span * (np.arange(SIDE) / (SIDE - 1) - 0.5)
                plane = around + np.stack(np.meshgrid(offsets, offsets), axis=-1)
                labels = solved(plane.reshape(-1, 2)).reshape(SIDE, SIDE)
                ax.imshow(labels, origin="lower", cmap=matplotlib.colors.ListedColormap(COLOURS), vmin=0, vmax=1)
                ax.set(xticks=[], yticks=[])
                ax.set_xlabel(f"{span:.2g} decades", fontsize=8)
            row[0].set_ylabel({"relu": "ReLU", "tanh": "tanh"}[activation])
    return figure
