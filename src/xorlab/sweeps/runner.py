"""Training and recording what was asked for: a single run, whose story is printed, or a sweep, whose outcomes are."""

import sys
import textwrap
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from xorlab.diagnosis import wording
from xorlab.errors import SpecError
from xorlab.numerics.initialization import from_file
from xorlab.spec.options import Options
from xorlab.spec.text import title
from xorlab.sweeps import engines, pool, recording, terminal
from xorlab.sweeps.engines import Engine
from xorlab.sweeps.jobs import Job, JobResult
from xorlab.sweeps.plan import State
from xorlab.sweeps.pool import Chunk
from xorlab.sweeps.results import Results
from xorlab.tracking import passwords, store
from xorlab.tracking.interrupts import held, terminable
from xorlab.tracking.records import CONVERGED_BELOW, PLAN
from xorlab.tracking.tracker import Tracker

LINE = 100
"""Columns of a paragraph in the terminal."""


def run_one(job: Job, options: Options, *, folder: Path | None = None) -> JobResult:
    """Train and record a single run, and print what happened to it.

    Parameters
    ----------
    job : the run
    options : how it is judged, printed and recorded
    folder : the git tree whose commit is recorded; that of `train.py` unless given

    Raises
    ------
    SpecError
        Where a file of initial weights does not fit.
    StoreError
        Where the store can't be used.
    """
    uri = store.uri(options.uri)
    tracker = Tracker(uri, options.experiment, folder=folder)
    tracker.end_dead()
    name = title(job.spec)
    with terminable(), tracker.running(recording.opening(job.spec, name)) as run_id:
        with terminal.Bars(runs=1, epochs=job.spec.epochs) as bars:
            chunk = next(_chunks([job], replace(options, workers=1, log_every=1), bars))
        if chunk.trained is None:
            raise SpecError(str(chunk.error))
        _print_story(chunk, options.print_every)
        artifacts = {}
        if options.artifacts != "none":
            artifacts = {**recording.files(chunk, 0, job.config), **recording.pictures(chunk, 0)}
        record = recording.run(chunk, 0, name, log_every=options.every(1), artifacts=artifacts)
        judged = {CONVERGED_BELOW: str(options.converged_below)}
        tracker.close(run_id, replace(record, tags={**record.tags, **judged}))
    point_to(uri, tracker.experiment_id, run_id)
    verdict = chunk.verdicts[0]
    return JobResult(run_id, verdict.outcome, verdict.final_loss, None, verdict.cause)


def run_many(jobs: Sequence[Job], options: Options, *, command: str, folder: Path | None = None) -> list[JobResult]:
    """Train and record the runs of a sweep under one parent, and count what happened to them.

    Parameters
    ----------
    jobs : the runs
    options : how they are judged and recorded, and by how many workers they are trained
    command : the command as typed
    folder : the git tree whose commit is recorded; that of `train.py` unless given

    Returns
    -------
    One result a job, in order.

    Raises
    ------
    StoreError
        Where the store can't be used.
    """
    from xorlab.sweeps import continuing

    uri = store.uri(options.uri)
    asked = continuing.asked(jobs, options, command)
    if options.plan:
        continuing.print_plan(asked)
        return [JobResult(None, None, None, None) for _ in jobs]
    tracker = Tracker(uri, options.experiment, folder=folder)
    tracker.end_dead()
    if asked.stored is None:
        continuing.point_to_unfinished(asked.plan.hash(), asked.command, options)
    plan = {PLAN: asked.plan.csv()}
    going_on = None if asked.stored is None else asked.stored.run_id
    engine = engines.start(options.engine, options.workers or pool.cores())
    opening = recording.sweep(asked, artifacts=plan)
    with terminable(), engine as running, tracker.running(opening, run_id=going_on) as parent:
        state = continuing.prepared(asked, tracker, parent)
        wanted = [asked.job(identity) for identity in state.wanting(options.retry)]
        if asked.stored is not None:
            print(continuing.counted(asked, state, len(wanted)))
        results = Results(asked, wanted, tracker, parent)
        done = 0
        epochs = sum(job.spec.epochs for job in wanted)
        try:
            # Closed at once when an exception leaves, so that workers do not finish their chunks first.
            with (
                terminal.Bars(runs=len(wanted), epochs=epochs) as bars,
                closing(_chunks(wanted, asked.options, bars, running)) as chunks,
            ):
                for chunk in chunks:
                    with held():
                        bars.recorded(results.write(chunk))
                        done += len(chunk.places)
        except BaseException:
            kept = asked.runs - len(wanted) + done
            typed = asked.command if asked.stored is None else None
            print(continuing.kept(kept, asked.runs, parent, typed=typed), file=sys.stderr)
            raise
        state = tracker.patiently(lambda: continuing.state(asked, parent))
        if options.retry == "outdated":
            tracker.discard(state.replaced)
        tables = results.close(state)
    for table in tables.values():
        terminal.show(table)
    point_to(uri, tracker.experiment_id, parent)
    return [_result(state, job.spec.identity) for job in jobs]


def _result(state: State, identity: str) -> JobResult:
    found = state.done.get(identity) or state.outdated.get(identity)
    if found is not None:
        return JobResult(found.run_id, found.outcome, found.final_loss, None, found.cause)
    failed = state.failed.get(identity)
    return JobResult(failed.run_id if failed else None, None, None, failed.error if failed else "it is missing")


def _chunks(
    jobs: Sequence[Job], options: Options, bars: terminal.Bars, engine: Engine | None = None
) -> Generator[Chunk, None, None]:
    return pool.stream(
        [job.spec for job in jobs],
        converged_below=options.converged_below,
        log_every=options.every(len(jobs)),
        workers=options.workers,
        engine=engine,
        progress=bars.trained,
    )


def _print_story(chunk: Chunk, every: int) -> None:
    """Print a run's losses, its predictions and its outcome."""
    assert chunk.trained is not None
    spec, verdict = chunk.trained.specs[0], chunk.verdicts[0]
    print(title(spec))
    if spec.init.path is not None:
        for note in from_file(spec.init, spec.units)[1]:
            print(note)
    epochs = int(chunk.trained.epochs[0])
    for epoch in range(0, epochs, every):
        print(f"Epoch {epoch}, Loss: {chunk.trained.losses[0, epoch]:.4f}")
    print("Predictions:")
    for line in wording.predictions(spec, chunk.trained.logits[0]):
        print(f"  {line}")
    print(textwrap.fill(wording.paragraph(spec, verdict, epochs=epochs), LINE))


def point_to(uri: str, experiment_id: str, run_id: str) -> None:
    """Say where a run is and how to see it."""
    print(f"Run {run_id} in {passwords.shown(uri)}")
    print(f"To see it, {store.opening(uri, experiment_id, run_id)}")
