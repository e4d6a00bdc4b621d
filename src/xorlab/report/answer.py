"""What a report says in words: the answer in three sentences, and the caveats that go with it."""

from collections.abc import Iterator, Sequence

import pandas as pd

from xorlab import statistics
from xorlab.diagnosis import wording
from xorlab.diagnosis.causes import CAUSES
from xorlab.diagnosis.outcomes import percent, phrase
from xorlab.report.material import MAX_PAIRED_VALUES, Material
from xorlab.report.tables import WANTED_WIDTH, settings
from xorlab.spec import NUMERICS
from xorlab.statistics.comparison import holm
from xorlab.statistics.model import MAX_CATEGORIES
from xorlab.statistics.settings import factor_label, label

TOO_WIDE = 0.3
"""The width of an interval from which on a setting has too few seeds."""

ALPHA = 1.0 - statistics.CONFIDENCE
"""The level below which a p-value counts as a difference."""

MAX_NAMED = 3
"""Settings, or causes, that a sentence names."""


def answer(material: Material) -> list[str]:
    """Answer the report's question: how often runs converge, with what most and least, and why the others do not.

    Where there is another sweep to compare with, the last sentence does.
    """
    return [_how_often(material), _where(material), _why(material), *_against(material)]


def _how_often(material: Material) -> str:
    counts = material.overall.set_index("outcome")["count"]
    ends = []
    for name in material.outcomes:
        are = "" if name == "converged" else "is " if counts[name] == 1 else "are "
        ends.append(f"{counts[name]:,} {are}{phrase(name)}")
    return f"Of {_runs(len(material.counted))}, {' and '.join(ends)}."


def _where(material: Material) -> str:
    converged = material.rates[material.rates["outcome"] == "converged"]
    if not material.factors or len(converged) < 2:
        return "Nothing but the seed was varied, so there are no settings to compare."
    low, high = converged["rate"].min(), converged["rate"].max()
    if low == high:
        return f"Runs converge equally often in each of the {len(converged):,} settings: {percent(low)} %."
    most, least = (_named(converged[converged["rate"] == rate], material.factors) for rate in (high, low))
    p, what = _difference(material, converged)
    if not p < ALPHA:
        return (
            f"No difference was found between the settings ({probability(p)}): rates range from {percent(low)} % with "
            f"{least} to {percent(high)} % with {most}."
        )
    return (
        f"Runs converge most often with {most} ({percent(high)} %) and least often with {least} "
        f"({percent(low)} %){what}."
    )


def _named(rates: pd.DataFrame, factors: Sequence[str]) -> str:
    """Name the settings of these rows, a few of very many."""
    names = [label(factors, values) for values in rates[[*factors]].head(MAX_NAMED).itertuples(index=False, name=None)]
    more = len(rates) - len(names)
    return _listed([*names, *([f"{more:,} other {'setting' if more == 1 else 'settings'}"] if more else [])])


def _difference(material: Material, converged: pd.DataFrame) -> tuple[float, str]:
    """Test whether the settings differ: return p, corrected for several tests, and what else to say about it.

    With one factor the test compares the settings that converge most and least often, and the correction is
    Bonferroni's, for all pairs from which they could have been picked. With several factors it is the model's.
    """
    if len(material.factors) > 1:
        terms = material.model.terms
        first = terms.iloc[0]
        share = f"{percent(first['share'])} % of the deviance"
        p = holm(terms["p"].fillna(1.0))[0]
        return p, f"; the factor that explains most is {factor_label(first['factor'])}, with {share}"
    (factor,) = material.factors
    ends = [converged.iloc[int(converged["rate"].argmax())], converged.iloc[int(converged["rate"].argmin())]]
    runs = material.counted
    either = runs[factor].isin([end[factor] for end in ends])
    for end in ends:
        either |= runs[factor].isna() & pd.isna(end[factor])
    pair = statistics.compare(runs[either], factor).iloc[0]
    p = min(1.0, pair["p"] * len(converged) * (len(converged) - 1) / 2)
    return p, f"; the difference is significant ({probability(p)})"


