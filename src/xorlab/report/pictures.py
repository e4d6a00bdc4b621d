"""A report's pictures: which there are for these runs, the question of each, and what its caption says."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from xorlab import figures, statistics
from xorlab.diagnosis.outcomes import phrase
from xorlab.report.material import Material
from xorlab.statistics.settings import called

PANELS = 12
"""Settings that still get a panel of curves each."""

CURVES = 10
"""Settings that still get a survival curve each."""

BOUND = (
    "Theory's bound: the probability that at least two units are alive at the start, without which no network "
    "converges."
)
"""What the bound is, for a caption."""

BARS = 16
"""Settings that still get bars of their causes each."""

TAKEN = "Of several factors the curves of each value are taken over all others."


@dataclass(frozen=True)
class Picture:
    """A figure, the question it answers, and the words below it."""

    question: str
    caption: str
    figure: Figure


def loss_curves(material: Material, width: float) -> Picture:
    """Draw the losses by outcome."""
    by = _coarse(material, PANELS)
    caption = (
        f"The loss of {len(material.told):,} runs at each epoch (log scale), coloured by where it ended; dotted: the "
        "levels at which a network rests that gives several points one output."
    )
    question = "Which runs get stuck, and where?"
    figure = figures.sweep_curves(material.curves, material.told, material.levels, by=by, width=width, title=question)
    return Picture(question, caption, figure)


def rates(material: Material, width: float) -> Picture | None:
    """Draw the rates along the factor of most values, a line for each value of a second one."""
    if not 1 <= len(material.by) <= 2:
        return None
    x, *others = sorted(material.by, key=lambda key: -material.told[key].nunique())
    second = others[0] if others else None
    bounds = statistics.bounds(material.told, [x]) if second is None else None
    question = f"How does {called(x)} change where runs end?"
    figure = figures.rates_along(
        material.rates, x, hue=second, outcomes=material.asked, bounds=bounds, width=width, title=question
    )
    lines = "" if second is None else f", a line for each {called(second)}"
    caption = f"Rates of {' and '.join(map(phrase, material.asked))}{lines}, with Wilson's 95 % intervals."
    if bounds is not None and bounds["bound"].notna().any():
        caption += f" {BOUND}"
    return Picture(question, caption, figure)


def converged(material: Material, width: float) -> Picture | None:
    """Draw the map of converging."""
    return _map(material, "converged", width)


def stuck(material: Material, width: float) -> Picture | None:
    """Draw its twin: the map of being stuck at the highest level."""
    return _map(material, material.asked[1], width) if len(material.asked) > 1 else None


def _map(material: Material, outcome: str, width: float) -> Picture | None:
    if len(material.by) < 2:
        return None
    figure = figures.convergence_maps(material.rates, material.by, outcome=outcome, width=width)
    factors = ", ".join(map(called, material.by))
    happens = "converge" if outcome == "converged" else f"are {phrase(outcome)}"
    caption = f"How many runs {happens}, over {factors}, with Wilson's 95 % intervals and n where there is room."
    return Picture(f"How often do runs {happens}?".replace("do runs are", "are runs"), caption, figure)


def final_losses(material: Material, width: float) -> Picture:
    """Draw where runs end against the levels."""
    question = "Where do runs end?"
    figure = figures.final_losses(material.told, material.levels, by=material.by, width=width, title=question)
    caption = (
        f"A dot for each of {len(material.told):,} runs at its final loss, coloured by outcome, against the levels "
        "(dotted)."
    )
    return Picture(question, caption, figure)


def survival(material: Material, width: float) -> Picture | None:
    """Draw how many have not converged yet, epoch by epoch."""
    by = _coarse(material, CURVES)
    question = "How long does converging take?"
    figure = figures.survival_curves(statistics.survival(material.told, by), by, width=width, title=question)
    caption = (
        "The share of runs that have not converged yet (Kaplan-Meier, with 95 % bands) by epoch; runs that never "
        f"converged are censored at the epochs they were given. {TAKEN if by != material.by else ''}"
    ).strip()
    return Picture(question, caption, figure)


def causes(material: Material, width: float) -> Picture | None:
    """Draw the causes within the outcomes."""
    if "cause" not in material.told or material.told["cause"].isna().all():
        return None
    by = _coarse(material, BARS)
    question = "Why do runs not converge?"
    figure = figures.causes(statistics.causes(material.told, by), by, width=width, title=question)
    caption = "The runs of each outcome by the cause that the evidence of each run shows."
    return Picture(question, caption, figure)


def fates(material: Material, width: float) -> Picture | None:
    """Draw the outcomes by the signs of the first weights, for 2-2-1 networks."""
    if material.signs is None:
        return None
    signed = material.told.assign(signs=material.signs)
    question = "Do the signs of the first weights decide the fate?"
    caption = (
        "Outcomes by the signs of a 2-2-1 network's first weights: of each unit the two from the inputs, then the one "
        "to the output; patterns that differ by an exchange of units or inputs are one. Ticks: Wilson's 95 % interval "
        "of converging."
    )
    return Picture(question, caption, figures.fates(signed, width=width, title=question))


def _coarse(material: Material, most: int) -> list[str]:
    """Return the factors of no more than so many settings: all of them, or the most varied left out until it is so."""
    by = material.by
    while by and material.told.groupby(by, dropna=False).ngroups > most:
        by = sorted(by, key=lambda key: material.told[key].nunique())[:-1]
    return by


PICTURES: dict[str, Callable[[Material, float], Picture | None]] = {
    picture.__name__: picture
    for picture in (rates, converged, stuck, loss_curves, final_losses, causes, survival, fates)
}
"""Every picture by its name, in the order of the page: so many inches wide, or None where it says nothing."""
