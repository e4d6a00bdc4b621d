"""The wheel in a fresh environment, used from a folder that holds nothing else."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory) -> Path:
    """The commands of an environment that has xorlab from its wheel, and all else from the environment of the tests."""
    folder = tmp_path_factory.mktemp("installation")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(wheel, check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    scheme = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    packages = Path(sysconfig.get_path("purelib", "venv", scheme))
    # The .pth files in there are not read, so an editable xorlab of the tests' environment is out of reach.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    commands = Path(sysconfig.get_path("scripts", "venv", scheme))
    (built,) = folder.glob("*.whl")
    python = str(next(commands.glob("python*")))
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", str(built)], check=True)
    return commands


@pytest.fixture(scope="module")
def call(bin_folder, tmp_path_factory):
    """Call an installed command in a folder that was empty: words -> what it printed."""
    folder = tmp_path_factory.mktemp("elsewhere")
    strange = ("PYTHON", "HYDRA_", "MLFLOW_", "XORLAB_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(strange)}

    def run(name, *words):
        command = [str(bin_folder / name), *words]
        done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.folder = folder
    return run


def test_the_package_is_the_wheels_and_has_its_version_types_and_configuration(call, bin_folder):
    code = "import xorlab, pathlib; print(xorlab.__version__, pathlib.Path(xorlab.__file__).parent)"
    version, path = call("python", "-c", code).split()
    assert Path(path).is_relative_to(bin_folder.parent)
    assert (Path(path) / "py.typed").is_file()
    assert call("xorlab", "--version") == call("python", "-m", "xorlab", "--version") == f"{version}\n"
    copies, originals = (
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.yaml")}
        for folder in (Path(path) / "conf", ROOT / "conf")
    )
    assert copies == originals
    assert "xorlab train -m" in call("xorlab", "train", "--help")


def test_a_run_and_a_sweep_of_own_data_and_functions_with_a_report(call):
    page = (ROOT / "docs" / "own.md").read_text()
    spirals, _, functions = re.findall(r"^```python\n(.*?)^```\n", page, re.MULTILINE | re.DOTALL)
    call("python", "-c", spirals)
    (call.folder / "my_functions.py").write_text(functions)
    assert "Undecided:" in call("xorlab", "train", "epochs=200")
    words = ["data=file", "data.path=spirals.csv", "arch.hidden=[16]", "optimizer=adam", "lr=0.03", "epochs=500"]
    words += ["use=my_functions", "arch.activation=tanh,swish", "seed=0..4"]
    said = call("xorlab", "train", "-m", *words)
    assert re.search(r"swish +5", said)
    (sweep,) = re.findall("^Run ([0-9a-f]{32}) ", said, re.MULTILINE)
    assert call("xorlab", "report").startswith("10 runs of experiment xorlab\n")
    report = (call.folder / "outputs" / "analysis" / "report.html").read_text()
    assert "xorlab train -m data=file data.path=spirals.csv" in report
    assert f"xorlab report --sweep {sweep[:8]}" in report
    assert (call.folder / "mlflow.db").is_file()
    assert "Identical: all 500 recorded losses" in call("xorlab", "verify", "latest", "--use", "my_functions")
