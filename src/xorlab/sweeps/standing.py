"""How sweeps stand: what each asks for, what of it is done, and whether anyone works on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from xorlab.errors import XorlabError
from xorlab.runs import members
from xorlab.runs.members import StoredSweep
from xorlab.spec.text import command
from xorlab.sweeps.asked import SHORT_ID
from xorlab.sweeps.plan import Plan, State, compare
from xorlab.sweeps.tables import Table
from xorlab.tracking import drivers

HEAD = ("id", "began", "asked", "done", "failed", "missing", "state", "command")


@dataclass(frozen=True)
class Standing:
    """A sweep, and what of its plan is there; its plan is None where it was not written or can't be read."""

    sweep: StoredSweep
    plan: Plan | None
    there: State

    @property
    def state(self) -> str:
        """One of running, dead, killed, failed, incomplete and complete."""
        if self.sweep.status == "RUNNING":
            return "running" if drivers.lives(self.sweep.tags) else "dead"
        if self.sweep.status != "FINISHED":
            return self.sweep.status.lower()
        return "incomplete" if self.there.missing else "complete"

    def line(self) -> str:
        """Say how it stands."""
        asked = 0 if self.plan is None else len(self.plan.rows)
        there = self.there
        counts = f"{len(there.done):,} of {asked:,} done, {len(there.failed):,} failed, {len(there.missing):,} missing"
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
    try:
        plan = None if sweep.plan is None else Plan.read(sweep.plan, sweep.params)
    except XorlabError:
        plan = None
    return Standing(sweep, plan, compare(plan or Plan({}), [*sweep.members, *sweep.reused], {}))


def table(found: Sequence[Standing]) -> Table:
    """Lay out sweeps, a row each."""
    rows = []
    for each in found:
        there = each.there
        asked = "?" if each.plan is None else f"{len(each.plan.rows):,}"
        counts = (f"{len(part):,}" for part in (there.done, there.failed, there.missing))
        began = f"{each.sweep.start.astimezone():%Y-%m-%d %H:%M}"
        words = each.sweep.tags.get("command", "")
        rows.append((each.sweep.run_id[:SHORT_ID], began, asked, *counts, each.state, words))
    return Table(HEAD, tuple(rows))
