import dataclasses
import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import WAYS
from xorlab.errors import SpecError
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.datasets import DATASETS
from xorlab.spec.components.initializers import INITIALIZERS
from xorlab.spec.components.optimizers import OPTIMIZERS

DRAWN_INITIALIZERS = [name for name in INITIALIZERS if name != "file"]


def test_the_defaults_are_the_notebook_run():
    assert RunSpec().parameters() == {
        "data.name": "xor",
        "data.encoding": "binary",
        "data.targets": "binary",
        "arch.hidden": [3],
        "arch.activation": "relu",
        "arch.relu_grad_at_zero": 0.0,
        "arch.output": "sigmoid",
        "arch.bias": True,
        "init.name": "normal",
        "init.biases": "zero",
        "init.std": 1.0,
        "optimizer.name": "gd",
        "loss": "bce",
        "lr": 0.1,
        "batch_size": "full",
        "shuffle": False,
        "epochs": 10_000,
        "seed": 42,
        "numerics": "native",
    }


def test_a_part_takes_the_defaults_of_what_it_names():
    assert OptimizerSpec(name="adam").beta2 == 0.999
    assert OptimizerSpec(name="momentum").beta2 is None
    assert InitSpec(name="torch_default").biases == "drawn"
    assert InitSpec(name="he_normal").gain == pytest.approx(2**0.5, abs=1e-15)
    assert DataSpec(name="noisy_xor") == DataSpec(name="noisy_xor", points=10, std=0.1, seed=0)


def built(way, data, hidden, activation, **others):
    loss, output, targets = way
    arch = ArchSpec(hidden=hidden, activation=activation, output=output)
    return RunSpec(loss=loss, arch=arch, data=DataSpec(name=data, targets=targets), **others)


specs = st.builds(
    built,
    way=st.sampled_from(WAYS),
    data=st.sampled_from(sorted(DATASETS.keys() - {"file"})),
    hidden=st.lists(st.integers(1, 9), max_size=3),
    activation=st.sampled_from(list(ACTIVATIONS)),
    init=st.sampled_from(DRAWN_INITIALIZERS).map(lambda name: InitSpec(name=name)),
    optimizer=st.sampled_from(list(OPTIMIZERS)).map(lambda name: OptimizerSpec(name=name)),
    lr=st.floats(1e-300, 1e300),
    batch_size=st.one_of(st.just("full"), st.integers(1, 9)),
    shuffle=st.booleans(),
    epochs=st.integers(1, 10**6),
    target_loss=st.one_of(st.none(), st.floats(1e-9, 1.0)),
    seed=st.integers(0, 2**32 - 1),
    numerics=st.sampled_from(["native", "portable"]),
)


@settings(max_examples=60, deadline=None)
@given(spec=specs)
def test_a_specification_survives_json(spec):
    again = RunSpec.from_mapping(json.loads(json.dumps(spec.nested())))
    assert again == spec
    assert again.identity == spec.identity
    assert again.parameters() == spec.parameters()


def test_the_identity_is_the_hash_of_sorted_json():
    content = {
        "data": {"name": "xor", "encoding": "binary"},
        "arch": {"hidden": [3], "activation": "relu", "relu_grad_at_zero": 0.0},
        "init": {"name": "normal", "biases": "zero", "std": 1.0},
        "optimizer": {"name": "gd"},
        "loss": "bce",
        "lr": 0.1,
        "batch_size": "full",
        "shuffle": False,
        "epochs": 10000,
        "seed": 42,
    }
    text = json.dumps({"numerics": 2, "spec": content}, sort_keys=True, separators=(",", ":"))
    assert RunSpec().identity == hashlib.sha256(text.encode()).hexdigest()
    assert RunSpec(numerics="portable").identity != RunSpec().identity
    assert RunSpec().identity == "c377b62356b0868340f805336f146d5a8197d83aeed8cb895ad22631f645c39f"


def test_equal_values_are_one_identity():
    assert RunSpec(lr=1).identity == RunSpec(lr=1.0).identity
    assert RunSpec(arch=ArchSpec(hidden=[3])).identity == RunSpec(arch=ArchSpec(hidden=(3,))).identity
    assert RunSpec(init=InitSpec(std=1)).identity == RunSpec().identity
    mapping = RunSpec().nested()
    backwards = dict(reversed(mapping.items()))
    assert RunSpec.from_mapping(backwards).identity == RunSpec().identity


