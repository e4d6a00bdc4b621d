"""Which networks of a plane learn XOR: the function whose boundary is measured, and variants that could change it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.numerics import training
from xorlab.spec import ArchSpec, InitSpec, RunSpec

Array = NDArray[np.float64]
Labels = NDArray[np.bool_]
Label = Callable[[Array], Labels]
"""Tells of points (K, 2) of a plane which side of a boundary each is on, (K,)."""

ACTIVATIONS = ("relu", "tanh")
SEEDS = range(1, 21)
CORNER, SPAN = np.array([-1.7, -2.0]), 3.0
"""The square of the map of fates: log10 of lr from -1.7 to 1.3, log10 of init.std from -2 to 1."""


@dataclass(frozen=True)
class Variant:
    """What makes a network count as solved, and how it is computed.

    Attributes
    ----------
    epochs : how long it may train
    threshold : the mean loss that solves it
    ends : whether it trains to its last epoch and must then be at the threshold; otherwise it stops when it gets there
    numerics : `native`, or `portable`, which rounds differently
    single : whether lr and init.std are rounded to float32 first
    windows : pieces of lines at each level of a zoom but the first
    levels : how many levels a zoom has
    """

    epochs: int = 1000
    threshold: float = 0.05
    ends: bool = False
    numerics: str = "native"
    single: bool = False
    windows: int = 24
    levels: int = 11


BASE = "base"
VARIANTS = {
    BASE: Variant(),
    "portable": Variant(numerics="portable"),
    "epochs": Variant(epochs=2000),
    "higher": Variant(threshold=0.2),
    "lower": Variant(threshold=0.02),
    "ends": Variant(ends=True),
    "float32": Variant(single=True, levels=5),
}


def label(variant: Variant, activation: str, seed: int) -> Label:
    """Return the function from log10 of lr and init.std to whether 2-3-1 from that seed is solved."""

    def solved(points: Array) -> Labels:
        specs = _specs(variant, activation, seed, points)
        size = training.chunk(specs[0])
        parts = (specs[start : start + size] for start in range(0, len(specs), size))
        return np.concatenate([_solved(part, variant) for part in parts])

    return solved


def _specs(variant: Variant, activation: str, seed: int, points: Array) -> list[RunSpec]:
    numbers = 10.0**points
    if variant.single:
        numbers = numbers.astype(np.float32).astype(np.float64)
    return [
        RunSpec(
            arch=ArchSpec(activation=activation),
            init=InitSpec(std=std),
            lr=lr,
            seed=seed,
            epochs=variant.epochs,
            target_loss=None if variant.ends else variant.threshold,
            numerics=variant.numerics,
        )
        for lr, std in numbers.tolist()
    ]


def _solved(specs: list[RunSpec], variant: Variant) -> Labels:
    trained = training.train(specs)
    if variant.ends:
        return np.nan_to_num(trained.final_loss, nan=np.inf) <= variant.threshold
    return np.array(trained.stopped) == "target_loss"
