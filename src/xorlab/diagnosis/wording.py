"""Runs and outcomes in words, for the terminal and for the pages of MLflow's UI."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis import judged
from xorlab.diagnosis.causes import CAUSES
from xorlab.diagnosis.changes import CHANGES
from xorlab.diagnosis.levels import MOST_POINTS, name, spectrum
from xorlab.diagnosis.outcomes import percent
from xorlab.diagnosis.verdict import UNDECIDED, Verdict
from xorlab.spec import RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.outputs import SOFTMAX, TARGETS, margin, position
from xorlab.spec.text import data_name, title

MOST_PREDICTIONS = 16
"""Predictions are listed for this many points; the rest are only counted."""

MOST_REMEDIES = 2
"""So many changes that help are named, the best first."""

COLUMN_GAP = "&emsp;"
"""Space between the columns of a table, which MLflow's UI leaves out."""

LEVEL_MEANS = {
    "ln2": "This is the loss of a network with p = 1/2 at every point.",
    "0.477": "This is the lowest loss of a network that ties three points and separates the fourth.",
    "0.347": "This is the lowest loss of a network that gets two points right and ties one of each label.",
}
"""What a level of the four XOR points and cross-entropy means."""

ONE_SIDED = "a pre-activation is 0, so the Hessian is one-sided"

UNIT_STATES = {
    "dead": "dead",
    "off": "off at every point",
    "on": "on at every point",
    "split": "on at some points",
}


def outcome(spec: RunSpec, verdict: Verdict, *, epochs: int) -> str:
    """Say what happened to a run of this many epochs."""
    loss = f"{verdict.final_loss:.4f}"
    if verdict.goal is not None:
        target = f"{verdict.goal}={getattr(spec, verdict.goal):g}"
        return f"Converged: the run reached {target} at epoch {verdict.epochs_to_converge}. The loss there is {loss}."
    if verdict.outcome == "converged":
        since = f"The loss stays low from epoch {verdict.epochs_to_converge} on and ended at {loss}."
        if not datasets.labelled(spec.data):
            (chance,) = spectrum(spec).values()
            return f"Converged: the loss is {verdict.final_loss / chance:.1%} of that of a constant output. {since}"
        return f"Converged: {right(spec)}. {since}"
    not_at_rest = {
        "diverged": f"Diverged: the loss or a parameter was no longer a finite number after {epochs} epochs.",
        "at_target": f"Reached its goal: the loss came down to {loss}, its target, and the run stopped after {epochs} "
        "epochs.",
        "descending": f"Descending: the loss is {loss} after {epochs} epochs. Ten times the epochs will lower it "
        f"noticeably{_towards(spec, verdict)}.",
        "undecided": f"Undecided: the loss is {loss} after {epochs} epochs. They do not tell whether it will fall or "
        "rest.",
    }
    if verdict.outcome in not_at_rest:
        return not_at_rest[verdict.outcome]
    if verdict.level is None:
        return f"Stuck at {loss}. {_between_levels(spec, verdict.final_loss)}"
    level = name(verdict.level)
    named = _named(level)
    xor = spec.loss == "bce" and datasets.truth_table(spec.data) in (datasets.XOR, datasets.XNOR)
    meaning = LEVEL_MEANS[level] if xor else f"{named[0].upper()}{named[1:]} is a level of {data_name(spec)}."
    if not datasets.labelled(spec.data) or (_several(spec) and verdict.level == max(spectrum(spec).values())):
        meaning = "This is the loss of the best constant output, so the network has learnt nothing from its inputs."
    return f"Stuck at {named}: the loss came to rest at {loss}. {meaning}"


def right(spec: RunSpec) -> str:
    """Say what is so where a run with labels gets every point right."""
    if spec.arch.output == SOFTMAX:
        return "at every point the greatest p is that of its class"
    if _several(spec):
        return f"at every point each output is on the right side of {_boundary(spec)}"
    return f"every point is on the right side of {_boundary(spec)}"


def _several(spec: RunSpec) -> bool:
    return spec.units[-1] > 1


def _named_all(spec: RunSpec) -> bool:
    """Tell whether `spectrum` has every level: of few labelled points, with one output or with classes."""
    few = len(datasets.load(spec.data)[1]) <= MOST_POINTS
    return few and datasets.labelled(spec.data) and (not _several(spec) or spec.arch.output == SOFTMAX)


def _boundary(spec: RunSpec) -> str:
    """Name the output that parts the labels."""
    if spec.arch.output == "sigmoid":
        return "p = 1/2"
    return "1/2" if spec.data.targets == "binary" else "0"


def _named(level: str) -> str:
    return "ln 2" if level == "ln2" else level


