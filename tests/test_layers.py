"""Imports between packages point down only, and what is slow to import is imported where it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "xorlab"

PACKAGES = (
    *("errors", "rules", "spec", "numerics", "diagnosis", "tracking", "runs"),
    *("statistics", "figures", "report", "sweeps", "remedies", "api", "cli"),
)
"""From the ground up: each may import the ones before it."""

BARRED = {
    "tracking": {"numerics", "diagnosis"},
    "statistics": {"tracking", "runs"},
    "figures": {"tracking", "runs"},
    "sweeps": {"report"},
}
"""What would point down and yet is not to be: writing knows no network, statistics and figures know no store."""

FOREIGN = {
    "numpy": {"spec", "numerics", "diagnosis", "tracking", "runs", "statistics", "figures", "report"}
    | {"sweeps", "remedies", "api"},
    "h5py": {"numerics"},
    "scipy": {"spec", "statistics", "figures"},
    "mlflow": {"tracking", "runs"},
    "sqlalchemy": {"tracking", "runs"},
    "filelock": {"tracking"},
    "pandas": {"runs", "statistics", "figures", "report", "sweeps", "api"},
    "pyarrow": {"runs", "sweeps"},
    "matplotlib": {"figures", "report", "api"},
    "PIL": {"figures"},
    "statsmodels": {"statistics"},
    "jinja2": {"report"},
    "rich": {"sweeps"},
    "IPython": {"sweeps"},
    "yaml": {"sweeps"},
    "hydra": {"cli"},
    "omegaconf": {"cli"},
}
"""The packages that may import each library."""

HEAVY = ("matplotlib", "mlflow", "pandas", "pyarrow", "scipy", "sqlalchemy", "statsmodels")


def files(package):
    path = PACKAGE / f"{package}.py"
    return [path] if path.exists() else sorted((PACKAGE / package).rglob("*.py"))


def imports(path):
    """All that a file imports anywhere, as dotted names; `from a import b` counts as a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports by a relative name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_package_has_its_place_and_says_what_belongs_there():
    found = {
        path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))
    }
    assert found - {"__init__", "__main__", "__pycache__", "py.typed"} == set(PACKAGES)
    for package in PACKAGES:
        docstring = ast.get_docstring(ast.parse(files(package)[0].read_text()))
        assert docstring, package
        if (PACKAGE / package).is_dir():
            assert "Not here:" in docstring, package


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_down(package):
    below = set(PACKAGES[: PACKAGES.index(package) + 1]) - BARRED.get(package, set())
    for path in files(package):
        ours = {name.split(".")[1] for name in imports(path) if name.startswith("xorlab.")}
        assert ours <= below, path


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_knows_its_libraries_only(package):
    found = {name.split(".")[0] for path in files(package) for name in imports(path)}
    for library in found - set(sys.stdlib_module_names) - {"xorlab"}:
        assert package in FOREIGN[library], library


def test_modules_of_a_package_do_not_import_each_other_in_a_circle():
    graph = {}
    for path in PACKAGE.rglob("*.py"):
        name = "xorlab." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        graph[name.removesuffix(".__init__")] = set(imports(path))
    edges = {
        name: {other for other in graph for found in names if found == other or found.startswith(other + ".")} - {name}
        for name, names in graph.items()
    }
    faces = {name for name in graph if (PACKAGE.parent / name.replace(".", "/")).is_dir()}
    done, path = set(faces), []

    def visit(name):
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            path.append(name)
            for other in sorted(edges[name]):
                visit(other)
            done.add(path.pop())

    for name in sorted(graph):
        visit(name)


def test_only_gelu_needs_scipy_in_the_numerics():
    users = [
        path.stem
        for package in PACKAGES[: PACKAGES.index("diagnosis")]
        for path in files(package)
        if any("scipy" in found for found in imports(path))
    ]
    assert users == ["arithmetics"]


def loaded(code):
    """What of `HEAVY` a piece of code imports."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sorted(set(sys.modules) & set({HEAVY})))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_what_is_heavy_waits_until_it_is_known_that_the_command_line_is_good():
    start = (
        "train, hydra_plugins.xorlab_launcher.multirun, "
        "xorlab.cli.multirun, xorlab.cli.overrides, xorlab.numerics.training, xorlab.diagnosis.verdict"
    )
    assert loaded(f"import {start}") == []


def test_a_sweep_does_without_what_only_the_analysis_needs():
    assert not {"matplotlib", "statsmodels"} & set(loaded("import xorlab.sweeps.runner"))


def test_the_pictures_of_one_run_need_matplotlib_alone():
    assert loaded("from xorlab.figures import decision_surface, png, run_loss") == ["matplotlib"]
