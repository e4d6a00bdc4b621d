"""Say why a run or the runs of a sweep did not converge, try what would help, and log the answer to each run.

With --weights it answers for a network that another program trained, and logs nothing.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from xorlab.cli import arguments

if TYPE_CHECKING:
    from xorlab.remedies.summary import Section
    from xorlab.remedies.trials import Trials
    from xorlab.runs.single import StoredRun


def main(words: list[str] | None = None, *, prog: str | None = None) -> int:
    """Answer for a run, or for all runs of a sweep that did not converge; return the exit status."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    which = parser.add_mutually_exclusive_group()
    help = (
        "a run's or a sweep's id, the beginning of it, or latest; with --weights, the settings that the network was "
        "trained with, as for train: lr=0.5 arch.activation=tanh"
    )
    parser.add_argument("words", metavar="RUN", nargs="*", help=help)
    which.add_argument("--sweep", help="a sweep, named the same way")
    which.add_argument("--weights", metavar="FILE", help="the weights of a network: .npz, .pt or .weights.h5")
    losses = "with --weights, its losses: a CSV file with a column loss, one line an epoch"
    parser.add_argument("--losses", metavar="CSV", help=losses)
    arguments.add_store(parser)
    below = "the loss below which a run has converged (%(default)s)"
    parser.add_argument("--converged-below", type=float, default=0.1, help=below)
    return arguments.call(partial(_answer, parser), parser, words)


def _answer(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Refuse what does not belong together, and answer."""
    if options.weights:
        return _elsewhere(options)
    if options.losses:
        parser.error("argument --losses: needs --weights")
    if len(options.words) != (not options.sweep):
        parser.error(f"one of the arguments RUN --sweep --weights is required; got RUN {' '.join(options.words)}")
    return _recorded(options)


def _elsewhere(options: argparse.Namespace) -> int:
    """Answer for a network that another program trained."""
    from xorlab.cli.composition import compose
    from xorlab.diagnosis import wording
    from xorlab.numerics import weights
    from xorlab.remedies import elsewhere, summary, trials
    from xorlab.spec.components import datasets
    from xorlab.spec.text import title
    from xorlab.sweeps.terminal import Bars

    found = elsewhere.read_weights(options.weights)
    spec = compose(options.words)
    if not any(word.startswith(("arch=", "arch.hidden=")) for word in options.words):
        widths = weights.hidden(found, len(datasets.load(spec.data)[0][0]), options.weights)
        spec = replace(spec, arch=replace(spec.arch, hidden=widths))
    parameters, notes = weights.fit(found, spec.units, options.weights)
    losses = elsewhere.read_losses(options.losses) if options.losses else None
    run = elsewhere.trained(spec, parameters, losses)
    below = options.converged_below
    verdict, text = elsewhere.describe(run, losses=losses is not None, converged_below=below)
    print(title(spec).rsplit(", ", 2)[0])
    print("\n".join([*notes, "Predictions:"]))
    for line in wording.predictions(spec, run.logits[0]):
        print(f"  {line}")
    print(f"{text}\n")
    spec = run.specs[0]
    with Bars(epochs=trials.epochs([spec]) - spec.epochs) as bars:  # the run itself is not trained again
        (one,) = trials.try_on([run], [verdict], converged_below=below, progress=bars.trained)
    print(f"New runs below start from init={spec.init.name}; name your own with init=NAME.\n")
    _show(summary.sections(one, weights=options.weights))
    return 0


def _recorded(options: argparse.Namespace) -> int:
    """Answer for recorded runs."""
    from xorlab.diagnosis import wording
    from xorlab.remedies import summary, trials
    from xorlab.runs import single
    from xorlab.spec.text import title
    from xorlab.sweeps.terminal import Bars

    store = {"uri": options.uri, "experiment": options.experiment}
    sweep = options.sweep or single.find_sweep(options.words[0], **store)
    if sweep is None:
        runs = [single.find(options.words[0], **store)]
    else:
        runs, count = single.find_unconverged(sweep, **store)
        print(f"{len(runs):,} of {count:,} runs of the sweep did not converge.\n")
        if not runs:
            return 0
    start = time.perf_counter()
    specs = [run.spec for run in runs]
    with Bars(epochs=trials.epochs(specs)) as bars:
        tried = trials.try_remedies(specs, converged_below=options.converged_below, progress=bars.trained)
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
        sweep, _, number = run.run_id.partition(":")
        folder = f"why/{number}/" if number else ""
        tracker.add_artifacts(sweep, {f"{folder}{name}": content for name, content in files.items()})


def _show(sections: "Sequence[Section]") -> None:
    from xorlab.sweeps import terminal

    for section in sections:
        print(f"{section.question}\n{section.answer}")
        if section.command:
            print(f"    {section.command}")
        print()
        if section.table is not None:
            terminal.show(section.table)
