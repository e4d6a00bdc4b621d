import itertools

import numpy as np
import pytest

from networks import WAYS
from xorlab.numerics import network
from xorlab.numerics.ensemble import kernel
from xorlab.numerics.network import Network
from xorlab.spec import ArchSpec
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.losses import objective

R = 16
INPUTS = 2
DEPTHS = [(), (3,), (3, 2), (4, 3, 2)]
WIDE = (10, 11)
KINKED = ("relu", "leaky_relu", "elu")
"""Activations whose first or second derivative jumps at 0, where finite differences are of no use."""


def parameters(units, runs=R, seed=0):
    """Random weights and biases of `runs` networks: W1 (runs, D, H), b1 (runs, H), W2, …"""
    rng = np.random.RandomState(seed)
    drawn = {}
    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(units), start=1):
        drawn[f"W{layer}"] = rng.randn(runs, fan_in, fan_out)
        drawn[f"b{layer}"] = rng.randn(runs, fan_out)
    return drawn


def data(batch, seed=1):
    """Draw inputs off the grid, and a target of each kind as far as there is room."""
    rng = np.random.RandomState(seed)
    return rng.randn(batch, INPUTS), (np.arange(batch)[:, None] % 2 == 1) * 1.0


def build(arch, loss, theta, X, y, *, targets="binary"):
    gradient = np.full_like(theta, np.nan)
    net = Network(arch, loss, theta, gradient, batch=len(X), inputs=INPUTS, each=X.ndim == 3, targets=targets)
    net.load(X, y)
    return net, gradient


def numerical_gradient(net, theta, h=1e-5):
    """Differences of fourth order in each parameter of all runs at once, (P, R)."""
    found = np.empty_like(theta)
    for p, row in enumerate(theta):
        middle, losses = row.copy(), {}
        for step in (-2, -1, 1, 2):
            row[:] = middle + step * h
            net.forward()
            losses[step] = net.total[0] / len(net.z[0])
        row[:] = middle
        found[p] = (8 * (losses[1] - losses[-1]) - (losses[2] - losses[-2])) / (12 * h)
    return found


@pytest.mark.parametrize("batch", [1, 3, 4])
@pytest.mark.parametrize("hidden", [*DEPTHS, WIDE], ids=str)
@pytest.mark.parametrize(
    ("activation", "way"),
    [
        *((activation, (loss, "sigmoid", "binary")) for activation in ACTIVATIONS for loss in ("bce", "mse")),
        *(("tanh", way) for way in WAYS if way[1] != "sigmoid" or way[0] == "mae"),
    ],
)
def test_gradients_are_the_slopes_of_the_loss(activation, way, hidden, batch):
    loss, output, targets = way
    arch = ArchSpec(hidden=hidden, activation=activation, output=output)
    units = network.sizes(INPUTS, arch)
    theta = network.pack(parameters(units), units)
    with kernel():
        X, y = data(batch)
        net, gradient = build(arch, loss, theta, X, y, targets=targets)
        net.forward()
        net.backward()
        smooth = np.ones(R, dtype=bool)
        if (kink := objective(loss, output, targets).kink) is not None:
            smooth = (np.abs(kink(net.z[-1], y[..., None])) > 1e-3).all(axis=(0, 1))
        if activation in KINKED and hidden:
            nearest = np.min([np.abs(z).min(axis=(0, 1)) for z in net.z[:-1]], axis=0)
            smooth = nearest > 1e-4
        expected = numerical_gradient(net, theta)
    assert smooth.sum() >= R // 2
    assert np.abs(gradient).max() > 1e-3
    np.testing.assert_allclose(gradient[:, smooth], expected[:, smooth], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0])
def test_a_unit_on_its_kink_passes_what_the_setting_says(at_zero):
    """At (0, 0) with zero biases every ReLU stands on its kink; its share of b1's gradient is relu'(0)."""
    arch, units = ArchSpec(hidden=(1,), relu_grad_at_zero=at_zero), (2, 1, 1)
    drawn = parameters(units, runs=8)
    drawn["b1"][:] = drawn["b2"][:] = 0.0
    theta = network.pack(drawn, units)
    net, gradient = build(arch, "bce", theta, np.zeros((1, 2)), np.zeros((1, 1)))
    net.forward()
    net.backward()
    np.testing.assert_allclose(gradient[2], at_zero * 0.5 * drawn["W2"][:, 0, 0], rtol=1e-14, atol=0.0)


@pytest.mark.parametrize("hidden", [*DEPTHS, WIDE], ids=str)
def test_the_logits_are_those_of_plain_matrix_products(hidden):
    arch = ArchSpec(hidden=hidden, activation="tanh")
    units = network.sizes(INPUTS, arch)
    drawn, (X, _) = parameters(units, runs=5), data(7)
    logits = network.evaluate(arch, drawn, X)
    assert logits.shape == (5, 7)
    for run in range(5):
        a = X
        for layer in range(1, len(units)):
            z = a @ drawn[f"W{layer}"][run] + drawn[f"b{layer}"][run]
            a = np.tanh(z)
        np.testing.assert_allclose(logits[run], z[:, 0], rtol=1e-12, atol=1e-14)


def test_evaluating_is_quiet_where_numbers_overflow():
    huge = {"W1": np.full((1, 2, 1), 1e308), "b1": np.zeros((1, 1))}
    logits = network.evaluate(ArchSpec(hidden=()), huge, np.array([[10.0, 10.0], [-1.0, -1.0]]))
    np.testing.assert_array_equal(logits, [[np.inf, -np.inf]])


