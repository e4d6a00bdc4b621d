"""Imports point down only, and what is slow to import is imported where it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "xorlab"

ROOMS = {
    "numerics": "errors rules spec environment datasets initializers functions contractions network optimizers ensemble"
    " training signs levels curvature evidence causes diagnosis theory mechanism landscape",
    "tracking": "interrupts records views store bulk tracking",
    "analysis": "outcomes columns reading runs recall statistics figures report",
    "joins": "options jobs table terminal prose pool logbook harvest sweep verification remedies trials advice",
    "entry": "overrides refusals composition multirun",
}
"""Every module's room; a module may import those that stand before it in its room, and what `REACH` says."""

REACH = {
    "numerics": "",
    "tracking": "errors environment",
    "analysis": "errors spec signs levels theory diagnosis mechanism landscape store records",
    "joins": " ".join(ROOMS[room] for room in ("numerics", "tracking", "analysis")),
    "entry": "errors spec options jobs sweep",
}
"""What each room may import of the others."""

BARRED = {"figures": {"reading", "runs", "store"}, "statistics": {"reading", "runs", "store"}}
"""Frames in, pictures and numbers out: these two know nothing of where runs are kept."""

FOREIGN = {
    "numerics": {"numpy", "scipy"},
    "tracking": {"filelock", "mlflow", "numpy", "sqlalchemy"},
    "analysis": {"jinja2", "matplotlib", "mlflow", "numpy", "pandas", "scipy", "seaborn", "sqlalchemy", "statsmodels"},
    "joins": {"numpy", "pandas", "rich", "yaml"},
    "entry": {"hydra", "omegaconf"},
}
"""The packages that each room knows: Hydra stops at the door, and the numerics know neither MLflow nor pandas."""

HEAVY = ("matplotlib", "mlflow", "pandas", "scipy", "seaborn", "sqlalchemy", "statsmodels")
START = (
    "train",
    "hydra_plugins.xorlab_launcher.launcher",
    "hydra_plugins.xorlab_launcher.sweeper",
    *(f"xorlab.{name}" for name in (ROOMS["numerics"] + " " + ROOMS["entry"] + " options terminal").split()),
)
"""What is imported before it is known that the command line is good."""


def room_of(module):
    return next((room for room, names in ROOMS.items() if module in names.split()), None)


def modules():
    return sorted(
        {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")} - {"__init__"}
    )


def files(module):
    """The files of a module of the package, which may be a folder."""
    return (
        [PACKAGE / f"{module}.py"] if (PACKAGE / f"{module}.py").exists() else sorted((PACKAGE / module).rglob("*.py"))
    )


def imports(path):
    """All that a file imports anywhere, as dotted names; `from a import b` counts as a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports by a relative name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(module):
    """The package's other modules that a module imports."""
    found = {name.split(".")[1] for path in files(module) for name in imports(path) if name.startswith("xorlab.")}
    return found - {module}


def allowed(module):
    room = room_of(module)
    before = ROOMS[room].split()
    return (set(before[: before.index(module)]) | set(REACH[room].split())) - BARRED.get(module, set())


def test_every_module_has_its_room():
    assert sorted(" ".join(ROOMS.values()).split()) == modules()


@pytest.mark.parametrize("module", modules())
def test_imports_point_down(module):
    assert ours(module) <= allowed(module)


@pytest.mark.parametrize("module", modules())
def test_each_room_knows_its_packages_only(module):
    found = {name.split(".")[0] for path in files(module) for name in imports(path)}
    assert found - set(sys.stdlib_module_names) - {"xorlab"} <= FOREIGN[room_of(module)]


def test_only_gelu_needs_scipy_in_the_numerics():
    users = [
        name for name in ROOMS["numerics"].split() if any("scipy" in found for found in imports(PACKAGE / f"{name}.py"))
    ]
    assert users == ["functions"]


def test_what_is_heavy_waits_until_it_is_used():
    code = f"import sys, {', '.join(START)}; print(*sorted(set(sys.modules) & set({HEAVY})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")


def test_a_sweep_does_without_what_only_the_analysis_needs():
    code = "import sys, xorlab.sweep; print(*sorted(set(sys.modules) & {'scipy.stats', 'seaborn', 'statsmodels'}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, [])
