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
from xorlab.statistics.settings import numbered

MAX_PAIRED_VALUES = 20
"""Values of a factor up to which each two are compared; of more only neighbours, as pairs grow by the square."""


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
        The planned runs, as `xorlab.runs.plan` makes it; None for runs of no one sweep.
    against
        The runs of another sweep, to compare with.
    """

    runs: pd.DataFrame
    read_curves: Callable[[pd.DataFrame], pd.DataFrame]
    plan: pd.DataFrame | None = None
    against: pd.DataFrame | None = None

    @cached_property
    def counted(self) -> pd.DataFrame:
        """The runs that count: those with an outcome, a repeated one once."""
        return statistics.distinct(self.runs.dropna(subset="outcome"))

    @cached_property
    def factors(self) -> list[str]:
        """The parameters that vary between the settings."""
        return statistics.factors(self.counted)

    @cached_property
    def levels(self) -> dict[str, float]:
        """The levels at which a loss can come to rest, by name, highest first."""
        return statistics.levels(self.counted)

    @cached_property
    def outcomes(self) -> list[str]:
        """The outcomes that have a rate even if no run has them: converged, and stuck at the highest level."""
        return ["converged", *(f"stuck_{name}" for name in list(self.levels)[:1])]

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """How many of the planned runs are there, by setting."""
        return statistics.coverage(self.runs, self.factors, plan=self.plan)

    @cached_property
    def rates(self) -> pd.DataFrame:
        """Every outcome's rate in every setting."""
        return statistics.rates(self.counted, self.factors, outcomes=self.outcomes, coverage=self.coverage)

    @cached_property
    def overall(self) -> pd.DataFrame:
        """Every outcome's rate over all runs."""
        return statistics.rates(self.counted, outcomes=self.outcomes)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """The values of each factor compared two by two by how often runs converge, the other factors fixed."""
        return self._pairwise(statistics.compare)

    @cached_property
    def logrank(self) -> pd.DataFrame:
        """The values of each factor compared two by two by how soon runs converge, the other factors fixed."""
        return self._pairwise(statistics.logrank)

    def _pairwise(self, compare: Callable[..., pd.DataFrame]) -> pd.DataFrame:
        frames = [
            compare(
                self.counted,
                factor,
                within=[key for key in self.factors if key != factor],
                neighbours=factor in self.long_factors,
            ).assign(factor=factor)
            for factor in self.factors
        ]
        columns = ["factor", *(self.factors if len(self.factors) > 1 else [])]
        return pd.concat([pd.DataFrame(columns=columns), *frames], ignore_index=True)

    @cached_property
    def long_factors(self) -> list[str]:
        """The factors of more than `MAX_PAIRED_VALUES` values."""
        return [factor for factor in self.factors if self.counted[factor].nunique(dropna=False) > MAX_PAIRED_VALUES]

    @cached_property
    def sweep_comparison(self) -> pd.DataFrame | None:
        """How often this sweep and the other converge, in each setting that both have."""
        if self.against is None:
            return None
        other = statistics.distinct(self.against.dropna(subset="outcome"))
        both = pd.concat([other.assign(sweep="other"), self.counted.assign(sweep="this")], ignore_index=True)
        both = both.drop(columns="spec")  # a run that is in both sweeps counts in both
        return statistics.compare(both, "sweep", within=self.factors)

    @cached_property
    def model(self) -> statistics.Model:
        """How much each factor explains of converging."""
        return statistics.model(self.counted, self.factors)

    @cached_property
    def sign_patterns(self) -> list[str] | None:
        """The sign pattern of each run that counts; None where one of them has none."""
        if set(self.counted["arch.hidden"]) != {"[2]"}:
            return None
        runs = self.counted
        keys = [key for key in PARAMETERS if key in runs and key.startswith(("arch.", "data.", "init.", "seed"))]
        starts, start = numbered(runs, keys)  # runs of one start share a pattern
        try:
            patterns = []
            for values in starts:
                given = zip(keys, values, strict=True)
                spec = specification({key: str(value) for key, value in given if not pd.isna(value)})
                patterns.append(signs.pattern(spec))
        except (ValueError, XorlabError):
            return None
        return [patterns[place] for place in start]

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The losses of the runs that count."""
        return self.read_curves(self.counted)

    @property
    def question(self) -> str:
        """What the report asks."""
        stuck = f"when does it get {phrase(self.outcomes[1])}" if len(self.outcomes) > 1 else "when is it stuck"
        data = " and ".join(sorted({name.upper() for name in self.counted["data.name"]}))
        return f"{data}: {stuck}, and when does it converge?"
