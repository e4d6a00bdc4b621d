"""Every command that the documentation names can be typed: its file exists, its flags parse, its overrides compose."""

import json
import re
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

import commands
from xorlab.cli.overrides import combinations
from xorlab.spec.options import split

pytestmark = pytest.mark.usefixtures("hydra_restore_singletons")

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "conf").rglob("*.yaml")),
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
    ROOT / "Makefile",
]
EXAMPLES = {
    **{"RUN": "0123abcd", "OTHER": "4567cdef", "$(PORT)": "5001", "key=value": "lr=1", "…": ""},
    **{
        "experiment=NAME": "experiment=width",
        "experiment=wide": "experiment=width",
        "scripts/NAME.py": "scripts/why.py",
    },
    "arch.activation=swish": "arch.activation=tanh",  # docs/design.md adds it
}
"""What stands for something of the reader's own, and an example of each."""


def text(page):
    """What a page says; of a notebook its cells, of Hydra's help what it prints."""
    if page.suffix == ".ipynb":
        return "\n".join("".join(cell["source"]) for cell in json.loads(page.read_text())["cells"])
    return re.sub(r"\$\{oc\.env:\w+,(.*?)\}", r"\1", page.read_text())


def typed():
    """Yield what follows ``python`` in every command, up to a comment, a column of explanations or the line's end."""
    for page in PAGES:
        for words in re.findall(r"\bpython (\S+\.py\b[^`\n]*)", text(page)):
            line = re.split(r"\s#|\s{3,}", words)[0].strip()
            yield " ".join(EXAMPLES.get(word, word) for word in line.split()).strip()


HYDRAS = ("train.py", "docs/make/baselines/naive_sweep.py")
"""The scripts whose arguments Hydra reads."""

TYPED = sorted(set(typed()))


def check_train(words):
    """Compose the first and the last job of what is typed after train.py, as Hydra does."""
    given = get_args_parser().parse_args(words)
    overrides = OverridesParser.create().parse_overrides(given.overrides)
    studies = [line for line in given.overrides if line.startswith("experiment=")]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        swept = []
        if studies:
            config = compose("config", studies, return_hydra_config=True)
            swept = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
        jobs = combinations([*OverridesParser.create().parse_overrides(swept), *overrides])
        assert len(jobs) == 1 or given.multirun or studies
        for job in jobs[:: max(len(jobs) - 1, 1)]:
            lines = [setting.line for setting in job if setting.key != "experiment"]
            split(OmegaConf.to_container(compose("config", [*studies, *lines]), resolve=True))


def test_the_commands_are_found():
    scripts = {line.split()[0] for line in TYPED}
    assert {"train.py", "docs/make/findings.py", "docs/make/theory.py", "docs/make/benchmark.py"} <= scripts
    assert {f"scripts/{name}.py" for name in ("analyze", "why", "verify", "mechanism", "ui")} <= scripts


def only(parse):
    """Return a method that parses as `parse` does and then ends the command."""

    def parsed(parser, args=None, namespace=None):
        parse(parser, args, namespace)
        raise SystemExit(0)

    return parsed


@pytest.mark.parametrize("line", TYPED)
def test_a_documented_command_can_be_typed(line, tmp_path, monkeypatch):
    script, *words = shlex.split(line)
    assert (ROOT / script).is_file()
    if script == "train.py":
        check_train(words)
    if script in HYDRAS:
        return
    for name in ("parse_args", "parse_intermixed_args"):
        monkeypatch.setattr(ArgumentParser, name, only(getattr(ArgumentParser, name)))
    done = commands.call(script, *words, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_documented_target_of_make_is_one():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = [page for page in PAGES if page.suffix == ".md"]
    asked = {
        name for page in pages for name in re.findall(r"(?:^|`)make (\w+)(?=[`\s]*(?:#|`|$| PORT))", text(page), re.M)
    }
    assert {"sweep", "test", "ui"} <= asked
    assert asked <= targets
