"""What followed a verdict: each run trained on for ten times its epochs, and again with single changes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from judge.draws import group
from xorlab.diagnosis.forecast import NOTICEABLE, TIMES
from xorlab.diagnosis.levels import levels
from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.numerics.trained import Trained
from xorlab.numerics.training import grouped, shape, train
from xorlab.spec import InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.initializers import INITIALIZERS

NEW_SEED = "another seed"


def judge(number: int, runs: int, folder: Path) -> list[dict[str, Any]]:
    """Train the runs of a group, give each its verdict, and say what followed: a row a run."""
    specs = group(number, runs, folder)
    with np.errstate(all="ignore"):
        now = train(specs)
        verdicts = diagnose(now)
        later = train([replace(spec, epochs=(1 + TIMES) * spec.epochs) for spec in specs])
        ends = diagnose(later)
        tried = _tried(specs, verdicts)
    return [
        {
            "group": number,
            "run": run,
            "outcome": verdict.outcome,
            "cause": verdict.cause or "",
            "certified": verdict.evidence.certified,
            "followed": followed(now, later, run, converged=ends[run].outcome == "converged"),
            "longer": ends[run].outcome == "converged",
            "dead": sum(layer.count("dead") for layer in verdict.evidence.units),
            "still_dead": _still_dead(verdict, ends[run]),
            **tried[run],
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
    _, y = datasets.load(now.specs[run].data)
    noticeable = NOTICEABLE * max(levels(int(y.sum()), int((1 - y).sum()), now.specs[run].loss))
    after = later.losses[run, epochs : int(later.epochs[run])]
    if later.stopped[run] == "non_finite":
        return "diverges"
    if converged or later.stopped[run] == "target_loss":
        return "falls"
    end = float(np.median(after[-max(1, after.size // 10) :]))
    if abs(end - loss) > noticeable:
        return "falls" if end < loss else "rises"
    return "moves" if np.abs(after - loss).max() > noticeable else "stays"


def _still_dead(verdict: Verdict, end: Verdict) -> int:
    """Count the dead units that are dead after ten times the epochs too."""
    pairs = zip(verdict.evidence.units, end.evidence.units, strict=True)
    return sum(a == b == "dead" for now, then in pairs for a, b in zip(now, then, strict=True))


def changes(spec: RunSpec) -> Iterator[tuple[str, RunSpec]]:
    """List the single changes to try on a run that did not converge; those of the start's seed come with a new one."""
    new = spec.seed + 1 if spec.seed < 2**31 else 0
    start = spec.init if INITIALIZERS[spec.init.name].seeded else InitSpec()
    yield NEW_SEED, replace(spec, seed=new, init=start)
    yield "a tenth of the lr", replace(spec, lr=spec.lr / 10.0)
    yield "ten times the lr", replace(spec, lr=spec.lr * 10.0)
    if spec.optimizer.name == "gd":
        yield "momentum", replace(spec, optimizer=OptimizerSpec(name="momentum"))
    if spec.loss == "mse":
        yield "loss=bce", replace(spec, loss="bce")
    for activation in ("leaky_relu", "tanh"):
        if spec.arch.hidden and activation != spec.arch.activation:
            yield f"{activation} units", replace(spec, arch=replace(spec.arch, activation=activation))
    if spec.arch.hidden:
        wide = replace(spec.arch, hidden=tuple(2 * width for width in spec.arch.hidden))
        yield "another seed and twice the width", replace(spec, seed=new, init=start, arch=wide)
    wide = replace(spec.arch, hidden=(4,), activation="tanh")
    yield "four tanh units and another seed", replace(spec, seed=new, init=start, arch=wide)


def _tried(specs: list[RunSpec], verdicts: list[Verdict]) -> list[dict[str, bool]]:
    """Tell for each run that did not converge whether it does with each change, after as many epochs."""
    found: list[dict[str, bool]] = [{} for _ in specs]
    failed = [run for run, verdict in enumerate(verdicts) if verdict.outcome not in ("converged", "at_target")]
    jobs = [(run, name, spec) for run in failed for name, spec in changes(specs[run])]
    for places in grouped(shape(spec) for _, _, spec in jobs):
        ends = diagnose(train([jobs[place][2] for place in places]))
        for place, end in zip(places, ends, strict=True):
            run, name, _ = jobs[place]
            found[run][name] = end.outcome == "converged"
    return found
