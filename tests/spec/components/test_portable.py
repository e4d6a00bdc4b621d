import ast
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
from numpy.random import RandomState

from xorlab.spec.components import arithmetics, portable
from xorlab.spec.components.portable import PortableState

EXACT_CALLS = {
    *("add", "subtract", "multiply", "divide", "maximum", "minimum", "absolute", "copysign", "greater_equal"),
    *("bitwise_and", "left_shift", "copyto", "ldexp", "frexp", "less"),
    *("array", "arange", "empty", "full", "zeros_like", "nan", "float64", "int64", "uint64", "intp", "intc"),
}
"""What NumPy does exactly, or rounds once as IEEE 754 says, or what only makes arrays."""


def evaluate(build, x):
    out = np.full_like(x, np.nan)
    with np.errstate(all="ignore"):
        build(x, out)()
    return out


def spread(low, high, count=600):
    """Numbers over an interval, and as many that are close to 0 by every order of magnitude."""
    rng = RandomState(0)
    small = 2.0 ** rng.uniform(-70, 0, count)
    near = [end * small for end in (low, high) if end]
    return np.concatenate([rng.uniform(low, high, count), *near])


BUILDS = {
    "exp": (portable.exp, mpmath.exp, spread(-746, 0), 0.75),
    "expm1": (portable.expm1, mpmath.expm1, spread(-40, 0), 1.1),
    "log1p": (portable.log1p, mpmath.log1p, spread(-0.3, 1), 1.0),
    "log": (portable.log, mpmath.log, np.concatenate([spread(0, 1), spread(0, 1e3)]), 1.0),
    "tanh": (portable.tanh, mpmath.tanh, spread(-20, 20), 1.1),
    "erf": (portable.erf, mpmath.erf, spread(-6.5, 6.5), 1.6),
    "logistic": (portable.logistic, lambda x: 1 / (1 + mpmath.exp(-x)), spread(-744, 744), 2.0),
    "normal_cdf": (portable.normal_cdf, mpmath.ncdf, spread(0, 8), 1.6),
}
"""Each function, mpmath's, where to compare, and the largest error in units of the last place."""


@pytest.mark.parametrize("name", BUILDS)
def test_functions_are_those_of_arbitrary_precision(name):
    build, exact, points, most = BUILDS[name]
    with mpmath.workprec(200):
        for x, found in zip(points.tolist(), evaluate(build, points).tolist(), strict=True):
            wanted = exact(mpmath.mpf(x))
            assert abs(mpmath.mpf(found) - wanted) <= most * np.spacing(abs(float(wanted))), x


def test_softplus_and_its_slope_are_those_of_arbitrary_precision():
    points = spread(-744, 744)
    value, slope = np.empty_like(points), np.empty_like(points)
    portable.softplus(points, value, slope)()
    np.testing.assert_array_equal(slope, evaluate(portable.logistic, points))
    with mpmath.workprec(1200):
        exact = [mpmath.log1p(mpmath.exp(x)) for x in points.tolist()]
        errors = [abs(mpmath.mpf(a) - b) for a, b in zip(value.tolist(), exact, strict=True)]
    assert (np.array(errors, dtype=float) <= 2.0 * np.spacing(value)).all()


@pytest.mark.parametrize(
    ("build", "points", "expected"),
    [
        (portable.exp, [0.0, -0.0, -5e-324, -745.0, -746.0, -np.inf], [1.0, 1.0, 1.0, 5e-324, 0.0, 0.0]),
        (portable.exp, [-708.4, -744.4401], [math.exp(-708.4), 5e-324]),
        (portable.expm1, [0.0, -1e-300, -800.0, -np.inf], [0.0, -1e-300, -1.0, -1.0]),
        (portable.log1p, [0.0, 5e-324, 1e-310, 1.0], [0.0, 5e-324, 1e-310, math.log(2.0)]),
        (portable.tanh, [0.0, 5e-324, -30.0, 1e308, np.inf, -np.inf], [0.0, 5e-324, -1.0, 1.0, 1.0, -1.0]),
        (portable.erf, [0.0, -7.0, 1e308, np.inf, -np.inf], [0.0, -1.0, 1.0, 1.0, -1.0]),
        (portable.logistic, [0.0, 1e308, np.inf, -1e308, -np.inf], [0.5, 1.0, 1.0, 0.0, 0.0]),
        (portable.normal_cdf, [0.0, np.inf, -np.inf], [0.5, 1.0, 0.0]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_functions_at_their_ends(build, points, expected):
    np.testing.assert_array_equal(evaluate(build, np.array(points)), expected)


@pytest.mark.parametrize("name", ["exp", "expm1", "log1p", "tanh", "erf", "logistic", "normal_cdf"])
def test_functions_pass_on_what_is_not_a_number_and_work_in_place(name):
    build = getattr(portable, name)
    x = np.array([[np.nan, -0.25], [0.0, -0.125]])
    expected = evaluate(build, x)
    np.testing.assert_array_equal(np.isnan(expected), np.isnan(x))
    parts = np.full((2, 3), -1.0)
    parts[:, :2] = x
    build(parts[:, :2], parts[:, :2])()
    np.testing.assert_array_equal(parts[:, :2], expected)


def test_odd_functions_keep_the_sign_of_zero():
    for build in (portable.tanh, portable.erf):
        assert np.signbit(evaluate(build, np.array([0.0, -0.0]))).tolist() == [False, True]


def test_portable_calls_of_numpy_are_exact():
    tree = ast.parse(Path(portable.__file__).read_text())
    found = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np"
    }
    assert found <= EXACT_CALLS


@pytest.mark.parametrize("N", [1, 2, 5, 16, 17, 40, 100])
def test_a_portable_total_adds_up_all_terms(N):
    terms = RandomState(N).randint(-1000, 1000, (N, 1, 8)).astype(float)
    expected, out = terms.sum(axis=0), np.empty((1, 8))
    arithmetics.PORTABLE.total(terms, out)()
    np.testing.assert_array_equal(out, expected)


def test_a_short_portable_total_is_taken_in_order():
    terms, out = np.array([1e16, 1.0, -1e16, 1.0]).reshape(4, 1), np.empty(1)
    arithmetics.PORTABLE.total(terms, out)()
    assert out[0] == ((1e16 + 1.0) - 1e16) + 1.0


def test_portable_normal_numbers_are_numpys_to_the_last_bits():
    ours, numpys = PortableState(42), RandomState(42)
    for shape in ((2, 3), (3,), (4, 1), (1_000,)):
        np.testing.assert_allclose(ours.standard_normal(shape), numpys.standard_normal(shape), rtol=1e-14)
        np.testing.assert_array_equal(ours.random_sample(3), numpys.random_sample(3))


@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (5, 5), (40, 30)])
def test_orthonormal_columns_are_those_of_lapack(shape):
    columns = RandomState(3).standard_normal(shape)
    Q, R = np.linalg.qr(columns)
    found = portable.orthonormal(columns)
    np.testing.assert_allclose(found, Q * np.sign(np.diag(R)), atol=1e-13)
    np.testing.assert_allclose(found.T @ found, np.eye(shape[1]), atol=4e-16 * shape[0])
