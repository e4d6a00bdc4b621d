"""What is known of the settings of runs before any run is counted: factors, levels, theory's bounds."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xorlab.diagnosis import theory
from xorlab.diagnosis.levels import of
from xorlab.errors import XorlabError
from xorlab.spec import DataSpec, InitSpec
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.datasets import XNOR, XOR, truth_table
from xorlab.spec.components.functions import BUILT_IN
from xorlab.spec.components.initializers import INITIALIZERS
from xorlab.spec.text import PARAMETERS
from xorlab.statistics.rates import counted
from xorlab.statistics.settings import numbered

REPLICATE = "seed"
"""The parameter that is repeated to count over, not compared."""


def factors(runs: pd.DataFrame, given: Sequence[str] = ()) -> list[str]:
    """Return the parameters that differ between the settings of `runs`, without the seed.

    One that only follows from those before it does not count: with ``init.name`` comes ``init.std``.

    Parameters
    ----------
    given
        Columns that come before all others. Only parameters that add settings to theirs are returned.
    """
    kept = list(given)
    settings = runs.groupby(kept, dropna=False).ngroups if kept else 1
    for key in PARAMETERS:
        if key not in runs or key == REPLICATE or key in kept or runs[key].nunique(dropna=False) < 2:
            continue
        refined = runs.groupby([*kept, key], dropna=False).ngroups
        if refined > settings:
            kept.append(key)
            settings = refined
    return kept[len(given) :]


def levels(runs: pd.DataFrame) -> dict[str, float]:
    """Name the levels at which the loss of `runs` can come to rest, highest first; without those of data that is gone.

    Parameters
    ----------
    runs
        One row a run, with the parameters of its data and its loss.
    """
    keys = [key for key in PARAMETERS if key in runs and (key == "loss" or key.startswith("data."))]
    found: dict[str, float] = {}
    for row in runs[keys].drop_duplicates().dropna(subset="loss").to_dict("records"):
        try:
            found |= of(DataSpec(**_data(row)), row["loss"])
        except XorlabError:  # a file of data that is no longer there
            continue
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _data(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the arguments of the data's specification; what is missing does not belong to this data."""
    given = {str(key).removeprefix("data."): value for key, value in row.items() if str(key).startswith("data.")}
    return {key: value for key, value in given.items() if not pd.isna(value)}


def bounds(runs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Give theory's upper bound on the probability of convergence in each setting.

    At least two live units at the start are needed to learn XOR (`xorlab.diagnosis.theory.start`). The bound is of
    random seeds: the rate over some seeds may lie above it by chance.

    Returns
    -------
    DataFrame
        The columns of `by`, and bound: the mean of the bounds of the setting's runs, NaN where one of them has
        none. It holds for one hidden ReLU layer with a slope of 0 at zero, started by a scheme that is symmetric
        about 0, on XOR or its complement.
    """
    runs = counted(runs)
    data = [key for key in PARAMETERS if key in runs and key.startswith("data.")]
    starts = runs.reindex(columns=list(dict.fromkeys([*_START, *data])))
    kinds = starts.drop_duplicates()
    known = kinds.assign(bound=[_bound(row) for row in kinds.to_dict("records")])
    bound = starts.merge(known, how="left")["bound"].to_numpy()
    values, number = numbered(runs, by)
    means = np.bincount(number, bound) / np.bincount(number)
    rows = [(*setting, mean) for setting, mean in zip(values, means.tolist(), strict=False)]
    return pd.DataFrame(rows, columns=[*by, "bound"])


_START = (
    *("data.name", "data.encoding"),
    *("arch.hidden", "arch.activation", "arch.relu_grad_at_zero"),
    *("init.name", "init.biases"),
)
"""The parameters that the bound rests on, with those of the data."""


def _bound(row: Mapping[Any, Any]) -> float:
    """Return the bound of one combination of parameters; NaN where theory has none, or one is missing."""
    if any(pd.isna(row[key]) for key in _START):
        return math.nan
    hidden = json.loads(row["arch.hidden"])
    activation = row["arch.activation"].strip("[]").split(", ")[0]
    names = {"data": row["data.name"], "activation": activation, "initializer": row["init.name"]}
    if any(name not in BUILT_IN[kind] for kind, name in names.items()) or row["data.name"] == "file":
        return math.nan  # the user's functions and files need not be there any more
    xor = truth_table(DataSpec(**_data(row))) in (XOR, XNOR)
    known = xor and INITIALIZERS[row["init.name"]].law is not None
    relu = ACTIVATIONS[activation].pieces == (0.0, 1.0)
    known = known and row["init.biases"] in ("zero", "drawn") and row.get("arch.bias", True) is not False
    if not known or len(hidden) != 1 or not relu or row["arch.relu_grad_at_zero"] != 0.0:
        return math.nan
    init = InitSpec(name=row["init.name"], biases=row["init.biases"])
    return theory.start(init, hidden[0], encoding=row["data.encoding"]).two_live