def test_whatever_decides_the_numbers_is_in_the_identity():
    others = [
        {"data": DataSpec(name="and")},
        {"data": DataSpec(encoding="bipolar")},
        {"data": DataSpec(name="noisy_xor")},
        {"data": DataSpec(name="noisy_xor", seed=1)},
        {"data": DataSpec(name="noisy_xor", std=0.2)},
        {"arch": ArchSpec(hidden=(2,))},
        {"arch": ArchSpec(activation="tanh")},
        {"arch": ArchSpec(relu_grad_at_zero=1.0)},
        {"init": InitSpec(std=0.5)},
        {"init": InitSpec(biases="drawn")},
        {"optimizer": OptimizerSpec(name="momentum")},
        {"optimizer": OptimizerSpec(name="momentum", momentum=0.5)},
        {"optimizer": OptimizerSpec(name="nesterov")},
        {"loss": "mse"},
        {"loss": "mae"},
        {"loss": "mse", "arch": ArchSpec(output="linear")},
        {"loss": "mse", "arch": ArchSpec(output="tanh")},
        {"loss": "mse", "arch": ArchSpec(output="tanh"), "data": DataSpec(targets="bipolar")},
        {"lr": 0.2},
        {"batch_size": 1},
        {"batch_size": 1, "shuffle": True},
        {"epochs": 9_999},
        {"target_loss": 0.1},
        {"target_rmse": 0.1},
        {"target_max_error": 0.1},
        {"target_accuracy": 1.0},
        {"arch": ArchSpec(bias=False)},
        {"arch": ArchSpec(activation="leaky_relu")},
        {"arch": ArchSpec(activation="leaky_relu", leaky_slope=0.2)},
        {"arch": ArchSpec(hidden=(3, 3), activation=("tanh", "relu"))},
        {"arch": ArchSpec(hidden=(3, 3), activation=("relu", "tanh"))},
        {"init": InitSpec(biases="constant", bias=0.1)},
        {"init": InitSpec(biases="normal", bias=0.1)},
        {"init": InitSpec(name="uniform_between")},
        {"init": InitSpec(name="uniform_between", low=-1.0)},
        {"seed": 43},
    ]
    identities = {RunSpec(**other).identity for other in others}
    assert len(identities | {RunSpec().identity}) == len(others) + 1


def test_a_later_setting_at_its_default_is_no_part_of_the_identity():
    before = {key: value for key, value in RunSpec().nested().items() if key not in ("data", "arch")}
    before |= {"data": {"name": "xor"}, "arch": {"hidden": [3]}}
    assert RunSpec.from_mapping(before) == RunSpec()
    assert RunSpec().parameters()["arch.output"] == "sigmoid"
    assert RunSpec(arch=ArchSpec(output="sigmoid")).identity == RunSpec().identity


def test_a_list_of_one_activation_is_that_activation():
    same = ArchSpec(hidden=(3, 3), activation=["relu", "relu"])
    assert same == ArchSpec(hidden=(3, 3))
    assert ArchSpec(activation="leaky_relu").leaky_slope == 0.01


