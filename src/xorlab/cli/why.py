"""Say why a run or the runs of a sweep did not converge, try what would help, and log the answer to each run."""

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from xorlab.cli import arguments

if TYPE_CHECKING:
    from xorlab.remedies.summary import Section
    from xorlab.remedies.trials import Trials
    from xorlab.runs.single import StoredRun


def main(words: list[str] | None = None, *, prog: str | None = None) -> int:
    """Answer for a run, or for all runs of a sweep that did not converge; return the exit status."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    help = "a run's or a sweep's id, the beginning of it, or latest"
    which.add_argument("run", metavar="RUN", nargs="?", help=help)
    which.add_argument("--sweep", help="the same, and it must be a sweep")
    arguments.add_store(parser)
    below = "the loss below which a run has converged (%(default)s)"
    parser.add_argument("--converged-below", type=float, default=0.1, help=below)
    return arguments.call(_why, parser, words)


def _why(options: argparse.Namespace) -> int:
    from xorlab.diagnosis import wording
    from xorlab.remedies import summary, trials
    from xorlab.runs import single
    from xorlab.spec.text import title

    store = {"uri": options.uri, "experiment": options.experiment}
    sweep = options.sweep or single.find_sweep(options.run, **store)
    if sweep is None:
        runs = [single.find(options.run, **store)]
    else:
        runs, count = single.find_unconverged(sweep, **store)
        print(f"{len(runs):,} of {count:,} runs of the sweep did not converge.\n")
        if not runs:
            return 0
    start = time.perf_counter()
    tried = trials.try_remedies([run.spec for run in runs], converged_below=options.converged_below)
    seconds = time.perf_counter() - start
    _log(runs, tried, options)
    if sweep is None:
        (run,), (one,) = runs, tried
        print(f"{title(one.spec)}\nRun {run.run_id} of {run.start:%d %b %Y, %H:%M} UTC\n")
        print(f"{wording.paragraph(one.spec, one.verdict, epochs=one.epochs)}\n")
        _show(summary.sections(one))
    else:
        _show([summary.count_by_outcome(tried), *summary.by_setting(tried)])
    where = f"run {runs[0].run_id}" if sweep is None else f"each of the {len(runs):,} runs"
    print(f"This took {seconds:.1f} s. {where.capitalize()} has the answer among its artifacts: why.md and why.csv.")
    return 0


def _log(runs: "Sequence[StoredRun]", tried: "Sequence[Trials]", options: argparse.Namespace) -> None:
    from xorlab.remedies import summary
    from xorlab.tracking import store
    from xorlab.tracking.tracker import Tracker

    tracker = Tracker(store.uri(options.uri), options.experiment)
    for run, one in zip(runs, tried, strict=True):
        files = {"why.md": summary.markdown(one).encode(), "why.csv": summary.table_csv(one).encode()}
        tracker.add_artifacts(run.run_id, files)


def _show(sections: "Sequence[Section]") -> None:
    from xorlab.sweeps import terminal

    for section in sections:
        print(f"{section.question}\n{section.answer}")
        if section.command:
            print(f"    {section.command}")
        print()
        if section.table is not None:
            terminal.show(section.table)