def probability(p: float) -> str:
    """Write a p-value: ``p = 0.03``, ``p < 0.0001``."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def _why(material: Material) -> str:
    runs = material.counted
    others = runs[runs["outcome"] != "converged"]
    epochs = runs["epochs_to_converge"][runs["outcome"] == "converged"].dropna()
    when = "" if epochs.empty else f" after a median of {epochs.median():,.0f} epochs"
    if others.empty:
        return f"Every run converged{when}."
    causes = others["cause"].dropna() if "cause" in others else pd.Series(dtype=str)
    counts = causes.value_counts()
    shown = len(counts) if len(counts) == MAX_NAMED + 1 else MAX_NAMED  # "1 other" would be no shorter than its name
    names = [f"{str(name).replace('_', ' ')} ({number:,})" for name, number in counts[:shown].items()]
    rest = len(others) - int(counts[:shown].sum())
    causes_of = f"Of the {_runs(len(others))} that did not converge, the causes are"
    if len(others) == 1:
        causes_of = "The cause of the one run that did not converge is"
    said = f"{causes_of} {_listed([*names, *([f'others ({rest:,})'] if rest else [])])}"
    return f"{said}; the others converged{when}." if len(others) < len(runs) else f"{said}."


def _against(material: Material) -> Iterator[str]:
    """Say in how many settings this sweep and the other differ."""
    pairs = material.sweep_comparison
    if pairs is None:
        return
    if pairs.empty:
        yield "The two sweeps have no setting in common."
        return
    sure = pairs[pairs["p_holm"] < ALPHA]
    more, less = (sure["difference"] > 0).sum(), (sure["difference"] < 0).sum()
    common = "the one setting" if len(pairs) == 1 else f"the {len(pairs):,} settings"
    if not more and not less:
        yield f"No difference from the other sweep was found in {common} that both have."
        return
    yield (
        f"Of {common} that both sweeps have, this one converges more often in {more:,} and less often in {less:,} "
        "(at the 5 % level, after Holm's correction)."
    )


def caveats(material: Material) -> list[str]:
    """Say what limits the answer: gaps, repetitions, too few seeds, censored times, unknown causes."""
    said, runs = [*_gaps(material), *_seeds(material)], material.counted
    never, moving = int((runs["outcome"] != "converged").sum()), int((runs["outcome"] == "descending").sum())
    if never:
        of = f"{never:,} of {_runs(len(runs))}"
        said.append(f"{of} did not converge in the epochs they were given; their times are censored.")
    if moving:
        were = "was" if moving == 1 else "were"
        said.append(f"{_runs(moving)} {were} still descending and may converge with more epochs.")
    if "cause" in runs and (unknown := int((runs["cause"] == "unknown").sum())):
        said.append(f"The cause of {_runs(unknown)} is unknown.")
    if material.factors and material.model.separated:
        said.append("In some settings all runs converge or none does; the model's coefficients there are not finite.")
    said += [
        f"{factor_label(factor)} has more than {MAX_PAIRED_VALUES} values, so the tables compare only neighbouring "
        f"values, and the model puts neighbours together in {MAX_CATEGORIES} groups."
        for factor in material.long_factors
    ]
    for column, what in (("commit", "commits"), ("machine", "unlike machines"), ("numpy", "versions of NumPy")):
        if column in runs and (kinds := runs[column].nunique()) > 1:
            said.append(f"The runs come from {kinds} {what}.")
    if "git.dirty" in runs and (runs["git.dirty"] == "true").any():
        said.append("Some runs were made from a tree with uncommitted changes.")
    return said


def _gaps(material: Material) -> Iterator[str]:
    """Say which of the planned runs are missing, and which are there twice."""
    planned = int(material.coverage["intended"].sum())
    found = {
        "failed": "failed",
        "unfinished": "did not finish",
        "missing": "{are} missing",
        "duplicated": "{were} repeated and {count} once",
        "foreign": f"{{were}} made by another version of the numerics than {NUMERICS}",
    }
    counts = {column: int(material.coverage[column].sum()) for column in found}
    for column, count in counts.items():
        if count:
            verbs = {"are": "is", "were": "was", "count": "counts"} if count == 1 else {}
            said = found[column].format(**{"are": "are", "were": "were", "count": "count", **verbs})
            yield f"{count:,} of {_runs(planned, 'planned')} {said} (see the table Coverage)."
    if not any(counts.values()):
        yield f"The sweep is complete: none of {_runs(planned, 'planned')} is missing."


def _seeds(material: Material) -> Iterator[str]:
    converged = material.rates[material.rates["outcome"] == "converged"]
    wide = converged[converged["high"] - converged["low"] > TOO_WIDE]
    if wide.empty:
        return
    found = set(zip(wide["count"].tolist(), wide["n"].tolist(), strict=True))
    more = max(statistics.more_seeds(count, n, width=WANTED_WIDTH) for count, n in found)
    which = f"{len(wide):,} of {len(converged):,} settings {'has' if len(wide) == 1 else 'have'}"
    if len(wide) == len(converged):
        which = "The setting has" if len(wide) == 1 else f"All {len(wide):,} settings have"
    yield (
        f"{which} too few seeds: the 95 % interval of the rate is wider than {percent(TOO_WIDE)} points. With "
        f"{more:,} more seeds it would be at most {percent(WANTED_WIDTH)} points wide."
    )


def glossary(material: Material) -> dict[str, str]:
    """Explain the causes that occur, in the order in which they are tried: what each means, and what helps."""
    if "cause" not in material.counted:
        return {}
    found = set(material.counted["cause"].dropna())
    return {
        name.replace("_", " "): " ".join([cause.why, *wording.remedies(name)])
        for name, cause in CAUSES.items()
        if name in found
    }


def summary(material: Material) -> str:
    """Lay out the answer, the settings and the caveats for a terminal."""
    parts = [*answer(material), settings(material).text(), *(f"- {caveat}" for caveat in caveats(material))]
    return "\n".join(parts)


def _runs(count: int, which: str = "") -> str:
    return f"{count:,} {which}{' ' if which else ''}{'run' if count == 1 else 'runs'}"


def _listed(words: Sequence[str]) -> str:
    """Join words as a sentence does: ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