def test_specifications_are_values():
    assert len({RunSpec(), RunSpec(lr=0.1), RunSpec(seed=1)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunSpec().lr = 1.0


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"lr": -1.0}, r"lr must be positive; got -1\.0"),
        ({"lr": 0}, r"lr must be positive; got 0"),
        ({"lr": "fast"}, r"lr must be a number; got 'fast'"),
        ({"lr": None}, r"lr must be a number; got None"),
        ({"lr": True}, r"lr must be a number; got True"),
        ({"lr": float("inf")}, r"lr must be finite; got inf"),
        ({"lr": float("nan")}, r"lr must be finite; got nan"),
        ({"seed": -1}, r"seed must be at least 0; got -1"),
        ({"seed": 2**32}, r"seed must be at most 4294967295; got 4294967296"),
        ({"seed": 1.5}, r"seed must be a whole number; got 1\.5"),
        ({"numerics": "exact"}, r"numerics must be one of native, portable; got 'exact'"),
        ({"seed": "0..9"}, r"seed must be a whole number; got '0\.\.9'"),
        ({"epochs": 0}, r"epochs must be at least 1; got 0"),
        ({"epochs": True}, r"epochs must be a whole number; got True"),
        ({"loss": "huber"}, r"loss must be one of bce, mse, mae, cross_entropy, hinge; got 'huber'"),
        ({"loss": "hinge"}, "loss=hinge needs arch.output=linear or tanh; got arch.output=sigmoid"),
        ({"arch": {"output": "tanh"}}, "loss=bce needs arch.output=sigmoid; got arch.output=tanh"),
        (
            {"loss": "hinge", "arch": {"output": "linear"}},
            "loss=hinge needs data.targets=bipolar; got data.targets=binary",
        ),
        (
            {"loss": "mse", "data": {"targets": "bipolar"}},
            "arch.output=sigmoid can't reach the target -1 of data.targets=bipolar; use data.targets=binary, or",
        ),
        ({"arch": {"output": "softmax"}}, "arch.output can't be softmax with one output unit: .* is always 1"),
        ({"arch": {"output": "relu"}}, "arch.output must be one of sigmoid, linear, tanh, softmax; got 'relu'"),
        ({"data": {"targets": "01"}}, "data.targets must be one of binary, bipolar; got '01'"),
        ({"batch_size": 0}, r"batch_size must be at least 1; got 0"),
        ({"batch_size": "half"}, r"batch_size must be full or a whole number; got 'half'"),
        ({"shuffle": "yes"}, r"shuffle must be true or false; got 'yes'"),
        ({"target_loss": 0.0}, r"target_loss must be positive; got 0\.0"),
        ({"target_accuracy": 1.5}, r"target_accuracy must be at most 1; got 1\.5"),
        ({"target_rmse": -1}, "target_rmse must be positive; got -1"),
        ({"arch": {"bias": 0}}, "arch.bias must be true or false; got 0"),
        ({"arch": {"leaky_slope": 0.1}}, r"arch.leaky_slope belongs to leaky_relu; got 0\.1 with relu"),
        ({"arch": {"activation": "leaky_relu", "leaky_slope": 1}}, "arch.leaky_slope must be below 1; got 1"),
        ({"arch": {"activation": ["tanh", "relu"]}}, ".* must have a name for each of the 1 hidden layers; got 2"),
        (
            {"arch": {"activation": ["tanh"], "hidden": [2, 2]}},
            ".* of the 2 hidden layers; got 1",
        ),
        ({"init": {"biases": "normal"}}, "init.biases=normal needs init.bias, their standard deviation"),
        ({"init": {"bias": 1.0}}, "init.bias belongs to init.biases=constant, normal, uniform; got 1.0 with"),
        ({"init": {"biases": "uniform", "bias": 0}}, "init.bias must be positive; got 0"),
        ({"init": {"name": "uniform_between", "low": 2.0}}, "init.low must be below init.high; got 2 and 1"),
        ({"arch": {"hidden": [0]}}, r"a width in arch\.hidden must be at least 1; got 0"),
        ({"arch": {"hidden": 3}}, r"arch\.hidden must be a list of widths.*; got 3"),
        ({"arch": {"hidden": "33"}}, r"arch\.hidden must be a list of widths.*; got '33'"),
        ({"arch": {"hidden": [2.5]}}, r"a width in arch\.hidden must be a whole number; got 2\.5"),
        ({"arch": {"activation": "relu6"}}, r"arch\.activation must be one of relu, .*; got 'relu6'"),
        ({"arch": {"relu_grad_at_zero": 2}}, r"arch\.relu_grad_at_zero must be from 0 to 1; got 2"),
        ({"arch": "2-3-1"}, r"arch must be a group of settings; got '2-3-1'"),
        ({"arch": {"width": 3}}, r"arch\.width is not a key; the keys are arch\.hidden, "),
        ({"init": {"name": "nope"}}, r"init\.name must be one of normal, .*; got 'nope'"),
        ({"init": {"std": 0.0}}, r"init\.std must be positive; got 0\.0"),
        ({"init": {"gain": 1.0}}, r"init\.gain does not belong to init=normal; got 1\.0"),
        (
            {"init": {"biases": "ones"}},
            "init.biases must be one of zero, drawn, .*; got 'ones'",
        ),
        ({"init": {"path": "w.npz"}}, r"init\.path does not belong to init=normal; got w\.npz"),
        ({"init": {"name": "file"}}, r"init\.path must name an \.npz file .*; got None"),
        ({"init": {"name": "file", "path": "no.npz"}}, r"init\.path must name a readable \.npz file; got 'no\.npz'"),
        ({"init": {"name": "orthogonal", "biases": "drawn"}}, r"init\.biases must be zero for init=orthogonal"),
        ({"optimizer": {"name": "sgd"}}, r"optimizer\.name must be one of gd, .*; got 'sgd'"),
        ({"optimizer": {"momentum": 0.9}}, r"optimizer\.momentum does not belong to optimizer=gd; got 0\.9"),
        ({"optimizer": {"name": "adam", "beta1": 1.0}}, r"optimizer\.beta1 must be below 1; got 1\.0"),
        ({"optimizer": {"name": "adam", "beta2": -0.1}}, r"optimizer\.beta2 must be at least 0; got -0\.1"),
        ({"optimizer": {"name": "rmsprop", "eps": 0}}, r"optimizer\.eps must be positive; got 0"),
        ({"data": {"name": "mnist"}}, r"data\.name must be one of xor, .*; got 'mnist'"),
        ({"data": {"encoding": "ternary"}}, r"data\.encoding must be one of binary, bipolar; got 'ternary'"),
        ({"data": {"bits": 4}}, r"data\.bits does not belong to data=xor; got 4"),
        ({"data": {"name": "parity", "bits": 0}}, r"data\.bits must be at least 1; got 0"),
        ({"data": {"name": "noisy_xor", "points": 0}}, r"data\.points must be at least 1; got 0"),
        ({"data": {"name": "noisy_xor", "std": -1}}, r"data\.std must be positive; got -1"),
        ({"learning_rate": 0.1}, r"learning_rate is not a key; the keys are data, arch, "),
    ],
)
def test_a_bad_value_is_one_line_that_names_key_rule_and_value(mapping, message):
    with pytest.raises(SpecError, match=f"^{message}") as caught:
        RunSpec.from_mapping(mapping)
    assert "\n" not in str(caught.value)


