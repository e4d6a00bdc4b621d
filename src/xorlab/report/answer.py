"""What a report says in words: the answer in three sentences, and what to keep in mind with it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from xorlab import statistics
from xorlab.diagnosis.outcomes import percent, phrase
from xorlab.report.material import Material
from xorlab.spec import NUMERICS
from xorlab.statistics.settings import called, label

WIDE = 0.3
"""The width of an interval from which on a setting has too few seeds."""

WANTED = 0.2
"""The width that more seeds are counted for."""

CAUSES = 3
"""Causes that a sentence names."""


def answer(material: Material) -> list[str]:
    """Answer in three sentences: how often runs converge, where most and least, and why the others do not.

    A fourth compares with another sweep, where there is one.
    """
    return [_how_often(material), _where(material), _why(material), *_against(material)]


def _how_often(material: Material) -> str:
    return ", and ".join(_rate(_row(material.overall, outcome), outcome) for outcome in material.asked) + "."


def _where(material: Material) -> str:
    chosen = material.rates[material.rates["outcome"] == "converged"]
    if not material.by or len(chosen) < 2:
        return "Nothing but the seed was varied, so no setting is compared with another."
    if chosen["rate"].nunique() == 1:
        return f"Every setting converges as often: {_short(chosen.iloc[0])} in each of {len(chosen)}."
    most, least = (_extreme(chosen, material.by, rate) for rate in (chosen["rate"].max(), chosen["rate"].min()))
    return f"Converging is most frequent with {most} and least with {least}{_sure(material)}."


def _extreme(rates: pd.DataFrame, by: Sequence[str], rate: float) -> str:
    """Name a setting of this rate, and how many more there are."""
    found = rates[rates["rate"] == rate]
    more = f", as with {len(found) - 1} more" if len(found) > 1 else ""
    return f"{_setting(found.iloc[0], by)} ({_short(found.iloc[0])}{more})"


def _sure(material: Material) -> str:
    """Say how sure that is: a test of the two settings, or of several factors which explains most."""
    if len(material.by) > 1:
        terms = material.model.terms.dropna(subset="share").sort_values("share", ascending=False)
        if terms.empty:
            return ""
        most = terms.iloc[0]
        share = percent(most["share"])
        return f"; of what was varied {called(most['factor'])} explains most, {share} % of the deviance"
    pairs = material.comparisons
    widest = pairs.iloc[int(pairs["difference"].abs().argmax())]
    return f"; {difference(widest)}, {len(pairs)} {'pair' if len(pairs) == 1 else 'pairs'} compared"


def difference(pair: Mapping[Any, Any] | pd.Series) -> str:
    """Say by how much a setting is ahead: ``the difference is 10 points (95 % interval -12 to 32; p = 1)``."""
    sign = 1.0 if pair["difference"] >= 0.0 else -1.0
    low, high = sorted(sign * pair[key] for key in ("low", "high"))
    points, low, high = (f"{100.0 * end:.0f}" for end in (sign * pair["difference"], low, high))
    return f"the difference is {points} points (95 % interval {low} to {high}; {probability(pair['p_holm'])})"


def probability(p: float) -> str:
    """Write a p-value: ``p = 0.03``, ``p < 0.0001``."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def _why(material: Material) -> str:
    told = material.told
    others = told[told["outcome"] != "converged"]
    if others.empty:
        return f"Every run converged{_when(material)}."
    causes = others["cause"].dropna() if "cause" in others else pd.Series(dtype=str)
    counts = causes.value_counts()
    parts = [f"{number:,} {str(name).replace('_', ' ')}" for name, number in counts[:CAUSES].items()]
    rest = len(others) - int(counts[:CAUSES].sum())
    named = ", ".join([*parts, *([f"{rest:,} other"] if rest else [])])
    converged = f"; those that converged did so{_when(material)}" if len(others) < len(told) else ""
    return f"Of the {_runs(len(others))} that did not converge, the cause is: {named}{converged}."


def _when(material: Material) -> str:
    epochs = material.told["epochs_to_converge"][material.told["outcome"] == "converged"].dropna()
    if epochs.empty:
        return ""
    low, middle, high = epochs.quantile([0.25, 0.5, 0.75])
    return f" after a median of {middle:,.0f} epochs (the middle half: {low:,.0f} to {high:,.0f})"


