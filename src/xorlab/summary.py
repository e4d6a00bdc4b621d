"""What a table of runs says, in words: when XOR gets stuck, and when it converges."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from xorlab import statistics
from xorlab.columns import label, settings
from xorlab.outcomes import ordered, percent, phrase

SHOWN = 40
"""Settings that the table still lists."""


def summary(runs: pd.DataFrame) -> str:
    """Answer for a table of runs, as `xorlab.runs.load` makes it: which outcome comes how often, and where.

    Every rate stands with its n and Wilson's interval at 95 %.
    """
    told = runs.dropna(subset="outcome")
    by = statistics.factors(told)
    asked = ["converged", *[f"stuck_{name}" for name in list(statistics.levels(told))[:1]]]
    overall, rates = (statistics.rates(told, factors, outcomes=asked) for factors in ((), by))
    others = [outcome for outcome in ordered(told["outcome"]) if outcome not in asked]
    parts = {_question(outcome): _answer(overall, rates, by, outcome) for outcome in asked}
    parts["What else happens?"] = (f"{phrase(outcome)}: {_rate(_row(overall, outcome))}" for outcome in others)
    parts["How long does converging take?"] = _times(told, by)
    parts["The settings:"] = _table(rates, by)
    parts["Not counted, for they have no outcome:"] = _untold(runs)
    paragraphs = ((head, list(lines)) for head, lines in parts.items())
    return "\n\n".join("\n  ".join([head, *lines]) for head, lines in paragraphs if lines)


def _question(outcome: str) -> str:
    return "When does it converge?" if outcome == "converged" else f"When does it get {phrase(outcome)}?"


def _answer(overall: pd.DataFrame, rates: pd.DataFrame, by: Sequence[str], outcome: str) -> Iterator[str]:
    """Say how often an outcome comes in all, with which setting most and least, and whether that is sure."""
    yield f"In all {_rate(_row(overall, outcome))}."
    chosen = rates[rates["outcome"] == outcome]
    if len(chosen) == 1 or not chosen["count"].any():
        return
    ranked = chosen.sort_values("rate", kind="stable", ascending=False)
    most, least = ranked.iloc[0], ranked.iloc[-1]
    if most["rate"] == least["rate"]:
        yield "As often in every setting."
        return
    for word, row in (("Most", most), ("Least", least)):
        equal = int((chosen["rate"] == row["rate"]).sum()) - 1
        others = f" (and {equal} more)" if equal else ""
        yield f"{word} often with {_setting(row, by)}{others}: {_rate(row)}."
    overlap = least["high"] >= most["low"]
    yield f"These two intervals {'overlap: more seeds would tell more' if overlap else 'do not overlap'}."


def _times(told: pd.DataFrame, by: Sequence[str]) -> Iterator[str]:
    """Say for each setting when the runs that converged had done so."""
    done = told[told["outcome"] == "converged"].dropna(subset="epochs_to_converge")
    for values, group in settings(done, by)[: SHOWN if len(done) else 0]:
        first, median, last = group["epochs_to_converge"].quantile([0, 0.5, 1])
        span = f"median {median:,.0f} epochs, from {first:,.0f} to {last:,.0f}"
        yield f"{label(by, values) or 'all'}: {span} (n = {len(group):,})"


def _table(rates: pd.DataFrame, by: Sequence[str]) -> Iterator[str]:
    """List the settings: n, and how many runs had each outcome."""
    counts = rates.assign(
        setting=[_setting(row, by) for row in rates.to_dict("records")], outcome=rates["outcome"].map(phrase)
    )
    wide = counts.pivot_table(index=["setting", "n"], columns="outcome", values="count", sort=False)
    shown = wide.head(SHOWN).astype(int).reset_index().rename_axis(columns=None)
    yield from shown.to_string(index=False).splitlines()
    if len(wide) > SHOWN:
        yield f"… and {len(wide) - SHOWN:,} more in rates.csv"


def _untold(runs: pd.DataFrame) -> Iterator[str]:
    for status, count in runs["status"][runs["outcome"].isna()].value_counts().items():
        yield f"{count:,} {status}"


def _row(rates: pd.DataFrame, outcome: str) -> pd.Series:
    return rates[rates["outcome"] == outcome].iloc[0]


def _rate(row: pd.Series) -> str:
    """Write a rate: ``7 of 10 runs, 70 % (95 % interval 40 to 89 %)``."""
    rate, low, high = (percent(row[name]) for name in ("rate", "low", "high"))
    return f"{row['count']:,} of {row['n']:,} runs, {rate} % (95 % interval {low} to {high} %)"


def _setting(row: Mapping[Any, Any] | pd.Series, by: Sequence[str]) -> str:
    return label(by, [row[name] for name in by]) or "all"
