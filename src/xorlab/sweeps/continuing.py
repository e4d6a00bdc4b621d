"""A sweep between its command and its records: which one is meant, what of it is there, and in words."""

import math
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta

from xorlab.runs import members
from xorlab.runs.members import Member, StoredSweep
from xorlab.spec.options import Options
from xorlab.spec.text import command
from xorlab.sweeps import recording
from xorlab.sweeps.asked import SHORT_ID, Asked, continued, new, without_sweep
from xorlab.sweeps.jobs import Job
from xorlab.sweeps.plan import Plan, State, compare, is_outdated
from xorlab.tracking.records import REUSED
from xorlab.tracking.tracker import Tracker


def asked(jobs: Sequence[Job], options: Options, typed: str) -> Asked:
    """Return the sweep that is asked for, and say what the user should know about it."""
    if options.sweep == "new":
        return new(jobs, options, typed)
    run_id = members.find(options.sweep, options.uri, experiment=options.experiment)
    stored = members.read(run_id, options.uri, experiment=options.experiment)
    found = continued(stored, _recorded(stored, options), jobs, options, typed)
    for note in found.notes:
        print(note, file=sys.stderr)
    return found


def prepared(asked: Asked, tracker: Tracker, parent: str) -> State:
    """Compare the plan with what is recorded, now that no other process can change it; take in runs of other sweeps."""
    if asked.stored is None and not asked.options.reuse:
        return _state(asked, [])
    stored = tracker.patiently(lambda: members.read(parent, asked.options.uri, experiment=asked.options.experiment))
    found = [*stored.members, *stored.reused]
    state = _state(asked, found)
    tracker.discard(state.torn)
    if asked.options.reuse and (taken := _reusable(asked, state.missing)):
        tracker.add_artifacts(parent, {REUSED: recording.reused([*stored.reused, *taken])})
        state = _state(asked, [*found, *taken])
    return state


def print_plan(asked: Asked) -> None:
    """Say what of a plan is there, and how long the rest will take."""
    stored, options = asked.stored, asked.options
    found = [] if stored is None else [*stored.members, *stored.reused]
    state = _state(asked, found)
    taken = _reusable(asked, state.missing) if options.reuse else []
    if taken:
        state = _state(asked, [*found, *taken])
    own = {each.run_id for each in stored.members} if stored else set()
    counts = {
        "asked": len(asked.plan.rows),
        "done": len(state.done),
        "of other sweeps": sum(each.run_id not in own for each in state.done.values()),
        "failed": len(state.failed),
        "torn": len(state.torn),
        "outdated": len(state.outdated),
        "missing": len(state.missing),
    }
    print("a new sweep" if stored is None else f"sweep {stored.run_id[:SHORT_ID]}, {stored.status}")
    for name, count in counts.items():
        print(f"  {name:15} {count:>9,}")
    wanted = state.wanting(options.retry)
    print(f"{len(wanted):,} {'run' if len(wanted) == 1 else 'runs'} to train{_duration(asked, state, wanted)}")


def _duration(asked: Asked, state: State, wanted: Sequence[str]) -> str:
    """Say how long runs will take, from the epochs a second of those that are done, whose times may overlap."""
    spans = sorted({(each.start, each.end) for each in state.done.values() if each.end is not None})
    took, latest = 0.0, 0
    for start, end in spans:
        took += max(0, end - max(start, latest)) / 1000.0
        latest = max(latest, end)
    done, to_do = (sum(int(asked.plan.rows[key]["epochs"]) for key in keys) for keys in (state.done, wanted))
    if not wanted or not done:
        return "" if not wanted else "; how long they take is not known before the first are done"
    return f", about {timedelta(seconds=math.ceil(took * to_do / done))} from what the others took"


def counted(asked: Asked, state: State, wanted: int) -> str:
    """Say of a sweep that goes on what is there, and what is left as it is."""
    left = []
    if state.failed and asked.options.retry != "failed":
        left.append(f"{len(state.failed):,} failed and stay so, unless retry=failed is given")
    if state.outdated and asked.options.retry != "outdated":
        left.append(
            f"{len(state.outdated):,} are of another version of the numerics and stay, unless retry=outdated is given"
        )
    there = f"{len(state.done):,} of {len(asked.plan.rows):,} runs are there; {wanted:,} are trained now"
    assert asked.stored is not None
    return f"Sweep {asked.stored.run_id[:SHORT_ID]}: " + "; ".join([there, *left])


def point_to_unfinished(plan: str, command: str, options: Options) -> None:
    """Say where the same plan, given by its hash, was begun before and not finished."""
    if run_id := members.unfinished(plan, options.uri, experiment=options.experiment):
        short = run_id[:SHORT_ID]
        print(
            f"Sweep {short} asked for the same runs and was not finished; to continue it instead of beginning anew: "
            f"{without_sweep(command)} sweep={short}",
            file=sys.stderr,
        )


def kept(done: int, runs: int, run_id: str, *, typed: str | None) -> str:
    """Say of a sweep that ends early what is kept, and which command trains the rest.

    Parameters
    ----------
    typed : the command that began the sweep; None for one that goes on
    """
    word = f"sweep={run_id[:SHORT_ID]}"
    rest = command(["-m", word]) if typed is None else f"{without_sweep(typed)} {word}"
    return f"{done:,} of {runs:,} runs are finished and recorded; to train the rest: {rest}"


def _recorded(stored: StoredSweep, options: Options) -> Plan:
    """Return the plan of a recorded sweep; that of its runs where it has none, as one of an earlier version."""
    if stored.plan is not None:
        return Plan.read(stored.plan, stored.params)
    rows = members.params([each.run_id for each in stored.members], options.uri)
    return Plan({each.spec: rows[each.run_id] for each in stored.members if each.spec})


def state(asked: Asked, run_id: str) -> State:
    """Compare what is asked for with the runs that are recorded under a sweep, and those that it reuses."""
    options = asked.options
    stored = members.read(run_id, options.uri, experiment=options.experiment)
    return _state(asked, [*stored.members, *stored.reused])


def _state(asked: Asked, found: Iterable[Member]) -> State:
    """Compare what is asked for with these runs."""
    found = list(found)
    outdated = [each.run_id for each in found if is_outdated(each)]
    return compare(asked.plan, found, members.params(outdated, asked.options.uri) if outdated else {})


def _reusable(asked: Asked, missing: Iterable[str]) -> list[Member]:
    """Return a finished run of another sweep for each of the missing runs that has one."""
    wanted = set(missing)
    own = asked.stored.run_id if asked.stored else None
    others = members.finished(asked.options.uri, experiment=asked.options.experiment, but=own)
    return list({each.spec: each for each in others if each.spec in wanted and each.outcome}.values())
