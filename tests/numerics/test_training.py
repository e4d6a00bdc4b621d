import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from xorlab.errors import SpecError
from xorlab.numerics import training
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components import datasets


@pytest.fixture(scope="module")
def notebook():
    return train([RunSpec()])


def plain_notebook(epochs):
    """The notebook's script: plain NumPy on one network, by matrix products and log(p)."""
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
    rng = np.random.RandomState(42)
    W1, W2 = rng.randn(2, 3), rng.randn(3, 1)
    b1, b2 = np.zeros((1, 3)), np.zeros((1, 1))
    losses = []
    for _ in range(epochs):
        z1 = X @ W1 + b1
        a1 = np.maximum(0, z1)
        p = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
        losses.append(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
        dz2 = (p - y) / 4
        dz1 = dz2 @ W2.T * (z1 > 0)
        W2, b2 = W2 - 0.1 * a1.T @ dz2, b2 - 0.1 * dz2.sum(axis=0)
        W1, b1 = W1 - 0.1 * X.T @ dz1, b1 - 0.1 * dz1.sum(axis=0)
    return np.array(losses), {"W1": W1, "b1": b1[0], "W2": W2, "b2": b2[0]}


def test_the_notebooks_losses(notebook):
    losses = notebook.losses[0]
    assert losses[0] == pytest.approx(1.0763383, abs=5e-8)
    assert losses[1_000] == pytest.approx(0.6931518, abs=5e-8)
    assert abs(losses[9_000] - math.log(2)) < 1e-12
    printed = [f"{loss:.4f}" for loss in losses[::1_000]]
    assert printed == ["1.0763", "0.6932", *["0.6931"] * 8]


def test_the_notebooks_outputs_are_undecided(notebook):
    assert np.abs(1 / (1 + np.exp(-notebook.logits)) - 0.5).max() < 1e-14


def test_an_independent_loop_gives_the_notebooks_curve(notebook):
    losses, final = plain_notebook(10_000)
    assert notebook.losses.shape == (1, 10_000)
    np.testing.assert_allclose(notebook.losses[0], losses, rtol=0, atol=1e-9)
    for name, array in final.items():
        np.testing.assert_allclose(notebook.final[name][0], array, rtol=0, atol=1e-9)


def plain(spec, initial, orders=None):
    """Train one tanh network by matrix products, sample by sample where the batch says so.

    Gradients are taken with respect to the logit, layer by layer; the optimizer is momentum's, of which gd is
    the case mu = 0.
    """
    X, y = datasets.load(spec.data)
    y = y if spec.data.targets == "binary" else 2 * y - 1
    layers = range(1, len(spec.arch.hidden) + 2)
    W = [initial[f"W{layer}"][0].copy() for layer in layers]
    b = [initial[f"b{layer}"][0].copy() for layer in layers]
    memory = [np.zeros_like(array) for array in W + b]
    size, mu = len(y) if spec.batch_size == "full" else spec.batch_size, spec.optimizer.momentum or 0.0

    def forward(X):
        outputs = [X]
        for layer, (weights, bias) in enumerate(zip(W, b, strict=True), start=1):
            z = outputs[-1] @ weights + bias
            outputs.append(np.tanh(z) if layer < len(W) or spec.arch.output == "tanh" else z)
        if spec.arch.output == "sigmoid":
            outputs[-1] = 1 / (1 + np.exp(-outputs[-1]))
        return outputs

    def loss(p, y):
        if spec.loss == "bce":
            return -np.mean(np.log(np.where(y == 1, p, 1 - p)))
        each = {"mse": (p - y) ** 2, "mae": abs(p - y), "hinge": np.maximum(0.0, 1.0 - p * y)}
        return np.mean(each[spec.loss])

    losses = []
    for epoch in range(spec.epochs):
        losses.append(loss(forward(X)[-1][:, 0], y))
        order = np.arange(len(y)) if orders is None else orders[epoch]
        for start in range(0, len(y), size):
            batch = order[start : start + size]
            outputs, gradients = forward(X[batch]), {}
            p, target = outputs[-1], y[batch, None]
            delta = p - target
            if spec.loss != "bce":
                slope = {"mse": 2 * delta, "mae": np.sign(delta), "hinge": -target * (p * target < 1)}[spec.loss]
                delta = slope * {"sigmoid": p * (1 - p), "linear": 1, "tanh": 1 - p**2}[spec.arch.output]
            delta = delta / len(batch)
            for layer in reversed(range(len(W))):
                gradients[layer] = outputs[layer].T @ delta
                gradients[len(W) + layer] = delta.sum(axis=0)
                delta = delta @ W[layer].T * (1 - outputs[layer] ** 2)
            for index, array in enumerate(W + b):
                memory[index] = mu * memory[index] + gradients[index]
                array[...] -= spec.lr * memory[index]
    return losses


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_size", ["full", 1, 3])
@pytest.mark.parametrize(
    "way",
    [
        ("bce", "sigmoid", "binary"),
        ("mse", "sigmoid", "binary"),
        ("mse", "linear", "bipolar"),
        ("mae", "tanh", "binary"),
        ("hinge", "linear", "bipolar"),
    ],
)
@pytest.mark.parametrize("hidden", [(), (3,), (4, 3), (12, 12)], ids=str)
@pytest.mark.parametrize("optimizer", ["gd", "momentum"])
def test_an_independent_loop_gives_the_curve_from_the_initial_weights(optimizer, hidden, way, batch_size, shuffle):
    loss, output, targets = way
    spec = RunSpec(
        arch=ArchSpec(hidden=hidden, activation="tanh", output=output),
        data=DataSpec(name="parity", bits=3, targets=targets),
        optimizer=OptimizerSpec(name=optimizer),
        loss=loss,
        batch_size=batch_size,
        shuffle=shuffle,
        lr=0.05 if output == "sigmoid" else 0.005,  # at 0.05 linear outputs are chaotic, and rounding errors grow
        epochs=60 if output == "sigmoid" else 10,
        seed=5,
    )
    trained = train([spec])
    orders = None
    if shuffle and batch_size != "full":
        _, rng = training.draw(spec)
        orders = [np.argsort(rng.random_sample(8), kind="stable") for _ in range(spec.epochs)]
    np.testing.assert_allclose(trained.losses[0], plain(spec, trained.initial, orders), rtol=0, atol=1e-12)


def test_shapes_and_the_order_of_the_specifications():
    specs = [RunSpec(seed=seed, lr=0.1 * (seed + 1), epochs=30) for seed in (4, 1, 3)]
    trained = train(specs)
    assert trained.specs == tuple(specs)
    assert trained.losses.shape == (3, 30)
    assert trained.logits.shape == (3, 4)
    shapes = {"W1": (3, 2, 3), "b1": (3, 3), "W2": (3, 3, 1), "b2": (3, 1)}
    for group in (trained.initial, trained.final):
        assert {name: array.shape for name, array in group.items()} == shapes
    for run, spec in enumerate(specs):
        drawn, _ = training.draw(spec)
        for name, array in drawn.items():
            np.testing.assert_array_equal(trained.initial[name][run], array)


def test_the_final_loss_is_that_of_the_final_parameters():
    trained = train([RunSpec(seed=seed, epochs=epochs) for seed in range(5) for epochs in (3, 300)])
    y = datasets.load(DataSpec())[1]
    expected = np.logaddexp(0, (1 - 2 * y) * trained.logits).mean(axis=1)
    np.testing.assert_allclose(trained.final_loss, expected, rtol=1e-14)
    longer = train([RunSpec(seed=seed, epochs=301) for seed in range(5)])
    np.testing.assert_array_equal(trained.final_loss[1::2], longer.losses[:, 300])


def test_only_runs_of_one_shape_go_together():
    for others in ([], [RunSpec(), RunSpec(arch=ArchSpec(hidden=(2,)))], [RunSpec(), RunSpec(loss="mse")]):
        with pytest.raises(ValueError, match="must have one shape"):
            train(others)


def test_what_may_differ_within_a_shape():
    base = training.shape(RunSpec())
    same = [
        {"lr": 1.0},
        {"seed": 1},
        {"epochs": 1},
        {"target_loss": 0.1},
        {"init": InitSpec(name="zeros")},
        {"data": DataSpec(name="and")},
        {"data": DataSpec(encoding="bipolar")},
    ]
    other = [
        {"loss": "mse"},
        {"batch_size": 1},
        {"arch": ArchSpec(activation="tanh")},
        {"arch": ArchSpec(relu_grad_at_zero=1.0)},
        {"optimizer": OptimizerSpec(name="adam")},
        {"data": DataSpec(name="parity")},
        {"data": DataSpec(name="noisy_xor")},
    ]
    assert all(training.shape(RunSpec(**parts)) == base for parts in same)
    assert all(training.shape(RunSpec(**parts)) != base for parts in other)


@pytest.mark.parametrize("hidden", [(), (3,), (64, 64), (256, 256)])
def test_chunks_are_whole_rows_of_the_kernel(hidden):
    size = training.chunk(RunSpec(arch=ArchSpec(hidden=hidden)))
    assert size % 8 == 0
    assert 64 <= size <= 4096


@pytest.mark.parametrize("epochs", [10_000, 10**6, 10**8])
def test_the_losses_of_a_chunk_are_bounded(epochs):
    size = training.chunk(RunSpec(epochs=epochs))
    assert size % 8 == 0
    assert size == 8 or size * epochs * 8 <= training.HISTORY


def test_a_file_of_weights_is_where_the_run_starts(tmp_path):
    first = train([RunSpec(epochs=100)])
    np.savez(tmp_path / "w.npz", **{name: array[0] for name, array in first.final.items()})
    spec = RunSpec(init=InitSpec(name="file", path=str(tmp_path / "w.npz")), epochs=200)
    again = train([spec, RunSpec(epochs=300)])
    np.testing.assert_array_equal(again.losses[0, :200], again.losses[1, 100:])
    with pytest.raises(SpecError, match=r"must hold the weights of a 2-2-1 network"):
        train([replace(spec, arch=ArchSpec(hidden=(2,)))])


def test_the_global_stream_is_neither_read_nor_moved():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first = train([RunSpec(epochs=5, batch_size=1, shuffle=True)]).losses
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.random.seed(1)
    assert train([RunSpec(epochs=5, batch_size=1, shuffle=True)]).losses.tobytes() == first.tobytes()


def test_an_oscillating_net_is_on_its_two_cycle():
    """All units dead, lr = 10: c <- c - lr (sigmoid(c) - 1/2) ends on a cycle whose loss is 1.0444278."""
    trained = train([RunSpec(lr=10.0, epochs=500, seed=seed) for seed in range(20)])
    corners = np.array(list(itertools.product((0.0, 1.0), repeat=2)))
    units = corners @ trained.final["W1"] + trained.final["b1"][:, None]
    dead = (units <= 0).all(axis=(1, 2))
    assert dead.any()
    np.testing.assert_allclose(trained.losses[dead, -1], 1.0444278, atol=5e-8)


@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_training_goes_on_from_given_parameters(optimizer):
    """Plain gradient descent remembers nothing, so two halves are the whole; Adam starts afresh."""
    specs = [RunSpec(seed=seed, epochs=300, optimizer=OptimizerSpec(name=optimizer)) for seed in range(3)]
    first = train(specs)
    second = train(specs, initial=first.final)
    whole = train([replace(spec, epochs=600) for spec in specs])
    assert second.initial is first.final
    assert (second.losses == whole.losses[:, 300:]).all() == (optimizer == "gd")
    np.testing.assert_array_equal(second.losses[:, 0], whole.losses[:, 300])


def test_given_parameters_are_trained_as_a_file_of_them_is(tmp_path):
    """The samples too come in the order that the run's own stream has at its start."""
    given = train([RunSpec(epochs=1)]).initial
    np.savez(tmp_path / "w.npz", **{name: array[0] for name, array in given.items()})
    spec = RunSpec(seed=5, epochs=30, batch_size=1, shuffle=True)
    read = train([replace(spec, init=InitSpec(name="file", path=str(tmp_path / "w.npz")))])
    np.testing.assert_array_equal(train([spec], initial=given).losses, read.losses)


def test_given_parameters_must_be_of_these_networks():
    given = train([RunSpec(epochs=1)]).final
    for initial in ({"W1": given["W1"]}, {**given, "b2": np.zeros((1, 2))}):
        with pytest.raises(ValueError, match="initial must be"):
            train([RunSpec()], initial=initial)
    with pytest.raises(ValueError, match="initial must be"):
        train([RunSpec(), RunSpec()], initial=given)
