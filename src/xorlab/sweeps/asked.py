"""A sweep as it is asked for: a new one, or one that exists and is continued or widened by the command's grid."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from xorlab.errors import XorlabError
from xorlab.spec.options import Options
from xorlab.spec.text import belongs, differing, specification, typed_value
from xorlab.sweeps.jobs import MOST, Job
from xorlab.sweeps.plan import Plan, Row
from xorlab.tracking.records import ASKED, CONVERGED_BELOW, LOG_EVERY

if TYPE_CHECKING:
    from xorlab.runs.members import StoredSweep

SHORT_ID = 8
"""Characters of a run id that name a sweep."""


@dataclass(frozen=True)
class Asked:
    """A sweep as it is asked for.

    Attributes
    ----------
    plan : its runs
    jobs : those of them that the command names, by identity
    swept : the keys that vary, as they are typed
    options : how its runs are judged and recorded
    command : the commands that asked for it
    stored : the sweep as it is recorded; None for a new one
    notes : what the user should know about it
    """

    plan: Plan
    jobs: Mapping[str, Job]
    swept: tuple[str, ...]
    options: Options
    command: str
    stored: "StoredSweep | None" = None
    notes: Sequence[str] = field(default=())

    @property
    def runs(self) -> int:
        """How many runs it has."""
        return len(self.plan.rows)

    @property
    def shared(self) -> dict[str, str]:
        """The parameters that all runs have in common."""
        return self.plan.shared()

    @property
    def name(self) -> str:
        """The sweep's name in MLflow."""
        return name(self.command, self.swept, self.runs)

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the sweep."""
        return {
            "xorlab.kind": "sweep",
            "swept": ",".join(self.swept),
            "command": self.command,
            ASKED: self.plan.hash(),
            LOG_EVERY: str(self.options.log_every),
            CONVERGED_BELOW: str(self.options.converged_below),
        }

    def job(self, identity: str) -> Job:
        """Return the job of a planned run: the command's, else one made from the plan."""
        if identity in self.jobs:
            return self.jobs[identity]
        row = self.plan.rows[identity]
        spec = specification(row)
        return Job(config=spec.nested(), spec=spec, swept={key: typed_value(row, key) for key in self.swept})

    def settings(self) -> list[dict[str, str]]:
        """Return for each planned run the values of the keys that vary, as they are typed."""
        typed: dict[tuple[str, object], str] = {}
        for identity, job in self.jobs.items():
            for key in self.swept:
                text = job.swept.get(key, job.typed.get(key))
                if text is not None:
                    typed.setdefault((key, _value(self.plan.rows[identity], key)), text)
        found = []
        for row in self.plan.rows.values():
            values = ((key, (key, _value(row, key))) for key in self.swept)
            found.append({key: typed[place] if place in typed else typed_value(row, key) for key, place in values})
        return found


def name(command: str, swept: Sequence[str], runs: int) -> str:
    """Return a sweep's name in MLflow: that of its study, or what varies, and its size."""
    study = re.search(r"\bexperiment=(\w+)", command)
    about = f"study {study[1]}" if study else f"sweep of {', '.join(swept) or 'nothing'}"
    return f"{about}: {runs:,} runs"


def new(jobs: Sequence[Job], options: Options, command: str) -> Asked:
    """Return the sweep of these jobs."""
    options = replace(options, log_every=options.every(len(jobs)))
    return Asked(Plan.of(jobs), {job.spec.identity: job for job in jobs}, tuple(jobs[0].swept), options, command)


def continued(stored: "StoredSweep", before: Plan, jobs: Sequence[Job], options: Options, command: str) -> Asked:
    """Return a recorded sweep, whose plan was `before`, joined by these jobs.

    Its runs are judged and thinned alike: `log_every` and `converged_below` stay what they were.

    Raises
    ------
    XorlabError
        Where its plan can't be read, or nothing or too much is asked for.
    """
    own = Plan.of(jobs)
    plan = before.joined(own)
    if not plan.rows:
        raise XorlabError(
            f"sweep {stored.run_id[:SHORT_ID]} was ended before its plan was written; give its grid again"
        )
    if len(plan.rows) > MOST:
        raise XorlabError(
            f"a sweep can have {MOST:,} runs; {stored.run_id[:SHORT_ID]} and this grid together have "
            f"{len(plan.rows):,}. Give fewer values"
        )
    kept: dict[str, Any] = {LOG_EVERY: options.every(len(plan.rows))}
    notes = []
    for name, read in ((LOG_EVERY, lambda text: text if text == "log" else int(text)), (CONVERGED_BELOW, float)):
        recorded = stored.tags.get(name) or next((getattr(each, name, None) for each in stored.members), None)
        if recorded is not None:
            kept[name] = read(recorded)
            given = getattr(options, name)
            if given not in (None, kept[name]):
                notes.append(f"{name} stays {recorded}, as in the sweep's other runs; got {given}")
    commands = [stored.tags.get("command", "")]
    if plan.rows.keys() != before.rows.keys():
        commands.append(f"{without_sweep(command)} sweep=latest")
    return Asked(
        plan,
        {job.spec.identity: job for job in jobs},
        _swept(stored, before, own, plan, jobs),
        replace(options, **kept),
        " && ".join(filter(None, commands)),
        stored,
        notes,
    )


def without_sweep(command: str) -> str:
    """Return a command without the word that says which sweep is meant."""
    return re.sub(r" sweep=\S+", "", command)


def _swept(stored: "StoredSweep", before: Plan, own: Plan, plan: Plan, jobs: Sequence[Job]) -> tuple[str, ...]:
    """Return the keys that vary in the whole plan: in the order they are typed now, if all of it is, else as before."""
    typed = list(jobs[0].typed) if jobs else []
    now = list(jobs[0].swept) if jobs else []
    if plan is own:
        return tuple(now)
    known = [*filter(None, stored.tags.get("swept", "").split(",")), *now]
    for parameter in differing(list(plan.rows.values())):
        if not any(belongs(parameter, key) for key in known):
            known.append(next((key for key in typed if belongs(parameter, key)), parameter))
    return tuple(dict.fromkeys(known))


def _value(row: Row, key: str) -> object:
    """Return what a key sets in a run: the value of a parameter, or those of a group."""
    return row[key] if key in row else tuple((name, text) for name, text in row.items() if belongs(name, key))
