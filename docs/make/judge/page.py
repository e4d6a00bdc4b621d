"""docs/verdicts.md from the rows of `futures.judge`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from judge.futures import NEW_SEED
from markdown_table import table as markdown_table
from xorlab.diagnosis.causes import CAUSES
from xorlab.statistics import wilson

TEMPLATE = Path(__file__).with_name("verdicts.md")
Rows = Sequence[dict[str, Any]]
TRUE = {"stuck": ("stays",), "descending": ("falls",), "converged": ("stays", "falls", "over")}
"""What has to follow for an outcome to be true; a converged run may fall further."""
FOLLOWED = ("stays", "falls", "rises", "moves", "diverges", "over")
NOT_CHANGES = frozenset(
    ("group", "run", "outcome", "cause", "certified", "followed", "longer", "dead", "still_dead"),
)
LEAST = 20
"""A remedy is judged from so many runs on."""


def share(true: int, n: int) -> str:
    """Write a share with its 95 % interval in percent."""
    if not n:
        return "–"
    low, high = wilson(true, n)
    return f"{100.0 * true / n:.1f} % ({100.0 * low:.1f} to {100.0 * high:.1f})"


def kind(row: dict[str, Any]) -> str:
    """Name a row's outcome without its level."""
    return "stuck" if row["outcome"].startswith("stuck") else str(row["outcome"])


def outcomes(rows: Rows) -> str:
    """Tabulate what followed each outcome, and how often what it predicts came true."""
    table = []
    for name in ("converged", "at_target", "descending", "stuck", "undecided", "diverged"):
        own = [row for row in rows if kind(row) == name]
        counts = Counter(row["followed"] for row in own)
        true = share(sum(counts[word] for word in TRUE[name]), len(own)) if name in TRUE else "predicts nothing"
        table.append((f"`{name}`", str(len(own)), *(str(counts[word]) for word in FOLLOWED), true))
    return markdown_table(("outcome", "runs", *FOLLOWED, "true"), table)


def claims(rows: Rows) -> str:
    """Tabulate the claims that are not outcomes."""
    certified = [row for row in rows if row["certified"]]
    dead, still = sum(row["dead"] for row in rows), sum(row["still_dead"] for row in rows)
    stuck = [row for row in rows if kind(row) == "stuck"]
    known = sum(row["cause"] != "unknown" for row in stuck)
    table = [
        (
            "certified to stay",
            str(len(certified)),
            share(sum(r["followed"] == "stays" for r in certified), len(certified)),
        ),
        ("a unit is dead, and is so after ten times the epochs", str(dead), share(still, dead)),
        ("a stuck run has a cause other than `unknown`", str(len(stuck)), share(known, len(stuck))),
    ]
    return markdown_table(("claim", "n", "true"), table)


def remedies(rows: Rows) -> str:
    """Tabulate for each cause how often each change makes the run converge, beside ten times the epochs."""
    table = []
    for cause in CAUSES:
        own = [row for row in rows if row["cause"] == cause]
        names = list(dict.fromkeys(key for row in own for key in row if key not in NOT_CHANGES))
        most = {key: _high(own, key) for key in ("longer", NEW_SEED)}
        for name in ("ten times the epochs", *names):
            key = "longer" if name == "ten times the epochs" else name
            found = [bool(row[key]) for row in own if key in row]
            if len(found) >= LEAST:
                low = wilson(sum(found), len(found))[0]
                marks = ["yes" if low > high else "" for high in most.values()]
                table.append((f"`{cause}`", name, str(len(found)), share(sum(found), len(found)), *marks))
    return markdown_table(("cause", "change", "runs", "converge", "above more epochs", "above another seed"), table)


def _high(rows: Rows, key: str) -> float:
    """Return the upper end of the interval of a rate."""
    found = [bool(row[key]) for row in rows if key in row]
    return wilson(sum(found), len(found))[1] if found else 1.0


def page(rows: Rows, command: str) -> str:
    """Write the page: the template beside this file, filled in."""
    undecided = sum(kind(row) == "undecided" for row in rows)
    return Template(TEMPLATE.read_text()).substitute(
        command=command,
        runs=f"{len(rows):,}",
        groups=len({row["group"] for row in rows}),
        outcomes=outcomes(rows),
        undecided=share(undecided, len(rows)),
        claims=claims(rows),
        restart=NEW_SEED,
        least=LEAST,
        remedies=remedies(rows),
    )
