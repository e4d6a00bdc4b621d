"""Elementary functions with the same bits on every processor.

NumPy's `exp`, `log1p` and `tanh` round differently by processor, version and C library. The functions here consist of
operations whose result IEEE 754 fixes: +, -, *, / and comparisons, each a NumPy call of its own, so that no compiler
can fuse two of them, and operations on the bits of a number. Each reduces its argument to a short polynomial around
the nearest node of a table. The tables come from `decimal`, which computes to any number of digits in integers.

A function is a builder, as in `steps`: it takes the arrays that a step reads and writes, which may be the same array.

References
----------
Tang, "Table-driven implementation of the exponential function in IEEE floating-point arithmetic", ACM TOMS 15:144,
1989; Marsaglia & Bray, "A convenient method for generating normal variables", SIAM Review 6:260, 1964.
"""

import math
from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from functools import cache, partial
from itertools import accumulate, repeat
from operator import mul
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from xorlab.spec.components.steps import HALF, MINUS, ONE, ZERO, Array, Step, chain

Bits = NDArray[np.uint64]

EXACT = Context(prec=36)
"""Far more digits than a float has, so that a table's values are the nearest floats."""

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


def rounding(step: float) -> Array:
    """Return the number that rounds x to a multiple of `step`, a power of 2, if it is added and taken away again.

    The low bits of the sum then hold the multiple, as an integer in two's complement.
    """
    return np.array(1.5 * 2.0**52 * step)


EXP_NODES = 4096
EXP_ROUNDING = rounding(1.0)
EXP_PLACE = np.array(EXP_NODES - 1)
EXP_SHIFT = np.array(52 - 12, dtype=np.uint64)
"""Bits by which an integer moves to the left so that its multiple of 4096 lands in the exponent."""
EXP_LOWEST = np.array(-746.0)
"""exp is 0 below this."""
EXP_SCALE, EXP_UNSCALE = 64, np.array(2.0**-64)
"""Results are computed 2^64 times too large, so that the exponent of a subnormal one has room."""


@cache
def _exp_steps() -> tuple[Array, Array, Array]:
    """Return 4096 / ln 2, and ln 2 / 4096 as a float of 30 bits plus a rest, so that k times the first is exact."""
    with localcontext(EXACT):
        step = Decimal(2).ln() / EXP_NODES
        high = math.ldexp(float(int(step * 2**42)), -42)
        return np.array(float(1 / step)), np.array(high), np.array(float(step - Decimal(high)))


@cache
def _exp_table() -> tuple[Bits, Array]:
    """Return the bits of 2^(j/4096 + 64), less what j adds to the exponent, and the relative rest that they lack."""
    with localcontext(EXACT):
        exact = [Decimal(1)]
        ratio = (Decimal(2).ln() / EXP_NODES).exp()
        while len(exact) < EXP_NODES:
            exact.append(exact[-1] * ratio)
        values = np.array([float(value) for value in exact])
        rests = np.array([float(value / Decimal(float(value)) - 1) for value in exact])
    places = np.arange(EXP_NODES, dtype=np.uint64) << EXP_SHIFT
    return np.ldexp(values, EXP_SCALE).view(np.uint64) - places, rests


SIXTH = np.array(1.0 / 6.0)


def exp(x: Array, out: Array) -> Step:
    """Make the step that writes exp(x), where no x is above 0.

    exp(x) = 2^(k/4096) exp(r) with x = k ln 2 / 4096 + r, and exp(r) - 1 = r + r^2 / 2 + r^3 / 6.
    """
    per_step, high, low = _exp_steps()
    table, rests = _exp_table()
    r, k, term, rest = (np.empty(x.shape) for _ in range(4))
    bits, place, factor = k.view(np.uint64), np.empty(x.shape, dtype=np.intp), np.empty(x.shape, dtype=np.uint64)
    signed, scale = k.view(np.int64), factor.view(np.float64)

    def step() -> None:
        np.maximum(x, EXP_LOWEST, out=r)
        np.multiply(r, per_step, k)
        np.add(k, EXP_ROUNDING, k)
        np.bitwise_and(signed, EXP_PLACE, place)
        table.take(place, None, factor, "clip")
        rests.take(place, None, rest, "clip")
        np.subtract(k, EXP_ROUNDING, term)
        np.left_shift(bits, EXP_SHIFT, bits)
        np.add(factor, bits, factor)
        np.multiply(term, high, k)
        np.subtract(r, k, r)
        np.multiply(term, low, k)
        np.subtract(r, k, r)
        np.multiply(r, SIXTH, term)
        np.add(term, HALF, term)
        np.multiply(term, r, term)
        np.multiply(term, r, term)
        np.add(term, rest, term)
        np.add(term, r, term)
        np.multiply(term, scale, term)
        np.add(term, scale, term)
        np.multiply(term, EXP_UNSCALE, out)

    return step


