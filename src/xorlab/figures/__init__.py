"""Frames and arrays into pictures: one language of colours, levels, counts and log epochs.

Functions that take axes draw one frame on them and return them; functions that return a Figure lay out a whole
picture. Nothing here touches pyplot's state.
"""

from xorlab.figures.axes import png, svg
from xorlab.figures.curves import MANY, loss_curves, sweep_curves
from xorlab.figures.palette import OUTCOME_COLOURS, colour
from xorlab.figures.run import decision_surface, run_loss
from xorlab.figures.settings import convergence_map, convergence_maps, epochs_to_convergence, final_losses

__all__ = [
    "MANY",
    "OUTCOME_COLOURS",
    "colour",
    "convergence_map",
    "convergence_maps",
    "decision_surface",
    "epochs_to_convergence",
    "final_losses",
    "loss_curves",
    "png",
    "run_loss",
    "svg",
    "sweep_curves",
]
