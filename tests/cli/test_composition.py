"""Fast composition against Hydra's own, over random overrides of the project's configuration and of a nasty one."""

import sys
import time
from pathlib import Path

import hydra
import pytest
from hydra import initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf, open_dict

from xorlab.cli.composition import Composer
from xorlab.cli.internals import compose_once

pytestmark = pytest.mark.usefixtures("hydra_restore_singletons")

CONF = Path(__file__).parents[2] / "conf"

NASTY = """
defaults:
  - part: one
  - _self_
a: 1
b: ${a}
c: {d: 1.5, e: '${.d}', f: {g: x, h: [1, 2]}, n: null}
copy: ${c}
items: [1, {k: 2}, '${a}']
missing: ???
nothing: null
hydra: {output_subdir: null}
"""
PARTS = {"one": "{p: 1, q: '${a}'}", "two": "{p: 2, r: [3]}"}

GROUPS = [
    "arch=2-2-1,2-8-1",
    "init=zeros,uniform",
    "data=parity",
    "optimizer=adam",
    "~optimizer",
    "experiment=card,depth",
]
KEYS = [
    "lr",
    "seed",
    "epochs",
    "target_loss",
    "arch",
    "arch.hidden",
    "arch.activation",
    "arch[hidden]",
    "arch.hidden.0",
]
KEYS += ["init.std", "init.value", "tracking", "tracking.uri", "new", "new.deep", "init", "optimizer.beta1"]
VALUES = [
    "0",
    "1",
    "-3",
    "0.5",
    "1e-3",
    "true",
    "null",
    "text",
    "'0..9'",
    "''",
    "nan",
    "[5,5]",
    "[]",
    "[[1],[x]]",
    "???",
]
VALUES += [
    "{hidden:[7]}",
    "{uri:a}",
    "{}",
    "[{k:1}]",
    "${seed}",
    "${arch.hidden}",
    "${arch}",
    "${nope}",
    "${hydra:job.num}",
]
VALUES += [r"'\${seed}'", "'${lr} ${seed}'", "[${lr}]", "a:b", r"a\,b"]

NASTY_GROUPS = ["part=one,two", "~part"]
NASTY_KEYS = [
    "a",
    "b",
    "c",
    "c.d",
    "c.e",
    "c.f.g",
    "c.f.h",
    "c.n",
    "copy.n",
    "copy",
    "copy.d",
    "copy.f.g",
    "items",
    "items.0",
    "part.p",
]
NASTY_KEYS += ["part.q", "missing", "nothing", "nothing.x"]
NASTY_VALUES = [*VALUES, "${a}", "${c}", "${c.f}", "${.d}", "${oc.env:HOME}"]


def overrides(groups, keys, values):
    """Lists of overrides: groups, and values with every prefix that Hydra has."""
    choices = [
        f"{key}={name}" for key, _, names in (line.partition("=") for line in groups) for name in names.split(",")
    ]
    choices = [line.removesuffix("=") for line in choices]
    assigned = st.builds(
        "{}{}={}".format, st.sampled_from(["", "", "", "+", "++"]), st.sampled_from(keys), st.sampled_from(values)
    )
    deleted = st.builds("~{}".format, st.sampled_from(keys))
    return st.lists(st.one_of(st.sampled_from(choices), assigned, assigned, assigned, deleted), max_size=4)


@pytest.fixture
def hydra_of():
    """Hydra's loader and the configuration of a multirun, over a folder of configuration files."""

    def start(folder):
        initialize_config_dir(str(folder), version_base="1.3")
        loader = GlobalHydra.instance().config_loader()
        return loader, loader.load_configuration("config", [], RunMode.MULTIRUN)

    yield start
    GlobalHydra.instance().clear()


@pytest.fixture
def nasty(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "config.yaml").write_text(NASTY)
    for name, text in PARTS.items():
        (tmp_path / "part" / f"{name}.yaml").write_text(text)
    return tmp_path


def by_hydra(loader, master, lines, number):
    """What Hydra's own launcher hands to a task function that resolves it."""
    config = loader.load_sweep_config(master, list(lines))
    with open_dict(config):
        config.hydra.job.id = config.hydra.job.num = number
        HydraConfig.instance().set_config(config)
        del config["hydra"]
    try:
        return OmegaConf.to_container(config, resolve=True)
    finally:
        HydraConfig.instance().cfg = None


def by_us(composer, lines, number=0):
    return composer.plain(composer.parse(lines), number)


def outcome(compose, *arguments):
    """The composed configuration, types and order included, or that it was refused, by whichever override."""
    try:
        return repr(compose(*arguments))
    except Exception:
        return "refused"


def check(hydra, composer, lines, number):
    expected = outcome(by_hydra, *hydra, lines, number)
    assert outcome(by_us, composer, lines, number) == expected


