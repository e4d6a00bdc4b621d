import importlib.util

import numpy as np
import pytest

from xorlab.numerics import layers, network
from xorlab.numerics.layers import CONTRACTIONS, PORTABLE, SUMS, Contractions, order, summed
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, InitSpec, RunSpec

H, K = 5, 3


def test_only_a_wide_pair_of_hidden_layers_is_stacked() -> None:
    assert order((2, 3, 1)) == order((2, 500, 1)) == order((2, 8, 8, 1)) == order((2, 1)) == "C"
    assert order((2, 10, 10, 1)) == order((2, 2, 50, 1)) == "F"
    assert order((2, 10, 10, 1), "portable") == "C"


PRODUCTS = {"C": CONTRACTIONS["C"], "F": CONTRACTIONS["F"], "portable": PORTABLE}


@pytest.mark.parametrize("kind", PRODUCTS)
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("outputs", [1, K])
@pytest.mark.parametrize("N", [1, 4, 100])
def test_each_product_is_the_plain_one(kind: str, shared: bool, outputs: int, N: int) -> None:
    rng, R, memory = np.random.RandomState(0), 16, kind if kind == "F" else "C"
    A = np.asarray(rng.standard_normal((N, H) if shared else (N, H, R)), order=memory)
    W, dz = (np.asarray(rng.standard_normal((n, outputs, R)), order=memory) for n in (H, N))
    z, dW, da = (np.full(shape, np.nan, order=memory) for shape in ((N, outputs, R), (H, outputs, R), (N, H, R)))
    products = PRODUCTS[kind]
    products.affine(A, W, z)()
    products.weight_gradient(A, dz, dW)()
    products.input_gradient(dz, W, da)()
    for run in range(R):
        alone = A if shared else A[:, :, run]
        np.testing.assert_allclose(z[:, :, run], alone @ W[:, :, run], rtol=0, atol=1e-13)
        np.testing.assert_allclose(dW[:, :, run], alone.T @ dz[:, :, run], rtol=0, atol=1e-13)
        np.testing.assert_allclose(da[:, :, run], dz[:, :, run] @ W[:, :, run].T, rtol=0, atol=1e-13)


@pytest.mark.parametrize("hidden", [(16, 16), (11, 13), (33, 7, 40)])
@pytest.mark.parametrize(
    ("batch_size", "numerics"), [("full", "native"), (1, "native"), ("full", "portable"), (1, "portable")]
)
def test_a_wide_network_has_the_same_bits_alone_and_among_others(
    hidden: tuple[int, ...], batch_size: int | str, numerics: str
) -> None:
    arch, init = ArchSpec(hidden=hidden), InitSpec(name="he_normal")
    parts = {"arch": arch, "init": init, "batch_size": batch_size, "numerics": numerics}
    specs = [RunSpec(**parts, epochs=20, seed=seed) for seed in range(101)]
    together = train(specs).losses
    backwards = train(specs[::-1]).losses[::-1]
    assert together.tobytes() == backwards.tobytes()
    assert together[57].tobytes() == train([specs[57]]).losses[0].tobytes()


CORNERS = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1.0]])
"""The inputs of XOR, and the 1 that a bias meets."""


@pytest.mark.parametrize("R", [8, 40, 2048])
@pytest.mark.parametrize("k", [1, 3, 8])
@pytest.mark.parametrize("A", [CORNERS, CORNERS[:1], CORNERS[[3, 0]]], ids=["corners", "one point", "two points"])
@pytest.mark.parametrize("products", [CONTRACTIONS["C"], PORTABLE], ids=["native", "portable"])
def test_sums_have_the_bits_of_contractions(products: Contractions, A: np.ndarray, k: int, R: int) -> None:
    rng = np.random.RandomState(1)
    W, dz = rng.standard_normal((3, k, R)), rng.standard_normal((len(A), k, R))
    for name, right in (("affine", W), ("weight_gradient", dz)):
        shape = (len(A) if name == "affine" else 3, k, R)
        outs = [np.full(shape, np.nan) for _ in range(2)]
        for each, out in zip((SUMS, products), outs, strict=True):
            getattr(each, name)(A, right, out)()
        np.testing.assert_array_equal(*outs)


def test_sums_are_taken_where_they_can_be() -> None:
    assert summed(CORNERS, "C")
    assert not summed(CORNERS, "F")
    assert not summed(2.0 * CORNERS - 1.0, "C")
    assert not summed(np.tile(CORNERS, (2, 1)), "C")
    assert not summed(np.repeat(CORNERS[:, :, None], 8, axis=2), "C")


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_a_run_has_the_same_bits_by_sums_and_by_contractions(monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
    specs = [RunSpec(loss=loss, lr=lr, epochs=300, seed=seed) for lr in (0.1, 3.0) for seed in range(20)]
    by_sums = train(specs)
    monkeypatch.setattr(network, "summed", lambda *_: False)
    by_contractions = train(specs)
    assert by_sums.losses.tobytes() == by_contractions.losses.tobytes()
    np.testing.assert_array_equal(by_sums.final["W1"], by_contractions.final["W1"])


def test_without_numpys_private_function_the_bits_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [RunSpec(arch=ArchSpec(hidden=hidden), batch_size=2, epochs=30) for hidden in ((3,), (4, 3))]
    usual = [train([spec]).losses for spec in specs]
    monkeypatch.delattr("numpy._core.multiarray.c_einsum")
    found = importlib.util.spec_from_file_location("layers_again", layers.__file__)
    assert found is not None
    again = importlib.util.module_from_spec(found)
    assert found.loader is not None
    found.loader.exec_module(again)
    assert again.c_einsum is np.einsum
    monkeypatch.setattr(network, "CONTRACTIONS", again.CONTRACTIONS)
    for spec, losses in zip(specs, usual, strict=True):
        assert train([spec]).losses.tobytes() == losses.tobytes()
