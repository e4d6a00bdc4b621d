import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.numpy_dataset import from_numpy

from samples import XOR
from xorlab.tracking.datasets import describe
from xorlab.tracking.records import Data

SOURCE = {"mlflow.user": "me", "mlflow.source.name": "train.py"}
KINDS = (np.float64, np.float32, np.int64, np.uint8)


def assert_as_mlflow_says(data: Data) -> None:
    entity = from_numpy(data.X, source=CodeDatasetSource(SOURCE), targets=data.y, name=data.name)._to_mlflow_entity()
    assert describe(data, SOURCE) == dict(entity)


@st.composite
def data_sets(draw) -> Data:
    N, D = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    finite = {"allow_nan": False, "allow_infinity": False}
    X, y = (
        draw(arrays.arrays(kind, shape, elements=arrays.from_dtype(np.dtype(kind), **finite)))
        for kind, shape in ((draw(st.sampled_from(KINDS)), shape) for shape in ((N, D), (N,)))
    )
    return Data(name=draw(st.sampled_from(["xor", "a noisy one"])), X=X, y=y)


@given(data_sets())
def test_a_data_set_is_described_as_by_mlflow(data):
    assert_as_mlflow_says(data)


@pytest.mark.parametrize("N", [9_999, 10_000, 10_001])
def test_a_digest_covers_as_much_as_mlflows(N):
    X = np.random.RandomState(0).randn(N, 1)
    assert_as_mlflow_says(Data(name="long", X=X, y=X[:, 0]))


def test_the_digest_depends_on_the_values():
    other = Data(name="xor", X=XOR.X, y=1 - XOR.y)
    assert describe(other, SOURCE)["digest"] != describe(XOR, SOURCE)["digest"]
