"""What can be said of XOR networks without training one: closed forms, each with its derivation.

Starts: how likely a ReLU network's first parameters are to be dead or affine on the four points. Depth: how likely
a deep one is to be born dead. Cycle: where the output bias of an all-dead network ends at a large learning rate.
Saddle: how long gradient descent takes to leave one. The levels of the loss are in `xorlab.diagnosis.levels`.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xorlab.components.initializers import INITIALIZERS
from xorlab.errors import SpecError
from xorlab.spec import InitSpec

Array = NDArray[np.float64]

CORNERS: dict[str, tuple[tuple[float, float], ...]] = {
    "binary": ((0, 0), (1, 0), (1, 1), (0, 1)),
    "bipolar": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
}
"""The square of XOR's points by the encoding of the data, in the order of its edges."""


def unit_dead(init: InitSpec, *, encoding: str = "binary") -> float:
    """Give the probability q that a first-layer ReLU unit is off on all four points of XOR at the start.

    A unit is as likely to be on for all four: changing the signs of its weights and bias turns one into the other.

    Raises
    ------
    SpecError
        Where the scheme does not draw independent weights from a symmetric law.

    Notes
    -----
    Zero biases, points 0 and 1: the pre-activations are 0, w1, w2, w1 + w2, so the unit is dead where w1 and w2 are
    both negative: q = 1/4 for every symmetric law. Points -1 and 1: the four are two opposite pairs; q = 0.

    Normal biases of the weights' scale: z(x) = u . (1, x) with u rotationally symmetric in space. The u with z > 0
    at all points are the polar cone of the directions (1, x). A spherical polygon's polar has the area 2 pi less the
    polygon's perimeter (Gauss-Bonnet), so q = 1/2 - perimeter / (4 pi): 3/8 - arctan(1/sqrt 2) / (2 pi) = 0.27704
    for points 0 and 1.

    Uniform biases of the weights' range, made [-1, 1]: for points 0 and 1 and a bias b > 0 the pairs (w1, w2) above -b
    and with a sum above -b cover (1 + b)^2 - b^2 / 2; q is the integral over b from 0 to 1 by 8, 13/48. For points
    -1 and 1 they are |w1| + |w2| < b, which cover 2 b^2: q = 1/12.
    """
    law = INITIALIZERS[init.name].law
    if law is None:
        raise SpecError(f"init.name must draw independently from a symmetric law; got {init.name!r}")
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
    """How likely a one-layer ReLU network is at its start to be this on the four points.

    Attributes
    ----------
    all_dead : every unit is off on all points
    affine : every unit is off on all points or on for all, so that the network is affine
    two_live : at least two units are on somewhere; a network with fewer cannot learn XOR, so this bounds the
        probability of convergence from above
    """

    all_dead: float
    affine: float
    two_live: float


def start(init: InitSpec, hidden: int, *, encoding: str = "binary") -> Start:
    """Give the probabilities at the start of a network of one hidden ReLU layer on XOR.

    Notes
    -----
    Units are independent: dead with probability q, on everywhere with q, split with 1 - 2 q. A sum of split units
    has an interaction f00 + f11 - f01 - f10 of 0 with probability 0 only, so affine means that no unit is split.
    """
    q = unit_dead(init, encoding=encoding)
    two_live = 1.0 - q**hidden - hidden * (1.0 - q) * q ** (hidden - 1)
    return Start(all_dead=q**hidden, affine=(2.0 * q) ** hidden, two_live=two_live)


