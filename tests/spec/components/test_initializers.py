from itertools import pairwise

import numpy as np
import pytest
from numpy.random import RandomState
from scipy.stats import kstest

from xorlab.errors import SpecError
from xorlab.numerics.initialization import initialize
from xorlab.spec import InitSpec
from xorlab.spec.components.initializers import INITIALIZERS

SIZES = (40, 60, 1)
DRAWN = [name for name in INITIALIZERS if name not in ("file", "constant", "zeros")]

FORMULAS = {
    "normal": ("normal", lambda fan_in, fan_out: 1.0),
    "uniform": ("uniform", lambda fan_in, fan_out: 1.0 / 3**0.5),
    "xavier_uniform": ("uniform", lambda fan_in, fan_out: (2.0 / (fan_in + fan_out)) ** 0.5),
    "xavier_normal": ("normal", lambda fan_in, fan_out: (2.0 / (fan_in + fan_out)) ** 0.5),
    "he_uniform": ("uniform", lambda fan_in, fan_out: (2.0 / fan_in) ** 0.5),
    "he_normal": ("normal", lambda fan_in, fan_out: (2.0 / fan_in) ** 0.5),
    "lecun_normal": ("normal", lambda fan_in, fan_out: fan_in**-0.5),
    "torch_default": ("uniform", lambda fan_in, fan_out: (3.0 * fan_in) ** -0.5),
}
"""Law and standard deviation of each scheme at its defaults, as its paper (or PyTorch) states them."""

KURTOSIS = {"normal": 3.0, "uniform": 1.8}


def draw(name, sizes=SIZES, seed=42, **parameters):
    return initialize(InitSpec(name=name, **parameters), sizes, RandomState(seed))


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if name != "file"])
def test_shapes(name):
    parameters = draw(name, sizes=(2, 5, 3, 1))
    assert {key: array.shape for key, array in parameters.items()} == {
        "W1": (2, 5),
        "b1": (5,),
        "W2": (5, 3),
        "b2": (3,),
        "W3": (3, 1),
        "b3": (1,),
    }
    assert all(array.dtype == np.float64 for array in parameters.values())


@pytest.mark.parametrize("name", FORMULAS)
def test_moments(name):
    """Mean, spread, shape of the law and, where it is bounded, the bound, within five standard errors."""
    law, deviation = FORMULAS[name]
    for layer, (fan_in, fan_out) in enumerate(pairwise((40, 60, 20)), start=1):
        std = deviation(fan_in, fan_out)
        values = np.concatenate([draw(name, (40, 60, 20), seed)[f"W{layer}"].ravel() for seed in range(20)]) / std
        tolerance = 5.0 / values.size**0.5
        assert abs(values.mean()) < tolerance
        assert abs(values.std() - 1.0) < tolerance
        assert abs((values**4).mean() - KURTOSIS[law]) < 10 * tolerance
        if law == "uniform":
            assert 1.7 < np.abs(values).max() <= 3**0.5


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("normal", {"std": 0.25}),
        ("uniform", {"limit": 0.25}),
        ("xavier_uniform", {"gain": 0.25}),
        ("xavier_normal", {"gain": 0.25}),
        ("he_uniform", {"gain": 0.25 * 2**0.5}),
        ("he_normal", {"gain": 0.25 * 2**0.5}),
        ("orthogonal", {"gain": 0.25}),
        ("constant", {"value": 0.125}),
    ],
)
def test_parameters_scale_the_weights(name, parameters):
    np.testing.assert_allclose(draw(name, **parameters)["W1"], 0.25 * draw(name)["W1"], rtol=1e-14)


@pytest.mark.parametrize("fans", [(3, 8), (8, 3), (5, 5), (1, 4), (4, 1)])
def test_orthogonal_rows_or_columns_are_orthonormal(fans):
    W = draw("orthogonal", fans)["W1"]
    gram = W @ W.T if fans[0] <= fans[1] else W.T @ W
    np.testing.assert_allclose(gram, np.eye(min(fans)), atol=1e-14)


