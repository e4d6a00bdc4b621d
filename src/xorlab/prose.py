"""Runs and outcomes in words, for the terminal and for the pages of MLflow's UI."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from xorlab import datasets
from xorlab.diagnosis import UNDECIDED, Verdict
from xorlab.levels import name, spectrum
from xorlab.spec import RunSpec
from xorlab.training import units

SHOWN = 16
"""Predictions are listed for as many points; of more they are counted."""

STUCK_WHERE = {
    "ln2": "the level of a network that tells no point from another: p = 1/2 everywhere, or two mixed pairs",
    "0.477": "the level of a network that tells one point from three that it ties",
    "0.347": "the level of a network that has two points right and ties the other two, one of each label",
}
"""What a level of the four XOR points and cross-entropy means."""


def title(spec: RunSpec) -> str:
    """Say what a run is in a line: ``2-3-1 relu, xor, gd lr=0.1, normal init, seed=42``."""
    shape = "-".join(str(width) for width in units(spec))
    optimizer = f"{spec.optimizer.name} lr={spec.lr:g}"
    return f"{shape} {spec.arch.activation}, {spec.data.name}, {optimizer}, {spec.init.name} init, seed={spec.seed}"


def outcome(spec: RunSpec, verdict: Verdict, *, epochs: int) -> str:
    """Say what happened to a run of so many epochs, in a sentence or two."""
    loss = f"{verdict.final_loss:.4f}"
    if verdict.outcome == "converged":
        since = f"the loss stays low from epoch {verdict.epochs_to_converge} on and ended at {loss}"
        return f"converged: every point is on its side, {since}."
    if verdict.outcome == "diverged":
        return f"diverged: the loss was no longer a finite number after {epochs} epochs. A lower lr may help."
    if verdict.outcome == "descending":
        return f"descending: the loss, {loss} after {epochs} epochs, is still moving; it is neither flat nor done."
    if verdict.level is None:
        return f"stuck: the loss came to rest at {loss}, which is none of the data's levels."
    level = name(verdict.level)
    meaning = STUCK_WHERE.get(level) if spec.loss == "bce" and spec.data.name in ("xor", "xnor") else None
    called = "ln 2" if level == "ln2" else level
    return f"stuck at {called}: the loss came to rest at {loss}, {meaning or f'a level of {spec.data.name}'}."


def predictions(spec: RunSpec, logits: NDArray[np.float64]) -> Iterator[str]:
    """List each point, its target, p and what p says; a p of 1/2 to within 1e-6 says nothing.

    Parameters
    ----------
    spec : the run's specification
    logits : (N,) array, the output before its sigmoid
    """
    X, y = datasets.load(spec.data)
    p = 0.5 * (1.0 + np.tanh(0.5 * logits))
    said = np.where(np.abs(p - 0.5) < UNDECIDED, "undecided", np.where(p > 0.5, "1", "0"))
    for x, target, value, answer in list(zip(X, y, p, said, strict=True))[:SHOWN]:
        point = ", ".join(f"{item:g}" for item in x.round(3))
        verdict = answer if answer == "undecided" else f"{answer} {'right' if float(answer) == target else 'wrong'}"
        yield f"({point}) -> {target:g}:  p = {value:.6f}  {verdict}"
    if len(X) > SHOWN:
        right = sum(answer != "undecided" and float(answer) == target for answer, target in zip(said, y, strict=True))
        yield f"… {right} of {len(X)} points are on their side"


def description(spec: RunSpec, verdict: Verdict, *, epochs: int) -> str:
    """Describe a run in Markdown, for the head of its page."""
    rows = {
        "final loss": f"{verdict.final_loss:.6g}",
        "accuracy": f"{verdict.accuracy:.0%}",
        "epochs": f"{epochs:,}",
        "levels of the data": ", ".join(f"{level:.4f}" for level in spectrum(spec).values()) or "none",
    }
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    return (
        f"**{title(spec)}**\n\n{outcome(spec, verdict, epochs=epochs).capitalize()}\n\n| | |\n| --- | --- |\n{table}\n"
    )