def _against(material: Material) -> Iterator[str]:
    """Say in how many settings this sweep and the other differ."""
    pairs = material.rivals
    if pairs is None:
        return
    if pairs.empty:
        yield "No setting is in the other sweep as well."
        return
    sure = pairs[pairs["p_holm"] < 1.0 - statistics.CONFIDENCE]
    more, fewer = (sure["difference"] > 0).sum(), (sure["difference"] < 0).sum()
    settings = "setting" if len(pairs) == 1 else "settings"
    yield (
        f"Against the other sweep, {len(pairs)} {settings} compared: this one converges more often in {more} and less "
        f"often in {fewer}, at the 5 % level after Holm's correction."
    )


def caveats(material: Material) -> list[str]:
    """Say what limits the answer: gaps, repetitions, too few seeds, censored times, unknown causes."""
    return [*_gaps(material), *_seeds(material), *_censored(material), *_unexplained(material), *_mixed(material)]


def _gaps(material: Material) -> Iterator[str]:
    """Say what of the sweep is not there, or there twice."""
    words = {
        "failed": "failed",
        "unfinished": "did not finish",
        "missing": "{is_are} missing",
        "duplicated": "{is_are} there more than once, and {count_counts} once",
        "foreign": f"{{was_were}} made by another version of the numerics than {NUMERICS}",
    }
    intended = int(material.coverage["intended"].sum())
    whole = True
    for column, said in words.items():
        if count := int(material.coverage[column].sum()):
            whole = False
            verbs = ("is", "was", "counts") if count == 1 else ("are", "were", "count")
            what = said.format(**dict(zip(("is_are", "was_were", "count_counts"), verbs, strict=True)))
            yield f"Of {_runs(intended)} asked for, {count:,} {what} (table Coverage)."
    if whole:
        yield f"The sweep is complete: each of {_runs(intended)} asked for is there, once."


def _seeds(material: Material) -> Iterator[str]:
    chosen = material.rates[material.rates["outcome"] == "converged"]
    wide = chosen[chosen["high"] - chosen["low"] > WIDE]
    if wide.empty:
        return
    more = max(statistics.more_seeds(int(row["count"]), int(row["n"]), width=WANTED) for _, row in wide.iterrows())
    settings = "One setting has" if len(wide) == 1 else f"{len(wide)} of {len(chosen)} settings have"
    yield (
        f"{settings} too few seeds for a rate: an interval wider than {percent(WIDE)} points. Up to {more:,} more "
        f"seeds would bring each to {percent(WANTED)} points."
    )


def _censored(material: Material) -> Iterator[str]:
    told = material.told
    never, moving = int((told["outcome"] != "converged").sum()), int((told["outcome"] == "descending").sum())
    if never:
        of = f"{never:,} of {_runs(len(told))}"
        yield f"{of} never converged: their times are censored at the epochs they were given."
    if moving:
        yield f"{moving:,} of them still descended: with more epochs some may converge."


def _unexplained(material: Material) -> Iterator[str]:
    if "cause" in material.told and (unknown := int((material.told["cause"] == "unknown").sum())):
        yield f"Of {_runs(unknown)} the cause is not known."
    if len(material.by) and material.model.separated:
        yield "In some settings all runs converge, or none: the model's coefficients for them are not finite."


def _mixed(material: Material) -> Iterator[str]:
    for column, what in (("commit", "commits"), ("machine", "machines"), ("numpy", "versions of NumPy")):
        if column in material.told and (kinds := material.told[column].nunique()) > 1:
            yield f"The runs come from {kinds} {what}."
    if "git.dirty" in material.told and (material.told["git.dirty"] == "true").any():
        yield "Some runs were made from a tree with uncommitted changes."


def summary(material: Material) -> str:
    """Lay out the answer, the settings and the caveats for a terminal."""
    from xorlab.report.tables import settings

    parts = [*answer(material), settings(material).text(), *(f"- {caveat}" for caveat in caveats(material))]
    return "\n".join(parts)


def _row(rates: pd.DataFrame, outcome: str) -> pd.Series:
    return rates[rates["outcome"] == outcome].iloc[0]


def _rate(row: pd.Series, outcome: str) -> str:
    """``14 of 30 runs converged, 47 % (95 % interval 30 to 64 %)``."""
    rate, low, high = (percent(row[name]) for name in ("rate", "low", "high"))
    verb = phrase(outcome) if outcome == "converged" else f"{'is' if row['count'] == 1 else 'are'} {phrase(outcome)}"
    return f"{row['count']:,} of {_runs(row['n'])} {verb}, {rate} % (95 % interval {low} to {high} %)"


def _runs(count: int) -> str:
    return f"{count:,} {'run' if count == 1 else 'runs'}"


def _short(row: pd.Series) -> str:
    return f"{row['count']:,} of {row['n']:,}, {percent(row['rate'])} %"


def _setting(row: pd.Series, by: Sequence[str]) -> str:
    return label(by, [row[name] for name in by])
