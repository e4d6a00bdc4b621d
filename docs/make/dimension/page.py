"""docs/boundary.md and its picture, from the tables of zooms and boxes."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import matplotlib
import numpy as np
from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from dimension import zooms
from dimension.estimates import Estimate, box_dimension, dimensions, estimate
from dimension.labels import ACTIVATIONS, BASE, SEEDS, SPAN, VARIANTS, Array
from dimension.record import EXACT_COLUMNS, EXACT_LEVELS, SIDES, Boxes, Exact, Levels, Map, Zoom, work
from markdown_table import table as markdown_table
from xorlab.figures.palette import STYLE

TEMPLATE = Path(__file__).with_name("boundary.md")
NAMES = {"relu": "ReLU", "tanh": "tanh"}
COLOURS = {"relu": "#c0302f", "tanh": "#08386f"}
ROUGH, SMOOTH = range(1, 5), range(6, VARIANTS[BASE].levels)
"""Levels that are taken together: those at which rounding decides few points, and the deepest."""
CHECKS = {
    BASE: "as above",
    "portable": "rounded otherwise (`numerics=portable`)",
    "epochs": "2,000 epochs",
    "higher": "solved at a loss of 0.2",
    "lower": "solved at a loss of 0.02",
    "ends": "no early end: the loss after the last epoch decides",
    "float32": "lr and scale rounded to float32",
}


def lacking(zoomed: Mapping[Zoom, Levels]) -> int:
    """Count what the page cannot be written without and the table lacks: base zooms, and one rounded otherwise."""
    wanted = [task for task in work() if isinstance(task, Zoom) and task.variant == BASE]
    wanted += [Zoom("portable", activation, SEEDS[0]) for activation in ACTIVATIONS]
    return sum(task not in zoomed for task in wanted)


class Answers:
    """What the tables say.

    Parameters
    ----------
    zoomed, counted, again : the three tables
    """

    def __init__(
        self,
        zoomed: Mapping[Zoom, Levels],
        counted: Mapping[Map, Boxes],
        again: Mapping[Exact, Mapping[str, int]],
    ) -> None:
        self._zoomed, self._counted, self._again = zoomed, counted, again

    def zooms(self, variant: str, activation: str) -> list[Levels]:
        """Return the zooms of a variant and an activation that have a boundary, in the order of their seeds."""
        keys = [Zoom(variant, activation, seed) for seed in SEEDS]
        return [self._zoomed[key] for key in keys if key in self._zoomed and self._zoomed[key][0]["crossed"]]

    def over(self, variant: str, activation: str, levels: Iterable[int]) -> Estimate:
        """Estimate D over some levels of the zooms."""
        return estimate(dimensions(self.zooms(variant, activation), levels))

    def share(self, variant: str, activation: str, level: int, count: str = "flips") -> float:
        """Return the share of points, or of pieces, that a column counts at a level."""
        found = [own[level] for own in self.zooms(variant, activation) if len(own) > level]
        each = VARIANTS[variant].windows * (1 if level else zooms.FIRST)
        each *= zooms.STEPS + 1 if count == "flips" else 1
        return sum(row[count] for row in found) / (each * len(found)) if found else np.nan

    def boxes(self, activation: str, side: int) -> list[Boxes]:
        """Return the counts of the maps of one side that have a boundary."""
        keys = [Map(activation, seed, side) for seed in SEEDS]
        return [self._counted[key] for key in keys if key in self._counted and self._counted[key][1]]

    def claims(self) -> dict[str, bool]:
        """Return the claims of the page's sentences, and whether the numbers support them."""
        last = SMOOTH[-1]
        others = [name for name in CHECKS if self.zooms(name, "tanh")]
        smooth = [name for name in CHECKS if VARIANTS[name].levels > last and self.zooms(name, "relu")]
        portable = [self.share("portable", "tanh", level) for level in range(last + 1)]
        return {
            "with tanh every seed has a boundary": len(self.zooms(BASE, "tanh")) == len(SEEDS),
            "with tanh D is above 1.5 for every seed and at every level but the first": all(
                min(dimensions(self.zooms(BASE, "tanh"), [level])) > 1.5 for level in range(1, last + 1)
            ),
            "with tanh the interval of D is between 1.8 and 2 at levels 1 to 4": 1.8
            < self.over(BASE, "tanh", ROUGH).low
            <= self.over(BASE, "tanh", ROUGH).high
            < 2.0,
            "with ReLU D is 1 to two decimals for every seed at the deepest levels": all(
                abs(each - 1.0) < 0.005 for each in dimensions(self.zooms(BASE, "relu"), SMOOTH)
            ),
            "with ReLU nearly all pieces at the deepest level cross once": self.share(BASE, "relu", last, "single")
            > 0.99,
            "with ReLU D is above 1.2 for the mean of seeds at the first two levels": all(
                self.over(BASE, "relu", [level]).low > 1.2 for level in (0, 1)
            ),
            "with tanh D is above 1.8 for every variant at levels 1 to 4": all(
                self.over(name, "tanh", ROUGH).mean > 1.8 for name in others
            ),
            "with ReLU D is below 1.1 for every variant at the deepest levels": all(
                self.over(name, "relu", SMOOTH).mean < 1.1 for name in smooth
            ),
            "another rounding changes under 0.5 % of random points": max(
                self.share("portable", activation, 0) for activation in ACTIVATIONS
            )
            < 0.005,
            "with tanh another rounding changes more points the deeper the zoom": portable[1] < 0.1
            and portable[1] < portable[4] < portable[last],
            "with many digits the pieces cross the boundary at least half as often": all(
                sum(row["exact"] for row in rows) > 0.5 * sum(row["double"] for row in rows)
                for rows in map(self._at, sorted(EXACT_LEVELS))
                if rows
            ),
        }

    def fields(self) -> dict[str, str]:
        """Return what the template takes."""
        last = SMOOTH[-1]
        return {
            "low": f"{10.0 ** self._where(0.25):.1f}",
            "high": f"{10.0 ** self._where(0.75):.1f}",
            "rough": str(self.over(BASE, "tanh", ROUGH)),
            "error": f"{self.over(BASE, 'tanh', ROUGH).error:.3f}",
            "seeds": str(len(SEEDS)),
            "checked": str(len(self.zooms("portable", "tanh"))),
            "relu_seeds": str(len(self.zooms(BASE, "relu"))),
            "relu_none": str(len(SEEDS) - len(self.zooms(BASE, "relu"))),
            "single": f"{100.0 * self.share(BASE, 'relu', last, 'single'):.1f} %",
            "levels": self._levels(),
            "checks": self._checks(),
            "maps": self._maps(),
            "exact": self._exact(),
            "exact_seeds": str(len({task.seed for task in self._again})),
            "lacking": self._lacking(),
        }

    def _where(self, share: float) -> float:
        """Return a quantile over the seeds of tanh: log10 of lr in the middle of the crossings at the last of ROUGH."""
        ends = [[own[ROUGH[-1]][name] for name in ("least", "most")] for own in self.zooms(BASE, "tanh")]
        return float(np.quantile(np.mean(ends, axis=1), share)) / 1000.0

    def _levels(self) -> str:
        columns = (
            *("level", "piece, decades", "D, tanh", "flips, tanh", "D, ReLU", "flips, ReLU"),
            "ReLU pieces that cross once",
        )
        rows = [
            [
                *(str(level), f"{zooms.FACTOR**-level * SPAN / 3.0:.2g}"),
                *(
                    text
                    for activation in reversed(ACTIVATIONS)
                    for text in (
                        str(self.over(BASE, activation, [level])),
                        percent(self.share("portable", activation, level)),
                    )
                ),
                percent(
                    self.share(BASE, "relu", level, "single") / self.share(BASE, "relu", level, "crossed"),
                ),
            ]
            for level in range(VARIANTS[BASE].levels)
        ]
        return markdown_table(columns, rows, right=True)

    def _checks(self) -> str:
        columns = (
            *("what is changed", "tanh: seeds", "D, levels 1 to 4", "D, levels 6 to 10", "flips"),
            *("ReLU: seeds", "D, levels 1 to 4", "D, levels 6 to 10", "flips"),
        )
        rows = []
        for name, words in CHECKS.items():
            cells = [words]
            for activation in reversed(ACTIVATIONS):
                own = self.zooms(name, activation)
                estimates = [self.over(name, activation, levels) for levels in (ROUGH, SMOOTH)]
                flips = "" if name == BASE else percent(self.share(name, activation, 0))
                cells += [str(len(own)), *map(str, estimates), flips] if own else ["–"] * 4
            rows.append(cells)
        return markdown_table(columns, rows, right=True)

    def _maps(self) -> str:
        rows = []
        for side in SIDES:
            for activation in reversed(ACTIVATIONS):
                found = self.boxes(activation, side)
                D = [box_dimension(each) for each in found]
                error = estimate(D).error
                few = [str(estimate(D)), f"{error:.3f}" if np.isfinite(error) else "–"] if D else ["–", "–"]
                rows.append([f"{side:,}²", NAMES[activation], str(len(found)), *few])
        columns = ("pixels", "activation", "maps with a boundary", "D, boxes of 1 to 16 pixels", "standard error")
        return markdown_table(columns, rows, right=True)

    def _at(self, level: int) -> list[Mapping[str, int]]:
        return [row for task, row in self._again.items() if task.level == level]

    def _exact(self) -> str:
        columns = ("level", "seeds", "crossings in double precision", "in 400 digits", "labels that differ")
        rows = []
        for level in sorted(EXACT_LEVELS):
            if own := self._at(level):
                means = [float(np.mean([row[name] for row in own])) for name in EXACT_COLUMNS]
                flips = percent(means.pop() / (zooms.STEPS + 1))
                rows.append([str(level), str(len(own)), *(f"{mean:.1f}" for mean in means), flips])
        return markdown_table(columns, rows, right=True)

    def _lacking(self) -> str:
        """Name what of the plan is not measured yet."""
        parts = []
        for side, seeds in SIDES.items():
            done = sum(Map(activation, seed, side) in self._counted for activation in ACTIVATIONS for seed in seeds)
            if done < len(seeds) * len(ACTIVATIONS):
                parts.append(f"{len(seeds) * len(ACTIVATIONS) - done} of the {2 * len(seeds)} maps of {side:,}²")
        for kind, table, words in (
            (Zoom, self._zoomed, "zooms, all of them with something changed"),
            (Exact, self._again, "pieces in 400 digits"),
        ):
            tasks = [task for task in work() if isinstance(task, kind)]
            if left := sum(task not in table for task in tasks):
                parts.append(f"{left} of the {len(tasks)} {words}")
        return "; ".join(parts)