def test_equals_hydras_own(hydra_of):
    hydra = hydra_of(CONF)
    composer = Composer(*hydra)

    @settings(max_examples=12, deadline=None)
    @given(overrides(GROUPS, KEYS, VALUES), st.integers(0, 9))
    @example(["data=noisy_xor", "data.seed=${seed}", "seed=7"], 0)
    @example(["++lr=5", "lr=3"], 0)
    @example(["~lr", "+lr=3"], 0)
    @example(["lr=3", "lr=${seed}"], 0)
    @example(["tracking.uri=b", "tracking={uri:a}"], 0)
    @example(["arch.hidden=[5,5]", "arch=2-8-1"], 0)
    @example(["+new=${arch}", "arch.hidden=[9]"], 0)
    @example(["+new=${tracking}", "tracking.uri=a", "+new.uri=b"], 0)
    @example(["lr=${hydra:job.num}", "seed=1"], 3)
    def equal(lines, number):
        check(hydra, composer, lines, number)

    equal()


def test_equals_hydras_own_where_configuration_is_full_of_interpolations(hydra_of, nasty):
    hydra = hydra_of(nasty)
    composer = Composer(*hydra)

    @settings(max_examples=12, deadline=None)
    @given(overrides(NASTY_GROUPS, NASTY_KEYS, NASTY_VALUES), st.integers(0, 9))
    @example(["c.n=1", "+copy.n=2"], 0)
    @example(["c.f.g=null", "+copy.f.g=1"], 0)
    @example(["c.f.g=2", "copy={f:{g:1}}"], 0)
    @example(["a=2", "~b=2"], 0)
    @example(["b=${hydra:job.num}", "a=2"], 3)
    def equal(lines, number):
        check(hydra, composer, lines, number)

    equal()


def test_values_are_assigned_without_hydra(hydra_of, monkeypatch):
    composer = Composer(*hydra_of(CONF))
    by_us(composer, ["arch=2-8-1"])
    by_us(composer, ["arch=2-8-1", "data=noisy_xor", "data.seed=${seed}"])
    monkeypatch.setattr(composer, "loader", None)
    config = by_us(composer, ["arch=2-8-1", "lr=1", "++seed=3", "init.std=2", "arch.activation=tanh"])
    assert (config["lr"], config["seed"], config["init"]["std"]) == (1, 3, 2)
    assert (config["arch"]["hidden"], config["arch"]["activation"]) == ([8], "tanh")
    config = by_us(composer, ["arch=2-8-1", "data=noisy_xor", "data.seed=${seed}", "seed=5"])
    assert config["data"]["seed"] == 5


def test_a_job_does_not_change_another(hydra_of):
    composer = Composer(*hydra_of(CONF))
    before = by_us(composer, [])
    by_us(composer, ["arch.hidden=[5,5]", "init.std=3", "lr=9"])
    assert by_us(composer, []) == before


def test_a_job_takes_less_than_a_millisecond(hydra_of):
    composer = Composer(*hydra_of(CONF))
    jobs = [["arch=2-4-1", f"lr={lr}", f"seed={seed}"] for lr in (0.01, 0.1, 1) for seed in range(500)]
    by_us(composer, jobs[0])
    start = time.process_time()
    for number, job in enumerate(jobs):
        by_us(composer, job, number)
    assert (time.process_time() - start) / len(jobs) < 1e-3


FOLDERS = "{output_subdir: null, run: {dir: .}, sweep: {dir: .}}"


@pytest.mark.parametrize(
    ("typed", "file", "composed"),
    [
        ([], "", ["run"]),
        (["a=2"], "", ["run"]),
        (["-m", "a=2"], "", ["sweep"]),
        (["hydra.mode=MULTIRUN"], "", ["sweep", "sweep"]),
        ([], "hydra: {mode: MULTIRUN}", ["sweep", "sweep"]),
    ],
)
def test_hydra_composes_once_where_nothing_can_set_its_mode(tmp_path, monkeypatch, typed, file, composed):
    (tmp_path / "config.yaml").write_text(f"defaults: [{{part: one}}, _self_]\na: 1\nhydra: {FOLDERS}\n")
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "one.yaml").write_text(f"# @package _global_\n{file}\n")
    seen = []
    compose = Hydra.compose_config

    def watched(self, *args, run_mode, **kwargs):
        seen.append({RunMode.RUN: "run", RunMode.MULTIRUN: "sweep"}[run_mode])
        return compose(self, *args, run_mode=run_mode, **kwargs)

    monkeypatch.setattr(Hydra, "compose_config", watched)
    monkeypatch.setattr(sys, "argv", ["train.py", *typed])
    monkeypatch.chdir(tmp_path)
    trained = []
    task = hydra.main(version_base="1.3", config_path=str(tmp_path), config_name="config")(trained.append)
    compose_once(task, tmp_path)
    assert seen == composed
    assert [config.a for config in trained] == [2 if "a=2" in typed else 1]
