"""What followed a verdict: each run trained on for ten times its epochs, without its cause, and with single changes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from judge.draws import drawn, group, kinds
from judge.removals import REMOVALS, removed
from xorlab.diagnosis.changes import CHANGES, TIMES
from xorlab.diagnosis.forecast import NOTICEABLE
from xorlab.diagnosis.levels import spectrum
from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.numerics.trained import Trained
from xorlab.numerics.training import grouped, shape, train
from xorlab.spec import RunSpec

ENDLESS = {"target_loss": None, "target_rmse": None, "target_max_error": None, "target_accuracy": None}
TRIED = 8
"""So many runs of a group and a cause are tried with changes and without their cause."""


def judge(number: int, runs: int, folder: Path) -> list[dict[str, Any]]:
    """Train the runs of a group, give each its verdict, and say what followed: a row a run.

    `longer`, the names of `changes`, and `without`, its cause, say whether the run converged so. Changes and removals
    are tried on runs with usual settings or one fault.
    """
    specs = group(number, runs, folder)
    with np.errstate(all="ignore"):
        now = train(specs)
        verdicts = diagnose(now)
        later = train([replace(spec, epochs=(1 + TIMES) * spec.epochs, **ENDLESS) for spec in specs])
        ends = diagnose(later)
        failed = [run for run, verdict in enumerate(verdicts) if verdict.cause and drawn(number) != "wide"]
        places = grouped(verdicts[run].cause for run in failed)
        chosen = sorted(failed[place] for each in places for place in each[:TRIED])
        tried = _tried(specs, chosen)
        causes = removed(now, verdicts, [run for run in chosen if verdicts[run].cause in REMOVALS])
    return [
        {
            "group": number,
            "run": run,
            "kinds": kinds(number, specs[run]),
            "outcome": verdict.outcome,
            "cause": verdict.cause or "",
            "certified": verdict.evidence.certified,
            "followed": followed(now, later, run, converged=ends[run].outcome == "converged"),
            "longer": ends[run].outcome == "converged",
            "dead": sum(layer.count("dead") for layer in verdict.evidence.units),
            "still_dead": _still_dead(verdict, ends[run]),
            "changes": tried.get(run, {}),
            "without": causes.get(run),
        }
        for run, verdict in enumerate(verdicts)
    ]


def followed(now: Trained, later: Trained, run: int, *, converged: bool) -> str:
    """Say what a run's loss did after its verdict.

    `stays`: it never left what is noticeable around the verdict's loss. `falls`: it converged or ended noticeably
    lower. `rises`: it ended noticeably higher. `moves`: it left and came back. `diverges`: it stopped being finite.
    `over`: the run had ended by itself. The end is the median of the last tenth.
    """
    epochs, loss = int(now.epochs[run]), float(now.final_loss[run])
    if now.stopped[run] != "epochs":
        return "over"
    noticeable = max(NOTICEABLE * _chance(now.specs[run]), 1e-3)
    after = later.losses[run, epochs : int(later.epochs[run])]
    if later.stopped[run] == "non_finite":
        return "diverges"
    if converged:
        return "falls"
    end = float(np.median(after[-max(1, after.size // 10) :]))
    if abs(end - loss) > noticeable:
        return "falls" if end < loss else "rises"
    return "moves" if np.abs(after - loss).max() > noticeable else "stays"


def _chance(spec: RunSpec) -> float:
    return max(spectrum(spec).values())


def _still_dead(verdict: Verdict, end: Verdict) -> int:
    """Count the dead units that are dead after ten times the epochs too."""
    pairs = zip(verdict.evidence.units, end.evidence.units, strict=True)
    return sum(a == b == "dead" for now, then in pairs for a, b in zip(now, then, strict=True))


def _tried(specs: list[RunSpec], chosen: list[int]) -> dict[int, dict[str, bool]]:
    """Tell for runs whether they converge with each change that applies to them."""
    found: dict[int, dict[str, bool]] = {run: {} for run in chosen}
    jobs = [
        (run, name, change.make(specs[run]))
        for run in chosen
        for name, change in CHANGES.items()
        if name != "more epochs" and change.applies(specs[run])
    ]
    for places in grouped(shape(spec) for _, _, spec in jobs):
        ends = diagnose(train([jobs[place][2] for place in places]))
        for place, end in zip(places, ends, strict=True):
            run, name, _ = jobs[place]
            found[run][name] = end.outcome == "converged"
    return found
