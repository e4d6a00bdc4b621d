"""Each file of conf/experiment composes, names its command, and runs; the groups' defaults are the package's."""

import re
import runpy
import sys
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from mlflow import MlflowClient
from omegaconf import OmegaConf

import commands
from xorlab.cli.overrides import combinations
from xorlab.runs import load
from xorlab.spec import RunSpec
from xorlab.spec.components.datasets import DATASETS
from xorlab.spec.components.initializers import INITIALIZERS
from xorlab.spec.components.optimizers import OPTIMIZERS
from xorlab.spec.options import Options, split

pytestmark = pytest.mark.usefixtures("hydra_restore_singletons")

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
SHAPES = {path.stem: path for path in (CONF / "arch").glob("*.yaml")}


DATA = {"target": None, "outputs": None, "encoding": "binary", "targets": "binary"}
"""What conf/data/file.yaml has besides the path."""


def composed(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose("config", list(overrides)), resolve=True)


def test_the_defaults_are_the_package_defaults():
    assert split(composed()) == (RunSpec(), Options())


@pytest.mark.parametrize(("group", "table"), [("data", DATASETS), ("init", INITIALIZERS), ("optimizer", OPTIMIZERS)])
def test_each_group_has_a_file_for_each_name(group, table):
    assert sorted(path.stem for path in (CONF / group).glob("*.yaml") if path.stem != "own") == sorted(table)


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (group, name)
        for group, table in (("data", DATASETS), ("init", INITIALIZERS), ("optimizer", OPTIMIZERS))
        for name in table
    ],
)
def test_a_file_holds_the_defaults_of_its_name_all_of_them(group, name):
    written = OmegaConf.to_container(OmegaConf.load(CONF / group / f"{name}.yaml"))
    assert not any(written.pop(name, None) for name in ("bias", "classes"))  # settings that no default uses
    if name == "file":
        assert written == {"name": "file", "path": None, **({} if group == "init" else DATA)}
    else:
        assert written == RunSpec.from_mapping({group: {"name": name}}).nested()[group]


@pytest.mark.parametrize("name", SHAPES)
def test_an_architecture_is_called_by_its_widths(name):
    arch = split(composed(f"arch={name}"))[0].arch
    assert "-".join(map(str, (2, *arch.hidden, 1))) == name


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_names_its_command(name):
    # Hydra wants the package on line one.
    package, command = (CONF / "experiment" / f"{name}.yaml").read_text().splitlines()[:2]
    assert package == "# @package _global_"
    assert command in (f"# python train.py experiment={name}", f"# python train.py -m experiment={name}")


def test_the_fates_are_a_product_of_a_million_runs(tmp_path):
    done = commands.call("train.py", "-m", "experiment=fates", "plan=true", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ +asked +1,048,576$", done.stdout, re.MULTILINE)


def test_the_notebooks_experiment_is_the_default_run():
    assert split(composed("experiment=notebook"))[0] == RunSpec()


@cache
def params(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"experiment={name}"], return_hydra_config=True)
    return [f"{key}={value}" for key, value in config.hydra.sweeper.params.items()]


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        *(("notebook", 1), ("card", 30), ("map", 14000), ("width", 3500), ("patience", 5400), ("learning_rates", 4000)),
        *(("initialisation", 4400), ("scale", 8400), ("activations", 11200), ("depth", 10200), ("encoding", 3200)),
        *(("kink", 3200), ("batches", 7200), ("optimizers", 20000), ("factorial", 14400)),
    ],
)
def test_how_many_jobs_an_experiment_has(name, jobs):
    assert len(combinations(OverridesParser.create().parse_overrides(params(name)))) == jobs


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name not in ("notebook", "card", "fates")])
def test_a_study_has_at_least_two_hundred_seeds_a_cell(name):
    seeds = next(line for line in params(name) if line.startswith("seed="))
    assert len(combinations(OverridesParser.create().parse_overrides([seeds]))) >= 200


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name not in ("notebook", "fates")])
def test_every_run_of_an_experiment_is_valid(name, tmp_path):
    """The plan composes and checks each run, here of one seed."""
    done = commands.call("train.py", "-m", f"experiment={name}", "seed=3", "plan=true", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    swept = [line for line in params(name) if line.split("=")[0] != "seed"]
    asked = len(combinations(OverridesParser.create().parse_overrides(swept)))
    assert re.search(rf"^{asked} runs? to train; ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", ["notebook", "card", "kink", "batches"])
def test_an_experiment_runs(name, store_uri, monkeypatch):
    few = [] if name == "notebook" else ["seed=3"]
    argv = ["train.py", f"experiment={name}", "epochs=2", "artifacts=none", "workers=1", *few]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    monkeypatch.setattr(sys, "argv", argv)
    runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
    client = MlflowClient(store_uri)
    experiment = client.get_experiment_by_name("xorlab").experiment_id
    runs = [run for run in client.search_runs(experiment) if run.data.tags.get("xorlab.kind") != "sweep"]
    assert {(run.info.status, run.data.metrics["epochs_run"]) for run in runs} == {("FINISHED", 2)}
    swept = [line for line in params(name) if line.split("=")[0] not in ("seed", "epochs")]
    assert len(runs) == len(combinations(OverridesParser.create().parse_overrides([*swept, *few])))
    assert len({tuple(sorted(run.data.params.items())) for run in runs}) == len(runs)


def test_groups_of_ones_own_come_from_a_folder(store_uri, tmp_path):
    page = (ROOT / "docs" / "configuration.md").read_text()
    files = re.findall(r"^```yaml\n# FOLDER/(\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for name, content in files:
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True)
        path.write_text(content)
    words = ("--config-dir", "own", "experiment=wide", "epochs=5")
    done = commands.call("train.py", *words, folder=tmp_path, uri=store_uri)
    assert done.returncode == 0, done.stderr
    table = load(store_uri, sweep="latest")
    assert table.groupby(["arch.hidden", "arch.activation"]).size().to_dict() == {
        ("[3]", "relu"): 10,
        ("[4, 4]", "tanh"): 10,
    }
