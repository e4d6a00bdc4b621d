import math

import numpy as np
import pytest

from networks import network, seen
from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, DataSpec, RunSpec


@pytest.mark.parametrize(("offset", "kink"), [(0.0, True), (1e-10, True), (-1e-10, True), (1e-8, False)])
def test_a_pre_activation_near_0_lies_on_the_kink(offset, kink):
    assert seen(network([[1], [1]], [offset], [1], 0.0)).kink is kink


def test_the_interaction_and_its_bound():
    """The hand-made solution: logits 0 1 1 0, I = -2, loss 0.5032 above ln(1 + exp(-1/2)) = 0.4741."""
    trained = network([[1, 1], [1, 1]], [0.0, -1.0], [1, -2], 0.0)
    np.testing.assert_array_equal(trained.logits, [[0.0, 1.0, 1.0, 0.0]])
    found = seen(trained)
    assert found.interaction == -2.0
    assert found.bound == pytest.approx(math.log1p(math.exp(-0.5)))
    assert found.bound <= trained.final_loss[0] == pytest.approx(0.5032, abs=1e-4)


def test_the_bound_holds_for_any_logits():
    trained = train([RunSpec(seed=seed, epochs=200) for seed in range(50)])
    for loss, verdict in zip(trained.final_loss, diagnose(trained), strict=True):
        assert loss >= verdict.evidence.bound - 1e-15


@pytest.mark.parametrize("parts", [{"data": DataSpec(name="and")}, {"data": DataSpec(name="xnor")}])
def test_there_is_no_interaction_off_xor(parts):
    found = seen(network([[1], [1]], [0.5], [1], 0.0, **parts))
    assert math.isnan(found.interaction)
    assert math.isnan(found.bound)


def test_the_bound_is_for_cross_entropy():
    found = seen(network([[1], [1]], [0.5], [1], 0.0, loss="mse"))
    assert math.isfinite(found.interaction)
    assert math.isnan(found.bound)


def test_a_gradient_and_a_hessian_by_hand():
    """All dead: only b2 moves; p = sigmoid(2), gradient p - 1/2, curvature p (1 - p)."""
    p = 1.0 / (1.0 + math.exp(-2.0))
    found = seen(network([[-1], [-1]], [-1.0], [1], 2.0, lr=3.0))
    assert found.gradient_norm == pytest.approx(p - 0.5)
    assert found.hessian_max == pytest.approx(p * (1.0 - p))
    assert found.hessian_min == 0.0
    assert found.lr_lambda_max == pytest.approx(3.0 * p * (1.0 - p))


def test_large_networks_have_no_eigenvalues():
    found = seen(train([RunSpec(arch=ArchSpec(hidden=(30, 30)), epochs=2)]))
    assert math.isnan(found.hessian_max)
    assert math.isnan(found.lr_lambda_max)
    assert math.isfinite(found.gradient_norm)
