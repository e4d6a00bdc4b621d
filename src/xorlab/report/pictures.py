"""A report's pictures: each one's question, its drawing, and its caption.

To add one, write a function of `Material` and a width below `@picture`: it is on the page, in its own files and behind
``--only`` under its name, in the order of this module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from matplotlib.figure import Figure

from xorlab import figures, statistics
from xorlab.diagnosis.outcomes import phrase
from xorlab.report.material import Material
from xorlab.statistics.settings import factor_label

MAX_CURVE_PANELS = 12
"""Settings up to which each has a panel of loss curves."""

MAX_SURVIVAL_CURVES = 10
"""Settings up to which each has a survival curve."""

MAX_CAUSE_BARS = 16
"""Settings up to which each has bars of its causes."""

MAX_RATE_LINES = 10
"""Values of a second factor up to which each has a line of rates."""


@dataclass(frozen=True)
class Picture:
    """A figure, the question it answers, and the words below it."""

    question: str
    caption: str
    figure: Figure


Draw = Callable[[Material, float], Picture | None]

D = TypeVar("D", bound=Draw)

PICTURES: dict[str, Draw] = {}
"""Every picture by its name, in the order of the page: from a width in inches, or None with nothing to show."""


def picture(draw: D) -> D:
    """Add a picture to the report, under the name of its function."""
    PICTURES[draw.__name__] = draw
    return draw


@picture
def rates(material: Material, width: float) -> Picture | None:
    """Draw the rates along the factor of most values, a line for each value of a second one."""
    if not 1 <= len(material.factors) <= 2:
        return None
    x, *others = sorted(material.factors, key=lambda key: -material.counted[key].nunique())
    if others and material.counted[others[0]].nunique(dropna=False) > MAX_RATE_LINES:
        return None
    second = others[0] if others else None
    bounds = statistics.bounds(material.counted, [x]) if second is None else None
    question = f"How does {factor_label(x)} change where runs end?"
    figure = figures.rates_along(
        material.rates, x, hue=second, outcomes=material.outcomes, bounds=bounds, width=width, title=question
    )
    lines = "" if second is None else f", with a line for each {factor_label(second)}"
    shown = " and ".join("converge" if name == "converged" else f"are {phrase(name)}" for name in material.outcomes)
    caption = f"The shares of runs that {shown}, with Wilson's 95 % intervals{lines}."
    if bounds is not None and bounds["bound"].notna().any():
        caption += (
            " No network converges that starts with fewer than two live units. Theory's upper bound is the probability "
            "of starting with two or more."
        )
    return Picture(question, caption, figure)


@picture
def converged(material: Material, width: float) -> Picture | None:
    """Draw the map of how often runs converge."""
    return _map(material, "converged", "How often do runs converge?", width)


@picture
def stuck(material: Material, width: float) -> Picture | None:
    """Draw the map of how often runs are stuck at the highest level."""
    if len(material.outcomes) < 2:
        return None
    return _map(material, material.outcomes[1], f"How often are runs {phrase(material.outcomes[1])}?", width)


def _map(material: Material, outcome: str, question: str, width: float) -> Picture | None:
    if len(material.factors) < 2:
        return None
    figure = figures.convergence_maps(material.rates, material.factors, outcome=outcome, width=width, title=question)
    factors = ", ".join(map(factor_label, material.factors))
    caption = f"The share of runs in each setting of {factors}. Cells with room for it show Wilson's 95 % interval."
    return Picture(question, caption, figure)


@picture
def loss_curves(material: Material, width: float) -> Picture:
    """Draw the losses by outcome."""
    by = _coarse(material, MAX_CURVE_PANELS)
    caption = (
        f"The loss of {len(material.counted):,} runs at each epoch, coloured by how the run ended. Dotted lines are "
        "the levels at which a network rests when it gives several points the same output."
    )
    question = "Which runs get stuck, and where?"
    figure = figures.sweep_curves(
        material.curves, material.counted, material.levels, by=by, width=width, title=question
    )
    return Picture(question, caption, figure)


@picture
def final_losses(material: Material, width: float) -> Picture:
    """Draw where runs end against the levels."""
    question = "Where do runs end?"
    figure = figures.final_losses(material.counted, material.levels, by=material.factors, width=width, title=question)
    caption = (
        f"One dot for the final loss of each of {len(material.counted):,} runs, coloured by outcome. Dotted lines are "
        "the levels."
    )
    return Picture(question, caption, figure)


@picture
def causes(material: Material, width: float) -> Picture | None:
    """Draw the causes within the outcomes."""
    if "cause" not in material.counted or material.counted["cause"].isna().all():
        return None
    by = _coarse(material, MAX_CAUSE_BARS)
    question = "Why do runs not converge?"
    figure = figures.causes(statistics.causes(material.counted, by), by, width=width, title=question)
    caption = "The causes that xorlab found for the runs of each outcome."
    return Picture(question, caption, figure)


@picture
def survival(material: Material, width: float) -> Picture | None:
    """Draw how many have not converged yet, epoch by epoch."""
    by = _coarse(material, MAX_SURVIVAL_CURVES)
    question = "How long does converging take?"
    figure = figures.survival_curves(statistics.survival(material.counted, by), by, width=width, title=question)
    caption = (
        "The share of runs that have not yet converged at each epoch (Kaplan-Meier, with 95 % bands). Runs that never "
        "converged are censored at the last epoch they were given."
    )
    if by != material.factors:
        caption += " Where several factors vary, a curve covers all values of those that it does not name."
    return Picture(question, caption, figure)


@picture
def fates(material: Material, width: float) -> Picture | None:
    """Draw the outcomes by the signs of the first weights, for 2-2-1 networks."""
    if material.sign_patterns is None:
        return None
    runs = material.counted.assign(signs=material.sign_patterns)
    question = "Do the signs of the first weights decide how a run ends?"
    caption = (
        "Outcomes by the signs of a 2-2-1 network's initial weights. Each unit shows the signs of its two input "
        "weights, then that of its output weight. Patterns that differ only by swapping units or inputs are counted "
        "together. Black bars are Wilson's 95 % intervals for converging."
    )
    return Picture(question, caption, figures.fates(runs, width=width, title=question))


def _coarse(material: Material, most: int) -> list[str]:
    """Return the factors, without those of most values where the settings would be more than `most`."""
    by = material.factors
    while by and material.counted.groupby(by, dropna=False).ngroups > most:
        by = sorted(by, key=lambda key: material.counted[key].nunique())[:-1]
    return by
