"""How sweeps stand: what each asks for, what of it is done, and whether anyone works on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from xorlab.errors import XorlabError
from xorlab.runs import columnar, members
from xorlab.runs.columnar import Columnar
from xorlab.runs.members import StoredSweep
from xorlab.spec.text import command
from xorlab.sweeps.asked import SHORT_ID
from xorlab.sweeps.plan import Plan, compare
from xorlab.sweeps.tables import Table
from xorlab.tracking import drivers

HEAD = ("id", "began", "asked", "done", "failed", "missing", "state", "command")


@dataclass(frozen=True)
class Standing:
    """A sweep, and what of its plan is there.

    Attributes
    ----------
    sweep : the sweep
    asked : its runs; None where its plan was not written or can't be read
    done, failed, missing : how many of them are there
    """

    sweep: StoredSweep
    asked: int | None
    done: int
    failed: int
    missing: int

    @property
    def state(self) -> str:
        """One of running, dead, killed, failed, incomplete and complete."""
        if self.sweep.status == "RUNNING":
            return "running" if drivers.lives(self.sweep.tags) else "dead"
        if self.sweep.status != "FINISHED":
            return self.sweep.status.lower()
        return "incomplete" if self.missing else "complete"

    def line(self) -> str:
        """Say how it stands."""
        counts = f"{self.done:,} of {self.asked or 0:,} done, {self.failed:,} failed, {self.missing:,} missing"
        return f"sweep {self.sweep.run_id[:SHORT_ID]} is {self.state}: {counts}"

    def advice(self) -> str | None:
        """Say how to go on with a sweep that nobody works on and that lacks something."""
        if self.state in ("running", "complete"):
            return None
        short = self.sweep.run_id[:SHORT_ID]
        return f"{short} is {self.state}; to continue it: {command(['-m', f'sweep={short}'])}"


def read(run_id: str, uri: str | None, experiment: str) -> Standing:
    """Read how a sweep stands."""
    sweep = members.read(run_id, uri, experiment=experiment)
    if (own := columnar.find(run_id, uri)) is not None:
        return _of_columns(sweep, own)
    try:
        plan = None if sweep.plan is None else Plan.read(sweep.plan, sweep.params)
    except XorlabError:
        plan = None
    there = compare(plan or Plan({}), [*sweep.members, *sweep.reused], {})
    counts = map(len, (there.done, there.failed, there.missing))
    return Standing(sweep, None if plan is None else len(plan.rows), *counts)


def _of_columns(sweep: StoredSweep, own: Columnar) -> Standing:
    """Count the runs of a sweep with track=sweep."""
    try:
        asked = len(own.product)
    except XorlabError:
        return Standing(sweep, None, 0, 0, 0)
    failed = own.read(["outcome"])["outcome"].null_count if own.spans else 0
    return Standing(sweep, asked, own.there - failed, failed, asked - own.there)


def table(found: Sequence[Standing]) -> Table:
    """Lay out sweeps, a row each."""
    rows = []
    for each in found:
        asked = "?" if each.asked is None else f"{each.asked:,}"
        counts = (f"{count:,}" for count in (each.done, each.failed, each.missing))
        began = f"{each.sweep.start.astimezone():%Y-%m-%d %H:%M}"
        words = each.sweep.tags.get("command", "")
        rows.append((each.sweep.run_id[:SHORT_ID], began, asked, *counts, each.state, words))
    return Table(HEAD, tuple(rows))
