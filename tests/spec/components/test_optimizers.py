from math import sqrt

import numpy as np
import pytest

from xorlab.spec.components.optimizers import OPTIMIZERS

R, P, STEPS = 8, 3, 40


def gd(theta, gradients, *, lr):
    for g in gradients:
        theta = theta - lr * g
        yield theta


def momentum(theta, gradients, *, lr, momentum):
    v = 0.0
    for g in gradients:
        v = momentum * v + g
        theta = theta - lr * v
        yield theta


def nesterov(theta, gradients, *, lr, momentum):
    v = 0.0
    for g in gradients:
        v = momentum * v + g
        theta = theta - lr * (g + momentum * v)
        yield theta


def rmsprop(theta, gradients, *, lr, alpha, eps):
    s = 0.0
    for g in gradients:
        s = alpha * s + (1 - alpha) * g * g
        theta = theta - lr * g / (sqrt(s) + eps)
        yield theta


def adam(theta, gradients, *, lr, beta1, beta2, eps):
    m = s = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g * g
        theta = theta - lr * (m / (1 - beta1**t)) / (sqrt(s / (1 - beta2**t)) + eps)
        yield theta


PLAIN = {"gd": gd, "momentum": momentum, "nesterov": nesterov, "rmsprop": rmsprop, "adam": adam}
"""Each rule for one number, as its paper and PyTorch's documentation have it."""


def numbers(name, seed=0):
    """The learning rate and the parameters, another for every run, (R,) each."""
    rng = np.random.RandomState(seed)
    drawn = {"lr": 10.0 ** rng.uniform(-3, 0, R)}
    for key, default in OPTIMIZERS[name].defaults.items():
        drawn[key] = rng.uniform(0.3, 0.999, R) if default > 0.1 else 10.0 ** rng.uniform(-8, -2, R)
        drawn[key][0] = default
    return drawn


def test_each_name_has_a_rule():
    assert list(OPTIMIZERS) == list(PLAIN)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_rule_is_its_plain_loop(name):
    rng = np.random.RandomState(1)
    theta, gradients = rng.randn(P, R), rng.randn(STEPS, P, R)
    gradients[5:9, 0] = 0.0
    own = numbers(name)
    expected = np.empty((STEPS, P, R))
    for p, r in np.ndindex(P, R):
        plain = {key: float(values[r]) for key, values in own.items()}
        expected[:, p, r] = list(PLAIN[name](float(theta[p, r]), gradients[:, p, r].tolist(), **plain))

    gradient = np.empty((P, R))
    step, _ = OPTIMIZERS[name].build(theta, gradient, own)
    for t in range(STEPS):
        gradient[...] = gradients[t]
        step()
        np.testing.assert_allclose(theta, expected[t], rtol=1e-12, atol=1e-13)
        np.testing.assert_array_equal(gradient, gradients[t])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_is_all_that_a_rule_remembers(name):
    rng = np.random.RandomState(2)
    theta, gradients = rng.randn(P, R), rng.randn(STEPS, P, R)
    gradient = np.empty((P, R))
    step, state = OPTIMIZERS[name].build(theta, gradient, numbers(name))
    assert all(array.shape[-1] == R for array in state)
    for t in range(STEPS // 2):
        gradient[...] = gradients[t]
        step()
    resumed, other = theta.copy(), np.empty((P, R))
    go_on, fresh = OPTIMIZERS[name].build(resumed, other, numbers(name))
    for own, given in zip(fresh, state, strict=True):
        own[...] = given
    for t in range(STEPS // 2, STEPS):
        gradient[...] = other[...] = gradients[t]
        step()
        go_on()
    assert resumed.tobytes() == theta.tobytes()


@pytest.mark.parametrize("name", ["rmsprop", "adam"])
def test_no_gradient_is_no_move(name):
    theta = np.ones((P, R))
    step, _ = OPTIMIZERS[name].build(theta, np.zeros((P, R)), numbers(name))
    step()
    np.testing.assert_array_equal(theta, 1.0)
