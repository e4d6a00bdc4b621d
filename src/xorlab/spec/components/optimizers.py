"""Update rules over theta (P, R), in PyTorch's conventions.

To add one, write its builder and add an `Optimizer` to `OPTIMIZERS`.

References
----------
Polyak 1964 (momentum); Nesterov 1983, as in Sutskever, Martens, Dahl, Hinton, ICML 2013; Tieleman & Hinton,
Coursera lecture 6.5, 2012 (rmsprop); Kingma & Ba, ICLR 2015, arXiv 1412.6980 (adam).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xorlab.spec.components.parameters import Chosen, Component, fraction, positive
from xorlab.spec.components.steps import ONE, Step

Array = NDArray[np.float64]


class Update(NamedTuple):
    """`step` updates theta in place; `state` holds the arrays that it keeps between steps, the runs axis last."""

    step: Step
    state: list[Array]


Build = Callable[[Array, Array, Mapping[str, Array]], Update]
"""build(theta, gradient, numbers): numbers holds lr and the optimizer's parameters, each (R,) or (P, R)."""


def _gd(theta: Array, gradient: Array, numbers: Mapping[str, Array]) -> Update:
    """theta <- theta - lr g."""
    lr, move = numbers["lr"], np.empty_like(theta)

    def step() -> None:
        np.multiply(gradient, lr, move)
        np.subtract(theta, move, theta)

    return Update(step, [])


def _momentum(theta: Array, gradient: Array, numbers: Mapping[str, Array]) -> Update:
    """v <- mu v + g; theta <- theta - lr v."""
    lr, mu = numbers["lr"], numbers["momentum"]
    velocity, move = np.zeros_like(theta), np.empty_like(theta)

    def step() -> None:
        np.multiply(velocity, mu, velocity)
        np.add(velocity, gradient, velocity)
        np.multiply(velocity, lr, move)
        np.subtract(theta, move, theta)

    return Update(step, [velocity])


def _nesterov(theta: Array, gradient: Array, numbers: Mapping[str, Array]) -> Update:
    """v <- mu v + g; theta <- theta - lr (g + mu v)."""
    lr, mu = numbers["lr"], numbers["momentum"]
    velocity, move = np.zeros_like(theta), np.empty_like(theta)

    def step() -> None:
        np.multiply(velocity, mu, velocity)
        np.add(velocity, gradient, velocity)
        np.multiply(velocity, mu, move)
        np.add(move, gradient, move)
        np.multiply(move, lr, move)
        np.subtract(theta, move, theta)

    return Update(step, [velocity])


def _rmsprop(theta: Array, gradient: Array, numbers: Mapping[str, Array]) -> Update:
    """s <- alpha s + (1 - alpha) g^2; theta <- theta - lr g / (sqrt(s) + eps)."""
    lr, alpha, eps = numbers["lr"], numbers["alpha"], numbers["eps"]
    rest = 1.0 - alpha
    square, move, scale = np.zeros_like(theta), np.empty_like(theta), np.empty_like(theta)

    def step() -> None:
        np.multiply(square, alpha, square)
        np.square(gradient, move)
        np.multiply(move, rest, move)
        np.add(square, move, square)
        np.sqrt(square, scale)
        np.add(scale, eps, scale)
        np.multiply(gradient, lr, move)
        np.divide(move, scale, move)
        np.subtract(theta, move, theta)

    return Update(step, [square])


def _adam(theta: Array, gradient: Array, numbers: Mapping[str, Array]) -> Update:
    """m and s are running means of g and g^2, b^t their biases; theta <- theta - lr m' / (sqrt(s') + eps).

    m' = m / (1 - beta1^t) and s' = s / (1 - beta2^t).
    """
    lr, beta1, beta2, eps = (numbers[name] for name in ("lr", "beta1", "beta2", "eps"))
    rest1, rest2 = 1.0 - beta1, 1.0 - beta2
    mean, square = np.zeros_like(theta), np.zeros_like(theta)
    power1, power2 = np.ones_like(lr), np.ones_like(lr)
    move, scale = np.empty_like(theta), np.empty_like(theta)
    unbias1, unbias2 = np.empty_like(lr), np.empty_like(lr)

    def step() -> None:
        np.multiply(mean, beta1, mean)
        np.multiply(gradient, rest1, move)
        np.add(mean, move, mean)
        np.multiply(square, beta2, square)
        np.square(gradient, move)
        np.multiply(move, rest2, move)
        np.add(square, move, square)
        np.multiply(power1, beta1, power1)
        np.multiply(power2, beta2, power2)
        np.subtract(ONE, power1, unbias1)
        np.divide(lr, unbias1, unbias1)
        np.subtract(ONE, power2, unbias2)
        np.sqrt(unbias2, unbias2)
        np.sqrt(square, scale)
        np.divide(scale, unbias2, scale)
        np.add(scale, eps, scale)
        np.multiply(mean, unbias1, move)
        np.divide(move, scale, move)
        np.subtract(theta, move, theta)

    return Update(step, [mean, square, power1, power2])


@dataclass(frozen=True, kw_only=True)
class Optimizer(Component):
    """An update rule.

    Attributes
    ----------
    parameters : its own parameters, with PyTorch's defaults
    build : see `Build`
    gain : gain(chosen), how far a constant gradient moves theta per update in the long run, in units of lr times
        the gradient; 1 for the adaptive rules, which move by about lr
    limit : limit(chosen), the lr times the curvature beyond which the update is unstable on a quadratic; it says
        nothing of the adaptive rules
    plain : whether the update is theta - lr g, to which the theory of gradient descent applies
    adaptive : whether a step has a size of about lr in every parameter, however small the gradient is
    """

    build: Build
    gain: Callable[[Chosen], float] = lambda chosen: 1.0
    limit: Callable[[Chosen], float] = lambda chosen: 2.0
    plain: bool = False
    adaptive: bool = False


def _momentum_gain(chosen: Chosen) -> float:
    return 1.0 / (1.0 - float(chosen.momentum))


def _momentum_limit(chosen: Chosen) -> float:
    return 2.0 * (1.0 + float(chosen.momentum))


def _nesterov_limit(chosen: Chosen) -> float:
    """The smaller root of z^2 - (1 + mu) (1 - lr l) z + mu (1 - lr l) passes -1."""
    return 2.0 * (1.0 + float(chosen.momentum)) / (1.0 + 2.0 * float(chosen.momentum))


OPTIMIZERS: dict[str, Optimizer] = {
    "gd": Optimizer(build=_gd, plain=True),
    "momentum": Optimizer(
        build=_momentum, parameters={"momentum": fraction(0.9)}, gain=_momentum_gain, limit=_momentum_limit
    ),
    "nesterov": Optimizer(
        build=_nesterov, parameters={"momentum": fraction(0.9)}, gain=_momentum_gain, limit=_nesterov_limit
    ),
    "rmsprop": Optimizer(build=_rmsprop, parameters={"alpha": fraction(0.99), "eps": positive(1e-8)}, adaptive=True),
    "adam": Optimizer(
        build=_adam,
        parameters={"beta1": fraction(0.9), "beta2": fraction(0.999), "eps": positive(1e-8)},
        adaptive=True,
    ),
}
