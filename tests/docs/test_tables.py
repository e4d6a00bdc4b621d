"""The tables of choices in docs/, against the dictionaries that they list."""

import math
import re
from pathlib import Path

import pytest
import yaml

from xorlab.diagnosis.causes import CAUSES
from xorlab.diagnosis.levels import spectrum
from xorlab.diagnosis.units import STATES
from xorlab.spec import RunSpec
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.datasets import DATASETS
from xorlab.spec.components.initializers import INITIALIZERS
from xorlab.spec.components.losses import LOSSES
from xorlab.spec.components.optimizers import OPTIMIZERS
from xorlab.spec.components.outputs import OUTPUTS, SOFTMAX
from xorlab.spec.options import FOLLOWING, SPECIFYING

ROOT = Path(__file__).resolve().parents[2]
CHOICES = {
    "Activations": ACTIVATIONS,
    "Initialisers": INITIALIZERS,
    "Optimizers": OPTIMIZERS,
    "Data sets": DATASETS,
    "Losses": LOSSES,
    "Outputs": [*OUTPUTS, SOFTMAX],
}


def rows(page, heading):
    """The cells of the first table under a heading, without its head."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def names(page, heading):
    return [cells[0].strip("`") for cells in rows(page, heading)]


def number(text):
    return math.sqrt(2.0) if text == "√2" else float(text)


@pytest.mark.parametrize("heading", CHOICES)
def test_a_table_lists_each_choice_once(heading):
    assert sorted(names("configuration", heading)) == sorted(CHOICES[heading])


@pytest.mark.parametrize("heading", ["Initialisers", "Optimizers", "Data sets"])
def test_a_choices_settings_have_their_defaults(heading):
    for name, _, settings in rows("configuration", heading):
        listed = {key: number(text) for key, text in re.findall(r"`\w+\.(\w+)(?:=([^`]+))?`", settings) if text}
        defaults = CHOICES[heading][name.strip("`")].defaults
        assert listed == pytest.approx({key: default for key, default in defaults.items() if default is not None})


def test_the_keys_are_those_of_the_configuration():
    config = yaml.safe_load((ROOT / "conf" / "config.yaml").read_text())
    keys = {cells[0].strip("`"): cells[1].strip("`") for cells in rows("configuration", "Keys")}
    assert {key.partition(".")[0] for key in keys} == {*SPECIFYING, *FOLLOWING, "tracking", "engine"}
    flat = config | {f"tracking.{key}": own for key, own in config["tracking"].items()}
    for key in keys.keys() & flat.keys():
        assert yaml.safe_load(keys[key]) == flat[key], key
    groups = {
        group: name for choice in config["defaults"] if isinstance(choice, dict) for group, name in choice.items()
    }
    for group in keys.keys() & groups.keys():
        assert keys[group] == groups[group]


def test_the_architectures_are_those_of_conf():
    (cells,) = [cells for cells in rows("configuration", "Keys") if cells[0] == "`arch`"]
    assert set(re.findall(r"`([\d-]+)`", cells[2])) == {path.stem for path in (ROOT / "conf" / "arch").glob("*.yaml")}


def test_the_design_lists_every_package():
    folders = {path.parent.name for path in (ROOT / "src" / "xorlab").glob("*/__init__.py")}
    assert sorted(names("design", "Packages")) == sorted(folders)


def test_the_outcomes_are_those_of_xor():
    levels = {f"stuck_{name}" for name in spectrum(RunSpec())}
    others = {"converged", "at_target", "descending", "undecided", "diverged", "stuck_other"}
    assert set(names("outcomes", "Outcomes")) == others | levels


def test_the_causes_stand_in_the_order_in_which_they_are_tried():
    assert names("outcomes", "Causes") == list(CAUSES)


def test_the_states_of_units_are_those_of_the_diagnosis():
    assert sorted(names("outcomes", "Units")) == sorted(STATES)