LOG_NODES = 1024
LOG_ROUNDING = rounding(1.0 / LOG_NODES)
LOG_PLACE = np.array(2 * LOG_NODES - 1)
LOG_TERMS = tuple(np.array(sign / power) for sign, power in ((1.0, 5.0), (-1.0, 4.0), (1.0, 3.0), (-1.0, 2.0)))


@cache
def _log_table() -> tuple[Array, Array]:
    """Return ln(n/1024) for n from 512 to 2048, at n - 1024 modulo 2048, and the rest that each float lacks.

    ln((n + 1) / n) = 2 (s + s^3 / 3 + s^5 / 5 + …) with s = 1 / (2n + 1).
    """
    table, rests = np.full(2 * LOG_NODES, np.nan), np.full(2 * LOG_NODES, np.nan)
    with localcontext(EXACT):
        value = -Decimal(2).ln()
        for n in range(LOG_NODES // 2, 2 * LOG_NODES + 1):
            exact = value if n != LOG_NODES else Decimal(0)
            table[n - LOG_NODES] = float(exact)
            rests[n - LOG_NODES] = float(exact - Decimal(float(exact)))
            s = 1 / Decimal(2 * n + 1)
            value += 2 * sum(s**power / power for power in (1, 3, 5, 7, 9, 11))
    return table, rests


def log1p(x: Array, out: Array) -> Step:
    """Make the step that writes ln(1 + x), where x is from -1/2 to 1.

    ln(1 + x) = ln(1 + m) + ln(1 + r) with m = j / 1024 next to x and r = (x - m) / (1 + m).
    """
    table, rests = _log_table()
    m, r, term = (np.empty(x.shape) for _ in range(3))
    signed, place = m.view(np.int64), np.empty(x.shape, dtype=np.intp)
    first, *others = LOG_TERMS

    def step() -> None:
        np.add(x, LOG_ROUNDING, m)
        np.bitwise_and(signed, LOG_PLACE, place)
        np.subtract(m, LOG_ROUNDING, m)
        np.subtract(x, m, r)
        np.add(m, ONE, m)
        np.divide(r, m, r)
        np.multiply(r, first, term)
        for other in others:
            np.add(term, other, term)
            np.multiply(term, r, term)
        np.multiply(term, r, term)
        rests.take(place, None, m, "clip")
        np.add(term, m, term)
        np.add(term, r, term)
        table.take(place, None, m, "clip")
        np.add(term, m, out)

    return step


LOG_SPLIT = np.array(0.7)


def log(x: Array, out: Array) -> Step:
    """Make the step that writes ln x of positive normal numbers: x = 2^k (1 + e) with 1 + e from about 0.7 to 1.4."""
    e, k, less = (np.empty(x.shape) for _ in range(3))
    exponent = np.empty(x.shape, dtype=np.intc)
    follow, (high, low) = log1p(e, e), map(np.array, _ln2())

    def step() -> None:
        np.frexp(x, e, exponent)
        np.less(e, LOG_SPLIT, less)
        np.subtract(exponent, less, k)
        np.add(less, ONE, less)
        np.multiply(e, less, e)
        np.subtract(e, ONE, e)
        follow()
        np.multiply(k, low, less)
        np.add(e, less, e)
        np.multiply(k, high, k)
        np.add(k, e, out)

    return step


@cache
def _ln2() -> tuple[float, float]:
    """Return ln 2 as a float of 40 bits plus a rest, so that k times the first is exact."""
    with localcontext(EXACT):
        exact = Decimal(2).ln()
        high = math.ldexp(float(int(exact * 2**40)), -40)
        return high, float(exact - Decimal(high))


NODE = 1.0 / 256.0
NODE_ROUNDING = rounding(NODE)
NODE_PLACE = np.array(2**14 - 1)


class Series(NamedTuple):
    """A function's Taylor series around a node m.

    Attributes
    ----------
    start : start(m, e) with e = exp(-m), the function's value and slope to many digits
    following : following(m, c), the next coefficient, from arrays of those before, c[0], c[1], …
    """

    start: Callable[[Decimal, Decimal], tuple[Decimal, Decimal]]
    following: Callable[[Array, list[Array]], Array]


def _tanh_start(m: Decimal, e: Decimal) -> tuple[Decimal, Decimal]:
    t = (1 - e * e) / (1 + e * e)
    return t, 1 - t * t


def _tanh_following(m: Array, c: list[Array]) -> Array:
    """t' = 1 - t^2."""
    square = sum((a * b for a, b in zip(c, reversed(c), strict=True)), np.zeros_like(m))
    return -square / len(c)


def _erf_start(m: Decimal, e: Decimal) -> tuple[Decimal, Decimal]:
    slope = 2 / PI.sqrt() * (-m * m).exp()
    term = value = slope * m
    n = 1
    while term * 10**24 > value:
        term *= 2 * m * m / (2 * n + 1)
        value += term
        n += 1
    return value, slope


def _erf_following(m: Array, c: list[Array]) -> Array:
    """f'' = -2 x f'."""
    n = len(c) - 1
    return -2.0 * (n * m * c[n] + (n - 1.0) * c[n - 1]) / (n * (n + 1.0))


def _expm1_start(m: Decimal, e: Decimal) -> tuple[Decimal, Decimal]:
    """1 - exp(-x), which is -expm1(-x)."""
    return 1 - e, e


def _expm1_following(m: Array, c: list[Array]) -> Array:
    return -c[-1] / len(c)


TANH = Series(_tanh_start, _tanh_following)
ERF = Series(_erf_start, _erf_following)
EXPM1 = Series(_expm1_start, _expm1_following)


@cache
def _nodes(series: Series, last: float) -> Array:
    """Return the coefficients around each node from 0 to `last`, a row for each power up to 5.

    That of d^6 is spread over lower powers by Chebyshev's polynomial, which is within h^6 / 32 of 0 for |d| <= h.
    """
    m = NODE * np.arange(round(last / NODE) + 1, dtype=np.float64)
    with localcontext(EXACT):
        decays = accumulate(repeat(Decimal(-NODE).exp(), len(m) - 1), mul, initial=Decimal(1))
        starts = [series.start(Decimal(at), e) for at, e in zip(m.tolist(), decays, strict=True)]
        c = list(np.array([[float(value), float(slope)] for value, slope in starts]).T)
    while len(c) < 7:
        c.append(series.following(m, c))
    h2 = NODE * NODE / 4.0
    return np.array([c[0], c[1], c[2] - c[6] * (9.0 * h2 * h2 / 16.0), c[3], c[4] + c[6] * (1.5 * h2), c[5]])


def _odd(series: Series, last: float, x: Array, out: Array) -> Step:
    """Make the step that writes a function of |x|, with the sign of x, by its Taylor series around the nearest node.

    The function is 1 to the last bit from `last` on.
    """
    table, most = _nodes(series, last), np.array(last)
    d, m, value, term = (np.empty(x.shape) for _ in range(4))
    signed, place = m.view(np.int64), np.empty(x.shape, dtype=np.intp)
    highest, *others = table[::-1]

    def step() -> None:
        np.absolute(x, d)
        np.minimum(d, most, out=d)
        np.add(d, NODE_ROUNDING, m)
        np.bitwise_and(signed, NODE_PLACE, place)
        np.subtract(m, NODE_ROUNDING, m)
        np.subtract(d, m, d)
        highest.take(place, None, value, "clip")
        for row in others:
            np.multiply(value, d, value)
            row.take(place, None, term, "clip")
            np.add(value, term, value)
        np.copysign(value, x, out)

    return step


def tanh(x: Array, out: Array) -> Step:
    """Make the step that writes tanh(x)."""
    return _odd(TANH, 19.25, x, out)


def erf(x: Array, out: Array) -> Step:
    """Make the step that writes the error function of x."""
    return _odd(ERF, 6.0, x, out)


def expm1(x: Array, out: Array) -> Step:
    """Make the step that writes exp(x) - 1, where no x is above 0: 1 - exp(-|x|) with the sign of x."""
    return _odd(EXPM1, 38.0, x, out)


ROOT_HALF = np.array(math.sqrt(0.5))


def normal_cdf(z: Array, out: Array) -> Step:
    """Make the step that writes (1 + erf(z / sqrt 2)) / 2. Far below 0 it loses its digits, as PyTorch's gelu does."""
    x = np.empty(z.shape)
    error = erf(x, x)

    def step() -> None:
        np.multiply(z, ROOT_HALF, x)
        error()
        np.add(x, ONE, x)
        np.multiply(x, HALF, out)

    return step


def _decay(z: Array, e: Array) -> Step:
    """Make the step that writes exp(-|z|)."""
    return chain([partial(np.copysign, z, MINUS, e), exp(e, e)])


def _share(z: Array, e: Array, p: Array) -> Step:
    """Make the step that writes the logistic function of z from e = exp(-|z|), which is lost: 1 or e, over 1 + e."""
    whole, positive = np.empty(z.shape), np.empty(z.shape, dtype=bool)

    def step() -> None:
        np.add(e, ONE, whole)
        np.greater_equal(z, ZERO, positive)
        np.copyto(e, ONE, where=positive)
        np.divide(e, whole, p)

    return step


def logistic(z: Array, p: Array) -> Step:
    """Make the step that writes 1 / (1 + exp(-z))."""
    e = np.empty(z.shape)
    return chain([_decay(z, e), _share(z, e, p)])


def softplus(z: Array, value: Array, slope: Array) -> Step:
    """Make the step that writes ln(1 + exp(z)) = max(z, 0) + ln(1 + exp(-|z|)) and its slope, the logistic function."""
    e, positive = np.empty(z.shape), np.empty(z.shape)

    def add_up() -> None:
        np.maximum(z, ZERO, out=positive)
        np.add(value, positive, value)

    return chain([_decay(z, e), log1p(e, value), add_up, _share(z, e, slope)])


class PortableState(RandomState):
    """A `RandomState` whose normal numbers are those of NumPy's to about the last bit, the same everywhere.

    Its uniform numbers are NumPy's: they come from integers by exact operations. NumPy makes normal numbers of them by
    the polar method with the C library's logarithm, which differs, and so does the rounding of a sum of squares where
    a compiler fuses it.
    """

    _spare: float | None = None

    def seed(self, seed: Any = None) -> None:
        """Start again from a seed."""
        super().seed(seed)
        self._spare = None

    def standard_normal(self, size: tuple[int, ...]) -> Array:  # type: ignore[override]
        """Draw an array of this shape by the polar method (Marsaglia & Bray), in the order of NumPy's."""
        return np.array([self._normal() for _ in range(math.prod(size))]).reshape(size)

    def _normal(self) -> float:
        if self._spare is not None:
            value, self._spare = self._spare, None
            return value
        square = 0.0
        while not 0.0 < square < 1.0:
            u, v = (2.0 * float(self.random_sample()) - 1.0 for _ in range(2))
            square = u * u + v * v
        logarithm = np.array([square])
        log(logarithm, logarithm)()
        factor = math.sqrt(-2.0 * float(logarithm[0]) / square)
        self._spare = factor * u
        return factor * v


def orthonormal(columns: Array) -> Array:
    """Return the Q of the QR decomposition whose R has a positive diagonal, for a tall matrix of full rank.

    Gram and Schmidt's method, with every projection taken away twice, which keeps the columns orthogonal to rounding.
    """
    found: list[list[float]] = []
    for start in columns.T.tolist():
        column = start
        for other in 2 * found:
            share = _dot(column, other)
            column = [a - share * b for a, b in zip(column, other, strict=True)]
        length = math.sqrt(_dot(column, column))
        found.append([a / length for a in column])
    return np.array(found).T


def _dot(a: list[float], b: list[float]) -> float:
    """Return the sum of the products. `fsum` rounds once; `sum` rounds otherwise in Python 3.11 than in 3.12."""
    return math.fsum(x * y for x, y in zip(a, b, strict=True))
