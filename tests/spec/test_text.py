"""A specification as text and back."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from xorlab.errors import SpecError
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec, options, text

pytestmark = pytest.mark.usefixtures("hydra_restore_singletons")

CONF = Path(__file__).resolve().parents[2] / "conf"

SPECS = {
    "notebook": RunSpec(),
    "deep": RunSpec(arch=ArchSpec(hidden=(5, 4), activation="tanh"), lr=1.0, seed=7, loss="mse"),
    "linear": RunSpec(arch=ArchSpec(hidden=())),
    "batches": RunSpec(batch_size=2, shuffle=True, target_loss=1e-3, epochs=12),
    "parts": RunSpec(
        data=DataSpec(name="noisy_xor", std=0.25, encoding="bipolar"),
        init=InitSpec(name="he_normal", gain=0.1 + 0.2, biases="drawn"),
        optimizer=OptimizerSpec(name="adam", beta1=0.5),
    ),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_params_make_the_specification_again(spec):
    assert text.specification(text.params(spec)) == spec


def test_a_file_of_weights_is_known_without_being_there(tmp_path):
    np.savez(tmp_path / "w.npz", W1=np.ones((2, 3)))
    spec = RunSpec(init=InitSpec(name="file", path=str(tmp_path / "w.npz")))
    (tmp_path / "w.npz").unlink()
    assert text.specification(text.params(spec)).identity == spec.identity
    assert text.overrides(spec) == ["init=file", f"init.path={spec.init.path}"]


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("lr", "fast", "lr must be a number; got 'fast'"),
        ("seed", "1.5", "seed must be a whole number; got '1.5'"),
        ("shuffle", "yes", "shuffle must be True or False; got 'yes'"),
        ("arch.hidden", "3,3", "arch.hidden must be a list of widths; got '3,3'"),
        ("batch_size", "half", "batch_size must be full or a whole number; got 'half'"),
        ("lr", "-1.0", "lr must be positive; got -1.0"),
        ("hue", "red", "hue is not a key"),
    ],
)
def test_params_that_are_no_specification_are_refused(key, value, rule):
    with pytest.raises(SpecError, match=f"^{re.escape(rule)}"):
        text.specification({**text.params(RunSpec()), key: value})


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_what_is_typed_composes_to_the_specification(spec):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(compose("config", text.overrides(spec)), resolve=True)
    assert options.split(config)[0] == spec


def test_the_notebooks_run_takes_no_override():
    assert text.overrides(RunSpec()) == []
    assert text.overrides(RunSpec(lr=1.0, arch=ArchSpec(hidden=(4, 2)))) == ["arch.hidden=[4,2]", "lr=1.0"]


@pytest.mark.parametrize(
    "name", ["plain.npz", "with space.npz", "a(1),b=[2].npz", "it's.npz", "${seed}.npz", "a\\'b", "é~#.npz"]
)
def test_a_path_with_special_characters_composes_to_itself(tmp_path, name):
    np.savez(tmp_path / "w.npz", W1=np.ones((2, 3)))
    (tmp_path / "w.npz").rename(tmp_path / name)
    spec = RunSpec(init=InitSpec(name="file", path=str(tmp_path / name)))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(compose("config", text.overrides(spec)), resolve=True)
    assert options.split(config)[0] == spec


def test_a_command_is_quoted_for_the_shell():
    words = [
        *text.overrides(RunSpec(arch=ArchSpec(hidden=(12,)))),
        "init.path='a b'",
        "seed=1,2",
        "a=${b}",
        "~c",
        "d=*",
    ]
    command = text.command(words)
    assert "'arch.hidden=[12]'" in command
    printed = subprocess.run(["bash", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True)
    assert printed.stdout.splitlines() == ["python", "train.py", *words]


def test_a_title_names_architecture_data_optimizer_initialiser_and_seed():
    assert text.title(RunSpec()) == "2-3-1 relu, xor, gd lr=0.1, normal init, seed=42"
    spec = RunSpec(
        data=DataSpec(name="parity", bits=4),
        arch=ArchSpec(hidden=(5, 5), activation="tanh"),
        optimizer=OptimizerSpec(name="adam"),
        init=InitSpec(name="zeros"),
        lr=1e-3,
        seed=7,
    )
    assert text.title(spec) == "4-5-5-1 tanh, parity, adam lr=0.001, zeros init, seed=7"


def test_differing_parameters_are_those_that_are_not_the_same_in_all():
    assert text.differing([{"lr": 0.1, "arch.hidden": [2]}, {"lr": 0.1, "arch.hidden": [3]}]) == ["arch.hidden"]
    assert text.differing([{"lr": 0.1}, {"lr": 0.1, "init.std": 1.0}]) == ["init.std"]
    assert text.differing([{"lr": 0.1}]) == []
