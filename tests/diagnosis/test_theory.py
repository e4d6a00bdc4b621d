import itertools
import math

import numpy as np
import pytest
from scipy import integrate, spatial

from xorlab.diagnosis import theory
from xorlab.errors import SpecError
from xorlab.numerics.network import evaluate
from xorlab.spec import ArchSpec, DataSpec, InitSpec
from xorlab.spec.components.datasets import load

LAWS = {
    "normal": (InitSpec(biases="drawn"), lambda rng, n: rng.standard_normal(n)),
    "uniform": (InitSpec(name="torch_default"), lambda rng, n: rng.uniform(-1, 1, n)),
}


def split(X, W, b):
    """Which of the units W (D, H), b (H,) are dead and on everywhere on X, by a loop."""
    z = [[sum(x[d] * W[d][h] for d in range(2)) + b[h] for x in X] for h in range(len(b))]
    return [all(v <= 0 for v in unit) for unit in z], [all(v > 0 for v in unit) for unit in z]


def close(rate, n, p):
    """Four standard errors and a bit: a wrong closed form is further off than that, chance is not."""
    assert abs(rate - p) < 4 * math.sqrt(p * (1 - p) / n) + 1 / n


@pytest.mark.parametrize("encoding", ["binary", "bipolar"])
@pytest.mark.parametrize("law", LAWS)
def test_a_unit_is_dead_as_often_as_drawing_says(law, encoding):
    init, draw = LAWS[law]
    X, _ = load(DataSpec(encoding=encoding))
    rng, n = np.random.default_rng(0), 20_000
    dead, on = split(X, draw(rng, (2, n)), draw(rng, n))
    q = theory.unit_dead(init, encoding=encoding)
    close(sum(dead) / n, n, q)
    close(sum(on) / n, n, q)


def test_normal_biases_by_a_double_integral():

    def density(w, b):
        """Of b and w1 = w at (w, b), times the chance that w2 lets (0, 1) and (1, 1) through."""
        return math.exp(-(w * w + b * b) / 2) / (2 * math.pi) * math.erfc((-b - min(w, 0.0)) / math.sqrt(2)) / 2

    q = integrate.dblquad(density, 0, 9, lambda b: -b, 9, epsabs=1e-9)[0]
    assert theory.unit_dead(InitSpec(biases="drawn")) == pytest.approx(q, abs=1e-7)
    closed = 3 / 8 - math.atan(1 / math.sqrt(2)) / (2 * math.pi)
    assert theory.unit_dead(InitSpec(biases="drawn")) == pytest.approx(closed, abs=1e-15)


@pytest.mark.parametrize("encoding", ["binary", "bipolar"])
def test_uniform_biases_by_the_volume_of_a_polytope(encoding):
    """The (w1, w2, b) in the cube that are on at all points, by Qhull."""
    X, _ = load(DataSpec(encoding=encoding))
    cube = [[*sign * row, -1.0] for row in np.eye(3) for sign in (1, -1)]
    inside = np.array([[-x1, -x2, -1.0, 0.0] for x1, x2 in X] + cube)
    corners = spatial.HalfspaceIntersection(inside, np.array([0.0, 0.01, 0.5])).intersections
    q = spatial.ConvexHull(corners).volume / 8
    assert theory.unit_dead(InitSpec(name="torch_default"), encoding=encoding) == pytest.approx(q, abs=1e-12)


def test_bipolar_normal_biases_by_the_angle_of_the_octahedron():
    """The polar cone of a square of directions: four angles of arccos(1/3)."""
    assert theory.unit_dead(InitSpec(biases="drawn"), encoding="bipolar") == pytest.approx(
        0.5 - math.acos(1 / 3) / math.pi, abs=1e-15
    )


@pytest.mark.parametrize("encoding", ["binary", "bipolar"])
def test_zero_biases_by_sign_patterns(encoding):
    """Every order and sign of |w1| and |w2| is as likely as another under a symmetric law."""
    X, _ = load(DataSpec(encoding=encoding))
    pairs = [(s * a, t * b) for s, t in itertools.product((-1, 1), repeat=2) for a, b in ((1, 2), (2, 1))]
    dead, _ = split(X, np.array(pairs, dtype=float).T, [0.0] * len(pairs))
    for name in ("normal", "he_uniform"):
        assert theory.unit_dead(InitSpec(name=name), encoding=encoding) == sum(dead) / len(pairs)


@pytest.mark.parametrize("hidden", [1, 2, 3])
def test_starts_by_enumeration(hidden):
    """With zero biases each unit is of one of four equally likely sign classes, two of them split."""
    classes = list(itertools.product(("dead", "on", "split", "split"), repeat=hidden))

    def share(holds):
        return sum(map(holds, classes)) / len(classes)

    told = theory.start(InitSpec(), hidden)
    assert told.all_dead == share(lambda units: set(units) == {"dead"})
    assert told.affine == share(lambda units: "split" not in units)
    assert told.two_live == pytest.approx(share(lambda units: hidden - units.count("dead") >= 2), abs=1e-15)


