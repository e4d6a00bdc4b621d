"""docs/failure-rates.md from the table of counts."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from markdown_table import table as markdown_table
from rates.counting import SOLVED, Counts
from rates.rows import Row
from xorlab.diagnosis.outcomes import level

TEMPLATE = Path(__file__).with_name("failure-rates.md")
SURE = 0.99
"""How sure somebody wants to be that one of several seeds is solved."""
LEGEND = (
    "`ln 2`: all points have the same output on average (loss ln 2, or 0.25 with mse). "
    "`0.477`: one point is right and three share an output (0.167 with mse). "
    "`0.347`: two points are right and two share an output (0.125 with mse). "
    "`elsewhere`: stuck at another loss, or diverged."
)
LEVELS = {"ln 2": (0.25, math.log(2.0)), "0.477": (0.167, 0.477), "0.347": (0.125, 0.347)}
"""The levels of XOR as the columns name them, each with its mse and its bce."""
OPEN = ("descending", "undecided")
COLUMNS = ("configuration", "runs", "fails, %", *LEVELS, "elsewhere", "not yet", "commonest causes", "seeds")


def page(table: Mapping[str, Counts], rows: Sequence[Row], extra: Mapping[str, str]) -> str:
    """Return the page.

    Parameters
    ----------
    table : the counts of each row
    rows : all rows, in order
    extra : more tables of the template, by name
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    made = {name: _table(own, table) for name, own in groups.items()}
    commands = {name: "\n".join(f"{' '.join(row.words())}" for row in own) for name, own in groups.items()}
    total = sum(counts.runs for counts in table.values())
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string(TEMPLATE.read_text()).render(
        tables=made, commands=commands, total=f"{total:,}", few=_few(rows, table), levels=LEGEND, **extra
    )


def _table(rows: Sequence[Row], table: Mapping[str, Counts]) -> str:
    return markdown_table(COLUMNS, [_cells(row, table[row.key]) for row in rows])


def _cells(row: Row, counts: Counts) -> list[str]:
    where: Counter[str] = Counter()
    for (outcome, _), n in counts.all.items():
        where[place(outcome)] += n
    shares = [percent(where[name], counts.runs) for name in (*LEVELS, "elsewhere", "not yet")]
    return [row.name, f"{counts.runs:,}", rate(counts), *shares, causes(counts), seeds(counts)]


def place(outcome: str) -> str:
    """Return the column of an outcome; diverged runs and runs stuck at no level are elsewhere."""
    at = level(outcome)
    names = [name for name, levels in LEVELS.items() if at is not None and min(abs(at - own) for own in levels) < 1e-3]
    return names[0] if names else "not yet" if outcome in OPEN else outcome if outcome == SOLVED else "elsewhere"


def percent(n: int, runs: int) -> str:
    """Write a share in percent; 0 stands for none at all only."""
    share = 100.0 * n / runs
    return "0" if n == 0 else f"{share:.1f}" if share >= 0.05 else "< 0.1"


def rate(counts: Counts) -> str:
    """Write the rate of failure with its interval, in percent."""
    low, high = counts.interval
    places = 2 if high - low < 0.004 else 1
    value, low, high = (f"{100.0 * each:.{places}f}" for each in (counts.failed / counts.runs, low, high))
    return f"{value} ({low}–{high})"


def causes(counts: Counts) -> str:
    """Name the two commonest causes of failure with their shares of the failures."""
    found: Counter[str] = Counter()
    for (_, cause), n in counts.all.items():
        found[cause] += n
    del found[""]
    return ", ".join(f"`{name}` {percent(n, counts.failed)} %" for name, n in found.most_common(2))


def needed(failure: float) -> float:
    """Return how many seeds are enough for one to be solved with probability `SURE`; infinite where all fail."""
    if failure in (0.0, 1.0):
        return 1 if failure == 0.0 else math.inf
    return max(1, math.ceil(math.log(1.0 - SURE) / math.log(failure)))


def seeds(counts: Counts) -> str:
    """Write how many seeds are needed, with the numbers at both ends of the rate's interval where they differ."""
    best, low, high = map(needed, (counts.failed / counts.runs, *counts.interval))
    if math.isinf(high):
        return f"over {low:,}"
    return f"{best:,}" if low == high else f"{best:,} ({low:,}–{high:,})"


def _few(rows: Sequence[Row], table: Mapping[str, Counts]) -> str:
    """Name the rows that have a wider interval than they should."""
    wide = [row for row in rows if (c := table[row.key].interval) and (c[1] - c[0]) / 2.0 > max(row.goal, 0.0032)]
    return "; ".join(f"{row.key} ({table[row.key].runs:,} runs)" for row in wide)
