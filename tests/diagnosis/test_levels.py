"""The losses at which a network can rest, and how near to one counts as at it."""

import math

import numpy as np
import pytest

from partitions import best, partitions
from xorlab.diagnosis.levels import levels, name, spectrum
from xorlab.diagnosis.verdict import effective_time, tolerance
from xorlab.spec import DataSpec, OptimizerSpec, RunSpec
from xorlab.spec.components.losses import LOSSES, objective

LN2 = math.log(2.0)


@pytest.mark.parametrize("loss", ["bce", "mse", "mae", "hinge"])
@pytest.mark.parametrize(
    ("points", "ones"), [*((points, ones) for points in (1, 2, 3, 4, 6) for ones in range(points + 1)), (8, 4), (8, 1)]
)
def test_levels_are_those_of_all_set_partitions(points, ones, loss):
    labels = [1] * ones + [0] * (points - ones)
    sums = [sum(best(group, loss) for group in partition) / points for partition in partitions(labels)]
    expected = sorted({round(total, 9) for total in sums if total > 1e-9}, reverse=True)
    found = levels(ones, points - ones, loss, 2.0 if loss == "hinge" else 1.0)
    np.testing.assert_allclose(found, expected, atol=2e-9)
    assert len(found) == len(expected)


def test_the_levels_of_xor():
    expected = (LN2, 0.75 * math.log(3) - 0.5 * LN2, LN2 / 2)
    np.testing.assert_allclose(levels(2, 2, "bce"), expected, rtol=1e-15)
    np.testing.assert_allclose(levels(2, 2, "mse"), (1 / 4, 1 / 6, 1 / 8), rtol=1e-15)


def test_no_constant_does_better_than_the_floor():
    """By a fine search over the outputs that a network can give, targets -1 and 1."""
    o, y = np.linspace(-1.0, 1.0, 4001), np.array([1.0, 1.0, 0.0, 1.0, 0.0])
    for loss, way in (("mse", "linear"), ("mae", "tanh"), ("hinge", "linear")):
        z = np.arctanh(o[1:-1]) if way == "tanh" else o
        means = objective(loss, way, "bipolar").value(z, y[:, None]).mean(axis=0)
        assert LOSSES[loss].floor(3 / 5, 2.0) == pytest.approx(means.min(), abs=1e-3)


def test_with_many_points_only_the_highest_level_is_told():
    assert levels(20, 20, "bce") == pytest.approx((LN2,))
    assert levels(30, 10, "mse") == pytest.approx((3 / 16,))
    assert levels(40, 0, "bce") == ()


@pytest.mark.parametrize(
    ("data", "loss", "names"),
    [
        ("xor", "bce", ["ln2", "0.477", "0.347"]),
        ("xnor", "bce", ["ln2", "0.477", "0.347"]),
        ("xor", "mse", ["0.250", "0.167", "0.125"]),
        ("and", "bce", ["0.562", "0.477", "0.347"]),
        ("noisy_xor", "bce", ["ln2"]),
        ("xor", "mae", ["0.500", "0.250"]),
    ],
)
def test_the_names_of_levels(data, loss, names):
    found = spectrum(RunSpec(data=DataSpec(name=data), loss=loss))
    assert list(found) == names
    assert all(name(level) == key for key, level in found.items())


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_no_two_levels_have_one_name(loss):
    for points in range(1, 9):
        for ones in range(points + 1):
            found = levels(ones, points - ones, loss)
            assert len({name(level) for level in found}) == len(found)


def test_the_effective_time_is_lr_times_the_updates_and_what_momentum_adds():
    assert effective_time(RunSpec(lr=0.01), 10_000) == pytest.approx(100.0)
    assert effective_time(RunSpec(lr=0.01, batch_size=1), 2_500) == pytest.approx(100.0)
    assert effective_time(RunSpec(lr=0.01, batch_size=3), 5_000) == pytest.approx(100.0)
    assert effective_time(RunSpec(lr=0.001, optimizer=OptimizerSpec(name="momentum")), 10_000) == pytest.approx(100.0)


def test_the_tolerance_shrinks_with_the_effective_time_between_its_bounds():
    """Gaps close as C / (lr T), C up to 0.3; a run of that gap is near, for any lr T that leaves room."""
    times = np.array([50.0, 100.0, 500.0])
    assert (tolerance(times) >= 0.3 / times).all()
    np.testing.assert_allclose(tolerance(np.array([1e-3, 100.0, 3e5])), [2e-2, 9e-3, 1e-3])