def test_orthogonal_matrices_are_uniform():
    """Haar measure on O(2): each entry has mean 0, reflections are as likely as rotations."""
    matrices = np.array([draw("orthogonal", (2, 2), seed)["W1"] for seed in range(2_000)])
    np.testing.assert_allclose(matrices.mean(axis=0), 0.0, atol=5 * (0.5 / 2_000) ** 0.5)
    assert abs(np.linalg.det(matrices).mean()) < 5 / 2_000**0.5


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if name != "file"])
def test_biases_are_zero_by_default_but_for_torch(name):
    biases = draw(name)["b1"]
    assert biases.any() == (name == "torch_default")
    assert not draw(name, biases="zero")["b1"].any()


@pytest.mark.parametrize("name", FORMULAS)
def test_drawn_biases_have_the_law_of_the_weights(name):
    parameters = [draw(name, (40, 60), seed, biases="drawn") for seed in range(100)]
    biases = np.array([one["b1"] for one in parameters])
    std = FORMULAS[name][1](40, 60)
    assert abs(biases.mean()) < 5 * std / biases.size**0.5
    assert abs(biases.std() / std - 1.0) < 5 / biases.size**0.5


def test_constant_and_zeros():
    assert set(draw("constant", value=-2.0)["W1"].ravel()) == {-2.0}
    assert set(draw("constant", value=-2.0, biases="drawn")["b1"]) == {-2.0}
    assert not draw("zeros")["W1"].any()


SEED_42 = {
    "normal": (0.4967141530112327, -0.23413695694918055, -0.4694743859349521),
    "uniform": (-0.250919762305275, -0.6880109593275947, 0.2022300234864176),
    "xavier_uniform": (-0.2748688277898985, -0.7536782445932541, 0.24768018427553045),
    "xavier_normal": (0.3141496067094041, -0.1480812105706105, -0.33196852191302294),
    "he_uniform": (-0.4346057766309236, -1.191669938134193, 0.2859964421194089),
    "he_normal": (0.4967141530112327, -0.23413695694918055, -0.38332423178227335),
    "lecun_normal": (0.35122994600365614, -0.16555983036126735, -0.2710511637),
    "orthogonal": (0.58495557, 0.07855677, -0.25830898),
    "torch_default": (-0.17742706552, -0.48649721433, 0.54260516),
    "constant": (0.5, 0.5, 0.5),
    "zeros": (0.0, 0.0, 0.0),
}
"""First and last value of W1 and last value of W2 of a 2-3-1 network at seed 42."""


@pytest.mark.parametrize("name", SEED_42)
def test_seed_42_is_the_same_network_for_ever(name):
    parameters = draw(name, (2, 3, 1))
    found = parameters["W1"][0, 0], parameters["W1"][1, 2], parameters["W2"][2, 0]
    np.testing.assert_allclose(found, SEED_42[name], rtol=1e-7)


def test_the_default_is_the_notebooks_draw():
    parameters = draw("normal", (2, 3, 1))
    rng = RandomState(42)
    np.testing.assert_array_equal(parameters["W1"], rng.randn(2, 3))
    np.testing.assert_array_equal(parameters["W2"], rng.randn(3, 1))


@pytest.mark.parametrize("name", DRAWN)
def test_a_seed_is_stable_and_another_differs(name):
    first, again, other = draw(name, (2, 3, 1)), draw(name, (2, 3, 1)), draw(name, (2, 3, 1), seed=43)
    assert first["W1"].tobytes() == again["W1"].tobytes()
    assert not np.any(first["W1"] == other["W1"])


