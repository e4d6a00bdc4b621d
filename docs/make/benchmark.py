"""Compare the speed of xorlab with other ways to do the same; --write puts the result in docs/performance.md."""

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
    "kernel": "Training",
    "processor_time": "Training in processor time",
    "logging": "Logging",
    "servers": "Servers",
    "composition": "Composition",
    "stages": "Stages of a sweep",
    "commands": "Whole commands",
}
"""The heading of each section, by the module of `benchmarks` that measures it."""
PACKAGES = ("numpy", "hydra-core", "mlflow", "jax", "numba", "scikit-learn", "torch")
HEAD = """# Performance

`python docs/make/benchmark.py --write` writes this page. `pip install -e '.[benchmark]'` installs the libraries that it
compares with. Contenders run in turn for several rounds, and each figure is a median over the rounds. A ratio compares
figures from the same rounds. On another machine the figures will differ, the ratios less so.
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure the sections that the command line names; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.quick and options.write:
        parser.error("--quick measures too little for the page; leave out --quick or --write")
    measured = {}
    try:
        for name in options.sections:
            body = import_module(f"benchmarks.{name}").measure(quick=options.quick)
            measured[SECTIONS[name]] = f"{body}\n\n{circumstances(name)}"
            print(f"## {SECTIONS[name]}\n\n{measured[SECTIONS[name]]}\n", flush=True)
    except XorlabError as error:
        print(f"benchmark.py: {error}", file=sys.stderr)
        return 1
    if options.write:
        before = PAGE.read_text() if PAGE.exists() else ""
        PAGE.write_text(page(before, measured))
        if "stages" in options.sections:
            import_module("benchmarks.stages").draw(PAGE.parent)
    return 0


def page(before: str, measured: Mapping[str, str]) -> str:
    """Return the page with the measured sections replaced and the others as they were."""
    found = dict(part.split("\n\n", 1) for part in re.split(r"^## ", before, flags=re.MULTILINE)[1:])
    bodies = {**found, **measured}
    headings = [heading for heading in dict.fromkeys([*SECTIONS.values(), *found]) if heading in bodies]
    return "\n".join([HEAD, *[f"## {heading}\n\n{bodies[heading].strip()}\n" for heading in headings]])


def circumstances(section: str) -> str:
    """Return the line that says when, where and by what command a section was measured."""
    cores = os.cpu_count()
    packages = ", ".join(_versions(PACKAGES))
    return (
        f"*{date.today()}, {_processor()}, {cores} cores, Python {platform.python_version()}, {packages}: "
        f"`python docs/make/benchmark.py --sections {section}`*"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    names = ", ".join(SECTIONS)
    parser.add_argument(
        "--sections",
        nargs="+",
        choices=SECTIONS,
        default=list(SECTIONS),
        metavar="NAME",
        help=f"some of {names}",
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the script")
    parser.add_argument("--write", action="store_true", help="write the sections to docs/performance.md")
    return parser


def _versions(packages: Iterable[str]) -> Iterable[str]:
    for package in packages:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


def _processor() -> str:
    """Return the processor's name, from Linux's /proc/cpuinfo where there is one."""
    described = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", described, flags=re.MULTILINE)
    return found.group(1) if found else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
