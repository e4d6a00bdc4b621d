"""Runs and outcomes in words, for the terminal and for the pages of MLflow's UI."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from xorlab.components import datasets
from xorlab.components.steps import sigmoid
from xorlab.diagnosis.levels import MOST_POINTS, name
from xorlab.diagnosis.verdict import UNDECIDED, Verdict
from xorlab.spec import RunSpec
from xorlab.spec.text import title

SHOWN = 16
"""Predictions are listed for as many points; of more they are counted."""

GAP = "&emsp;"
"""Room between a table's columns, of which MLflow's UI gives none."""

STUCK_WHERE = {
    "ln2": "the level of a network that tells no point from another: p = 1/2 everywhere, or two mixed pairs",
    "0.477": "the level of a network that tells one point from three that it ties",
    "0.347": "the level of a network that has two points right and ties the other two, one of each label",
}
"""What a level of the four XOR points and cross-entropy means."""


def outcome(spec: RunSpec, said: Verdict, *, epochs: int) -> str:
    """Say what happened to a run of so many epochs, in a sentence or two."""
    loss = f"{said.final_loss:.4f}"
    if said.outcome == "converged":
        since = f"the loss stays low from epoch {said.epochs_to_converge} on and ended at {loss}"
        return f"converged: every point is on its side, {since}."
    if said.outcome == "diverged":
        return f"diverged: the loss was no longer a finite number after {epochs} epochs. A lower lr may help."
    if said.outcome == "descending":
        return f"descending: the loss, {loss} after {epochs} epochs, is still moving; it is neither flat nor done."
    if said.level is None:
        few = len(datasets.load(spec.data)[1]) <= MOST_POINTS
        where = "at none of the data's levels" if few else "below the highest level; of so many points no other is told"
        return f"stuck: the loss came to rest at {loss}, {where}."
    level = name(said.level)
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
    p = sigmoid(logits)
    said = np.where(np.abs(p - 0.5) < UNDECIDED, "undecided", np.where(p > 0.5, "1", "0"))
    for x, target, value, answer in list(zip(X, y, p, said, strict=True))[:SHOWN]:
        point = ", ".join(f"{item:g}" for item in x.round(3))
        verdict = answer if answer == "undecided" else f"{answer} {'right' if float(answer) == target else 'wrong'}"
        yield f"({point}) -> {target:g}:  p = {value:.6f}  {verdict}"
    if len(X) > SHOWN:
        right = sum(answer != "undecided" and float(answer) == target for answer, target in zip(said, y, strict=True))
        yield f"… {right} of {len(X)} points are on their side"


WHY = {
    "diverged": "the steps were too long: each made the next one longer",
    "oscillating": "each step of gradient descent overshoots and the next one comes back: lr is above 2 / lambda_max",
    "tied_units": "the hidden units began equal, get equal gradients and stay equal: together they are one unit",
    "all_dead": "every unit of a hidden layer is off at every point, so no gradient reaches what lies below it",
    "affine_collapse": "every unit is off at every point or on at every point, so the network is an affine function of "
    "its inputs on these points, and no affine function of them has a lower loss",
    "saturated": "units lie on the flat ends of their activation, where almost no gradient passes",
    "saddle": "the parameters lie near a saddle: the gradient is as good as zero, and yet there is a direction down",
    "degenerate_saddle": "the weights are so small that the loss is flat to second order; it falls only further out",
    "tied_inputs": "the network gives one output to points with different labels",
    "slow": "the gradient is not yet zero: the loss is still on its way",
    "unknown": "none of the known causes is what the evidence shows",
}
"""What each cause means, after the word because."""

HELPS = {
    "diverged": "a lower lr",
    "oscillating": "a lower lr",
    "tied_units": "a random start",
    "all_dead": "another start, a wider layer or a leaky activation; not more epochs",
    "affine_collapse": "another start or a wider layer, rarely an lr above 2 / lambda_max; "
    "not more epochs, nor a leaky activation",
    "saturated": "a smaller start",
    "saddle": "more epochs or momentum",
    "degenerate_saddle": "a larger start or momentum",
    "tied_inputs": "another start or a wider layer",
    "slow": "more epochs or a larger lr",
}
"""What helps against each cause."""


def verdict(spec: RunSpec, said: Verdict, *, epochs: int) -> str:
    """Tell what happened to a run, why, whether it can leave, and what helps, in a paragraph."""
    sentences = [outcome(spec, said, epochs=epochs), *_units(said)]
    if said.cause is not None:
        ties = f" ({said.evidence.partition})" if said.cause == "tied_inputs" else ""
        sentences.append(f"Cause, {said.cause.replace('_', ' ')}: {WHY[said.cause]}{ties}.")
        sentences += _stays(said)
    if said.cause in HELPS:
        sentences.append(f"What helps: {HELPS[said.cause]}.")
    return " ".join(sentences)


def _units(said: Verdict) -> Iterator[str]:
    """Say which units of each hidden layer are dead, on everywhere, or working."""
    words = {"dead": "dead", "on": "on at every point", "split": "working, on at some points"}
    for number, layer in enumerate(said.evidence.units, start=1):
        parts = [
            f"{_listed([unit for unit, found in enumerate(layer, start=1) if found == state])} {meaning}"
            for state, meaning in words.items()
            if state in layer
        ]
        where = "Hidden" if len(said.evidence.units) == 1 else f"In hidden layer {number},"
        yield f"{where} {', '.join(parts)}."


def _listed(units: list[int]) -> str:
    """``unit 2 is``, ``units 1 and 3 are``, ``units 1, 2 and 4 are``."""
    if len(units) == 1:
        return f"unit {units[0]} is"
    return f"units {', '.join(map(str, units[:-1]))} and {units[-1]} are"


def _stays(said: Verdict) -> Iterator[str]:
    if said.evidence.certified:
        yield "It is proved that gradient descent with this lr stays here for ever."
    elif said.outcome.startswith("stuck"):
        yield "That it stays is observed, not proved."


def table(said: Verdict, *, epochs: int) -> dict[str, str]:
    """Return the evidence of a verdict as names and values."""
    seen = said.evidence
    numbers = {
        "gradient norm": seen.gradient_norm,
        "smallest Hessian eigenvalue": seen.hessian_min,
        "largest Hessian eigenvalue": seen.hessian_max,
        "lr times it": seen.lr_lambda_max,
        "I = f00 + f11 - f01 - f10": seen.interaction,
        "so the loss is at least ln(1 + exp(I/4))": seen.bound,
    }
    plateaus = {f"epochs near {level}": f"{count:,}" for level, count in seen.epochs_at.items() if count}
    return {
        "final loss": f"{said.final_loss:.6g}",
        "accuracy": f"{said.accuracy:.0%}",
        "epochs": f"{epochs:,}",
        **plateaus,
        **{key: f"{value:.4g}" for key, value in numbers.items() if np.isfinite(value)},
        **({"on a kink": "a pre-activation is 0: the Hessian is of one side"} if seen.kink else {}),
        **({"outputs tie": seen.partition} if seen.partition else {}),
    }


def description(spec: RunSpec, said: Verdict, *, epochs: int) -> str:
    """Describe a run in Markdown, for the head of its page."""
    rows = "\n".join(f"| {key}{GAP} | {_cell(value)} |" for key, value in table(said, epochs=epochs).items())
    paragraph = verdict(spec, said, epochs=epochs)
    return f"{paragraph[0].upper()}{paragraph[1:]}\n\n| evidence | |\n| --- | --- |\n{rows}\n\n{title(spec)}\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
