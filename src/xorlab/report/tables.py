"""A report's tables: frames of statistics, and how their cells are written.

To add one, write a function of `Material` below `@table`: it is on the page, in its own file and behind ``--only``
under its name, in the order of this module.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pandas as pd

from xorlab import statistics
from xorlab.diagnosis.outcomes import percent, phrase
from xorlab.report.material import Material
from xorlab.spec.text import PARAMETERS
from xorlab.statistics.settings import factor_label, short

Format = Callable[[Any], str]


TERMINAL_ROWS = 40
"""Rows of a table that a terminal shows."""

WANTED_WIDTH = 0.2
"""The width of a rate's interval that more seeds are counted for."""

TESTS = (
    "Where both have the same seeds, runs are paired and the test is McNemar's exact test; otherwise it is Fisher's. "
    "The difference, b - a, is in percentage points. Holm's correction is"
)
"""What a note on compared rates says of the tests."""


def _percent(value: float) -> str:
    return f"{percent(value)}\N{NO-BREAK SPACE}%"


def _points(value: float) -> str:
    return f"{100 * value:.1f}"


def _p(value: float) -> str:
    return "<0.0001" if value < 1e-4 else f"{value:.2g}"


RATES: Mapping[str, Format] = {"rate": _percent, "low": _percent, "high": _percent}
PAIRS: Mapping[str, Format] = {
    "rate_a": _percent,
    "rate_b": _percent,
    "difference": _points,
    "low": _points,
    "high": _points,
}


@dataclass(frozen=True)
class Table:
    """A frame with a name, a title and a note.

    Attributes
    ----------
    formats : how columns are written that are not written by their type
    hidden : columns that are only in the .csv file
    """

    name: str
    title: str
    frame: pd.DataFrame
    note: str = ""
    formats: Mapping[str, Format] = field(default_factory=dict)
    hidden: Sequence[str] = ()

    @property
    def shown(self) -> pd.DataFrame:
        """The columns that a reader sees."""
        return self.frame[[name for name in self.frame if name not in self.hidden]]

    def written(self) -> pd.DataFrame:
        """Return the frame as text."""
        return pd.DataFrame(
            {name: [self._write(str(name), value) for value in column] for name, column in self.shown.items()},
            columns=self.shown.columns,
        )

    def text(self) -> str:
        """Lay the table out for a terminal; of a long one the first rows."""
        written = self.head(TERMINAL_ROWS).written().rename(columns=heading)
        left_out = len(self.frame) - TERMINAL_ROWS
        more = f"\n… and {left_out:,} more in {self.name}.csv" if left_out > 0 else ""
        return f"{self.title}\n{written.to_string(index=False)}{more}"

    def head(self, rows: int) -> "Table":
        """Return the table with its first rows only."""
        return replace(self, frame=self.frame.head(rows))

    def _write(self, name: str, value: Any) -> str:
        if not isinstance(value, str) and pd.isna(value):
            return "–"
        own = self.formats.get(name) or FORMATS.get(name)
        if own:
            return own(value)
        if name in PARAMETERS or isinstance(value, str):
            return short(value)
        return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"


FORMATS: Mapping[str, Format] = {
    "outcome": phrase,
    "cause": lambda cause: str(cause).replace("_", " "),
    "factor": factor_label,
    "p": _p,
    "p_holm": _p,
    "share": _percent,
}
"""How columns are written that mean the same in every table."""

HEADINGS = {
    "rate_a": "rate of a",
    "rate_b": "rate of b",
    "events_a": "events of a",
    "events_b": "events of b",
    "difference": "difference in points",
    "statistic": "chi squared",
    "p_holm": "p (Holm)",
    "n_a": "n of a",
    "n_b": "n of b",
    "low": "95 % from",
    "high": "to",
    "log_odds": "log odds",
    "intended": "planned",
    "foreign": "other numerics",
}


def heading(column: str) -> str:
    """Return a column's name as the head of a column."""
    if column in HEADINGS:
        return HEADINGS[column]
    return factor_label(column) if column in PARAMETERS else column.replace("_", " ")


Build = Callable[[Material], Table | None]

B = TypeVar("B", bound=Build)

TABLES: dict[str, Build] = {}
"""Every table by its name, in the order of the page; None where a table would say nothing of these runs."""


def table(build: B) -> B:
    """Add a table to the report, under the name of its function."""
    TABLES[build.__name__] = build
    return build


@table
def outcomes(material: Material) -> Table:
    """Lay out how often each outcome happens over all runs."""
    note = "How the runs of all settings end, with Wilson's interval."
    return Table("outcomes", "Outcomes of all runs", material.overall, note, RATES)


