"""The code and the commands of docs/own.md run, one after the other."""

import re
import shlex
import sys

import pytest

import commands
from xorlab.spec.components import functions
from xorlab.spec.components.losses import objective

PAGE = commands.ROOT / "docs" / "own.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


@pytest.fixture
def registry():
    """Leave no function registered, and no module imported."""
    before, path = {kind: dict(table) for kind, table in functions.TABLES.items()}, list(sys.path)
    yield
    for kind, table in functions.TABLES.items():
        table.clear()
        table.update(before[kind])
    functions.REGISTERED.clear()
    objective.cache_clear()
    sys.modules.pop("my_functions", None)
    sys.path[:] = path


@pytest.mark.usefixtures("registry")
def test_the_code_and_the_commands_run(tmp_path, store_uri, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = {}
    for language, code in BLOCK.findall(PAGE.read_text()):
        if language == "python" and "import xorlab" in code:
            (tmp_path / "my_functions.py").write_text(code)
        elif language == "python":
            exec(compile(code, "own.md", "exec"), {})
        for line in code.splitlines() if not language else ():
            program, *words = shlex.split(line)
            assert program == "xorlab"
            done = commands.call("src/xorlab/__main__.py", *words, folder=tmp_path, uri=store_uri)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
            said[line] = done.stdout
    spirals, sine, classes, each, sweep, quartic, verify, weights, why = said.values()
    assert "Converged" in spirals
    assert "Converged" in sine
    assert "90 of 90 points are right\nConverged: at every point the greatest p is that of its class." in classes
    assert "Converged: at every point each output is on the right side of p = 1/2." in each
    assert re.search("swish .* 10", sweep)
    assert "with tanh output" in quartic
    assert "Identical: all 2,000 recorded losses" in verify
    assert weights.startswith("final.npz: the weights of run ")
    assert "Which change of this setting makes new runs more likely to converge?" in why
