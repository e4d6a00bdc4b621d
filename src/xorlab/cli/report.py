"""Report recorded runs: when XOR gets stuck, when it converges, and why, as one HTML file with tables and pictures."""

import argparse
import shlex
from functools import partial
from pathlib import Path

from xorlab.cli import arguments
from xorlab.tracking.passwords import shown

SHORT_ID = 8
"""Characters of a run id that name a sweep."""


def main(words: list[str] | None = None, *, prog: str | None = None) -> int:
    """Report runs; return the exit status."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    sweep = "a sweep's run id or its beginning, latest, or all (latest if there is one and no filter or time is given)"
    parser.add_argument("--sweep", help=sweep)
    parser.add_argument("--filter", help="a condition in MLflow's search language, as in \"params.lr = '0.1'\"")
    since = "only runs that began since then: 2026-11-01, 2026-11-01T10:00 (local time), or so long ago: 2h, 7d"
    parser.add_argument("--since", metavar="WHEN", help=since)
    parser.add_argument("--against", metavar="SWEEP", help="a second sweep to compare with, setting by setting")
    parser.add_argument("--only", metavar="NAME", help="one picture or table of the report, by its name")
    parser.add_argument("--out", type=Path, default=Path("outputs/analysis"), help="the folder to write (%(default)s)")
    parser.add_argument("--no-log", action="store_true", help="do not add the report to the sweep's run in MLflow")
    arguments.add_store(parser)
    return arguments.call(partial(_report, command=arguments.typed(parser.prog)), parser, words)


def _report(options: argparse.Namespace, *, command: list[str]) -> int:
    from xorlab import report
    from xorlab.report import analysis
    from xorlab.report.selection import Selection
    from xorlab.sweeps import standing

    chosen = {name: getattr(options, name) for name in ("uri", "experiment", "sweep", "filter", "since")}
    selection = Selection(**chosen)
    material, sweep = analysis.material(selection, against=options.against)
    if options.only:
        print(f"{report.write_one(options.only, material, options.out)}\n\nWritten to {options.out}/")
        return 0
    again = shlex.join([*command, *_repeat(options, sweep)])
    page, answer = analysis.write(material, selection, sweep, options.out, command=again)
    print(answer)
    if sweep and (advice := standing.read(sweep, options.uri, options.experiment).advice()):
        print(f"\n{advice}")
    if sweep and not options.no_log:
        opening = analysis.attach(page, sweep, selection)
        print(f"\nThe report is also among the artifacts of the sweep's run in MLflow. To see it there, {opening}")
    print(f"\nWritten to {options.out}/. Open {page.resolve().as_uri()}")
    return 0


def _repeat(options: argparse.Namespace, sweep: str | None) -> list[str]:
    """Return the arguments that select the same runs again."""
    given = {
        "--uri": shown(options.uri) if options.uri else None,
        "--experiment": options.experiment if options.experiment != "xorlab" else None,
        "--sweep": sweep[:SHORT_ID] if sweep else options.sweep,
        "--filter": options.filter,
        "--since": options.since,
        "--against": options.against,
    }
    return [word for name, value in given.items() if value for word in (name, value)]