def test_schemes_without_a_law_are_refused():
    for name in ("orthogonal", "constant", "zeros"):
        with pytest.raises(SpecError, match=f"symmetric law; got '{name}'"):
            theory.unit_dead(InitSpec(name=name))


@pytest.mark.parametrize("width", [2, 3, 4, 7])
def test_the_bounds_by_the_chain_of_states(width):
    """Both points alive, one direction alive, dead: the worst of the chains that the lower bound allows."""
    dies, both = 2.0**-width, 4.0**-width
    chain = np.array(
        [
            [1 - 2 * dies - (width - 1) * both, 2 * (dies - both) + width * both, both],
            [0.0, 1 - dies, dies],
            [0.0, 0.0, 1.0],
        ]
    )
    np.testing.assert_allclose(chain.sum(axis=1), 1.0)
    state = np.array([1 - 2 * dies, 2 * dies, 0.0])
    alive = 1 - dies
    for layers in range(2, 12):
        low, high = theory.born_dead(width, layers)
        assert low == pytest.approx(state[2], abs=1e-12)
        assert high == pytest.approx(1 - alive, abs=1e-12)
        state, alive = state @ chain, alive * (1 - dies)


def test_the_bounds_that_were_published():
    assert theory.born_dead(2, 10) == pytest.approx((0.870, 0.925), abs=5e-4)


@pytest.mark.parametrize("lr", [0.1, 3.0, 7.9, 8.1, 9.0, 10.0, 30.0])
def test_the_cycle_by_iteration(lr):
    c = 0.3
    for _ in range(5000):
        c -= lr * (1 / (1 + math.exp(-c)) - 0.5)
    loss = (math.log1p(math.exp(c)) + math.log1p(math.exp(-c))) / 2
    assert theory.cycle(lr) == pytest.approx(abs(c), abs=1e-9)
    assert theory.cycle_loss(lr) == pytest.approx(loss, abs=1e-12)


def test_the_cycle_at_ten():
    assert theory.cycle_loss(8.0) == pytest.approx(math.log(2), abs=1e-15)
    assert theory.cycle_loss(10.0) == pytest.approx(1.0444278, abs=5e-8)


def test_the_escape_by_repeated_steps():
    at, steps = 1e-6, 0
    while at < 0.1:
        at, steps = at + 0.3 * 0.05 * at, steps + 1
    assert steps - 1 < theory.escape_time(1e-6, 0.1, lr=0.3, eigenvalue=-0.05) <= steps


def flat(parameters):
    return np.concatenate([parameters[name].ravel() for name in ("W1", "b1", "W2", "b2")])


def loss(theta):
    """The mean cross-entropy of the 2-2-1 tanh network with these nine numbers on XOR."""
    X, y = load(DataSpec())
    parameters = {"W1": theta[:4].reshape(2, 2), "b1": theta[4:6], "W2": theta[6:8].reshape(2, 1), "b2": theta[8:]}
    arch = ArchSpec(hidden=(2,), activation="tanh")
    logits = evaluate(arch, {name: value[None] for name, value in parameters.items()}, X)[0]
    return np.mean(np.logaddexp(0.0, (1 - 2 * y) * logits))


@pytest.mark.parametrize(("bias", "weight"), [(-0.6585, 1.0), (0.3, -2.0), (-1.5, 0.4)])
def test_the_saddle_by_finite_differences(bias, weight):
    saddle = theory.tanh_saddle(bias, weight)
    theta, direction = flat(saddle.parameters), flat(saddle.direction)
    assert loss(theta) == pytest.approx(math.log(2), abs=1e-15)
    h, unit = 1e-4, np.eye(9)
    gradient = [(loss(theta + h * e) - loss(theta - h * e)) / (2 * h) for e in unit]
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)

    def second(e, f):
        return sum(s * t * loss(theta + h * (s * e + t * f)) for s in (1, -1) for t in (1, -1)) / (4 * h * h)

    hessian = np.array([[second(e, f) for e in unit] for f in unit])
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian)[0], saddle.eigenvalue, atol=1e-6)
    np.testing.assert_allclose(hessian @ direction, saddle.eigenvalue * direction, atol=1e-6)
    assert np.linalg.norm(direction) == pytest.approx(1.0)
    np.testing.assert_array_equal(flat(saddle.near(0.1)), theta + 0.1 * direction)


def test_a_saddle_needs_opposite_signs():
    with pytest.raises(ValueError, match=r"opposite signs; got 1 and 2"):
        theory.tanh_saddle(1.0, 2.0)
