"""What was tried on runs, in words and tables: for the terminal, for a run's page and for a spreadsheet."""

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xorlab.diagnosis import wording
from xorlab.diagnosis.outcomes import percent, phrase
from xorlab.remedies.trials import SEEDS, Answer, Prospect, Rescue
from xorlab.spec import RunSpec, text
from xorlab.sweep.tables import Table

AGAINST = {1: "likelier", 0: "can't tell", -1: "less likely"}
"""What an interval says beside that of the run's own setting."""


RENEWAL = "What makes a new run likelier to converge?"


@dataclass(frozen=True)
class Section:
    """A question, what the trials say to it, and the table that shows it."""

    question: str
    said: str
    table: Table | None

    def markdown(self) -> str:
        """Return the section in Markdown."""
        parts = (f"## {self.question}", self.said, self.table and self.table.markdown())
        return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def sections(answer: Answer) -> list[Section]:
    """Answer both questions for one run."""
    return [_rescue(answer), renewal(answer)]


def markdown(answer: Answer) -> str:
    """Tell what happened to a run and what helps, as a page."""
    verdict = _sentence(wording.verdict(answer.spec, answer.verdict, epochs=answer.epochs))
    head = f"# {text.title(answer.spec)}\n\n{verdict}\n"
    return "\n".join([head, *(section.markdown() for section in sections(answer))])


def table_csv(answer: Answer) -> str:
    """List every trial, a row each: of this run, with its end, or of new runs, with their rate and its interval."""
    text = io.StringIO()
    rows = [*(_of_rescue(rescue) for rescue in answer.rescues), *(_of_prospect(each) for each in answer.prospects)]
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    return text.getvalue()


def _of_rescue(rescue: Rescue) -> tuple[object, ...]:
    end = rescue.verdict
    found = (int(rescue.converged), "", "", "", end.outcome, end.final_loss, end.epochs_to_converge)
    return ("this run", *_about(rescue), rescue.epochs, 1, *found)


def _of_prospect(prospect: Prospect) -> tuple[object, ...]:
    found = (prospect.converged, prospect.converged / prospect.n, *prospect.interval)
    return ("new runs", *_about(prospect), prospect.remedy.spec.epochs, prospect.n, *found, "", "", "")


COLUMNS = (
    *("about", "remedy", "override", "epochs", "n", "converged", "rate", "low", "high"),
    *("outcome", "final_loss", "epochs_to_converge"),
)
"""The columns of `table_csv`."""


def tally(answers: Sequence[Answer]) -> Section:
    """Count over many runs how many each remedy rescues, by what had happened to them."""
    kinds = Counter(_kind(answer) for answer in answers)
    heads = [kind for kind, _ in kinds.most_common()]
    names = list(dict.fromkeys(rescue.remedy.name for answer in answers for rescue in answer.rescues))
    cells = Counter(
        (rescue.remedy.name, _kind(answer), rescue.converged) for answer in answers for rescue in answer.rescues
    )
    totals = {name: sum(cells[name, kind, True] for kind in heads) for name in names}
    rows = [
        (name, *(_share(cells[name, kind, True], cells[name, kind, False]) for kind in heads), str(totals[name]))
        for name in sorted(names, key=lambda name: -totals[name])
    ]
    rescued = sum(any(rescue.converged for rescue in answer.rescues) for answer in answers)
    said = f"Each goes on from where it ended. {rescued} of {len(answers)} are rescued by at least one remedy."
    return Section("What rescues these runs?", said, Table(("remedy", *heads, "in all"), tuple(rows)))


def settings(answers: Sequence[Answer]) -> list[Section]:
    """Say what makes new runs likelier to converge, for each setting that the runs have, the commonest first."""
    same = Counter(_setting(answer) for answer in answers)
    one = {_setting(answer): answer for answer in answers}
    return [
        replace(renewal(one[key]), question=f"{RENEWAL} {key} ({n} of its runs did not)")
        for key, n in same.most_common()
    ]