@table
def settings(material: Material) -> Table:
    """Lay out the settings: n, each outcome's count, and how often they converge, with Wilson's interval."""
    rates = material.rates.assign(outcome=material.rates["outcome"].map(phrase))
    keys = [*material.factors, "n", *(["intended"] if _incomplete(rates) else [])]
    wide = rates.pivot(index=keys, columns="outcome", values="count")
    wide = wide[list(dict.fromkeys(rates["outcome"]))]
    order = rates.drop_duplicates(material.factors or ["n"])[keys]
    frame = order.merge(wide.reset_index(), on=keys, how="left").rename_axis(columns=None)
    converged = rates[rates["outcome"] == "converged"].reset_index()
    frame[["rate", "low", "high"]] = converged[["rate", "low", "high"]]
    frame["more_seeds"] = [
        statistics.more_seeds(count, n, width=WANTED_WIDTH)
        for count, n in zip(converged["count"].tolist(), converged["n"].tolist(), strict=True)
    ]
    note = (
        "How the runs of each setting ended. The rate is that of converging, with Wilson's interval. More seeds "
        f"is how many would narrow the interval to {percent(WANTED_WIDTH)} points, if the rate stays the same."
    )
    return Table("settings", "Settings and outcomes", frame, note, RATES)


def _incomplete(rates: pd.DataFrame) -> bool:
    return "intended" in rates and bool((rates["intended"] != rates["n"]).any())


@table
def against(material: Material) -> Table | None:
    """Lay out this sweep against another, setting by setting."""
    frame = material.sweep_comparison
    if frame is None:
        return None
    note = f"How often runs converge in the other sweep, a, and in this one, b. {TESTS} over the settings."
    return Table("against", "Against the other sweep", frame, note, PAIRS, _details(frame))


@table
def causes(material: Material) -> Table | None:
    """Lay out the causes within each outcome."""
    if "cause" not in material.counted:
        return None
    note = "Why runs ended as they did. n is the number of runs with this outcome in the setting."
    return Table("causes", "Causes", statistics.causes(material.counted, material.factors), note)


@table
def comparisons(material: Material) -> Table:
    """Lay out how often runs converge with each two values of a factor."""
    note = f"How often runs converge with one value of a factor, a, and with another, b. {TESTS} over a factor's pairs."
    frame = material.comparisons
    return Table("comparisons", "Pairs of settings compared", frame, note, PAIRS, _details(frame))


def _details(pairs: pd.DataFrame) -> list[str]:
    """Return the columns of compared pairs that follow from the others."""
    paired = "method" in pairs and bool((pairs["method"] == "paired").all())
    return ["both", "neither", "p", *(["n_a", "n_b", "method"] if paired else [])]


@table
def times(material: Material) -> Table:
    """Lay out how long converging takes."""
    note = (
        "The epoch by which half the runs of a setting have converged (Kaplan-Meier). Runs that never converged are "
        "censored at the last epoch they were given. A dash means that fewer than half converged."
    )
    formats = dict.fromkeys(("median", "low", "high"), "{:,.0f}".format)
    return Table("times", "Time to converge", statistics.medians(material.counted, material.factors), note, formats)


@table
def logrank(material: Material) -> Table:
    """Lay out which settings differ in the time to converge."""
    note = (
        "Do two settings differ in how soon their runs converge? Log-rank test; Holm's correction is over a factor's "
        "pairs. Events are runs that converged."
    )
    return Table("logrank", "Time to converge compared", material.logrank, note)


@table
def model(material: Material) -> Table:
    """Lay out how much each factor explains."""
    note = (
        "A logistic regression of converging on all factors, taken as categories. The share is the part of the null "
        "deviance that is lost when the factor is left out."
    )
    return Table("model", "What explains converging?", material.model.terms, note)


@table
def coefficients(material: Material) -> Table:
    """Lay out the model's coefficients."""
    note = (
        "Log odds of converging relative to the reference value. A dash means that there is no finite estimate: all "
        "runs converge, or none does."
    )
    return Table("coefficients", "The model's coefficients", material.model.coefficients, note)


@table
def rates(material: Material) -> Table:
    """Lay out every outcome's rate in every setting."""
    note = "How often each outcome happens in each setting, with Wilson's interval."
    if _incomplete(material.rates):
        note += " Where n is less than intended, runs are missing."
    hidden = [] if _incomplete(material.rates) else ["intended"]
    return Table("rates", "Rates of every outcome", material.rates, note, RATES, hidden)


@table
def coverage(material: Material) -> Table:
    """Lay out how many of the planned runs are there."""
    note = "How many runs were planned in each setting, and what became of them."
    return Table("coverage", "Coverage", material.coverage, note)
