"""Tried remedies in words and tables: for the terminal, for a run's page in MLflow, and as CSV."""

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xorlab.diagnosis import wording
from xorlab.diagnosis.outcomes import percent, phrase
from xorlab.remedies.trials import SEEDS, Continuation, Restarts, Trials
from xorlab.spec import RunSpec, text
from xorlab.sweeps.tables import Table

COMPARED = {1: "more likely", 0: "can't tell", -1: "less likely"}
"""What `Restarts.compare` says of a changed setting beside the run's own."""

COLUMNS = (
    *("about", "remedy", "override", "epochs", "n", "converged", "rate", "low", "high"),
    *("outcome", "final_loss", "epochs_to_converge"),
)
"""The columns of `table_csv`."""


@dataclass(frozen=True)
class Section:
    """A question, the answer in words, the table behind it, and commands to go on with."""

    question: str
    answer: str
    table: Table | None = None
    command: str = ""

    def markdown(self) -> str:
        """Return the section in Markdown."""
        command = self.command and f"```\n{self.command}\n```"
        parts = (f"## {self.question}", self.answer, command, self.table and self.table.markdown())
        return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def markdown(trials: Trials) -> str:
    """Return a page about one run: its outcome and every remedy that was tried."""
    verdict = wording.paragraph(trials.spec, trials.verdict, epochs=trials.epochs)
    head = f"# {text.title(trials.spec)}\n\n{verdict}\n"
    return "\n".join([head, *(section.markdown() for section in sections(trials))])


def table_csv(trials: Trials) -> str:
    """Return every trial as a row: a continuation of this run with its end, or new runs with their rate."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in trials.continuations:
        end = each.verdict
        found = (int(each.converged), "", "", "", end.outcome, end.final_loss, end.epochs_to_converge)
        writer.writerow(("this run", each.remedy.name, each.remedy.override, each.epochs, 1, *found))
    for new in trials.restarts:
        rate = (new.n, new.converged, new.converged / new.n, *new.interval, "", "", "")
        writer.writerow(("new runs", new.remedy.name, new.remedy.override, new.remedy.spec.epochs, *rate))
    return lines.getvalue()


def sections(trials: Trials, *, weights: str | None = None) -> list[Section]:
    """Say which remedies make a run converge, and which settings make new runs more likely to.

    Parameters
    ----------
    trials : the run and its remedies
    weights : the file of its final weights; None where they are an artifact in MLflow
    """
    return [_continuations(trials, weights), restarts(trials)]


def _continuations(trials: Trials, weights: str | None) -> Section:
    question = "Does this run converge if it is continued?"
    if not trials.continuations:
        return Section(question, "It has converged already.")
    rows = tuple(
        (each.remedy.name, each.remedy.override, f"{each.epochs:,}", _ending(each), _loss(each.verdict.final_loss))
        for each in trials.continuations
    )
    count, n = sum(each.converged for each in trials.continuations), len(trials.continuations)
    first = trials.continuations[0]
    words = text.overrides(replace(first.remedy.spec, epochs=first.epochs, init=RunSpec().init))
    download = "" if weights else ", download final_weights.npz from the run's artifacts"
    answer = (
        f"With {count or 'none'} of {n} remedies, each from the final weights and with a fresh optimizer state. "
        f"To repeat the first one{download}:"
    )
    head = ("remedy", "override", "more epochs", "outcome", "loss")
    command = text.command([*words, "init=file", f"init.path={text.typed(weights or 'final_weights.npz')}"])
    return Section(question, answer, Table(head, rows), command)


def restarts(trials: Trials, *, of: str = "this setting") -> Section:
    """Say which changes make new runs more likely to converge."""
    question = f"Which change of {of} makes new runs more likely to converge?"
    head: tuple[str, ...] = ("setting", "override", "converged", "95 % interval")
    rows = [_rate(each) for each in trials.restarts]
    seeds = f"Each setting has {len(SEEDS)} new runs of {trials.spec.epochs:,} epochs, seeds {SEEDS[0]} to {SEEDS[-1]}."
    unchanged = next((each for each in trials.restarts if not each.remedy.override), None)
    if unchanged is None:
        same = f"init={trials.spec.init.name} gives all seeds the same weights, so only other initialisers are tried."
        return Section(question, f"{seeds} {same}", Table(head, tuple(rows)))
    compared = ["" if each is unchanged else COMPARED[each.compare(unchanged)] for each in trials.restarts]
    table = Table((*head, "than as it is"), tuple((*row, word) for row, word in zip(rows, compared, strict=True)))
    better = compared.count(COMPARED[1])
    now = f"As it is, {unchanged.converged} of {unchanged.n} converge."
    if not better:
        return Section(question, f"{seeds} {now} No change has an interval above that one.", table)
    answer = f"{seeds} {now} {better} of {len(rows) - 1} changes have an interval above that one. To see the best:"
    best = text.overrides(replace(trials.restarts[0].remedy.spec, seed=RunSpec().seed))
    return Section(question, answer, table, text.command(["-m", *best, f"seed={SEEDS[0]}..{SEEDS[-1]}"]))


def count_by_outcome(tried: Sequence[Trials]) -> Section:
    """Count over several runs how many converge with each remedy, by their outcome and cause."""
    kinds = [kind for kind, _ in Counter(map(_kind, tried)).most_common()]
    cells: dict[str, dict[str, list[bool]]] = {}
    for trials in tried:
        for each in trials.continuations:
            row = cells.setdefault(each.remedy.name, {kind: [] for kind in kinds})
            row[_kind(trials)].append(each.converged)
    totals = {name: sum(map(sum, row.values())) for name, row in cells.items()}
    rows = [
        (name, *(f"{sum(cells[name][kind])} of {len(cells[name][kind])}" for kind in kinds), str(totals[name]))
        for name in sorted(cells, key=lambda name: -totals[name])
    ]
    count = sum(any(each.converged for each in trials.continuations) for trials in tried)
    answer = f"{count} of {len(tried)} converge with at least one remedy, continued from their final weights."
    return Section(
        "Do these runs converge if they are continued?", answer, Table(("remedy", *kinds, "total"), tuple(rows))
    )


def by_setting(tried: Sequence[Trials]) -> list[Section]:
    """Say which changes help new runs, for each setting among several runs, the most frequent setting first."""
    settings = {_setting(trials): trials for trials in tried}
    counts = Counter(map(_setting, tried)).most_common()
    return [restarts(settings[name], of=f"{name} ({n} of its runs did not converge)") for name, n in counts]


def _rate(new: Restarts) -> tuple[str, ...]:
    low, high = map(percent, new.interval)
    return (new.remedy.name, new.remedy.override, f"{new.converged} of {new.n}", f"{low} to {high} %")


def _ending(continuation: Continuation) -> str:
    reached = continuation.verdict.epochs_to_converge
    return phrase(continuation.verdict.outcome) if reached is None else f"converged after {reached:,} epochs"


def _loss(loss: float) -> str:
    return f"{loss:.4f}" if math.isfinite(loss) else "–"


def _kind(trials: Trials) -> str:
    """Return a run's outcome and cause, as in ``stuck at ln 2, affine collapse``."""
    words = [phrase(trials.verdict.outcome), (trials.verdict.cause or "").replace("_", " ")]
    return ", ".join(dict.fromkeys(filter(None, words)))


def _setting(trials: Trials) -> str:
    """Return a run's title without its seed."""
    return text.title(trials.spec).rpartition(", ")[0]
