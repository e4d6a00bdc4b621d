"""Say why a run did not converge, try what would have helped, and log the answer to the run."""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from xorlab.errors import XorlabError

if TYPE_CHECKING:
    from xorlab.remedies.summary import Section
    from xorlab.remedies.trials import Answer
    from xorlab.runs.recorded import Recalled


def main(arguments: list[str] | None = None) -> int:
    """Answer for the run or the sweep that the command line names; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _why(options)
    except XorlabError as error:
        print(f"why.py: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("run", metavar="RUN", nargs="?", help="a run's id, or the beginning of it")
    which.add_argument("--sweep", help="all runs of a sweep that did not converge: its id, the beginning, or latest")
    parser.add_argument("--uri", help="the tracking store (MLFLOW_TRACKING_URI, else mlflow.db beside train.py)")
    parser.add_argument("--experiment", default="xorlab", help="the experiment's name (%(default)s)")
    below = "the loss below which a run has converged (%(default)s)"
    parser.add_argument("--converged-below", type=float, default=0.1, help=below)
    return parser


def _why(options: argparse.Namespace) -> None:
    from xorlab.remedies import trials
    from xorlab.runs import recorded

    where = {"uri": options.uri, "experiment": options.experiment}
    if options.sweep is None:
        recalled, count = [recorded.recall(options.run, **where)], None
    else:
        recalled, count = recorded.unconverged(options.sweep, **where)
        print(f"{len(recalled):,} of {count:,} runs of the sweep did not converge.\n")
    if not recalled:
        return
    start = time.perf_counter()
    answers = trials.answer([run.spec for run in recalled], converged_below=options.converged_below)
    took = time.perf_counter() - start
    _log(recalled, answers, options)
    if count is None:
        _show_run(recalled[0], answers[0])
    else:
        _show_sweep(answers)
    runs = f"run {recalled[0].run_id}" if count is None else f"each of the {len(recalled):,} runs"
    print(f"Tried in {took:.1f} s. Logged to {runs}: why.md and why.csv, among the artifacts.")


def _log(recalled: "Sequence[Recalled]", answers: "Sequence[Answer]", options: argparse.Namespace) -> None:
    from xorlab.remedies import summary
    from xorlab.tracking import store
    from xorlab.tracking.tracker import Tracker

    tracker = Tracker(store.uri(options.uri), options.experiment)
    for run, answer in zip(recalled, answers, strict=True):
        files = {"why.md": summary.markdown(answer).encode(), "why.csv": summary.table_csv(answer).encode()}
        tracker.add_artifacts(run.run_id, files)


def _show_run(recalled: "Recalled", answer: "Answer") -> None:
    from xorlab.diagnosis import wording
    from xorlab.remedies import summary
    from xorlab.spec.text import title

    print(f"{title(answer.spec)}\nRun {recalled.run_id} of {recalled.start:%d %b %Y, %H:%M} UTC\n")
    print(f"Outcome: {wording.verdict(answer.spec, answer.verdict, epochs=answer.epochs)}\n")
    for section in summary.sections(answer):
        _show(section)


def _show_sweep(answers: "Sequence[Answer]") -> None:
    from xorlab.remedies import summary

    for section in [summary.tally(answers), *summary.settings(answers)]:
        _show(section)


def _show(section: "Section") -> None:
    from xorlab.sweep import terminal

    print(f"{section.question}\n{section.said}\n")
    if section.table is not None:
        terminal.show(section.table)


if __name__ == "__main__":
    sys.exit(main())
