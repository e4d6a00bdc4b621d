"""Sign patterns: the classes of starts of a 2-2-1 network, some of which decide its fate.

With zero biases the signs of a hidden unit's two weights decide at which of the four points a ReLU is on. The sign of
its output weight decides which way it pushes there. Swapping the inputs or the units does not change XOR, so patterns
that differ only by such a swap are the same.
"""

import numpy as np

from xorlab.numerics import training
from xorlab.spec import RunSpec
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.datasets import truth_table

DEAD = "(-,-)"
"""A ReLU unit that is dead from the start; the sign of its output weight does not matter."""

CERTAIN: dict[str, str] = {
    "(+,-)+ (-,+)+": "converged",
    "(+,-)+ (-,-)": "stuck_0.477",
    "(-,-) (-,-)": "stuck_ln2",
}
"""Patterns that decide the outcome on XOR, given enough epochs; derived for gradient descent with lr 0.1."""


def pattern(spec: RunSpec) -> str:
    """Give the sign pattern of a run's initial weights, as in ``(+,-)+ (-,+)+``.

    A unit is written ``(sign from x1, sign from x2)sign to the output``. Of the possible
    orders of units and inputs it takes the one with + first. A unit that is dead from the start, `DEAD`, has no sign to
    the output; this needs points 0 and 1 and a ReLU with slope 0 at 0.

    Raises
    ------
    ValueError
        Where the network is not 2-2-1 with zero biases, the data are not the four points or change when the inputs
        are swapped, or a weight is 0.
    """
    if spec.arch.hidden != (2,):
        raise ValueError(f"sign patterns need one hidden layer of 2 units; got {spec.arch.hidden}")
    table = truth_table(spec.data)
    if table is None or table[1] != table[2]:
        rule = "the points 00, 01, 10 and 11, with the same target at 01 and 10"
        raise ValueError(f"sign patterns need {rule}; got data={spec.data.name}")
    initial, _ = training.draw(spec)
    if initial["b1"].any() or initial["b2"].any():
        raise ValueError(f"sign patterns need biases that start at 0; got init={spec.init.name} with others")
    weights = np.vstack([initial["W1"], initial["W2"].T])
    if not weights.all():
        raise ValueError(f"sign patterns need weights other than 0; got init={spec.init.name} with a weight of 0")
    relu = ACTIVATIONS[spec.arch.activations[0]].pieces == (0.0, 1.0)
    dies = relu and spec.arch.relu_grad_at_zero == 0.0 and spec.data.encoding == "binary"
    # Of each unit: the signs of its weights from x1, from x2 and to the output; 0 where the sign does not matter.
    signs = np.sign(weights).astype(int).T.tolist()
    found = [(a, b, 0 if dies and (a, b) == (-1, -1) else out) for a, b, out in signs]
    swapped = [(b, a, out) for a, b, out in found]
    first = max(sorted(found, reverse=True), sorted(swapped, reverse=True))  # of the orders, the one with + first
    mark = {1: "+", -1: "-", 0: ""}
    return " ".join(f"({mark[a]},{mark[b]}){mark[out]}" for a, b, out in first)
