import math

import numpy as np
import pytest

from networks import network, seen
from xorlab.diagnosis import units
from xorlab.diagnosis.planes import planes
from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics import snapshots
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, RunSpec
from xorlab.spec.components.activations import ACTIVATIONS

KINKED = [name for name, entry in ACTIVATIONS.items() if entry.pieces is not None]
LEAKY = RunSpec(arch=ArchSpec(activation="leaky_relu"), seed=1, epochs=300)
"""A run that ends with a unit below its kink at every point."""


def test_no_leaky_unit_is_dead():
    """It has a gradient there, and the planes say the same as the evidence."""
    trained = train([LEAKY])
    found = seen(trained)
    assert found.units == (("split", "split", "off"),)
    W, b = trained.final["W1"][0], trained.final["b1"][0]
    assert (np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) @ W[:, 2] + b[2] < 0.0).all()
    longer = train([LEAKY, RunSpec(arch=LEAKY.arch, seed=1, epochs=301)])
    assert (longer.final["W1"][1, :, 2] != longer.final["W1"][0, :, 2]).all()
    (plane,) = planes(snapshots.histories([LEAKY], [300])[0])
    assert (plane.states,) == found.units


def test_the_states_of_units():
    """Off at (0, 0) only is split; 0 is off; on at all four is on."""
    assert seen(network([[-1, 1, 1, 0], [-1, 1, 1, 0]], [0.0, -0.5, 0.5, 0.0], [1, 1, 1, 1], 0.0)).units == (
        ("dead", "split", "on", "dead"),
    )
    assert seen(network([[-1, 1], [-1, 1]], [-0.1, 0.5], [1, 1], 0.0)).units == (("dead", "on"),)


@pytest.mark.parametrize(
    ("arch", "expected"),
    [
        (ArchSpec(), ("dead", "on", "split", "dead")),
        (ArchSpec(relu_grad_at_zero=1.0), ("dead", "on", "split", "off")),
        (ArchSpec(activation="leaky_relu"), ("off", "on", "split", "off")),
        (ArchSpec(activation="tanh"), ()),
        (ArchSpec(activation="elu"), ()),
        (ArchSpec(activation="identity"), ()),
    ],
)
def test_states_follow_the_signs_and_the_slope(arch, expected):
    z = np.array([[-1.0, 1.0, -1.0, 0.0], [-2.0, 0.1, 3.0, -1.0]])
    assert tuple(units.states(arch, z)) == expected
    assert set(expected) <= set(units.possible(arch))


@pytest.mark.parametrize("activation", KINKED)
@pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0])
def test_a_unit_is_dead_exactly_where_its_gradient_is_zero(activation, at_zero):
    """By the training loop itself: one step moves the weights of every unit that is not dead, and of no other."""
    rng = np.random.RandomState(0)
    R, arch = 200, ArchSpec(hidden=(2,), activation=activation, relu_grad_at_zero=at_zero)
    start = {"W1": rng.randn(R, 2, 2), "b1": rng.choice([0.0, -1.0, 1.0], (R, 2))}
    start |= {"W2": rng.randn(R, 2, 1), "b2": rng.randn(R, 1)}
    after = train([RunSpec(arch=arch, epochs=1, lr=0.5)] * R, initial=start).final
    moved = (
        (after["W1"] != start["W1"]).any(axis=1) | (after["b1"] != start["b1"]) | (after["W2"] != start["W2"])[..., 0]
    )
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    z = np.stack([X @ W + b for W, b in zip(start["W1"], start["b1"], strict=True)], axis=-1)
    states = units.states(arch, z).T
    assert set(states.ravel()) == set(units.possible(arch))
    np.testing.assert_array_equal(states != "dead", moved)


def test_what_can_be_is_listed_in_order():
    assert units.possible(ArchSpec()) == ("dead", "on", "split")
    assert units.possible(ArchSpec(activation="leaky_relu")) == ("off", "on", "split")
    assert units.possible(ArchSpec(relu_grad_at_zero=0.5)) == ("dead", "off", "on", "split")
    assert units.possible(ArchSpec(activation="gelu")) == ()


def test_a_smooth_activation_has_neither_states_nor_kink():
    found = seen(network([[0], [0]], [0.0], [1], 0.0, arch={"activation": "tanh"}))
    assert (found.units, found.kink) == ((), False)


def test_a_layer_of_relu_on_its_kink_is_not_dead_where_the_slope_there_is_not_0():
    trained = network([[-1.0], [-1.0]], [0.0], [1.0], 0.5, arch={"relu_grad_at_zero": 1.0})
    (verdict,) = diagnose(trained)
    assert verdict.evidence.units == (("off",),)
    assert verdict.cause != "all_dead"
    assert math.isfinite(verdict.final_loss)