def _towards(spec: RunSpec, verdict: Verdict) -> str:
    """Name what a descending loss is heading for: below the lowest level there is nothing left but 0."""
    levels = spectrum(spec)
    return ", towards 0" if _named_all(spec) and levels and verdict.final_loss < min(levels.values()) else ""


def _between_levels(spec: RunSpec, loss: float) -> str:
    """Place a loss that is at no level."""
    levels = spectrum(spec)
    highest = max(levels.values(), default=0.0)
    if not datasets.labelled(spec.data):
        return f"A constant output can reach {highest:.4f}; for real targets xorlab knows no other level."
    if _several(spec) and spec.arch.output != SOFTMAX:
        return f"A constant output can reach {highest:.4f}; for several outputs xorlab knows no other level."
    if _named_all(spec) or loss > highest:
        return f"This is not a level of {data_name(spec)}."
    return (
        f"This is below {_named(name(highest))}, but with more than {MOST_POINTS} points xorlab does not name the "
        "lower levels."
    )


def predictions(spec: RunSpec, logits: NDArray[np.float64]) -> Iterator[str]:
    """List each point with its target, the output, and whether the output is on the target's side.

    Parameters
    ----------
    spec : the run's specification
    logits : (N,) array, the pre-activation of the output unit, or (N, K) of several
    """
    X, y = datasets.load(spec.data)
    p = position(spec.arch.output, spec.data.targets, logits)
    if _several(spec):
        yield from _several_predictions(spec, p)
        return
    low, high = TARGETS[spec.data.targets]
    called = "p" if spec.arch.output == "sigmoid" else "output"
    if not datasets.labelled(spec.data):
        for x, target, value in list(zip(X, y, p, strict=True))[:MOST_PREDICTIONS]:
            point = ", ".join(f"{item:g}" for item in x.round(3))
            yield f"({point})  target {target:g}  output = {value:.6f}"
        if len(X) > MOST_PREDICTIONS:
            yield f"… the outputs of {len(X)} points are off by {np.abs(p - y).max():.3g} at most"
        return
    right = (p > 0.5) == (y > 0.5)
    sides = np.where(np.abs(p - 0.5) < UNDECIDED, "undecided", np.where(right, "right", "wrong"))
    for x, target, value, side in list(zip(X, y, p, sides, strict=True))[:MOST_PREDICTIONS]:
        point = ", ".join(f"{item:g}" for item in x.round(3))
        shown = low + (high - low) * np.array([target, value])
        yield f"({point})  target {shown[0]:g}  {called} = {shown[1]:.6f}  {side}"
    if len(X) > MOST_PREDICTIONS:
        yield f"… {(sides == 'right').sum()} of {len(X)} points are on the right side of {_boundary(spec)}"


def _several_predictions(spec: RunSpec, p: NDArray[np.float64]) -> Iterator[str]:
    """List each point with its class and the class of the greatest p, or with the target and value of each output."""
    X, y = datasets.load(spec.data)
    low, high = TARGETS[spec.data.targets]
    called = "p" if spec.arch.output == "sigmoid" else "outputs"
    names = datasets.class_names(spec.data)
    lead = margin(spec.arch.output, p, y)
    sides = np.where(np.abs(lead) < UNDECIDED, "undecided", np.where(lead > 0.0, "right", "wrong"))
    for x, own, values, side in list(zip(X, y, p, sides.tolist(), strict=True))[:MOST_PREDICTIONS]:
        point = ", ".join(f"{item:g}" for item in x.round(3))
        if spec.arch.output == SOFTMAX:
            true, most = names[own.argmax()], names[values.argmax()]
            yield f"({point})  class {true}  greatest p = {values.max():.6f}, of class {most}  {side}"
            continue
        wanted = ", ".join(f"{item:g}" for item in low + (high - low) * own)
        given = ", ".join(f"{item:.4f}" for item in low + (high - low) * values)
        shown = f"  {side}" if datasets.labelled(spec.data) else ""
        yield f"({point})  targets {wanted}  {called} = {given}{shown}"
    if len(X) > MOST_PREDICTIONS and datasets.labelled(spec.data):
        yield f"… {int((sides == 'right').sum())} of {len(X)} points are right"
    elif len(X) > MOST_PREDICTIONS:
        yield f"… the outputs of {len(X)} points are off by {np.abs(p - y).max():.3g} at most"


