"""What a report is made of: runs, and what statistics make of them, each computed once and only if asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from xorlab import statistics
from xorlab.diagnosis import signs
from xorlab.diagnosis.outcomes import phrase
from xorlab.errors import XorlabError
from xorlab.spec.text import PARAMETERS, specification


@dataclass(frozen=True)
class Material:
    """Runs and where they come from.

    Attributes
    ----------
    runs
        As `xorlab.runs.load` makes them, those without an outcome too.
    read_curves
        Runs -> their losses (run_id, epoch, loss).
    plan
        What the sweep asked for, as `xorlab.runs.plan` makes it; None for runs of no one sweep.
    against
        The runs of another sweep, to compare with.
    """

    runs: pd.DataFrame
    read_curves: Callable[[pd.DataFrame], pd.DataFrame]
    plan: pd.DataFrame | None = None
    against: pd.DataFrame | None = None

    @cached_property
    def told(self) -> pd.DataFrame:
        """The runs that count: those with an outcome, a repeated one once."""
        return statistics.distinct(self.runs.dropna(subset="outcome"))

    @cached_property
    def by(self) -> list[str]:
        """The factors: what tells the settings apart."""
        return statistics.factors(self.told)

    @cached_property
    def levels(self) -> dict[str, float]:
        """The levels that a loss can rest at, by name, highest first."""
        return statistics.levels(self.told)

    @cached_property
    def asked(self) -> list[str]:
        """The outcomes that are asked for in any case: converged, and stuck at the highest level."""
        return ["converged", *(f"stuck_{name}" for name in list(self.levels)[:1])]

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """How much of what was asked for is there, by setting."""
        return statistics.coverage(self.runs, self.by, plan=self.plan)

    @cached_property
    def rates(self) -> pd.DataFrame:
        """Every outcome's rate in every setting."""
        return statistics.rates(self.told, self.by, outcomes=self.asked, coverage=self.coverage)

    @cached_property
    def overall(self) -> pd.DataFrame:
        """Every outcome's rate over all runs."""
        return statistics.rates(self.told, outcomes=self.asked)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """Each two values of each factor, within each setting of the others, by how often they converge."""
        return self._pairwise(statistics.compare)

    @cached_property
    def logrank(self) -> pd.DataFrame:
        """Each two values of each factor, within each setting of the others, by how soon they converge."""
        return self._pairwise(statistics.logrank)

    def _pairwise(self, compare: Callable[..., pd.DataFrame]) -> pd.DataFrame:
        others = {factor: [key for key in self.by if key != factor] for factor in self.by}
        frames = [compare(self.told, factor, within=within) for factor, within in others.items()]
        named = [frame.assign(**{"factor": factor}) for factor, frame in zip(others, frames, strict=True)]
        columns = ["factor", *(self.by if len(self.by) > 1 else [])]
        return pd.concat([pd.DataFrame(columns=columns), *named], ignore_index=True)

    @cached_property
    def both(self) -> pd.DataFrame | None:
        """The runs of this report, ``this`` in the column sweep, and those of the ``other``."""
        if self.against is None:
            return None
        other = statistics.distinct(self.against.dropna(subset="outcome"))
        both = pd.concat([other.assign(sweep="other"), self.told.assign(sweep="this")], ignore_index=True)
        return both.drop(columns="spec")  # a run that is in both counts in both

    @cached_property
    def rivals(self) -> pd.DataFrame | None:
        """How often the two sweeps converge, in each setting that both have."""
        return None if self.both is None else statistics.compare(self.both, "sweep", within=self.by)

    @cached_property
    def model(self) -> statistics.Model:
        """How much each factor explains of converging."""
        return statistics.model(self.told, self.by)

    @cached_property
    def signs(self) -> list[str] | None:
        """The sign pattern of each run that counts; None where one of them has none."""
        if set(self.told["arch.hidden"]) != {"[2]"}:
            return None
        keys = [key for key in PARAMETERS if key in self.told]
        rows = self.told[keys].to_dict("records")
        texts = ({str(key): str(value) for key, value in row.items() if not pd.isna(value)} for row in rows)
        try:
            return [signs.pattern(specification(params)) for params in texts]
        except (ValueError, XorlabError):
            return None

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The losses of the runs that count."""
        return self.read_curves(self.told)

    @property
    def question(self) -> str:
        """What the report asks."""
        stuck = f"when does it get {phrase(self.asked[1])}" if len(self.asked) > 1 else "when is it stuck"
        data = " and ".join(sorted({name.upper() for name in self.told["data.name"]}))
        return f"{data}: {stuck}, and when does it converge?"
