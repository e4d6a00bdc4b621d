"""A report's tables: frames of what statistics say, and how their cells are written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from xorlab import statistics
from xorlab.diagnosis.outcomes import percent, phrase
from xorlab.report.material import Material
from xorlab.spec.text import PARAMETERS
from xorlab.statistics.settings import called, short

Format = Callable[[Any], str]


LINES = 40
"""Rows that a terminal shows."""


def _percent(value: float) -> str:
    return f"{percent(value)}\N{NO-BREAK SPACE}%"


def _points(value: float) -> str:
    return f"{100 * value:.1f}"


def _p(value: float) -> str:
    return "<0.0001" if value < 1e-4 else f"{value:.2g}"


def _epochs(value: float) -> str:
    return f"{value:,.0f}"


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
    """A frame with a name, a title and a note, and how its columns are written; all else is written by its type.

    What is hidden are columns that are only in the .csv file.
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
        written = self.written().rename(columns=heading)
        left_out = len(written) - LINES
        more = f"\n… and {left_out:,} more in {self.name}.csv" if left_out > 0 else ""
        return f"{self.title}\n{written.head(LINES).to_string(index=False)}{more}"

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
    "factor": called,
    "p": _p,
    "p_holm": _p,
    "share": _percent,
}
"""How columns are written that mean the same in every table."""

HEADINGS = {
    "p_holm": "p (Holm)",
    "n_a": "n of a",
    "n_b": "n of b",
    "low": "95 % from",
    "high": "to",
    "log_odds": "log odds",
    "foreign": "other numerics",
}


def heading(column: str) -> str:
    """Return a column's name as a head."""
    if column in HEADINGS:
        return HEADINGS[column]
    return called(column) if column in PARAMETERS else column.replace("_", " ")


def settings(material: Material) -> Table:
    """Lay out the settings: n, each outcome's count, and how often they converge, with Wilson's interval."""
    rates = material.rates.assign(outcome=material.rates["outcome"].map(phrase))
    keys = [*material.by, "n", *(["intended"] if _gaps(rates) else [])]
    wide = rates.pivot(index=keys, columns="outcome", values="count")
    wide = wide[list(dict.fromkeys(rates["outcome"]))]
    order = rates.drop_duplicates(material.by or ["n"])[keys]
    table = order.merge(wide.reset_index(), on=keys, how="left").rename_axis(columns=None)
    converged = rates[rates["outcome"] == "converged"].reset_index()
    table[["rate", "low", "high"]] = converged[["rate", "low", "high"]]
    table["more_seeds"] = [
        statistics.more_seeds(int(row["count"]), int(row["n"]), width=0.2) for _, row in converged.iterrows()
    ]
    note = (
        "How many runs of each setting had which outcome; the rate is that of converging, with Wilson's interval; more "
        "seeds: how many would bring that interval to 20 points if the rate stays."
    )
    return Table("settings", "Settings and outcomes", table, note, RATES)


def _gaps(rates: pd.DataFrame) -> bool:
    return "intended" in rates and bool((rates["intended"] != rates["n"]).any())


def rates(material: Material) -> Table:
    """Lay out every outcome's rate in every setting."""
    note = "Every outcome in every setting, with Wilson's interval; n: the runs that count."
    if _gaps(material.rates):
        note += " The grid is incomplete: n is less than the runs intended where some are missing."
    return Table("rates", "Rates of every outcome", material.rates, note, RATES)


def causes(material: Material) -> Table | None:
    """Lay out the causes within each outcome."""
    if "cause" not in material.told:
        return None
    note = "Why the runs of an outcome ended there; n: the runs of that outcome in the setting."
    return Table("causes", "Causes", statistics.causes(material.told, material.by), note)


def comparisons(material: Material) -> Table:
    """Lay out each pair of values of each factor."""
    note = (
        "Does b converge more often than a? Paired where both have the same seeds: McNemar's exact test, else "
        "Fisher's; p (Holm) is corrected over the pairs of a factor. The difference b - a is in percentage points."
    )
    frame = material.comparisons
    return Table("comparisons", "Pairs of settings compared", frame, note, PAIRS, _details(frame))


def against(material: Material) -> Table | None:
    """Lay out this sweep against another, setting by setting."""
    if material.rivals is None:
        return None
    note = (
        "How often runs converge in the other sweep, a, and in this one, b. Paired where both have the same seeds: "
        "McNemar's exact test, else Fisher's; p (Holm) is corrected over the settings. The difference b - a is in "
        "percentage points."
    )
    return Table("against", "Against the other sweep", material.rivals, note, PAIRS, _details(material.rivals))


def _details(pairs: pd.DataFrame) -> list[str]:
    """Return the columns of compared pairs that follow from the others."""
    paired = "method" in pairs and bool((pairs["method"] == "paired").all())
    return ["both", "neither", "p", *(["n_a", "n_b", "method"] if paired else [])]


def times(material: Material) -> Table:
    """Lay out how long converging takes."""
    note = (
        "The median number of epochs to converge among all runs of a setting (Kaplan-Meier), the others censored at "
        "the epochs they were given; a dash where fewer than half converge."
    )
    formats = {"median": _epochs, "low": _epochs, "high": _epochs}
    return Table("times", "Time to converge", statistics.medians(material.told, material.by), note, formats)


def logrank(material: Material) -> Table:
    """Lay out which settings differ in the time to converge."""
    note = (
        "Do two settings differ in how soon they converge? The log-rank test; p (Holm) is corrected over the pairs of "
        "a factor."
    )
    return Table("logrank", "Time to converge compared", material.logrank, note)


def model(material: Material) -> Table:
    """Lay out how much each factor explains."""
    note = (
        "A logistic regression of converging on all factors as categories. Share: the part of the null deviance that "
        "is lost when the factor is left out."
    )
    return Table("model", "What explains converging?", material.model.terms, note)


def coefficients(material: Material) -> Table:
    """Lay out the model's coefficients."""
    note = "Log odds of converging against the reference, with 95 % intervals; a dash where all runs converge, or none."
    return Table("coefficients", "The model's coefficients", material.model.coefficients, note)


def coverage(material: Material) -> Table:
    """Lay out how much of what was asked for is there."""
    note = "Runs asked for in each setting, and what has become of them."
    return Table("coverage", "Coverage", material.coverage, note)


TABLES: dict[str, Callable[[Material], Table | None]] = {
    table.__name__: table
    for table in (settings, against, causes, comparisons, times, logrank, model, coefficients, rates, coverage)
}
"""Every table by its name, in the order of the page; None where a table would say nothing of these runs."""
