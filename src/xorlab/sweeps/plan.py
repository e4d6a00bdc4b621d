"""What a sweep asks for, and what of it is there."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xorlab.errors import SpecError, XorlabError
from xorlab.spec import NUMERICS
from xorlab.spec.text import differing, params, specification
from xorlab.sweeps.jobs import Job

if TYPE_CHECKING:
    from xorlab.runs.members import Member

Row = Mapping[str, str]
"""The parameters of a run as text, by name."""


@dataclass(frozen=True)
class Plan:
    """What a sweep asks for: the parameters of each run, by its identity, in order."""

    rows: Mapping[str, Row]

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> "Plan":
        """Return the plan of these jobs; jobs of the same identity are one run."""
        return cls({job.spec.identity: params(job.spec) for job in jobs})

    @classmethod
    def read(cls, content: bytes, shared: Row) -> "Plan":
        """Return a recorded plan.

        Parameters
        ----------
        content : as `csv` makes it, or as earlier versions did, without the identities
        shared : the parameters that its runs have in common

        Raises
        ------
        XorlabError
            Where a row is no specification of this version.
        """
        rows: dict[str, Row] = {}
        known = None
        for line in csv.DictReader(io.StringIO(content.decode())):
            recorded = line.pop("spec", None)
            row = {key: text for key, text in {**shared, **line}.items() if text}
            if known is None:  # another version of the numerics gave the same runs other identities
                known = recorded == _identity(row)
            rows[recorded if known and recorded else _identity(row)] = row
        return cls(rows)

    def csv(self) -> bytes:
        """Return the plan as .csv: a row a run, with the parameters that vary and the identity."""
        keys = [*(differing(list(self.rows.values())) or ["seed"]), "spec"]
        lines = io.StringIO()
        writer = csv.DictWriter(lines, keys, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "spec": identity} for identity, row in self.rows.items())
        return lines.getvalue().encode()

    def shared(self) -> dict[str, str]:
        """Return the parameters that all runs have in common."""
        first, *others = self.rows.values()
        return dict(sorted(set(first.items()).intersection(*(row.items() for row in others))))

    def joined(self, other: "Plan") -> "Plan":
        """Return a plan of both; where the other asks for all of this one and more, it is that."""
        return other if self.rows.keys() <= other.rows.keys() else Plan({**self.rows, **other.rows})

    def hash(self) -> str:
        """Return the same text for plans of the same runs, in whatever order."""
        return hashlib.sha256("".join(sorted(self.rows)).encode()).hexdigest()


def _identity(row: Row) -> str:
    try:
        return specification(row).identity
    except SpecError as error:
        raise XorlabError(f"the sweep's plan has a run that this version can't train; {error}") from error


@dataclass(frozen=True)
class State:
    """What of a plan is there: its planned runs, each in one of these by its identity.

    Attributes
    ----------
    done : those that are finished
    failed : those that could not be trained
    outdated : those finished by another version of the numerics only
    missing : all others
    torn : the ids of runs that were begun and never finished; only MlflowClient leaves them
    replaced : the ids of runs by another version of the numerics that are there in this version too
    """

    done: Mapping[str, "Member"]
    failed: Mapping[str, "Member"]
    outdated: Mapping[str, "Member"]
    missing: Sequence[str]
    torn: Sequence[str] = ()
    replaced: Sequence[str] = field(default=())

    def outcome(self, identity: str) -> str:
        """Return how a planned run ended, or else what became of it."""
        found = self.done.get(identity) or self.outdated.get(identity)
        return "failed" if identity in self.failed else "missing" if found is None else str(found.outcome)

    def cause(self, identity: str) -> str | None:
        """Return the cause of a planned run's outcome, where it has one."""
        found = self.done.get(identity) or self.outdated.get(identity)
        return None if found is None else found.cause

    def wanting(self, retry: str | None) -> list[str]:
        """Return the identities of the runs that are to be trained."""
        again = {None: (), "failed": self.failed, "outdated": self.outdated}[retry]
        return [*self.missing, *again]


def compare(plan: Plan, members: Iterable["Member"], params_of: Mapping[str, Row]) -> State:
    """Compare a plan with the runs that are there.

    Parameters
    ----------
    plan : what is asked for
    members : the runs
    params_of : the parameters of those by another version of the numerics, by run id
    """
    done: dict[str, Member] = {}
    failed: dict[str, Member] = {}
    old: list[Member] = []
    torn = []
    for each in members:
        identity = each.spec or ""
        if each.status == "FINISHED" and each.outcome:
            if identity in plan.rows:
                done.setdefault(identity, each)
            elif is_outdated(each):
                old.append(each)
        elif each.status == "FAILED" and each.error:
            if identity in plan.rows:
                failed[identity] = each
        elif each.spec and each.status != "FINISHED":
            torn.append(each.run_id)
    outdated: dict[str, Member] = {}
    replaced = []
    if old:
        identities = {_same(row): identity for identity, row in plan.rows.items()}
        for each in old:
            identity = identities.get(_same(params_of.get(each.run_id, {})), "")
            if identity in done:
                replaced.append(each.run_id)
            elif identity:
                outdated[identity] = each
    failed = {identity: each for identity, each in failed.items() if identity not in done and identity not in outdated}
    there = done.keys() | failed.keys() | outdated.keys()
    missing = [identity for identity in plan.rows if identity not in there]
    return State(done, failed, outdated, missing, torn, replaced)


def is_outdated(member: "Member") -> bool:
    """Tell whether a run was made by another version of the numerics."""
    return member.numerics not in (None, str(NUMERICS))


def _same(row: Row) -> frozenset[tuple[str, str]]:
    """Return what two runs of the same specification have in common; a file of weights may have moved."""
    return frozenset(item for item in row.items() if item[0] != "init.path")
