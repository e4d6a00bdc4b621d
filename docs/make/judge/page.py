"""docs/verdicts.md, and the table that the diagnosis reads, from the rows of `futures.judge`."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from string import Template
from typing import Any

from judge.removals import REMOVALS
from markdown_table import table as markdown_table
from xorlab.diagnosis.causes import CAUSES
from xorlab.diagnosis.changes import CHANGES
from xorlab.diagnosis.judged import FUTILE, GROUPS, LEAST, Score
from xorlab.statistics import wilson

TEMPLATE = Path(__file__).with_name("verdicts.md")
FAULTS = Path(__file__).resolve().parents[3] / "data" / "xor-faults" / "cases.json"
Rows = Sequence[dict[str, Any]]
TRUE = {"converged": ("stays", "falls", "over"), "stuck": ("stays",), "descending": ("falls",)}
"""What has to follow for an outcome to be true; a converged run may fall further."""
FOLLOWED = ("stays", "falls", "rises", "moves", "diverges", "over")


def share(true: int, n: int) -> str:
    """Write a share with its 95 % interval in percent."""
    if not n:
        return "–"
    low, high = wilson(true, n)
    return f"{100.0 * true / n:.1f} % ({100.0 * low:.1f} to {100.0 * high:.1f})"


def kind(row: dict[str, Any]) -> str:
    """Name a row's outcome without its level."""
    return "stuck" if row["outcome"].startswith("stuck") else str(row["outcome"])


def tested(rows: Rows, cause: str) -> Rows:
    """Return the rows with a cause on which its removal and changes are tested."""
    return [row for row in rows if row["cause"] == cause and "wide" not in row["kinds"]]


def reseeded(rows: Rows) -> list[bool]:
    """Tell whether runs converged from another seed, where their start heeds it."""
    return [row["changes"]["another seed"] for row in rows if "another seed" in row["changes"]]


def _true(rows: Rows, name: str) -> list[bool]:
    return [row["followed"] in TRUE[name] for row in rows if kind(row) == name]


def scores(rows: Rows) -> list[Score]:
    """Count how often outcomes come true, and how often runs converge without their cause and with changes."""
    found = [
        _score(
            "outcome", name, "", [(row["group"], row["followed"] in TRUE[name]) for row in rows if kind(row) == name]
        )
        for name in TRUE
    ]
    for cause in CAUSES:
        own = tested(rows, cause)
        if cause in REMOVALS:
            without = [(row["group"], bool(row["without"])) for row in own if row["without"] is not None]
            left = reseeded(own) or [bool(row["longer"]) for row in own]
            found.append(_score("cause", cause, REMOVALS[cause].name, without, left))
        found += [_remedy(own, cause, name) for name in CHANGES]
    return [score for score in found if score.n]


def _remedy(own: Rows, cause: str, name: str) -> Score:
    """Compare a change with ten times the epochs, and with another seed; either is compared with the other only."""
    if name == "more epochs":
        tried = [(row["group"], bool(row["longer"])) for row in own]
    else:
        tried = [(row["group"], bool(row["changes"][name])) for row in own if name in row["changes"]]
    baselines = []
    if name != "more epochs":
        baselines.append([bool(row["longer"]) for row in own])
    if name != "another seed":
        baselines.append(reseeded(own))
    return _score("remedy", cause, name, tried, *baselines)


def _score(about: str, name: str, change: str, tried: list[tuple[int, bool]], *baselines: list[bool]) -> Score:
    n, true = len(tried), sum(good for _, good in tried)
    low, high = wilson(true, n) if n else (0.0, 1.0)
    against = max((wilson(sum(each), len(each))[1] for each in baselines if len(each) >= LEAST), default=0.0)
    groups = len({group for group, good in tried if good})
    return Score(about, name, change, n, true, groups, round(low, 4), round(high, 4), round(against, 4))