def born_dead(width: int, layers: int) -> tuple[float, float]:
    """Give bounds on the probability that a deep ReLU network without biases is born dead: constant on its data.

    Parameters
    ----------
    width : N, the units in each hidden layer, at least 2
    layers : L, the hidden layers and the output, at least 2

    Returns
    -------
    the lower bound, for one input and data on both sides of 0, and the upper bound, for any data but 0 alone

    Notes
    -----
    Upper: a layer that some point reaches alive is dead for it with probability 2^-N, so 1 - (1 - 2^-N)^(L - 1).
    Lower: after the first layer -1 and +1 both live with probability 1 - 2^(1-N). Two live points of different
    directions keep that state with probability at most a2 = 1 - 2^(1-N) - (N - 1) 4^-N and both die with at least 4^-N;
    a single direction, which is what remains of one live point or of one live unit, lives on with a1 = 1 - 2^-N.
    The chain of these states has the closed form below.

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
    """Give the logit c >= 0 that an all-dead network's output bias ends at in size; 0 up to a learning rate of 8.

    Notes
    -----
    With all units dead the logit is the output bias, whose gradient is sigmoid(c) - 1/2 on balanced labels. So
    c <- c - lr (sigmoid(c) - 1/2) = c - lr/2 tanh(c / 2), and 0 attracts while lr/4, the slope at 0, is below 2.
    Beyond that c jumps between +c and -c, where 2 c = lr/2 tanh(c / 2): with u = c / 2, lr = 8 u / tanh u, which grows
    with u. The slope at c is 4 u / sinh(2 u), between 0 and 2: the cycle attracts at every lr above 8, though ever more
    slowly where c is large: an update and the next multiply a distance to it by (1 - 4 u / sinh(2 u))^2.
    """
    low, high = 0.0, lr / 8.0
    if lr <= 8.0:
        return 0.0
    while (middle := 0.5 * (low + high)) not in (low, high):
        low, high = (middle, high) if 8.0 * middle < lr * math.tanh(middle) else (low, middle)
    return 2.0 * middle


def cycle_loss(lr: float) -> float:
    """Give the cross-entropy on that cycle, ln(2 cosh(c / 2)): ln 2 up to lr 8, 1.0444278 at lr 10."""
    c = cycle(lr)
    return 0.5 * c + math.log1p(math.exp(-c))


def escape_time(distance: float, reach: float, *, lr: float, eigenvalue: float) -> float:
    """Give the updates of gradient descent that take a run from `distance` to `reach` away from a saddle.

    Notes
    -----
    Near a saddle the gradient is H times the displacement, and an update multiplies what lies along an eigenvector
    of the negative `eigenvalue` by 1 + lr |eigenvalue|. So the time is ln(reach / distance) / ln(1 + lr |eigenvalue|).
    """
    return math.log(reach / distance) / math.log1p(-lr * eigenvalue)


@dataclass(frozen=True)
class Saddle:
    """A point of zero gradient at ln 2 with a way down.

    Attributes
    ----------
    parameters : W1 (2, 2), b1 (2,), W2 (2, 1), b2 (1,)
    eigenvalue : the smallest of the Hessian of the mean cross-entropy
    direction : its unit eigenvector, in the form of `parameters`
    """

    parameters: dict[str, Array]
    eigenvalue: float
    direction: dict[str, Array]

    def near(self, distance: float) -> dict[str, Array]:
        """Return the parameters `distance` away along the direction."""
        return {name: value + distance * self.direction[name] for name, value in self.parameters.items()}


def tanh_saddle(bias: float, weight: float) -> Saddle:
    """Give the saddle of a 2-2-1 tanh network whose units ignore their inputs, both with this bias and output weight.

    Notes
    -----
    With W1 = 0 and a logit of 0 the residuals p - y are +1/2, -1/2, -1/2, +1/2; they sum to 0, also when weighted by
    x1 or x2, so the gradient is 0. Of the second derivatives of the logit only those in w1, w2 of one unit i meet
    residuals that do not cancel: they add v_i s''(b_i) / 8 [[0, 1], [1, 0]] to the Hessian, s = tanh. Along
    w_i = ±(1, -1) / 2, with opposite signs in the two units, the logit does not change to first order, so nothing
    else is added and the eigenvalue is -v s''(b) / 8: negative where `bias` and `weight` have opposite signs. Then
    the logit grows at (0, 1) and (1, 0) by the same: the way down is XOR itself.
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