def test_a_file_of_weights_is_known_by_its_content(tmp_path):
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez(first, W1=np.ones((2, 3)))
    second.write_bytes(first.read_bytes())
    spec = RunSpec(init=InitSpec(name="file", path=str(first)))
    assert spec.init.sha256 == hashlib.sha256(first.read_bytes()).hexdigest()
    assert RunSpec(init=InitSpec(name="file", path=str(second))).identity == spec.identity
    np.savez(second, W1=np.zeros((2, 3)))
    assert RunSpec(init=InitSpec(name="file", path=str(second))).identity != spec.identity


def test_a_file_of_weights_is_found_from_any_folder(tmp_path, monkeypatch):
    np.savez(tmp_path / "w.npz", W1=np.ones((2, 3)))
    monkeypatch.chdir(tmp_path)
    assert InitSpec(name="file", path="w.npz").path == str(tmp_path / "w.npz")


@pytest.mark.parametrize(
    "values",
    [{"sha256": "0"}, {"path": "weights.npz"}, {"name": "file", "path": "a\0b"}, {"name": "file", "path": "no.npz"}],
)
def test_a_path_and_a_hash_belong_to_a_file_that_can_be_read(values):
    with pytest.raises(SpecError, match=r"^init\.(path|sha256)"):
        InitSpec(**values)


def test_a_file_has_biases_of_its_own(tmp_path):
    np.savez(tmp_path / "weights.npz", W1=np.ones((2, 3)))
    with pytest.raises(SpecError, match=r"init\.biases must be zero for init=file"):
        InitSpec(name="file", path=str(tmp_path / "weights.npz"), biases="drawn")


def test_minus_zero_is_the_same_setting():
    assert ArchSpec(relu_grad_at_zero=-0.0) == ArchSpec()
    assert RunSpec(arch=ArchSpec(relu_grad_at_zero=-0.0)).identity == RunSpec().identity
