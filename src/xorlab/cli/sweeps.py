"""List sweeps: what each asks for, what of it is done, and whether it is running, dead or complete."""

import argparse
import time

from xorlab.cli import arguments

NEWEST = 20
"""Sweeps that are listed unless more are asked for."""
SECONDS = 2.0
"""Between two looks at a sweep that is followed."""


def main(words: list[str] | None = None, *, prog: str | None = None) -> int:
    """List sweeps, or follow one; return the exit status."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("sweep", nargs="?", help="one sweep only: latest, its run id or the beginning of it")
    parser.add_argument("--newest", type=int, default=NEWEST, metavar="N", help="list the newest N (%(default)s)")
    parser.add_argument("--watch", action="store_true", help="follow one sweep (latest unless given) until it ends")
    arguments.add_store(parser)
    return arguments.call(lambda options: (_watch if options.watch else _list)(options), parser, words)


def _list(options: argparse.Namespace) -> int:
    from xorlab.runs import members
    from xorlab.sweeps import standing, terminal

    where = (options.uri, options.experiment)
    if options.sweep:
        ids = [members.find(options.sweep, options.uri, experiment=options.experiment)]
    else:
        ids = members.every(options.uri, experiment=options.experiment)
    found = [standing.read(run_id, *where) for run_id in ids[: options.newest]]
    if not found:
        print(f"no sweep is in experiment {options.experiment}")
        return 0
    terminal.show(standing.table(found))
    if len(ids) > len(found):
        print(f"{len(ids) - len(found):,} older sweeps are not listed; --newest {len(ids)} lists them")
    for each in found:
        if advice := each.advice():
            print(advice)
    return 0


def _watch(options: argparse.Namespace) -> int:
    from xorlab.runs import members
    from xorlab.sweeps import standing

    run_id = members.find(options.sweep or "latest", options.uri, experiment=options.experiment)
    said = ""
    while True:
        found = standing.read(run_id, options.uri, options.experiment)
        if (line := found.line()) != said:
            said = line
            print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
        if found.state != "running":
            return 0
        try:
            time.sleep(SECONDS)
        except KeyboardInterrupt:
            return 0
