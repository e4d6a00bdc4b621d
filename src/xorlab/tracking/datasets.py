"""The data set of a run as MLflow describes it: digest, schema, profile and source.

The same text as `mlflow.data.from_numpy` makes, without MLflow and pandas.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xorlab.tracking.records import Data

HASHED = 10_000
"""MLflow's digest covers so many values of an array."""

CONTEXT = {"mlflow.data.context": "training"}
"""The tag of a run's input: what the data set is for."""


def describe(data: Data, source: Mapping[str, str]) -> dict[str, str]:
    """Return name, digest, source_type, source, schema and profile, the fields of `mlflow.entities.Dataset`.

    Parameters
    ----------
    source
        The tags that say which program made the data.
    """
    arrays = {"features": data.X, "targets": data.y}
    schema = {}
    for name, array in arrays.items():
        tensor = {"dtype": array.dtype.name, "shape": [-1, *array.shape[1:]]}
        schema[name] = json.dumps([{"type": "tensor", "tensor-spec": tensor}])
    profile = {
        f"{name}_{key}": getattr(array, key) for name, array in arrays.items() for key in ("shape", "size", "nbytes")
    }
    return {
        "name": data.name,
        "digest": _digest(data.X, data.y),
        "source_type": "code",
        "source": json.dumps({"tags": dict(source)}),
        "schema": json.dumps({"mlflow_tensorspec": schema}),
        "profile": json.dumps(profile),
    }


def _digest(*arrays: NDArray[np.generic]) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    for array in arrays:
        md5.update(_hashes(array.flatten()[:HASHED]).tobytes())
        md5.update(np.array(array.shape, dtype=np.int64).tobytes())
    return md5.hexdigest()[:8]


def _hashes(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the hashes that `pandas.util.hash_array` gives finite numbers: SplitMix64's finaliser on their bits."""
    values = values + values.dtype.type(0)  # -0.0 hashes as 0.0
    bits = values.view(f"u{values.dtype.itemsize}").astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return bits ^ (bits >> np.uint64(31))
