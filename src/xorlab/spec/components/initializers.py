"""Initial weights: each scheme draws one layer's W of shape (fan_in, fan_out) from a frozen stream.

NumPy promises never to change the streams of `np.random.RandomState` (NEP 19), so seed 42 with the defaults is always
the same network.

To add a scheme, write its `Draw` and add an `Initializer` to `INITIALIZERS`.

References
----------
Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010 (xavier).
He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015, arXiv 1502.01852 (he).
LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998 (lecun).
Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks",
ICLR 2014, arXiv 1312.6120 (orthogonal).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from xorlab.spec.components.parameters import Component, number, positive, text
from xorlab.spec.components.portable import PortableState, orthonormal

Array = NDArray[np.float64]
Shape = tuple[int, ...]
Draw = Callable[[RandomState, Shape, int, int, Any], Array]
"""draw(rng, shape, fan_in, fan_out, init): values of `shape` for a layer of these fans."""


def _normal(std: Callable[[int, int, Any], float]) -> Draw:
    def draw(rng: RandomState, shape: Shape, fan_in: int, fan_out: int, init: Any) -> Array:
        return std(fan_in, fan_out, init) * rng.standard_normal(shape)

    return draw


def _uniform(limit: Callable[[int, int, Any], float]) -> Draw:
    def draw(rng: RandomState, shape: Shape, fan_in: int, fan_out: int, init: Any) -> Array:
        return limit(fan_in, fan_out, init) * (2.0 * rng.random_sample(shape) - 1.0)

    return draw


def _orthogonal(rng: RandomState, shape: Shape, fan_in: int, fan_out: int, init: Any) -> Array:
    """Orthonormal rows or columns, whichever are fewer; the signs make the law uniform (Mezzadri 2007)."""
    tall = rng.standard_normal((max(shape), min(shape)))
    Q = orthonormal(tall) if isinstance(rng, PortableState) else _by_lapack(tall)
    return np.asarray(init.gain * (Q if shape[0] >= shape[1] else Q.T))


def _by_lapack(tall: Array) -> Array:
    Q, R = np.linalg.qr(tall)
    return np.asarray(Q * np.where(np.diag(R) < 0.0, -1.0, 1.0))


@dataclass(frozen=True, kw_only=True)
class Initializer(Component):
    """A scheme for initial weights.

    Attributes
    ----------
    parameters : its own parameters
    draw : see `Draw`; None if the weights are read from a file
    biases : the default of `init.biases`, zero or drawn
    draws_biases : whether `draw` can draw biases; a law for matrices, such as orthogonal, has none for vectors
    seeded : whether another seed gives other weights
    law : normal or uniform, if weights are independent with that distribution about 0; otherwise None. The theory of
        the start knows these two.
    """

    draw: Draw | None
    biases: str = "zero"
    draws_biases: bool = True
    seeded: bool = True
    law: str | None = None


BIASES: dict[str, Callable[[RandomState, int, Any], Array] | None] = {
    "zero": None,
    "drawn": None,
    "constant": lambda rng, count, bias: np.full(count, bias),
    "normal": lambda rng, count, bias: bias * rng.standard_normal(count),
    "uniform": lambda rng, count, bias: bias * (2.0 * rng.random_sample(count) - 1.0),
}
"""Initial biases are 0 (zero), drawn from the distribution of the weights (drawn), or have a law of their own: by the
stream, their number and the setting `init.bias`."""

INITIALIZERS: dict[str, Initializer] = {
    "normal": Initializer(
        draw=_normal(lambda fan_in, fan_out, init: init.std), parameters={"std": positive(1.0)}, law="normal"
    ),
    "uniform": Initializer(
        draw=_uniform(lambda fan_in, fan_out, init: init.limit), parameters={"limit": positive(1.0)}, law="uniform"
    ),
    "uniform_between": Initializer(
        draw=lambda rng, shape, fan_in, fan_out, init: init.low + (init.high - init.low) * rng.random_sample(shape),
        parameters={"low": number(0.0), "high": number(1.0)},
    ),
    "xavier_uniform": Initializer(
        draw=_uniform(lambda fan_in, fan_out, init: init.gain * sqrt(6.0 / (fan_in + fan_out))),
        parameters={"gain": positive(1.0)},
        law="uniform",
    ),
    "xavier_normal": Initializer(
        draw=_normal(lambda fan_in, fan_out, init: init.gain * sqrt(2.0 / (fan_in + fan_out))),
        parameters={"gain": positive(1.0)},
        law="normal",
    ),
    "he_uniform": Initializer(
        draw=_uniform(lambda fan_in, fan_out, init: init.gain * sqrt(3.0 / fan_in)),
        parameters={"gain": positive(sqrt(2.0))},
        law="uniform",
    ),
    "he_normal": Initializer(
        draw=_normal(lambda fan_in, fan_out, init: init.gain / sqrt(fan_in)),
        parameters={"gain": positive(sqrt(2.0))},
        law="normal",
    ),
    "lecun_normal": Initializer(draw=_normal(lambda fan_in, fan_out, init: 1.0 / sqrt(fan_in)), law="normal"),
    "orthogonal": Initializer(draw=_orthogonal, parameters={"gain": positive(1.0)}, draws_biases=False),
    "torch_default": Initializer(
        draw=_uniform(lambda fan_in, fan_out, init: 1.0 / sqrt(fan_in)), biases="drawn", law="uniform"
    ),
    "constant": Initializer(
        draw=lambda rng, shape, fan_in, fan_out, init: np.full(shape, init.value),
        parameters={"value": number(0.5)},
        seeded=False,
    ),
    "zeros": Initializer(draw=lambda rng, shape, fan_in, fan_out, init: np.zeros(shape), seeded=False),
    "file": Initializer(draw=None, parameters={"path": text(), "sha256": text()}, draws_biases=False, seeded=False),
}
