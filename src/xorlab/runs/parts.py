"""What both readers return: runs as they are stored, and their losses, in pandas frames."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xorlab.numerics.thinning import log_spaced

KIND = "xorlab.kind"
"""The tag that tells a sweep from a run."""

INFO = ("run_id", "name", "status", "start", "end")
LONG = ("run_id", "key", "value")
CURVE = ("run_id", "epoch", "loss")

TYPES = {"run_id": "str", "start": "Int64", "end": "Int64", "epoch": "int64", "loss": "float64"}


@dataclass(frozen=True)
class Parts:
    """Runs as MLflow stores them: one frame with a row a run (`INFO`), and long frames (`LONG`) of what they carry."""

    info: pd.DataFrame
    params: pd.DataFrame
    tags: pd.DataFrame
    metrics: pd.DataFrame


def frame(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> pd.DataFrame:
    """Return rows as a frame with these columns in their types, also where there are no rows."""
    made = pd.DataFrame(rows, columns=list(names))
    return made.astype({name: TYPES[name] for name in names if name in TYPES})


def joined(parts: Sequence[Parts]) -> Parts:
    """Return runs that were read in several parts as one."""
    empty = Parts(frame([], INFO), *(frame([], LONG) for _ in range(3)))
    kinds = (field.name for field in fields(Parts))
    return Parts(*(pd.concat([getattr(each, kind) for each in (empty, *parts)], ignore_index=True) for kind in kinds))


def log_spaced_epochs(epochs: "pd.Series[int]", points: int) -> NDArray[np.int64]:
    """Return at most `points` of the epochs of a run, even on a log scale, the first and the last included."""
    sorted_epochs = np.unique(epochs)
    return sorted_epochs[log_spaced(sorted_epochs, points)]


def thin(losses: pd.DataFrame, points: int) -> pd.DataFrame:
    """Keep the losses at `log_spaced_epochs` of the longest run, and each run's last."""
    if losses.empty:
        return losses
    longest = losses["run_id"].iloc[int(losses["epoch"].argmax())]
    epochs = log_spaced_epochs(losses["epoch"][losses["run_id"] == longest], points)
    last = losses["epoch"] == losses.groupby("run_id")["epoch"].transform("max")
    return losses[last | losses["epoch"].isin(epochs)]
