"""Measures of how well a network has learned, at which a run can stop.

To add one, add a `Measure` to `MEASURES` and its target to `RunSpec`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A measure over the samples.

    Attributes
    ----------
    of : of(error, lead, span, mean) measures outputs, (R,), by p - y of each output of each sample (N K, R), see
        `outputs.position`, and `outputs.margin` of each sample (N, R); `span` is the distance between the targets,
        mean(values) the mean over the first axis
    reached : reached(measured, target), elementwise
    """

    of: Callable[[Array, Array, float, Callable[[Array], Array]], Array]
    reached: Callable[[Array, Array], NDArray[np.bool_]]


MEASURES: dict[str, Measure] = {
    "target_rmse": Measure(
        of=lambda error, lead, span, mean: span * np.sqrt(mean(np.square(error))),
        reached=np.less_equal,
    ),
    "target_max_error": Measure(
        of=lambda error, lead, span, mean: span * np.abs(error).max(axis=0), reached=np.less_equal
    ),
    "target_accuracy": Measure(
        of=lambda error, lead, span, mean: mean((lead > 0.0).astype(float)),
        reached=np.greater_equal,
    ),
}
"""By the setting that holds the target."""
