"""Networks of several outputs: against plain loops, against finite differences, and to the bit among others."""

import math

import numpy as np
import pytest

from portability import hashed
from xorlab.numerics import curvature
from xorlab.numerics.network import pack
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, DataSpec, RunSpec
from xorlab.spec.components import datasets

WAYS = [("cross_entropy", "softmax"), ("bce", "sigmoid"), ("mse", "sigmoid"), ("mse", "linear"), ("mse", "tanh")]
POINTS = [(0.0, 0.0, "a"), (0.1, 1.0, "b"), (1.0, 0.2, "c"), (0.9, 1.0, "a"), (0.5, 0.4, "c")]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Five points of three classes, as a file."""
    path = tmp_path_factory.mktemp("data") / "three.csv"
    path.write_text("x,y,kind\n" + "".join(f"{x},{y},{kind}\n" for x, y, kind in POINTS))
    return DataSpec(name="file", path=str(path), classes=True)


def answer(output, z):
    """The outputs of one point."""
    if output == "softmax":
        powers = [math.exp(each) for each in z]
        return [power / sum(powers) for power in powers]
    return [{"sigmoid": lambda v: 1.0 / (1.0 + math.exp(-v)), "linear": float, "tanh": math.tanh}[output](v) for v in z]


def plain(spec, start, lr, epochs):
    """Train a network of one tanh layer by loops over points and units.

    Return the loss of each batch before its update, and the final weights.
    """
    X, y = datasets.load(spec.data)
    W1, b1, W2, b2 = (start[name][0].copy() for name in ("W1", "b1", "W2", "b2"))
    K, losses, size = y.shape[1], [], len(X) if spec.batch_size == "full" else spec.batch_size
    for first in list(range(0, len(X), size)) * epochs:
        part = slice(first, first + size)
        total, changes = 0.0, [np.zeros_like(array) for array in (W1, b1, W2, b2)]
        for x, t in zip(X[part], y[part], strict=True):
            a = [math.tanh(sum(x[d] * W1[d, h] for d in range(2)) + b1[h]) for h in range(len(b1))]
            o = answer(spec.arch.output, [sum(a[h] * W2[h, k] for h in range(len(a))) + b2[k] for k in range(K)])
            if spec.loss == "cross_entropy":
                total -= math.log(o[list(t).index(1.0)])
                dz = [o[k] - t[k] for k in range(K)]
            elif spec.loss == "bce":
                total -= sum(math.log(o[k] if t[k] else 1.0 - o[k]) for k in range(K)) / K
                dz = [(o[k] - t[k]) / K for k in range(K)]
            else:
                slope = {"sigmoid": lambda v: v * (1.0 - v), "linear": lambda v: 1.0, "tanh": lambda v: 1.0 - v * v}
                total += sum((o[k] - t[k]) ** 2 for k in range(K)) / K
                dz = [2.0 * (o[k] - t[k]) * slope[spec.arch.output](o[k]) / K for k in range(K)]
            for h in range(len(a)):
                below = sum(dz[k] * W2[h, k] for k in range(K)) * (1.0 - a[h] ** 2)
                changes[0][:, h] += below * x
                changes[1][h] += below
                changes[2][h] += np.multiply(dz, a[h])
            changes[3] += dz
        losses.append(total / len(X[part]))
        for array, change in zip((W1, b1, W2, b2), changes, strict=True):
            np.subtract(array, lr * change / len(X[part]), out=array)
    return losses, (W1, b1, W2, b2)


@pytest.mark.parametrize("numerics", ["native", "portable"])
@pytest.mark.parametrize("batch_size", ["full", 2])
@pytest.mark.parametrize(("loss", "output"), WAYS)
def test_training_is_that_of_plain_loops(three, loss, output, batch_size, numerics):
    arch = ArchSpec(hidden=(4,), activation="tanh", output=output)
    parts = {"batch_size": batch_size, "numerics": numerics}
    spec = RunSpec(data=three, arch=arch, loss=loss, lr=0.3, epochs=20, **parts)
    trained = train([spec])
    losses, final = plain(spec, trained.initial, 0.3, 20)
    if batch_size == "full":
        np.testing.assert_allclose(trained.losses[0], losses, rtol=1e-12)
    for name, expected in zip(("W1", "b1", "W2", "b2"), final, strict=True):
        np.testing.assert_allclose(trained.final[name][0], expected, rtol=1e-10, atol=1e-14)
    assert trained.logits.shape == (1, 5, 3)


@pytest.mark.parametrize(("loss", "output"), WAYS)
def test_derivatives_are_differences_of_the_loss(three, loss, output):
    arch = ArchSpec(hidden=(3,), activation="tanh", output=output)
    spec = RunSpec(data=three, arch=arch, loss=loss, epochs=1)
    X, y = datasets.load(three)
    theta = pack(train([spec]).initial, spec.units)
    P, h = len(theta), 1e-4
    # All networks that are moved a step along one parameter, in one pass.
    moved = theta + h * np.concatenate([np.eye(P), -np.eye(P)], axis=1)
    around = curvature.run(arch, loss, moved, X[..., None], y[..., None])
    at = curvature.run(arch, loss, theta, X[..., None], y[..., None])
    assert at.loss[0] == pytest.approx(plain(spec, train([spec]).initial, 0.0, 1)[0][0], rel=1e-12)
    slopes = (around.loss[:P] - around.loss[P:]) / (2.0 * h)
    np.testing.assert_allclose(curvature.gradient(at)[:, 0], slopes, rtol=1e-5, atol=1e-8)
    gradients = curvature.gradient(around)
    bends = (gradients[:, :P] - gradients[:, P:]) / (2.0 * h)
    np.testing.assert_allclose(curvature.hessian(at)[0], bends, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("numerics", ["native", "portable"])
@pytest.mark.parametrize("batch_size", ["full", 2])
def test_a_run_has_the_same_bits_alone_and_among_others(three, batch_size, numerics):
    arch = ArchSpec(hidden=(16, 12), output="softmax")
    parts = {"arch": arch, "loss": "cross_entropy", "epochs": 12, "batch_size": batch_size, "numerics": numerics}
    specs = [RunSpec(data=three, seed=seed, lr=0.1 * (seed + 1), **parts) for seed in range(9)]
    together = train(specs)
    for run in (0, 4, 8):
        assert hashed(together.take(slice(run, run + 1))) == hashed(train([specs[run]]))


def test_two_classes_with_softmax_are_one_sigmoid_of_the_difference():
    """softmax((u, v))_2 = sigmoid(v - u)."""
    arch = ArchSpec(hidden=(3,), output="softmax")
    trained = train([RunSpec(data=DataSpec(classes=True), arch=arch, loss="cross_entropy", epochs=100)])
    _, y = datasets.load(DataSpec())
    z = trained.logits[0] @ np.array([-1.0, 1.0])
    assert trained.final_loss[0] == pytest.approx(np.mean(np.logaddexp(0.0, (1.0 - 2.0 * y) * z)), rel=1e-12)


def test_an_output_stops_by_what_all_of_them_reach(three):
    parts = {"arch": ArchSpec(hidden=(8,), activation="tanh", output="softmax"), "loss": "cross_entropy", "lr": 1.0}
    trained = train([RunSpec(data=three, epochs=2_000, target_accuracy=1.0, **parts)])
    _, y = datasets.load(three)
    assert trained.stopped == ("target_accuracy",)
    assert (trained.logits[0].argmax(axis=1) == y.argmax(axis=1)).all()


@pytest.mark.parametrize("numerics", ["native", "portable"])
def test_a_class_that_is_far_behind_has_a_finite_loss(three, numerics):
    """-ln p of a class that is 2,000 behind is 2,000, although p itself is 0 in floating point."""
    arch = ArchSpec(hidden=(), output="softmax")
    weights = {"W1": np.zeros((1, 2, 3)), "b1": np.array([[1000.0, -1000.0, 0.0]])}
    spec = RunSpec(data=three, arch=arch, loss="cross_entropy", epochs=1, numerics=numerics)
    trained = train([spec], initial=weights)
    assert trained.losses[0, 0] == pytest.approx((2 * 0.0 + 2000.0 + 2 * 1000.0) / 5, rel=1e-12)
    np.testing.assert_allclose(trained.final["b1"][0], [1000.0 - 0.1 * 0.6, -1000.0 + 0.1 * 0.2, 0.1 * 0.4], rtol=1e-12)
