import re
from itertools import product

import numpy as np
import pytest

from xorlab.diagnosis import signs
from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics import training
from xorlab.spec import ArchSpec, DataSpec, InitSpec, RunSpec

TWO = ArchSpec(hidden=(2,))


@pytest.fixture
def start(tmp_path):
    """A run that starts from literal weights: columns of W1 are units, W2 has one row a unit."""

    def build(W1, W2, *, arch=TWO, **biases):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.npz"
        np.savez(path, W1=np.array(W1, dtype=float), W2=np.array(W2, dtype=float).reshape(-1, 1), **biases)
        return RunSpec(arch=arch, init=InitSpec(name="file", path=str(path)))

    return build


@pytest.mark.parametrize(
    ("W1", "W2", "expected"),
    [
        ([[0.3, -2.0], [-0.1, 5.0]], [1.0, 0.2], "(+,-)+ (-,+)+"),
        ([[0.3, -2.0], [0.1, 5.0]], [-1.0, 0.2], "(+,+)- (+,-)+"),
        ([[-0.3, 2.0], [-0.1, 5.0]], [-1.0, 0.2], "(+,+)+ (-,-)"),
        ([[-0.3, -2.0], [-0.1, -5.0]], [-1.0, 0.2], "(-,-) (-,-)"),
        ([[-0.3, -2.0], [0.1, 5.0]], [-1.0, 0.2], "(+,-)+ (+,-)-"),
    ],
)
def test_literal_weights_have_their_pattern(start, W1, W2, expected):
    assert signs.pattern(start(W1, W2)) == expected


def test_units_and_inputs_may_trade_places(start):
    rng = np.random.RandomState(0)
    for _ in range(30):
        W1, W2 = rng.standard_normal((2, 2)), rng.standard_normal(2)
        same = {signs.pattern(start(V[:, units], W2[units])) for V in (W1, W1[::-1]) for units in ([0, 1], [1, 0])}
        assert len(same) == 1


def test_what_a_dead_unit_says_counts_where_it_may_wake(start):
    weights = [[-0.3, 2.0], [-0.1, 5.0]], [-1.0, 0.2]
    wakes = ArchSpec(hidden=(2,), relu_grad_at_zero=1.0)
    leaks = ArchSpec(hidden=(2,), activation="leaky_relu")
    assert signs.pattern(start(*weights)) == "(+,+)+ (-,-)"
    assert {signs.pattern(start(*weights, arch=arch)) for arch in (wakes, leaks)} == {"(+,+)+ (-,-)-"}


def test_there_are_as_many_patterns_as_orbits_of_signs(start):
    """Seven kinds of units, as a dead one has no sign behind it: by Burnside's lemma (49 + 7 + 9 + 7) / 4 = 18 pairs.

    Swapping the units leaves 7 pairs as they are; swapping the inputs, 3 kinds and so 9 pairs; both, 7.
    """
    kinds = list(product((1.0, -1.0), repeat=3))
    pairs = {signs.pattern(start(np.array([u[:2], v[:2]]).T, [u[2], v[2]])) for u in kinds for v in kinds}
    assert len(pairs) == 18
    assert set(signs.CERTAIN) < pairs


@pytest.mark.parametrize("pattern", signs.CERTAIN)
def test_some_patterns_decide_the_outcome(pattern):
    specs = (RunSpec(arch=TWO, seed=seed) for seed in range(150))
    trained = training.train([spec for spec in specs if signs.pattern(spec) == pattern])
    assert len(trained.specs) >= 4
    assert {verdict.outcome for verdict in diagnose(trained)} == {signs.CERTAIN[pattern]}


def test_no_run_with_a_dead_unit_converges():
    specs = [RunSpec(arch=TWO, seed=seed, epochs=3000) for seed in range(60)]
    trained = training.train([spec for spec in specs if signs.DEAD in signs.pattern(spec)])
    assert "converged" not in {verdict.outcome for verdict in diagnose(trained)}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (RunSpec(), "one hidden layer of 2 units; got (3,)"),
        (RunSpec(arch=ArchSpec(hidden=(2, 2))), "got (2, 2)"),
        (RunSpec(arch=TWO, data=DataSpec(name="parity")), "the same target at 01 and 10; got data=parity"),
        (RunSpec(arch=TWO, data=DataSpec(name="noisy_xor")), "got data=noisy_xor"),
        (RunSpec(arch=TWO, init=InitSpec(biases="drawn")), "biases that start at 0; got init=normal with others"),
        (RunSpec(arch=TWO, init=InitSpec(name="zeros")), "weights other than 0; got init=zeros with a weight of 0"),
    ],
)
def test_where_there_is_no_pattern_it_says_why(spec, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        signs.pattern(spec)


def test_a_file_with_biases_has_no_pattern(start):
    with pytest.raises(ValueError, match="biases that start at 0; got init=file"):
        signs.pattern(start(np.ones((2, 2)), [1, 1], b1=np.array([0.0, 0.1])))