@pytest.mark.parametrize("name", DRAWN)
def test_the_global_stream_is_left_alone(name):
    before = np.random.get_state()[1].copy()
    draw(name)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def save(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


W1, W2 = np.arange(6.0).reshape(2, 3), np.ones((3, 1))


def test_file_gives_its_own_weights(tmp_path):
    path = save(tmp_path / "w.npz", W1=W1.astype(np.float32), b1=[1, 2, 3], W2=W2)
    parameters = draw("file", (2, 3, 1), path=path)
    np.testing.assert_array_equal(parameters["W1"], W1)
    np.testing.assert_array_equal(parameters["b1"], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(parameters["b2"], [0.0])
    assert all(array.dtype == np.float64 for array in parameters.values())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"W1": W1}, r"W2 \(3, 1\), b2 \(1,\); got W1 \(2, 3\)"),
        ({"W1": W1, "b1": np.ones(2), "W2": W2}, r"b1 \(3,\), .* got W1 \(2, 3\), b1 \(2,\)"),
        ({"W1": W1 + np.inf, "W2": W2}, r"W1 in .* must hold finite real numbers"),
        ({"W1": np.full((2, 3), "a"), "W2": W2}, r"W1 in .* must hold finite real numbers; got others, of type <U1"),
        ({"W1": np.array([None], dtype=object)}, "must hold arrays of numbers"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, arrays, message):
    path = save(tmp_path / "w.npz", **arrays)
    with pytest.raises(SpecError, match=message):
        draw("file", (2, 3, 1), path=path)


def test_what_is_not_an_npz_file_is_refused(tmp_path):
    path = tmp_path / "w.npz"
    path.write_bytes(b"hello")
    with pytest.raises(SpecError, match="must hold arrays of numbers"):
        draw("file", (2, 3, 1), path=str(path))


def _write_npy(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def _write_corrupt(path):
    np.savez_compressed(path, W1=RandomState(0).random_sample((2, 3)), W2=np.ones((3, 1)))
    content = bytearray(path.read_bytes())
    content[90:130] = bytes(byte ^ 0xFF for byte in content[90:130])
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04 broken"),
        _write_npy,
        _write_corrupt,
    ],
)
def test_a_file_that_is_no_npz_is_refused_in_one_line(tmp_path, write):
    write(tmp_path / "weights.npz")
    with pytest.raises(SpecError, match="must hold arrays of numbers"):
        initialize(InitSpec(name="file", path=str(tmp_path / "weights.npz")), (2, 3, 1), RandomState(0))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"W3": np.ones((1, 1))}, r"a 2-3-1 network.* got .*W3 \(1, 1\)"),
        ({"W1": 1j * np.ones((2, 3))}, "W1 .* finite real numbers; got others, of type complex128"),
        ({"b1": np.full(3, np.nan)}, "b1 .* finite real numbers"),
    ],
)
def test_weights_that_are_not_the_network_s_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "weights.npz", **{"W1": np.ones((2, 3)), "W2": np.ones((3, 1)), **arrays})
    with pytest.raises(SpecError, match=message):
        initialize(InitSpec(name="file", path=str(tmp_path / "weights.npz")), (2, 3, 1), RandomState(0))


def test_a_file_that_changed_since_the_specification_is_refused(tmp_path):
    np.savez(tmp_path / "weights.npz", W1=np.ones((2, 3)), W2=np.ones((3, 1)))
    init = InitSpec(name="file", path=str(tmp_path / "weights.npz"))
    np.savez(tmp_path / "weights.npz", W1=np.zeros((2, 3)), W2=np.ones((3, 1)))
    with pytest.raises(SpecError, match="must be the file of the specification"):
        initialize(init, (2, 3, 1), RandomState(0))


def test_biases_have_a_law_of_their_own():
    drawn = {
        name: initialize(InitSpec(biases=name, bias=0.5), (2, 4000, 1), RandomState(0))
        for name in ("constant", "normal", "uniform")
    }
    np.testing.assert_array_equal(drawn["constant"]["b1"], 0.5)
    assert kstest(drawn["normal"]["b1"], "norm", (0.0, 0.5)).pvalue > 1e-3
    assert kstest(drawn["uniform"]["b1"], "uniform", (-0.5, 1.0)).pvalue > 1e-3
    for parameters in drawn.values():
        np.testing.assert_array_equal(parameters["W1"], initialize(InitSpec(), (2, 4000, 1), RandomState(0))["W1"])


def test_uniform_between_two_numbers():
    W = initialize(InitSpec(name="uniform_between", low=1.0, high=3.0), (100, 40, 1), RandomState(0))["W1"]
    assert kstest(W.ravel(), "uniform", (1.0, 2.0)).pvalue > 1e-3
