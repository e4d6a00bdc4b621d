"""Set partitions by brute force, and the best loss on each group."""

import math

import numpy as np


def partitions(points):
    """All partitions of a list into groups."""
    if not points:
        yield []
        return
    first, *rest = points
    for partition in partitions(rest):
        yield [[first], *partition]
        for index, group in enumerate(partition):
            yield [*partition[:index], [first, *group], *partition[index + 1 :]]


def best(group, loss):
    """The least summed loss that one probability can have on a group, by a fine search."""
    share = np.mean(group)
    p = np.clip(share, 1e-300, 1 - 1e-16)
    each = {
        "bce": lambda y: -(y * math.log(p) + (1 - y) * math.log1p(-p)),
        "mse": lambda y: (y - share) ** 2,
        "mae": lambda y: abs(y - (share > 0.5)),
        "hinge": lambda y: 2.0 * abs(y - (share > 0.5)),
    }[loss]
    return sum(each(y) for y in group)
