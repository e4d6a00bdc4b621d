"""A sweep's table: rows and columns are what was swept, cells count outcomes."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from xorlab.diagnosis.outcomes import ordered, phrase

REPLICATES = ("seed",)
"""Keys whose values are repetitions: outcomes are counted over them."""


@dataclass(frozen=True)
class Table:
    """Cells of text under column heads; the first column names the rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self, *, gap: str = "") -> str:
        """Return the table in Markdown; `gap` follows each cell but the last of a row."""
        head, *rows = (f"| {f'{gap} | '.join(line)} |" for line in (self.head, *self.rows))
        return "\n".join([head, f"|{' --- |' * len(self.head)}", *rows]) + "\n"

    def csv(self) -> str:
        """Return the table as comma-separated values."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.head, *self.rows])
        return text.getvalue()


def short(outcome: str) -> str:
    """Shorten an outcome for a table: ``ln2`` for ``stuck_ln2``."""
    return outcome.removeprefix("stuck_")


def count(outcomes: Iterable[str] | Counter[str]) -> str:
    """Count the outcomes of a cell: ``7/10 converged, 2 ln2, 1 0.477``."""
    counts = Counter(outcomes)
    converged = counts.pop("converged", 0)
    others = [f"{number} {short(outcome)}" for outcome, number in counts.most_common()]
    return ", ".join([f"{converged}/{converged + counts.total()} converged", *others])


def count_causes(counts: Mapping[tuple[str, str | None], int]) -> Table:
    """Lay out the numbers of runs by outcome and cause; a run that converged has none."""
    found: dict[str, Counter[str | None]] = {}
    for (outcome, cause), number in counts.items():
        found.setdefault(outcome, Counter())[cause] += number
    rows = [
        (
            phrase(outcome),
            f"{found[outcome].total():,}",
            ", ".join(f"{n:,} {cause.replace('_', ' ')}" for cause, n in found[outcome].most_common() if cause),
        )
        for outcome in ordered(found)
    ]
    return Table(head=("outcome", "runs", "causes"), rows=tuple(rows))


def tabulate(settings: Sequence[Mapping[str, str]], outcomes: Sequence[str]) -> Table:
    """Lay out the outcomes of runs by what was swept.

    The last swept key makes the columns, all before it the rows; one key makes rows only. Seeds are counted over.

    Parameters
    ----------
    settings : R dictionaries of the swept keys and their values, in the order they were typed
    outcomes : R outcomes
    """
    keys = [key for key in (settings[0] if settings else {}) if key not in REPLICATES]
    cells: dict[tuple[str, ...], Counter[str]] = {}
    for setting, outcome in zip(settings, outcomes, strict=True):
        cells.setdefault(tuple(setting[key] for key in keys), Counter())[outcome] += 1
    return counted(keys, cells)


def counted(keys: Sequence[str], counts: Mapping[tuple[str, ...], Counter[str]]) -> Table:
    """Lay out outcomes that are counted: by the values of these keys, as `tabulate` does."""
    down = keys[:-1] if len(keys) > 1 else keys
    cells: dict[tuple[str, str], Counter[str]] = {}
    for values, own in counts.items():
        words = [f"{key}={value}" for key, value in zip(keys, values, strict=True)]
        place = " ".join(words[: len(down)]), " ".join(words[len(down) :])
        cells.setdefault(place, Counter()).update(own)
    names = list(dict.fromkeys(row for row, _ in cells))
    columns = list(dict.fromkeys(column for _, column in cells))
    rows = [(row or "all", *(count(cells.get((row, column), Counter())) for column in columns)) for row in names]
    return Table(head=(" ".join(down), *(column or "outcomes" for column in columns)), rows=tuple(rows))