def renewal(answer: Answer) -> Section:
    """Say what makes a new run of this setting likelier to converge."""
    plain = next((prospect for prospect in answer.prospects if not prospect.remedy.override), None)
    said = f"Each setting has {len(SEEDS)} new runs of {answer.spec.epochs:,} epochs, seeds {SEEDS[0]} to {SEEDS[-1]}."
    head: tuple[str, ...] = ("setting", "as typed", "converged", "95 % interval")
    rows = [_row(prospect) for prospect in answer.prospects]
    if plain is None:
        alike = f"All seeds have the same weights under init={answer.spec.init.name}, so only other starts are tried."
        return Section(RENEWAL, f"{said} {alike}", Table(head, tuple(rows)))
    words = ["" if each is plain else AGAINST[each.against(plain)] for each in answer.prospects]
    told = tuple((*row, word) for row, word in zip(rows, words, strict=True))
    return Section(RENEWAL, f"{said} {_comparison(answer, plain)}", Table((*head, "than as it is"), told))


def _rescue(answer: Answer) -> Section:
    question = "What rescues this run?"
    if not answer.rescues:
        return Section(question, "Nothing has to: it converged.", None)
    rows = tuple(
        (
            rescue.remedy.name,
            rescue.remedy.override,
            f"{rescue.epochs:,}",
            _end(rescue),
            _loss(rescue.verdict.final_loss),
        )
        for rescue in answer.rescues
    )
    count, n = sum(rescue.converged for rescue in answer.rescues), len(answer.rescues)
    worked = f"{count} of {n} remedies do." if count else f"None of {n} remedies does."
    said = (
        f"It goes on from its final parameters, the optimizer's memory fresh. {worked} "
        "By hand: `init=file init.path=final_weights.npz`, and what is typed."
    )
    return Section(question, said, Table(("remedy", "as typed", "epochs more", "then it is", "loss"), rows))


def _comparison(answer: Answer, plain: Prospect) -> str:
    """Compare the settings with the run's own, and say how to see the best for oneself."""
    better = sum(prospect.against(plain) > 0 for prospect in answer.prospects)
    so_far = f"As it is, {plain.converged} of {plain.n} converge"
    if not better:
        return f"{so_far}; the interval of no other setting lies above that one's."
    count = (
        f"{better} of {len(answer.prospects) - 1} other settings are likelier to: their intervals lie above that one's"
    )
    return f"{so_far}; {count}. To see the best of them: {_command(answer.prospects[0].remedy.spec)}"


def _row(prospect: Prospect) -> tuple[str, ...]:
    low, high = (percent(rate) for rate in prospect.interval)
    return (*_about(prospect), f"{prospect.converged} of {prospect.n}", f"{low} to {high} %")


def _about(trial: Rescue | Prospect) -> tuple[str, str]:
    return trial.remedy.name, trial.remedy.override


def _command(setting: RunSpec) -> str:
    words = text.overrides(replace(setting, seed=RunSpec().seed))
    return f"`{text.command(['-m', *words, f'seed={SEEDS[0]}..{SEEDS[-1]}'])}`"


def _end(rescue: Rescue) -> str:
    reached = rescue.verdict.epochs_to_converge
    return phrase(rescue.verdict.outcome) if reached is None else f"converged, after {reached:,}"


def _loss(loss: float) -> str:
    return f"{loss:.4f}" if math.isfinite(loss) else "–"


def _share(count: int, others: int) -> str:
    return f"{count} of {count + others}" if count + others else "–"


def _kind(answer: Answer) -> str:
    """Name what happened to a run: ``stuck at ln 2, affine collapse``."""
    words = [phrase(answer.verdict.outcome), (answer.verdict.cause or "").replace("_", " ")]
    return ", ".join(dict.fromkeys(filter(None, words)))


def _setting(answer: Answer) -> str:
    """Return a run's title without its seed."""
    return text.title(answer.spec).rpartition(", ")[0]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
