"""Compare each closed form of xorlab.diagnosis.theory with simulation, and write docs/theory.md and its pictures."""

import argparse
import sys
from importlib import import_module
from pathlib import Path
from string import Template

from predictions.comparison import Comparison

SECTIONS = ("starts", "depth", "cycle", "saddle", "outcomes")
"""The sections of the page, each a module of `predictions`."""
DOCS = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).resolve().parent / "predictions" / "theory.md"
DPI = 130


def main(arguments: list[str] | None = None) -> int:
    """Compare theory with simulation; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.networks < 1:
        parser.error(f"--networks must be at least 1; got {options.networks}")
    every_section = set(options.sections) == set(SECTIONS)
    compared = {name: import_module(f"predictions.{name}").compare(options.networks) for name in options.sections}
    failed = _report(compared, tables=not options.check and not every_section)
    if every_section and not options.check:
        _write(compared, options.out)
    return int(failed > 0 and options.check)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    names = ", ".join(SECTIONS)
    parser.add_argument(
        "--sections",
        nargs="+",
        choices=SECTIONS,
        default=list(SECTIONS),
        metavar="NAME",
        help=f"print some of {names}, and write nothing",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if theory and simulation disagree"
    )
    parser.add_argument("--networks", type=int, default=10_000, help="networks for each rate (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=DOCS, help="the folder to write to (default: docs)")
    return parser


def _report(compared: dict[str, Comparison], *, tables: bool) -> int:
    """Print how many checks hold, and those that fail; return how many fail."""
    failed = 0
    for name, comparison in compared.items():
        if tables:
            print(*comparison.fields.values(), sep="\n\n", end="\n\n")
        wrong = [check for check in comparison.checks if not check.holds]
        failed += len(wrong)
        print(f"{name}: {len(comparison.checks) - len(wrong)} of {len(comparison.checks)} agree")
        for check in wrong:
            print(f"  {check.quantity}: theory {check.theory}, simulation {check.simulated}", file=sys.stderr)
    return failed


def _write(compared: dict[str, Comparison], out: Path) -> None:
    """Write the page and its pictures."""
    from xorlab.figures import png

    pictures = out / "theory"
    pictures.mkdir(parents=True, exist_ok=True)
    fields = {key: text for comparison in compared.values() for key, text in comparison.fields.items()}
    checks = [check for comparison in compared.values() for check in comparison.checks]
    fields |= {"checks": str(len(checks)), "held": str(sum(check.holds for check in checks))}
    for name, comparison in compared.items():
        if comparison.draw:
            (pictures / f"{name}.png").write_bytes(png(comparison.draw(), dpi=DPI))
    (out / "theory.md").write_text(Template(TEMPLATE.read_text()).substitute(fields))
    print(f"wrote {out / 'theory.md'} and {len(compared)} pictures in {pictures}")


if __name__ == "__main__":
    sys.exit(main())
