"""The answer to a question: fields of its template, claims and pictures; and how numbers are written."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from markdown_table import table
from xorlab import statistics
from xorlab.diagnosis import outcomes
from xorlab.statistics.settings import natural, short

FACTORS = {
    "arch.hidden": "width",
    "arch.activation": "activation",
    "init.name": "start",
    "init.std": "std",
    "optimizer.name": "optimizer",
}
"""The names of settings on the page, where they differ from the configuration's."""

SIGNIFICANCE = 0.05
"""A difference is called significant if its p, with Holm's correction, is below this."""

COMPARED = ("compared", "outcome", "before, %", "after, %", "difference, points", "gained, lost", "p")
"""The columns of a table of comparisons."""


@dataclass(frozen=True)
class Answer:
    """One question's answer.

    Attributes
    ----------
    fields : what its template is filled in with
    claims : what the sentences say, and whether the numbers support it
    pictures : functions that draw them, by the names of their files
    """

    fields: Mapping[str, Any]
    claims: Mapping[str, bool]
    pictures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)


def chosen(table: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """Return the rows with these values; write a dot in a column's name as two underscores."""
    for key, value in values.items():
        table = table[table[key.replace("__", ".")] == value]
    return table


def row(table: pd.DataFrame, **values: Any) -> Any:
    """Return the only row with these values."""
    found = chosen(table, **values)
    if len(found) != 1:
        raise LookupError(f"one row must have {values}; got {len(found)}")
    return found.iloc[0]


def rate(runs: pd.DataFrame, outcome: str = "converged") -> str:
    """Write how often runs have an outcome, for a sentence: ``44 %``."""
    return part(int((runs["outcome"] == outcome).sum()), len(runs))


def part(count: int, n: int) -> str:
    """Write a count of n as a rate, for a sentence; of nothing, ``none``."""
    return f"{outcomes.percent(count / n)} %" if n else "none"


def share(count: int, n: int) -> str:
    """Write a count of n as a rate with Wilson's interval at 95 %, for a table: ``44.5 % (89 of 200; 37.8-51.4)``."""
    if n == 0:
        return "none of 0"
    return f"{percent(count / n)} % ({count:,} of {n:,}; {'-'.join(map(percent, statistics.wilson(count, n)))})"


def brief(runs: pd.DataFrame, outcome: str = "converged") -> str:
    """Write a rate for a table, in % with Wilson's interval at 95 %: ``44.5 (37.8-51.4)``."""
    count, n = int((runs["outcome"] == outcome).sum()), len(runs)
    return f"{percent(count / n)} ({'-'.join(map(percent, statistics.wilson(count, n)))})"


def percent(value: float) -> str:
    """Write a rate in percent with one decimal; 0 and 100 stand only for exactly 0 and 1."""
    text = f"{100.0 * value:.1f}"
    if text in ("0.0", "100.0"):
        return text[:-2] if value in (0.0, 1.0) else "0.1" if text == "0.0" else "99.9"
    return text


def points(pair: Any) -> str:
    """Write the size of a difference in whole percentage points, for a sentence."""
    return f"{100.0 * abs(pair['difference']):.0f}"


def difference(pair: Any) -> list[str]:
    """Write a row of `statistics.compare` for a table: b - a with its interval, the seeds that differ, and p."""
    size, low, high = (f"{100.0 * pair[name] + 0.0:+.1f}" for name in ("difference", "low", "high"))
    changed = f"{pair['only_b']:,}, {pair['only_a']:,}" if pair["method"] == "paired" else ""
    return [f"{size} ({low} to {high})", changed, probability(pair["p_holm"])]


def comparisons(rows: Sequence[tuple[str, Any, str]]) -> str:
    """Return a table of comparisons: what changes, a row of `statistics.compare` and the outcome that it counts."""
    return table(
        COMPARED,
        [
            [what, outcomes.phrase(outcome), *(percent(pair[side]) for side in ("rate_a", "rate_b")), *difference(pair)]
            for what, pair, outcome in rows
        ],
    )


def against(
    runs: pd.DataFrame, factor: str, reference: Any, *, within: Sequence[str] = (), outcome: str = "converged"
) -> pd.DataFrame:
    """Compare each value of a factor, as b, with a reference, as a; Holm's correction is over these pairs."""
    from xorlab.statistics.comparison import holm

    others = sorted(set(runs[factor]) - {reference}, key=natural)
    pairs = [
        statistics.compare(runs[runs[factor].isin([reference, other])], factor, within=within, outcome=outcome)
        for other in others
    ]
    found = pd.DataFrame([turned(pair) if pair["b"] == reference else pair for _, pair in pd.concat(pairs).iterrows()])
    return found.reset_index(drop=True).assign(p_holm=holm(found["p"]))


def turned(pair: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a comparison with a and b exchanged."""
    sides = {"a": "b", "only_a": "only_b", "n_a": "n_b", "rate_a": "rate_b"}
    turned = pair.rename(sides | {b: a for a, b in sides.items()})[pair.index]
    turned["difference"], turned["low"], turned["high"] = -pair["difference"], -pair["high"], -pair["low"]
    return turned


def moved_on(runs: pd.DataFrame, factor: str, before: Any, after: Any, *, to: str) -> tuple[int, int]:
    """Take the seeds that are at ln 2 before and not after; count those with the outcome `to` after, and all."""
    ends = runs.pivot(index="seed", columns=factor, values="outcome")
    left = ends[after][(ends[before] == "stuck_ln2") & (ends[after] != "stuck_ln2")]
    return int((left == to).sum()), len(left)


def probability(p: float) -> str:
    """Write a p for a table: ``0.031``, ``< 1e-12``."""
    if math.isnan(p):
        return "no test"
    return "< 1e-12" if p < 1e-12 else f"{p:.2g}"


def differs(pair: Any) -> bool:
    """Return whether a row of `statistics.compare` is a significant difference."""
    return bool(pair["p_holm"] < SIGNIFICANCE)


def grid(runs: pd.DataFrame, down: Sequence[str], across: str, *, outcome: str = "converged") -> str:
    """Return a Markdown table of an outcome's rates in % with their intervals: factors down, one more across."""
    rates = chosen(statistics.rates(runs, [*down, across], outcomes=[outcome]), outcome=outcome)
    columns = sorted(rates[across].unique(), key=natural)
    found = {tuple(cell[[*down, across]]): cell for _, cell in rates.iterrows()}
    keys = sorted({key[:-1] for key in found}, key=lambda key: tuple(map(natural, key)))
    rows = [[*map(plain, key), *(_cell(found.get((*key, value))) for value in columns)] for key in keys]
    return table([*map(named, down), *(f"{named(across)} {plain(value)}" for value in columns)], rows)


def named(factor: str) -> str:
    """Return the page's name of a setting."""
    return FACTORS.get(factor, factor)


def plain(value: Any) -> str:
    """Return a setting's value as the page writes it; a single layer's width has no brackets."""
    return short(value).strip("[]")


def _cell(cell: Any) -> str:
    if cell is None:
        return ""
    return f"{100.0 * cell['rate']:.0f} ({100.0 * cell['low']:.0f}-{100.0 * cell['high']:.0f})"
