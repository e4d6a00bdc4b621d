"""How the elementary functions are computed: `native`, by NumPy, or `portable`, the same bits on every processor.

Activations, losses and initialisers take what they need from an `Arithmetic`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.random import RandomState

from xorlab.spec.components import portable
from xorlab.spec.components.steps import MINUS, ONE, ZERO, Array, Step, chain

Build = Callable[[Array, Array], Step]
"""build(x, out) makes the step that writes a function of x."""


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """Elementary functions, sums and random numbers.

    Attributes
    ----------
    exp, expm1 : exp(x) and exp(x) - 1, where no x is above 0
    tanh, normal_cdf, logistic : of any x; the middle one is the normal distribution function
    log : ln x, where x is at least 1
    softplus : softplus(z, value, slope) makes the step that writes ln(1 + exp(z)) and its derivative
    total : total(terms, out) makes the step that adds up terms (N, …) into out (…); the terms may be lost
    mean : mean(values) is the mean of values (N, …) over the first axis; the values may be lost
    random : random(seed) is the stream that initial weights, orders of samples and noise come from
    """

    exp: Build
    expm1: Build
    tanh: Build
    normal_cdf: Build
    logistic: Build
    log: Build
    softplus: Callable[[Array, Array, Array], Step]
    total: Build
    mean: Callable[[Array], Array]
    random: Callable[[int], RandomState]


def _normal_cdf(z: Array, out: Array) -> Step:
    from scipy.special import ndtr

    return partial(ndtr, z, out)


def _logistic(z: Array, p: Array) -> Step:
    """1 / (1 + exp(-z)); exp may overflow to inf, and 1 / inf is the correct 0."""

    def step() -> None:
        np.negative(z, p)
        np.exp(p, p)
        np.add(p, ONE, p)
        np.divide(ONE, p, p)

    return step


def _softplus(z: Array, value: Array, slope: Array) -> Step:
    """max(z, 0) + ln(1 + exp(-|z|)), which can't overflow; the slope is exp(z - value)."""

    def step() -> None:
        np.copysign(z, MINUS, slope)
        np.exp(slope, slope)
        np.log1p(slope, slope)
        np.maximum(z, ZERO, out=value)
        np.add(value, slope, value)
        np.subtract(z, value, slope)
        np.exp(slope, slope)

    return step


MOST_IN_ORDER = 16
"""Portable sums of at most this many terms are taken from the first to the last."""


def additions(terms: Sequence[Array], out: Array) -> list[Step]:
    """Make the additions of `terms` from the first to the last."""
    if len(terms) < 2:
        return [partial(np.copyto, out, term) for term in terms or [np.zeros(1)]]
    return [partial(np.add, terms[0], terms[1], out), *(partial(np.add, out, term, out) for term in terms[2:])]


def portable_total(terms: Array, out: Array) -> Step:
    """Make the step that adds the second half to the first while there are many terms, then adds the rest in order."""
    steps: list[Step] = []
    left = len(terms)
    while left > MOST_IN_ORDER:
        half = left // 2
        steps.append(partial(np.add, terms[:half], terms[left - half : left], terms[:half]))
        left -= half
    return chain([*steps, *additions(list(terms[:left]), out)])


def _portable_mean(values: Array) -> Array:
    out = np.empty(values.shape[1:])
    portable_total(values, out)()
    return out / len(values)


ARITHMETICS = {
    "native": Arithmetic(
        exp=lambda x, out: partial(np.exp, x, out),
        expm1=lambda x, out: partial(np.expm1, x, out),
        tanh=lambda x, out: partial(np.tanh, x, out),
        normal_cdf=_normal_cdf,
        logistic=_logistic,
        log=lambda x, out: partial(np.log, x, out),
        softplus=_softplus,
        total=lambda terms, out: partial(np.add.reduce, terms, axis=0, out=out),
        mean=lambda values: np.asarray(values.mean(axis=0)),
        random=RandomState,
    ),
    "portable": Arithmetic(
        exp=portable.exp,
        expm1=portable.expm1,
        tanh=portable.tanh,
        normal_cdf=portable.normal_cdf,
        logistic=portable.logistic,
        log=portable.log,
        softplus=portable.softplus,
        total=portable_total,
        mean=_portable_mean,
        random=portable.PortableState,
    ),
}
NATIVE, PORTABLE = ARITHMETICS["native"], ARITHMETICS["portable"]