def table_csv(found: Iterable[Score]) -> str:
    """Write the scores as the table that the diagnosis reads."""
    lines = io.StringIO()
    writer = csv.DictWriter(lines, [field.name for field in fields(Score)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(score) for score in found)
    return lines.getvalue()


def outcomes(rows: Rows) -> str:
    """Tabulate what followed each outcome, and how often what it predicts came true."""
    table = []
    for name in ("converged", "at_target", "descending", "stuck", "undecided", "diverged"):
        own = [row for row in rows if kind(row) == name]
        counts = Counter(row["followed"] for row in own)
        true = share(sum(_true(own, name)), len(own)) if name in TRUE else "predicts nothing"
        table.append((f"`{name}`", str(len(own)), *(str(counts[word]) for word in FOLLOWED), true))
    return markdown_table(("outcome", "runs", *FOLLOWED, "true"), table)


def classes(rows: Rows) -> str:
    """Tabulate the score of each class of runs."""
    table = []
    for name in dict.fromkeys(name for row in rows for name in row["kinds"]):
        own = [row for row in rows if name in row["kinds"]]
        found = [_true(own, word) for word in TRUE]
        cells = [f"{sum(each)} of {len(each)}" if each else "" for each in found]
        undecided = sum(kind(row) == "undecided" for row in own)
        table.append((name, str(len(own)), *cells, f"{100.0 * undecided / len(own):.0f} %"))
    return markdown_table(("runs", "n", *(f"{word} true" for word in TRUE), "undecided"), sorted(table))


def undecided(rows: Rows) -> str:
    """Tabulate why runs are undecided, by how they were drawn."""
    drawn = ("usual", "one fault", "wide")
    own = {name: [row for row in rows if name in row["kinds"]] for name in drawn}
    counts = {name: Counter(row["cause"] for row in own[name] if kind(row) == "undecided") for name in drawn}
    table = [
        (f"`{cause}`", *(str(counts[name][cause]) for name in drawn))
        for cause in CAUSES
        if any(counts[name][cause] for name in drawn)
    ]
    totals = [share(sum(counts[name].values()), len(own[name])) for name in drawn]
    return markdown_table(("cause", *drawn), [*table, ("all", *totals)])


def claims(rows: Rows) -> str:
    """Tabulate the claims that are neither outcomes nor remedies."""
    certified = [row["followed"] == "stays" for row in rows if row["certified"]]
    dead, still = sum(row["dead"] for row in rows), sum(row["still_dead"] for row in rows)
    stuck = [row["cause"] != "unknown" for row in rows if kind(row) == "stuck"]
    table = [
        ("certified to stay", str(len(certified)), share(sum(certified), len(certified))),
        ("a unit is dead, and is so after ten times the epochs", str(dead), share(still, dead)),
        ("a stuck run has a cause other than `unknown`", str(len(stuck)), share(sum(stuck), len(stuck))),
    ]
    return markdown_table(("claim", "n", "true"), table)


def removals(rows: Rows, found: Sequence[Score]) -> str:
    """Tabulate how often runs converge without their cause, and from another seed with it."""
    table = []
    for score in found:
        if score.about == "cause":
            own = tested(rows, score.name)
            again, kept = reseeded(own), sum(not row["longer"] for row in own)
            cells = (share(score.true, score.n), share(sum(again), len(again)), share(kept, len(own)))
            table.append((f"`{score.name}`", score.change, str(score.n), *cells, "yes" if score.better else ""))
    head = (
        "cause",
        "taken away by",
        "runs",
        "converge without it",
        "converge from another seed",
        "fails if left",
        "confirmed",
    )
    return markdown_table(head, table)


def remedies(found: Sequence[Score]) -> str:
    """Write a section for each cause, with how often each change makes its runs converge."""
    sections = []
    for cause in CAUSES:
        own = [score for score in found if (score.about, score.name) == ("remedy", cause) and score.n >= LEAST]
        words = {True: "helps", False: ""}
        table = [
            (
                score.change,
                str(score.n),
                share(score.true, score.n),
                f"{100.0 * score.against:.1f} %",
                words[score.better] or ("does not help" if score.futile else ""),
            )
            for score in own
        ]
        if table:
            text = markdown_table(("change", "runs", "converge", "to beat", ""), table)
            sections.append(f"### `{cause}`\n\n{CAUSES[cause].why}\n\n{text}")
    return "\n\n".join(sections)


def faults() -> dict[str, str]:
    """Score the labelled set of faults."""
    from xor_faults import by_accuracy, by_loss, named

    cases = json.loads(FAULTS.read_text())
    simple = {"loss": by_loss, "accuracy": by_accuracy}
    counts = {
        f"by_{key}": sum(rule(case["as it is"]) == case["fault"] for case in cases) for key, rule in simple.items()
    }
    return {key: str(n) for key, n in {"cases": len(cases), "named": sum(map(named, cases)), **counts}.items()}


def page(rows: Rows, found: Sequence[Score], command: str) -> str:
    """Write the page: the template beside this file, filled in."""
    numbers = sorted({row["group"] for row in rows})
    said = [score for score in found if score.about == "outcome"]
    return Template(TEMPLATE.read_text()).substitute(
        command=command,
        runs=f"{len(rows):,}",
        groups=len(numbers),
        first=numbers[0] if numbers else 0,
        outcomes=outcomes(rows),
        classes=classes(rows),
        undecided=undecided(rows),
        claims=claims(rows),
        removals=removals(rows, found),
        least=LEAST,
        most_groups=GROUPS,
        futile=f"{100.0 * FUTILE:g} %",
        remedies=remedies(found),
        **{score.name: share(score.true, score.n) for score in said},
        **{name: "–" for name in TRUE if name not in {score.name for score in said}},
        **faults(),
    )
