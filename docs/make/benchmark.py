"""Measure xorlab against other ways to do the same, on this machine, and write docs/performance.md."""

import argparse
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import date
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from xorlab.errors import XorlabError

PAGE = Path(__file__).resolve().parents[1] / "performance.md"
SECTIONS = {
    "kernel": ("Training", "kernel"),
    "logging": ("Logging", "writing"),
    "composition": ("Composition", "composing"),
    "commands": ("Whole commands", "commands"),
}
"""Each section's heading and the module of `measures` that measures it."""
PACKAGES = ("numpy", "hydra-core", "mlflow", "jax", "numba", "scikit-learn", "torch")
HEAD = """# Performance

Written by `python docs/make/benchmark.py --write`; `pip install -e '.[benchmark]'` installs what it compares with.
Contenders take turns, a figure is the median of theirs, and a ratio is between figures of the same rounds. Figures of
other machines differ, ratios less so.
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure the sections that the command line names; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.quick and options.write:
        parser.error("--quick measures too little to be written down; leave out --quick or --write")
    measured = {}
    try:
        for name in options.sections:
            heading, module = SECTIONS[name]
            body = import_module(f"measures.{module}").measure(quick=options.quick)
            measured[heading] = f"{body}\n\n{circumstances(name)}"
            print(f"## {heading}\n\n{measured[heading]}\n", flush=True)
    except XorlabError as error:
        print(f"benchmark.py: {error}", file=sys.stderr)
        return 1
    if options.write:
        before = PAGE.read_text() if PAGE.exists() else ""
        PAGE.write_text(page(before, measured))
    return 0


def page(before: str, measured: Mapping[str, str]) -> str:
    """Return the page with the sections that were measured, and the others as they were before."""
    found = dict(part.split("\n\n", 1) for part in re.split(r"^## ", before, flags=re.MULTILINE)[1:])
    bodies = {**found, **measured}
    headings = [heading for heading, _ in SECTIONS.values() if heading in bodies]
    return "\n".join([HEAD, *[f"## {heading}\n\n{bodies[heading].strip()}\n" for heading in headings]])


def circumstances(section: str) -> str:
    """Say when, where and by what command a section was measured."""
    cores = len(os.sched_getaffinity(0))
    packages = ", ".join(_versions(PACKAGES))
    return (
        f"*{date.today()}, {_processor()}, {cores} cores, Python {platform.python_version()}, {packages}: "
        f"`python docs/make/benchmark.py --sections {section}`*"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    names = ", ".join(SECTIONS)
    parser.add_argument(
        "--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="NAME", help=f"of {names} (all)"
    )
    parser.add_argument("--quick", action="store_true", help="sizes that try the script and measure nothing")
    parser.add_argument("--write", action="store_true", help="write what was measured to docs/performance.md")
    return parser


def _versions(packages: Iterable[str]) -> Iterable[str]:
    for package in packages:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


def _processor() -> str:
    """Return the processor's name, as Linux tells it."""
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", told, flags=re.MULTILINE)
    return found.group(1) if found else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