def percent(share: float) -> str:
    """Write a share in percent; 0 stands for none at all only."""
    if np.isnan(share):
        return "–"
    return "0" if not share else f"{100.0 * share:.1f} %" if share >= 0.0005 else "< 0.1 %"


def page(answers: Answers) -> str:
    """Return the page; if the numbers do not support a claim, it says which."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    wrong = [claim for claim, holds in answers.claims().items() if not holds]
    return environment.from_string(TEMPLATE.read_text()).render(**answers.fields(), wrong="; ".join(wrong))


def picture(answers: Answers) -> Figure:
    """Draw D against the scale: a thin line for each seed, and the mean over seeds."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 3.2), layout="constrained")
        ax = figure.subplots()
        scales = zooms.FACTOR ** -np.arange(VARIANTS[BASE].levels, dtype=float) * SPAN / 3.0
        for activation in ACTIVATIONS:
            found = [_line(own) for own in answers.zooms(BASE, activation)]
            for line in found:
                ax.plot(scales[: len(line)], line, color=COLOURS[activation], alpha=0.25, linewidth=0.7)
            mean = [answers.over(BASE, activation, [level]).mean for level in range(len(scales))]
            label = f"{NAMES[activation]}, {len(found)} seeds"
            ax.plot(scales, mean, color=COLOURS[activation], marker="os"[activation == "tanh"], label=label)
        ax.set_xscale("log")
        ax.invert_xaxis()
        ax.set_ylim(0.9, 2.15)
        ax.set_xlabel("length of the pieces of lines, decades of lr and init.std")
        ax.set_ylabel("dimension D")
        ax.legend(loc="center right")
    return figure


def _line(own: Levels) -> Array:
    return np.array([dimensions([own], [level])[0] if own[level]["lag1"] else np.nan for level in range(len(own))])
