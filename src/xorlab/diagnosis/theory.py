"""What can be said about XOR networks without training: closed forms, each with its derivation.

- Starts: the probability that a ReLU network is dead or affine on the four points before training.
- Depth: bounds on the probability that a deep ReLU network is born dead.
- Cycle: the value at which the output bias of an all-dead network ends at a large learning rate.
- Saddle: the time that gradient descent takes to leave a saddle.

The levels of the loss are in `xorlab.diagnosis.levels`.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xorlab.errors import SpecError
from xorlab.spec import InitSpec
from xorlab.spec.components.initializers import INITIALIZERS

Array = NDArray[np.float64]

CORNERS: dict[str, tuple[tuple[float, float], ...]] = {
    "binary": ((0, 0), (1, 0), (1, 1), (0, 1)),
    "bipolar": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
}
"""The four points of XOR for each encoding of the data, in order around the square."""


def unit_dead(init: InitSpec, *, encoding: str = "binary") -> float:
    """Return the probability q that a first-layer ReLU unit is off at all four points of XOR at the start.

    A unit is on at all four points with the same probability: changing the signs of its weights and its bias turns
    one case into the other.

    Raises
    ------
    SpecError
        If the initialiser does not draw independent weights from a symmetric distribution.

    Notes
    -----
    Zero biases, points 0 and 1: the pre-activations are 0, w1, w2 and w1 + w2. The unit is dead if w1 and w2 are
    both negative, so q = 1/4 for every symmetric distribution. Points -1 and 1: the pre-activations are two pairs of
    opposite sign, so q = 0.

    Normal biases with the standard deviation of the weights: z(x) = u . (1, x), where u is rotationally symmetric in
    space. The vectors u with z > 0 at all points form the polar cone of the directions (1, x). The polar of a
    spherical polygon has the area 2 pi minus the perimeter of the polygon (Gauss-Bonnet). So
    q = 1/2 - perimeter / (4 pi), which is 3/8 - arctan(1/sqrt 2) / (2 pi) = 0.27704 for points 0 and 1.

    Uniform biases with the range of the weights, scaled to [-1, 1]: take points 0 and 1 and a bias b > 0. The unit is
    on everywhere if w1, w2 and w1 + w2 are above -b. These pairs cover the area (1 + b)^2 - b^2 / 2. Integrate from
    b = 0 to 1 and divide by 8, the volume of the cube: q = 13/48. For points -1 and 1 the condition is
    |w1| + |w2| < b, with the area 2 b^2: q = 1/12.
    """
    law = INITIALIZERS[init.name].law
    if law is None:
        raise SpecError(f"init.name must draw independently from a symmetric law; got {init.name!r}")
    if init.biases not in ("zero", "drawn"):
        raise SpecError(f"init.biases must be zero or drawn like the weights; got {init.biases!r}")
    if init.biases == "zero":
        return {"binary": 1 / 4, "bipolar": 0.0}[encoding]
    if law == "uniform":
        return {"binary": 13 / 48, "bipolar": 1 / 12}[encoding]
    corners = CORNERS[encoding]
    return 0.5 - sum(_angle(*edge) for edge in pairwise((*corners, corners[0]))) / (4.0 * math.pi)


def _angle(x: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the angle between the directions (1, x) and (1, other)."""
    a, b = np.array([1.0, *x]), np.array([1.0, *other])
    return math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b))


@dataclass(frozen=True)
class Start:
    """Probabilities at the start of a ReLU network with one hidden layer, on the four points of XOR.

    Attributes
    ----------
    all_dead : every unit is off at all points
    affine : every unit is off at all points or on at all points, so the network is affine on them
    two_live : at least two units are on at some point; a network with fewer cannot learn XOR, so this is an upper
        bound on the probability of convergence
    """

    all_dead: float
    affine: float
    two_live: float


def start(init: InitSpec, hidden: int, *, encoding: str = "binary") -> Start:
    """Return the probabilities at the start of a network with one hidden ReLU layer on XOR.

    Notes
    -----
    The units are independent. Each is dead with probability q, on everywhere with probability q, and split with
    probability 1 - 2 q. If a unit is split, the interaction f00 + f11 - f01 - f10 is almost surely not 0. So the
    network is affine if and only if no unit is split.
    """
    q = unit_dead(init, encoding=encoding)
    two_live = 1.0 - q**hidden - hidden * (1.0 - q) * q ** (hidden - 1)
    return Start(all_dead=q**hidden, affine=(2.0 * q) ** hidden, two_live=two_live)


