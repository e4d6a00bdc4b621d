"""What a verdict on one run rests on."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis import partitions
from xorlab.diagnosis.case import Case
from xorlab.diagnosis.certificate import certified
from xorlab.diagnosis.plateaus import plateaus
from xorlab.spec.components.datasets import XOR, truth_table

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What a verdict on one run rests on; NaN or None is what was not computed or does not apply.

    Attributes
    ----------
    units : for each hidden layer the state of each unit, see `xorlab.diagnosis.units`; empty without a kink
    kink : whether a pre-activation is on a kink, so that the Hessian is one-sided
    gradient_norm : of the final gradient
    hessian_min, hessian_max : the extreme eigenvalues of the final Hessian
    lr_lambda_max : lr times the largest; gradient descent is unstable above 2
    interaction : I = f00 + f11 - f01 - f10 of the logits on XOR; a loss below ln 2 needs I < 0
    bound : ln(1 + exp(I / 4)), a lower bound of the cross-entropy on XOR (Jensen)
    partition : the points with the same output, as in ``{00,01,10}|{11}``
    certified : whether convergence to ln 2 is certified, see `xorlab.diagnosis.certificate`
    epochs_at, left_at : by the level's name, the epochs near it and the first epoch after the last of them
    """

    units: tuple[tuple[str, ...], ...]
    kink: bool
    gradient_norm: float
    hessian_min: float
    hessian_max: float
    lr_lambda_max: float
    interaction: float
    bound: float
    partition: str | None
    certified: bool
    epochs_at: dict[str, int] = field(default_factory=dict)
    left_at: dict[str, int] = field(default_factory=dict)


def gather(case: Case) -> list[Evidence]:
    """Give each of R runs its evidence."""
    specs = case.trained.specs
    interaction = _interaction(case)
    bound = np.logaddexp(0.0, interaction / 4.0) if specs[0].loss == "bce" else np.full(len(specs), np.nan)
    layers = [layer.T.tolist() for layer in case.states]
    lowest, highest = case.eigenvalues[:, 0], case.eigenvalues[:, -1]
    columns: dict[str, Any] = {
        "kink": case.kink,
        "gradient_norm": case.gradient_norm,
        "hessian_min": lowest,
        "hessian_max": highest,
        "lr_lambda_max": case.lr * highest,
        "interaction": interaction,
        "bound": bound,
        "certified": certified(case),
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        Evidence(
            units=tuple(tuple(layer[run]) for layer in layers),
            partition=partitions.text(specs[run].data, case.partitions[run]),
            epochs_at=epochs_at,
            left_at=left_at,
            **dict(zip(columns, row, strict=True)),
        )
        for run, (row, (epochs_at, left_at)) in enumerate(zip(rows, plateaus(case.trained), strict=True))
    ]


def _interaction(case: Case) -> Array:
    """Return I of the runs on XOR, NaN of the others, (R,)."""
    found = np.full(len(case.trained.specs), np.nan)
    xor = np.array([truth_table(spec.data) == XOR for spec in case.trained.specs])
    if xor.any():
        found[xor] = (case.trained.logits[xor] * np.array([1.0, -1.0, -1.0, 1.0])).sum(axis=1)
    return found
