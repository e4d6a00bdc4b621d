import numpy as np
import pytest

from xorlab.contractions import CONTRACTIONS, Order, order
from xorlab.spec import ArchSpec, InitSpec, RunSpec
from xorlab.training import train

N, H, K = 4, 5, 3


def test_only_a_wide_pair_of_hidden_layers_is_stacked() -> None:
    assert order((2, 3, 1)) == order((2, 500, 1)) == order((2, 8, 8, 1)) == order((2, 1)) == "C"
    assert order((2, 10, 10, 1)) == order((2, 2, 50, 1)) == "F"


@pytest.mark.parametrize("memory", ["C", "F"])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("outputs", [1, K])
def test_each_product_is_the_plain_one(memory: Order, shared: bool, outputs: int) -> None:
    rng, R = np.random.RandomState(0), 16
    A = np.asarray(rng.standard_normal((N, H) if shared else (N, H, R)), order=memory)
    W, dz = (np.asarray(rng.standard_normal((n, outputs, R)), order=memory) for n in (H, N))
    z, dW, da = (np.full(shape, np.nan, order=memory) for shape in ((N, outputs, R), (H, outputs, R), (N, H, R)))
    products = CONTRACTIONS[memory]
    products.affine(A, W, z)()
    products.weight_gradient(A, dz, dW)()
    products.input_gradient(dz, W, da)()
    for run in range(R):
        alone = A if shared else A[:, :, run]
        np.testing.assert_allclose(z[:, :, run], alone @ W[:, :, run], rtol=0, atol=1e-14)
        np.testing.assert_allclose(dW[:, :, run], alone.T @ dz[:, :, run], rtol=0, atol=1e-14)
        np.testing.assert_allclose(da[:, :, run], dz[:, :, run] @ W[:, :, run].T, rtol=0, atol=1e-14)


@pytest.mark.parametrize("hidden", [(16, 16), (11, 13), (33, 7, 40)])
@pytest.mark.parametrize("batch_size", ["full", 1])
def test_a_wide_network_has_the_same_bits_alone_and_among_others(
    hidden: tuple[int, ...], batch_size: int | str
) -> None:
    arch, init = ArchSpec(hidden=hidden), InitSpec(name="he_normal")
    specs = [RunSpec(arch=arch, init=init, batch_size=batch_size, epochs=20, seed=seed) for seed in range(101)]
    together = train(specs).losses
    backwards = train(specs[::-1]).losses[::-1]
    assert together.tobytes() == backwards.tobytes()
    assert together[57].tobytes() == train([specs[57]]).losses[0].tobytes()
