"""Sign patterns: the classes of starts of a 2-2-1 network, some of which decide its fate.

With zero biases the signs of a hidden unit's two weights tell at which of the four points a ReLU is on, and the sign
of its output weight which way it pushes there. XOR does not change when its inputs, or the units, trade places, so
patterns that differ in no more are one.
"""

from itertools import combinations_with_replacement, product

import numpy as np

from xorlab.numerics import training
from xorlab.spec import RunSpec

DATA = ("xor", "xnor", "and", "or")
"""The data sets of the four points, on which swapping the inputs changes nothing."""

DEAD = "(-,-)"
"""A ReLU unit that is off at all points and gets no gradient for ever; the sign behind it says nothing."""

CERTAIN: dict[str, str] = {
    "(+,-)+ (-,+)+": "converged",
    "(+,-)+ (-,-)": "stuck_0.477",
    "(-,-) (-,-)": "stuck_ln2",
}
"""Patterns that decide the outcome on XOR, given epochs enough; derived for gradient descent at a rate of 0.1."""

Unit = tuple[int, int, int]
"""The signs, +1 or -1, of a unit's weights from x1 and from x2, and to the output; 0 where it says nothing."""


def pattern(spec: RunSpec) -> str:
    """Give the sign pattern of a run's initial weights, as in ``(+,-)+ (-,+)+``.

    A unit is written ``(sign from x1, sign from x2)sign to the output``. Of the orders of units and of inputs the one
    with + first is taken. A unit that is dead for ever, `DEAD`, has no sign behind it: this needs points 0 and 1, and
    ReLU with a slope of 0 at 0.

    Raises
    ------
    ValueError
        Where the network is not 2-2-1 with zero biases on one of `DATA`, or a weight is 0.
    """
    if spec.arch.hidden != (2,) or spec.data.name not in DATA:
        got = f"{spec.arch.hidden} on {spec.data.name}"
        raise ValueError(f"sign patterns need one hidden layer of 2 units on {', '.join(DATA)}; got {got}")
    initial, _ = training.draw(spec)
    if initial["b1"].any() or initial["b2"].any():
        raise ValueError(f"sign patterns need biases that start at 0; got init={spec.init.name} with others")
    weights = np.vstack([initial["W1"], initial["W2"].T])
    if not weights.all():
        raise ValueError(f"sign patterns need weights other than 0; got init={spec.init.name} with a weight of 0")
    dies = spec.arch.activation == "relu" and spec.arch.relu_grad_at_zero == 0.0 and spec.data.encoding == "binary"
    signs = np.sign(weights).astype(int).T.tolist()
    return _canonical([(a, b, 0 if dies and (a, b) == (-1, -1) else out) for a, b, out in signs])


def patterns() -> list[str]:
    """List every pattern of a ReLU network on points 0 and 1 in order: 18 of them."""
    kinds: list[Unit] = [unit for unit in product((1, -1), (1, -1), (1, -1)) if unit[:2] != (-1, -1)]
    pairs = combinations_with_replacement([*kinds, (-1, -1, 0)], 2)
    return list(dict.fromkeys(_canonical(list(pair)) for pair in pairs))


def _canonical(found: list[Unit]) -> str:
    """Write the order of inputs and units that has + first."""
    swapped = [(b, a, out) for a, b, out in found]
    return " ".join(map(_written, max(sorted(found, reverse=True), sorted(swapped, reverse=True))))


def _written(unit: Unit) -> str:
    first, second, out = ({1: "+", -1: "-", 0: ""}[sign] for sign in unit)
    return f"({first},{second}){out}"