@pytest.mark.parametrize("hidden", [*DEPTHS, WIDE], ids=str)
def test_packing_and_unpacking_are_inverse(hidden):
    units = (INPUTS, *hidden, 1)
    drawn = parameters(units, runs=3)
    theta = network.pack(drawn, units)
    assert theta.shape == (sum((n + 1) * k for n, k in itertools.pairwise(units)), 3)
    again = network.unpack(theta, units)
    assert again.keys() == drawn.keys()
    for name, array in drawn.items():
        np.testing.assert_array_equal(again[name], array)


def test_theta_must_be_padded():
    theta = np.zeros((3, 5))
    with pytest.raises(ValueError, match=r"R a multiple of 8; got \(3, 5\)"):
        Network(ArchSpec(hidden=()), "bce", theta, theta.copy(), batch=1, inputs=2, each=False)


@pytest.mark.parametrize(("loss", "output", "targets"), WAYS)
@pytest.mark.parametrize("hidden", [*DEPTHS, (16, 16)], ids=str)
def test_data_of_its_own_for_each_run_give_the_same_bits(hidden, loss, output, targets):
    arch = ArchSpec(hidden=hidden, output=output)
    units = network.sizes(INPUTS, arch)
    theta = network.pack(parameters(units), units)
    X, y = data(4)
    shared, gradient = build(arch, loss, theta, X, y, targets=targets)
    repeated = np.repeat(X[..., None], R, axis=2), np.repeat(y[..., None], R, axis=2)
    own, same = build(arch, loss, theta, *repeated, targets=targets)
    for net in (shared, own):
        net.forward()
        net.backward()
    assert own.total.tobytes() == shared.total.tobytes()
    assert same.tobytes() == gradient.tobytes()


def test_each_run_meets_its_own_data():
    arch, units = ArchSpec(hidden=(3,), activation="tanh"), (INPUTS, 3, 1)
    drawn = parameters(units)
    pairs = [data(4, seed=run) for run in range(R)]
    theta = network.pack(drawn, units)
    net, gradient = build(arch, "bce", theta, np.stack([X for X, _ in pairs], -1), np.stack([y for _, y in pairs], -1))
    net.forward()
    net.backward()
    for run, (X, y) in enumerate(pairs):
        alone = np.repeat(theta[:, run : run + 1], 8, axis=1)
        one, own = build(arch, "bce", alone, X, y)
        one.forward()
        one.backward()
        assert own[:, 0].tobytes() == gradient[:, run].copy().tobytes()
        assert one.total[0, 0] == net.total[0, run]


def test_a_batch_can_be_loaded_anew():
    arch, units = ArchSpec(hidden=(3,)), (INPUTS, 3, 1)
    theta = network.pack(parameters(units), units)
    net, gradient = build(arch, "mse", theta, *data(4, seed=5))
    net.forward()
    net.backward()
    net.load(*data(4, seed=6))
    net.forward()
    net.backward()
    fresh, expected = build(arch, "mse", theta, *data(4, seed=6))
    fresh.forward()
    fresh.backward()
    np.testing.assert_array_equal(gradient, expected)


def test_the_hand_made_solution():
    """Goodfellow, Bengio, Courville, section 6.1, read as a logit: its cross-entropy is 0.5032."""
    solution = {"W1": np.ones((1, 2, 2)), "b1": [[0.0, -1.0]], "W2": [[[1.0], [-2.0]]], "b2": np.zeros((1, 1))}
    solution = {name: np.asarray(array) for name, array in solution.items()}
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    logits = network.evaluate(ArchSpec(hidden=(2,)), solution, X)
    np.testing.assert_array_equal(logits, [[0.0, 1.0, 1.0, 0.0]])


def test_unpacked_parameters_are_arrays_of_their_own():
    theta = np.arange(39.0).reshape(13, 3)
    assert not any(np.shares_memory(array, theta) for array in network.unpack(theta, (2, 3, 1)).values())


@pytest.mark.parametrize(
    "arch",
    [
        ArchSpec(hidden=(3, 2), activation=("tanh", "softplus")),
        ArchSpec(hidden=(3,), activation="tanh", bias=False),
        ArchSpec(hidden=WIDE, activation="tanh", bias=False),
    ],
)
def test_gradients_with_an_activation_for_each_layer_and_without_biases(arch):
    units = network.sizes(INPUTS, arch)
    theta = network.pack(parameters(units), units)
    net, gradient = build(arch, "bce", theta, *data(4))
    net.forward()
    net.backward()
    np.testing.assert_allclose(gradient, numerical_gradient(net, theta), rtol=1e-6, atol=1e-9)
    biases = [matrix[-1] for matrix in network.views(gradient, units)]
    assert all(bias.any() == arch.bias for bias in biases)


def test_leaky_relu_has_the_slope_of_its_setting():
    arch, units = ArchSpec(hidden=(1,), activation="leaky_relu", leaky_slope=0.3), (2, 1, 1)
    drawn = {"W1": np.ones((8, 2, 1)), "b1": np.zeros((8, 1)), "W2": np.ones((8, 1, 1)), "b2": np.zeros((8, 1))}
    logits = network.evaluate(arch, drawn, np.array([[1.0, 1.0], [-1.0, -1.0]]))
    np.testing.assert_allclose(logits, [[2.0, -0.6]] * 8, rtol=1e-15)
    assert network.views(np.zeros((5, 8)), units)[0].shape == (3, 1, 8)
