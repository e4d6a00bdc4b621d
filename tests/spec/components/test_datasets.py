import numpy as np
import pytest

from xorlab.spec import DataSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.datasets import DATASETS

CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]
NAMES = sorted(DATASETS.keys() - {"file"})


@pytest.mark.parametrize(
    ("name", "targets"),
    [("xor", [0, 1, 1, 0]), ("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("xnor", [1, 0, 0, 1])],
)
def test_gates(name, targets):
    X, y = datasets.load(DataSpec(name=name))
    np.testing.assert_array_equal(X, CORNERS)
    np.testing.assert_array_equal(y, targets)
    assert X.dtype == y.dtype == np.float64


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_parity_is_the_xor_of_all_bits(bits):
    X, y = datasets.load(DataSpec(name="parity", bits=bits))
    counting = [[int(digit) for digit in f"{number:0{bits}b}"] for number in range(2**bits)]
    np.testing.assert_array_equal(X, counting)
    np.testing.assert_array_equal(y, np.bitwise_xor.reduce(np.array(counting), axis=1))


def test_parity_of_two_bits_is_xor():
    for ours, theirs in zip(
        *(datasets.load(spec) for spec in (DataSpec(name="parity", bits=2), DataSpec())), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("encoding", ["binary", "bipolar"])
def test_a_truth_table_is_of_the_four_points_only(encoding):
    tables = {name: datasets.truth_table(DataSpec(name=name, encoding=encoding)) for name in NAMES}
    gates = {"and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "xor": (0, 1, 1, 0), "xnor": (1, 0, 0, 1)}
    assert tables == {**gates, "parity": None, "noisy_xor": None}
    assert datasets.truth_table(DataSpec(name="parity", bits=2, encoding=encoding)) == datasets.XOR


@pytest.mark.parametrize("name", NAMES)
def test_bipolar_inputs_are_minus_one_and_one(name):
    X, y = datasets.load(DataSpec(name=name))
    bipolar, same = datasets.load(DataSpec(name=name, encoding="bipolar"))
    np.testing.assert_allclose((bipolar + 1.0) / 2.0, X, atol=1e-15)
    np.testing.assert_array_equal(same, y)


def test_noisy_xor_is_clouds_around_the_corners():
    points = 2_000
    X, y = datasets.load(DataSpec(name="noisy_xor", points=points, std=0.2))
    assert X.shape == (4 * points, 2)
    for corner, target, rows in zip(CORNERS, [0, 1, 1, 0], range(0, 4 * points, points), strict=True):
        cloud = X[rows : rows + points]
        np.testing.assert_allclose(cloud.mean(axis=0), corner, atol=4 * 0.2 / points**0.5)
        np.testing.assert_allclose(cloud.std(axis=0), 0.2, rtol=4 / (2 * points) ** 0.5)
        assert set(y[rows : rows + points]) == {target}


def test_noisy_xor_is_frozen_by_its_seed():
    X, _ = datasets.load(DataSpec(name="noisy_xor"))
    np.testing.assert_allclose(X[0], [0.1764052345967664, 0.0400157208367223], atol=1e-15)
    other, _ = datasets.load(DataSpec(name="noisy_xor", seed=1))
    assert not np.any(other == X)


def test_loading_leaves_the_global_stream_alone():
    before = np.random.get_state()[1].copy()
    datasets.load(DataSpec(name="noisy_xor", seed=77))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_data_are_shared_and_read_only():
    X, y = datasets.load(DataSpec())
    assert datasets.load(DataSpec())[0] is X
    for array in (X, y):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
