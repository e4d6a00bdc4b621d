"""Weights of other programs. The files in weights/ were saved by PyTorch 2.13 and Keras 3.13."""

import io
import os
import pickle
import re
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.random import RandomState

from xorlab.errors import SpecError
from xorlab.numerics import weight_files
from xorlab.numerics.initialization import initialize
from xorlab.numerics.network import evaluate
from xorlab.numerics.weights import LAYOUTS, fit, hidden, keras_order, save, torch_names
from xorlab.spec import ArchSpec, InitSpec

FILES = Path(__file__).with_name("weights")
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TORCH_LOGITS = [-0.20544732074415673, -0.4043289124965668, -0.3743954820598935, -0.4043289124965668]
"""What PyTorch says of sequential.pt, in double precision, at X."""


def loaded(name, units=(2, 3, 1)):
    path = FILES / name
    return fit(weight_files.read(path.read_bytes(), name), units, name)


def logits(parameters, activation="relu"):
    widths = tuple(len(parameters[f"b{layer}"]) for layer in range(1, len(parameters) // 2))
    stacked = {key: array[None] for key, array in parameters.items()}
    return evaluate(ArchSpec(hidden=widths, activation=activation), stacked, X)[0]


def relu_network(parameters):
    """PyTorch's forward pass, x W^T + b, written out for weights (outputs, inputs)."""
    a = X
    for layer, (W, b) in enumerate(parameters):
        a = (np.maximum(a, 0.0) if layer else a) @ W.T + b
    return a[:, 0]


@pytest.mark.parametrize("name", ["sequential.pt", "checkpoint.pt"])
def test_a_state_dict_gives_pytorchs_outputs(name):
    parameters, notes = loaded(name)
    np.testing.assert_allclose(logits(parameters), TORCH_LOGITS, rtol=1e-15)
    assert not notes


def test_bfloat16_has_eight_bits():
    exact, rounded = loaded("sequential.pt")[0], loaded("bf16.pt")[0]
    for key, array in rounded.items():
        np.testing.assert_allclose(array, exact[key], rtol=2.0**-8)
        assert not (array.view(np.int64) & (2**45 - 1)).any()


def test_keras_gives_its_own_matrices():
    pytest.importorskip("h5py")
    parameters, _ = loaded("keras.weights.h5")
    first = [[0.6047141551971436, -0.2794342041015625, 0.09173762798309326]]
    np.testing.assert_array_equal(parameters["W1"][:1], first)
    np.testing.assert_array_equal(parameters["W2"][0], [-0.6782793402671814])


def test_without_h5py_keras_has_another_way(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(SpecError, match=r"needs h5py; install it, or save np\.savez\(.*get_weights"):
        loaded("keras.weights.h5")


def network(*units, seed=0):
    """Random matrices (inputs, outputs) and biases."""
    rng = RandomState(seed)
    sizes = list(pairwise(units))
    return [(rng.standard_normal(size), rng.standard_normal(size[1])) for size in sizes]


def own(layers):
    return {f"{kind}{n}": a for n, layer in enumerate(layers, 1) for kind, a in zip("Wb", layer, strict=True)}


def read(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return weight_files.read(content.getvalue(), "w.npz")


@pytest.mark.parametrize("units", [(2, 3, 1), (2, 2, 1), (2, 4, 4, 1)], ids=str)
@pytest.mark.parametrize(
    "form",
    [
        own,
        lambda layers: own([(W.T, b) for W, b in layers]),
        lambda layers: own([(W, b[None]) for W, b in layers]),
        lambda layers: own([(W.T, b[:, None]) for W, b in layers]),
        lambda layers: dict(sorted(own(layers).items(), key=lambda item: item[0][0])),
        lambda layers: (
            {f"w{n}": W for n, (W, b) in enumerate(layers)} | {f"b{n}": b for n, (W, b) in enumerate(layers)}
        ),
        lambda layers: {f"arr_{n}": array for n, array in enumerate(sum(layers, ()))},
        lambda layers: (
            {f"{2 * n}.weight": W.T for n, (W, b) in enumerate(layers)}
            | {f"{2 * n}.bias": b for n, (W, b) in enumerate(layers)}
        ),
        lambda layers: {
            f"net.fc{n}.{k}": a for n, (W, b) in enumerate(layers) for k, a in (("weight", W.T), ("bias", b))
        },
        lambda layers: {f"fc{n}.{k}": a for n, (W, b) in enumerate(layers) for k, a in (("weight", W), ("bias", b))},
    ],
    ids=["own", "transposed", "row", "column", "apart", "from_0", "list", "sequential", "named", "named_transposed"],
)
def test_every_orientation_is_the_same_network(units, form):
    """Square matrices are read as the matrices beside them, so only these forms are the same for all units."""
    layers = network(*units)
    found = read(**form(layers))
    assert hidden(found, 2, "w.npz") == units[1:-1]
    parameters, notes = fit(found, units, "w.npz")
    np.testing.assert_allclose(logits(parameters), relu_network([(W.T, b) for W, b in layers]), rtol=1e-12)
    assert len(notes) == sum(n == k for n, k in pairwise(units))


@pytest.mark.parametrize(
    ("names", "transposed", "said"),
    [
        (("W1", "b1", "W2", "b2"), False, r"W1 \(2, 2\) in w is read as \(inputs, outputs\), as in y = x W \+ b"),
        (("a.weight", "a.bias", "b.weight", "b.bias"), True, r"is read as \(outputs, inputs\), as PyTorch has it"),
    ],
)
def test_where_all_are_square_the_source_decides(names, transposed, said):
    W, V = np.arange(4.0).reshape(2, 2), np.arange(4.0, 8.0).reshape(2, 2)
    parameters, notes = fit(dict(zip(names, (W, np.zeros(2), V, np.ones(2)), strict=True)), (2, 2, 2), "w")
    np.testing.assert_array_equal(parameters["W1"], W.T if transposed else W)
    np.testing.assert_array_equal(parameters["W2"], V.T if transposed else V)
    assert len(notes) == 2
    assert re.search(said, notes[0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"W1": np.ones((2, 4)), "W2": np.ones((4, 1))},
            r"a 2-3-1 network, W1 \(2, 3\), b1 \(3,\).*got W1 \(2, 4\), W2",
        ),
        ({"W1": np.ones((2, 3))}, r"got W1 \(2, 3\)$"),
        ({"b1": np.ones(3)}, r"a matrix for each bias; got b1 \(3,\)"),
        ({"W1": np.ones((2, 3)), "b1": np.ones((2, 3)), "W2": np.ones((3, 1))}, r"got .*b1 \(2, 3\)"),
        ({"W1": np.ones((2, 3)), "b1": np.ones(2), "W2": np.ones((3, 1))}, r"got .*b1 \(2,\)"),
        ({"1.weight": np.ones(2), "1.bias": np.ones(2)}, r"got 1\.weight \(2,\)"),
        ({"W1": np.full((2, 3), np.nan), "W2": np.ones((3, 1))}, "finite real numbers"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_shapes(arrays, message):
    with pytest.raises(SpecError, match=message):
        fit(read(**arrays), (2, 3, 1), "w.npz")


def test_a_whole_model_is_refused():
    with pytest.raises(SpecError, match=r"tensors only; it holds __main__\.Net: save model\.state_dict\(\)"):
        loaded("module.pt")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


@pytest.mark.parametrize("pickled", [pickle.dumps({"0.weight": Evil()}, 2), b"\x80\x02garbage", b"", b"\x80\x04N."])
def test_code_in_a_file_is_not_run(pickled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("evil/data.pkl", pickled)
    with pytest.raises(SpecError, match=r"evil\.pt must hold"):
        weight_files.read(content.getvalue(), "evil.pt")
    assert not list(tmp_path.iterdir())


def test_a_tensor_that_lies_outside_its_storage_is_refused():
    content = io.BytesIO()
    with zipfile.ZipFile(FILES / "sequential.pt") as real, zipfile.ZipFile(content, "w") as archive:
        for item in real.namelist():
            archive.writestr(item, real.read(item)[: 4 if item.endswith("data/0") else None])
    with pytest.raises(SpecError, match="can't be read"):
        weight_files.read(content.getvalue(), "w.pt")


def test_other_files_are_refused():
    with pytest.raises(SpecError, match="must hold arrays of numbers"):
        loaded("legacy.pt")


def test_weights_out_come_back_in():
    layers = network(2, 4, 4, 1)
    parameters = own(layers)
    named = torch_names(parameters)
    assert list(named) == ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]
    pairs = list(zip(list(named.values())[::2], list(named.values())[1::2], strict=True))
    np.testing.assert_allclose(relu_network(pairs), logits(parameters), rtol=1e-12)
    for back in (read(**named), {f"arr_{n}": a for n, a in enumerate(keras_order(parameters))}):
        again, _ = fit(back, (2, 4, 4, 1), "w")
        for key, array in parameters.items():
            np.testing.assert_array_equal(again[key], array)


def test_a_run_starts_from_a_state_dict():
    parameters = initialize(InitSpec(name="file", path=str(FILES / "sequential.pt")), (2, 3, 1), RandomState(0))
    np.testing.assert_allclose(logits(parameters), TORCH_LOGITS, rtol=1e-15)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_saved_is_read_again(layout, tmp_path):
    units = (2, 3, 4, 1)
    parameters = initialize(InitSpec(biases="drawn"), units, RandomState(0))
    path = tmp_path / "out.npz"
    save(path, parameters, layout)
    with np.load(path, allow_pickle=False) as file:
        shapes = [file[key].shape for key in file.files if file[key].ndim == 2]
    assert shapes == [pair[::-1] if layout == "torch" else pair for pair in pairwise(units)]
    found, notes = fit(weight_files.read(path.read_bytes(), "out.npz"), units, "out.npz")
    assert not notes
    for key, array in parameters.items():
        np.testing.assert_array_equal(found[key], array)


def test_weights_that_can_not_be_saved_are_refused_in_one_line(tmp_path):
    with pytest.raises(SpecError, match="layout must be one of numpy, torch, keras; got 'jax'"):
        save(tmp_path / "out.npz", {}, "jax")
    with pytest.raises(SpecError, match="the weights must go to a file that can be written; got "):
        save(tmp_path / "no" / "out.npz", {})
