"""docs/runs.md lists every column of a table of runs, and its type."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xorlab import runs
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.options import Options
from xorlab.spec.text import PARAMETERS
from xorlab.sweeps.jobs import Job
from xorlab.sweeps.runner import run_many

PAGE = Path(__file__).parents[2] / "docs" / "runs.md"
TYPES = {
    "text": pd.api.types.is_string_dtype,
    "whole number": pd.api.types.is_integer_dtype,
    "number": pd.api.types.is_float_dtype,
    "true or false": pd.api.types.is_bool_dtype,
    "time": lambda column: str(column.dtype).endswith("UTC]"),
}


def documented() -> dict[str, str]:
    """Each column that the page names, with the first words of its type."""
    rows = re.findall(r"^\| (`.*?) \| (.*?)(?:,.*?)? \|", PAGE.read_text(), re.MULTILINE)
    return {name: kind for names, kind in rows for name in re.findall(r"`(.+?)`", names)}


@pytest.fixture
def table(store_uri, tmp_path) -> pd.DataFrame:
    """Runs that have among them as many kinds of values as can be."""
    np.savez(tmp_path / "odd.npz", W1=np.zeros((9, 9)))
    (tmp_path / "two.csv").write_text("a,y,z\n0,1,0\n1,0,1\n")
    specs = [
        RunSpec(epochs=2000, target_loss=0.05),
        RunSpec(epochs=2000, seed=1, lr=1.0, batch_size=1, shuffle=True, init=InitSpec(name="uniform")),
        RunSpec(epochs=50, lr=1e300, loss="mse", optimizer=OptimizerSpec(name="momentum")),
        RunSpec(epochs=50, data=DataSpec(name="parity"), optimizer=OptimizerSpec(name="adam")),
        RunSpec(epochs=50, data=DataSpec(name="noisy_xor"), optimizer=OptimizerSpec(name="rmsprop")),
        RunSpec(epochs=50, init=InitSpec(name="uniform_between", biases="constant", bias=0.1), target_rmse=0.01),
        RunSpec(epochs=50, target_max_error=0.01, target_accuracy=1.0),
        RunSpec(epochs=50, init=InitSpec(name="constant"), arch=ArchSpec(activation="tanh")),
        RunSpec(epochs=50, init=InitSpec(name="he_normal"), arch=ArchSpec(activation="leaky_relu")),
        RunSpec(epochs=50, init=InitSpec(name="file", path=str(tmp_path / "odd.npz"))),
        RunSpec(epochs=50, data=DataSpec(classes=True)),
        RunSpec(epochs=50, data=DataSpec(name="file", path=str(tmp_path / "two.csv"), outputs=2)),
    ]
    jobs = [Job(spec.nested(), spec, {"seed": str(place)}) for place, spec in enumerate(specs)]
    run_many(jobs, Options(uri=store_uri, workers=1), command="…", folder=tmp_path)
    return runs.load(store_uri)


def test_the_page_names_every_column_and_no_other(table):
    assert set(documented()) >= set(table) | set(PARAMETERS)
    assert set(documented()) - set(table) <= {"commit", "git.dirty", "source", "data.target"}


def test_the_page_tells_the_type_of_every_column(table, tmp_path):
    table.to_parquet(tmp_path / "runs.parquet", index=False)
    read = pd.read_parquet(tmp_path / "runs.parquet")
    wrong = {name: str(read[name].dtype) for name in read if not TYPES[documented()[name]](read[name].dropna())}
    assert wrong == {}