def paragraph(spec: RunSpec, verdict: Verdict, *, epochs: int) -> str:
    """Say what happened to a run, why, whether it stays there, and what helps."""
    sentences = [outcome(spec, verdict, epochs=epochs), *_units(verdict)]
    if verdict.cause is not None:
        cause = CAUSES[verdict.cause]
        ties = f" They are {verdict.evidence.partition}." if verdict.cause == "tied_inputs" else ""
        confirmed = judged.confirmed(verdict.cause) and not _several(spec)
        head = "Cause" if cause.proved or confirmed else "What is seen"
        sentences += [f"{head}: {verdict.cause.replace('_', ' ')}. {cause.why}{ties}", *_stays(verdict)]
        sentences += [] if _several(spec) else remedies(verdict.cause, spec)
    if _several(spec):
        return " ".join([*sentences, f"Verdicts are tested on networks with one output only: {judged.PAGE}."])
    return " ".join([*sentences, *_support(verdict)])


def remedies(cause: str, spec: RunSpec | None = None) -> Iterator[str]:
    """Say which changes made runs with this cause converge, and which did not; with `spec`, of those that apply."""
    tried = [score for score in judged.remedies(cause) if spec is None or CHANGES[score.change].applies(spec)]
    better = [f"{each.change} ({percent(each.share)} % of {each.n:,} runs)" for each in tried if each.better]
    if better:
        yield f"What helps: {', or '.join(better[:MOST_REMEDIES])}."
    futile = [each.change for each in tried if each.futile and not each.better]
    if futile:
        yield f"What does not help: {', '.join(sorted(futile, key=list(CHANGES).index))}."


def _support(verdict: Verdict) -> Iterator[str]:
    """Say where the tests of such a verdict are: of its outcome, and of what helps against its cause."""
    kind = "stuck" if verdict.outcome.startswith("stuck") else verdict.outcome
    score = judged.outcome(kind)
    true = f"#{kind} (true in {percent(score.share)} % of {score.n:,} runs)" if score else ""
    cause = f"#{verdict.cause}" if verdict.cause and judged.remedies(verdict.cause) else ""
    if true or cause:
        yield f"How this was tested: {judged.PAGE}, {' and '.join(filter(None, (true, cause)))}."


def _units(verdict: Verdict) -> Iterator[str]:
    """Say which units of each hidden layer are in which state."""
    layers = verdict.evidence.units
    for number, layer in enumerate(layers, start=1):
        parts = [
            f"{_listed([unit for unit, found in enumerate(layer, start=1) if found == state])} {meaning}"
            for state, meaning in UNIT_STATES.items()
            if state in layer
        ]
        where = "Hidden" if len(layers) == 1 else f"In hidden layer {number},"
        if parts:
            yield f"{where} {', '.join(parts)}."


def _listed(units: list[int]) -> str:
    """``unit 2 is``, ``units 1 and 3 are``, ``units 1, 2 and 4 are``."""
    if len(units) == 1:
        return f"unit {units[0]} is"
    return f"units {', '.join(map(str, units[:-1]))} and {units[-1]} are"


def _stays(verdict: Verdict) -> Iterator[str]:
    if verdict.evidence.certified:
        yield "Certified by bounds evaluated in floating point: with this lr gradient descent converges to ln 2."
    elif verdict.outcome.startswith("stuck"):
        yield "That it stays here is observed, not proved."


def table(verdict: Verdict, *, epochs: int) -> dict[str, str]:
    """Return the evidence of a verdict as names and values."""
    evidence = verdict.evidence
    numbers = {
        "gradient norm": evidence.gradient_norm,
        "smallest Hessian eigenvalue": evidence.hessian_min,
        "largest Hessian eigenvalue": evidence.hessian_max,
        "lr times the largest": evidence.lr_lambda_max,
        "I = f00 + f11 - f01 - f10": evidence.interaction,
        "ln(1 + exp(I/4)), a lower bound of the loss": evidence.bound,
    }
    plateaus = {f"epochs near {_named(level)}": f"{count:,}" for level, count in evidence.epochs_at.items() if count}
    return {
        "final loss": f"{verdict.final_loss:.6g}",
        **({"accuracy": f"{verdict.accuracy:.0%}"} if np.isfinite(verdict.accuracy) else {}),
        "epochs": f"{epochs:,}",
        **plateaus,
        **{key: f"{value:.4g}" for key, value in numbers.items() if np.isfinite(value)},
        **({"kink": ONE_SIDED} if evidence.kink else {}),
        **({"points with the same output": evidence.partition} if evidence.partition else {}),
    }


def description(spec: RunSpec, verdict: Verdict, *, epochs: int) -> str:
    """Describe a run in Markdown, for the top of its page."""
    rows = "\n".join(f"| {key}{COLUMN_GAP} | {_cell(value)} |" for key, value in table(verdict, epochs=epochs).items())
    text = paragraph(spec, verdict, epochs=epochs)
    return f"{text}\n\n| evidence | |\n| --- | --- |\n{rows}\n\n{title(spec)}\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
