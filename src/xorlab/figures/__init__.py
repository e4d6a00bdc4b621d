"""Frames and arrays into pictures: one language of colours, levels, counts and log epochs.

Functions that take axes draw one frame on them and return them; functions that return a Figure lay out a whole
picture of a given width: a page, `PAGE`, or a column of it, `COLUMN`. Not here: computing what is drawn
(`statistics`, `diagnosis`). Nothing touches pyplot's state.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xorlab.figures import lean

if TYPE_CHECKING:
    from xorlab.figures.axes import COLUMN, PAGE
    from xorlab.figures.curves import MAX_SINGLE_CURVES, loss_curves, sweep_curves
    from xorlab.figures.ends import final_losses
    from xorlab.figures.files import pdf, png, svg
    from xorlab.figures.maps import convergence_map, convergence_maps
    from xorlab.figures.palette import OUTCOME_COLOURS, colour
    from xorlab.figures.rates import rates_along
    from xorlab.figures.run import class_regions, decision_surface, run_loss
    from xorlab.figures.shares import causes, fates
    from xorlab.figures.survival import survival_curves

__all__ = [
    "COLUMN",
    "MAX_SINGLE_CURVES",
    "OUTCOME_COLOURS",
    "PAGE",
    "causes",
    "class_regions",
    "colour",
    "convergence_map",
    "convergence_maps",
    "decision_surface",
    "fates",
    "final_losses",
    "loss_curves",
    "pdf",
    "png",
    "rates_along",
    "run_loss",
    "survival_curves",
    "svg",
    "sweep_curves",
]

_MODULES = ("axes", "files", "palette", "run", "curves", "ends", "maps", "rates", "shares", "survival")
"""Where the names of `__all__` are; those that need Matplotlib alone come first."""


def __getattr__(name: str) -> Any:
    """Import a name of `__all__` when it is first used: the pictures of one run then need no pandas and no SciPy."""
    if name in __all__:
        lean.load()
        for module in _MODULES:
            found = vars(import_module(f"{__name__}.{module}"))
            if name in found:
                return found[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