def born_dead(width: int, layers: int) -> tuple[float, float]:
    """Return bounds on the probability that a deep ReLU network with zero biases is born dead: constant on its data.

    Parameters
    ----------
    width : N, the number of units in each hidden layer, at least 2
    layers : L, the number of layers including the output, at least 2

    Returns
    -------
    the lower bound, for one input and data on both sides of 0, and the upper bound, for any data except 0 alone

    Notes
    -----
    Upper bound: if a point reaches a layer alive, the layer is off for it with probability 2^-N. So the bound is
    1 - (1 - 2^-N)^(L - 1).

    Lower bound: after the first layer, the points -1 and +1 are both alive with probability 1 - 2^(1-N). Two live
    points in different directions stay so with probability at most a2 = 1 - 2^(1-N) - (N - 1) 4^-N, and both die with
    probability at least 4^-N. If one point or one unit is left, there is a single direction, which survives a layer
    with probability a1 = 1 - 2^-N. The code evaluates the closed form of this Markov chain.

    References
    ----------
    Lu, Shin, Su, Karniadakis, "Dying ReLU and initialization: theory and numerical examples", arXiv 1903.06733.
    Rister, Rubin, "Probabilistic bounds on neuron death in deep rectifier networks", arXiv 2007.06192.
    """
    dies = 2.0**-width
    one, two = 1.0 - dies, 1.0 - 2.0 * dies - (width - 1) * dies**2
    share = (1.0 - 2.0 * dies) * (1.0 - dies) / (1.0 + (width - 1) * dies)
    deep = layers - 2
    return 1.0 - one**deep + share * (two**deep - one**deep), 1.0 - one ** (layers - 1)


def cycle(lr: float) -> float:
    """Return the size c >= 0 at which the output bias of an all-dead network ends; 0 up to a learning rate of 8.

    Notes
    -----
    If all units are dead, the logit is the output bias c. With balanced labels its gradient is sigmoid(c) - 1/2, so
    an update is c <- c - lr (sigmoid(c) - 1/2) = c - lr/2 tanh(c / 2). Its slope at 0 is 1 - lr/4, so 0 attracts for
    lr below 8. Above 8, c jumps between +c and -c with 2 c = lr/2 tanh(c / 2). With u = c / 2 this is
    lr = 8 u / tanh u, which grows with u, so every lr above 8 has one such c. Two updates multiply a small distance to
    the cycle by (1 - 4 u / sinh(2 u))^2. This is below 1, so the cycle attracts; it nears 1 for a large c.
    """
    low, high = 0.0, lr / 8.0
    if lr <= 8.0:
        return 0.0
    while (middle := 0.5 * (low + high)) not in (low, high):
        low, high = (middle, high) if 8.0 * middle < lr * math.tanh(middle) else (low, middle)
    return 2.0 * middle


def cycle_loss(lr: float) -> float:
    """Return the cross-entropy on this cycle, ln(2 cosh(c / 2)): ln 2 up to lr 8, 1.0444278 at lr 10."""
    c = cycle(lr)
    return 0.5 * c + math.log1p(math.exp(-c))


def escape_time(distance: float, reach: float, *, lr: float, eigenvalue: float) -> float:
    """Return the number of updates in which gradient descent goes from `distance` to `reach` away from a saddle.

    Notes
    -----
    Near a saddle the gradient is the Hessian times the displacement. Along an eigenvector with the negative
    `eigenvalue`, an update multiplies the displacement by 1 + lr |eigenvalue|. So the time is
    ln(reach / distance) / ln(1 + lr |eigenvalue|).
    """
    return math.log(reach / distance) / math.log1p(-lr * eigenvalue)


@dataclass(frozen=True)
class Saddle:
    """A point at ln 2 with zero gradient and a negative eigenvalue of the Hessian.

    Attributes
    ----------
    parameters : W1 (2, 2), b1 (2,), W2 (2, 1), b2 (1,)
    eigenvalue : the smallest eigenvalue of the Hessian of the mean cross-entropy
    direction : its unit eigenvector, with the names and shapes of `parameters`
    """

    parameters: dict[str, Array]
    eigenvalue: float
    direction: dict[str, Array]

    def near(self, distance: float) -> dict[str, Array]:
        """Return the parameters at this distance from the saddle, along `direction`."""
        return {name: value + distance * self.direction[name] for name, value in self.parameters.items()}


def tanh_saddle(bias: float, weight: float) -> Saddle:
    """Return the saddle of a 2-2-1 tanh network whose units have zero weights, this bias and this output weight.

    Notes
    -----
    With W1 = 0 and a logit of 0, the residuals p - y are +1/2, -1/2, -1/2, +1/2. They sum to 0, also when weighted by
    x1 or x2, so the gradient is 0. In the Hessian, the second derivatives of the logit are multiplied by the
    residuals. Only those by both weights of one unit i do not cancel. They add v_i s''(b_i) / 8 [[0, 1], [1, 0]] with
    s = tanh. Along w_i = ±(1, -1) / 2, with opposite signs in the two units, the logit does not change to first
    order, so nothing else is added. The eigenvalue is -v s''(b) / 8, which is negative if `bias` and `weight` have
    opposite signs. Then the logit grows equally at (0, 1) and (1, 0): the network begins to learn XOR.
    """
    if bias * weight >= 0.0:
        raise ValueError(f"bias and weight must have opposite signs; got {bias:g} and {weight:g}")
    t = math.tanh(bias)
    none = {"b1": np.zeros(2), "W2": np.zeros((2, 1)), "b2": np.zeros(1)}
    return Saddle(
        parameters={
            "W1": np.zeros((2, 2)),
            "b1": np.full(2, bias),
            "W2": np.full((2, 1), weight),
            "b2": np.array([-2.0 * weight * t]),
        },
        direction={"W1": np.array([[0.5, -0.5], [-0.5, 0.5]]), **none},
        eigenvalue=weight * 2.0 * t * (1.0 - t * t) / 8.0,
    )
