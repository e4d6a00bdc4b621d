"""What a sweep is asked for, run by run, and what came of each run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xorlab.errors import SpecError
from xorlab.spec import RunSpec
from xorlab.spec.text import title
from xorlab.tracking.passwords import shown

MOST = 1_000_000
"""The largest sweep, in runs."""


@dataclass(frozen=True)
class Job:
    """One run that was asked for.

    Attributes
    ----------
    config : the composed configuration as it is recorded, without a password in ``tracking.uri``
    spec : the specification that it holds
    swept : the keys that vary in the sweep, in the order they were typed, each with this job's value as typed
    typed : all keys that were typed, each with this job's value
    """

    config: Mapping[str, Any]
    spec: RunSpec
    swept: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tracking = self.config.get("tracking") or {}
        if tracking.get("uri"):
            hidden = {**tracking, "uri": shown(str(tracking["uri"]))}
            object.__setattr__(self, "config", {**self.config, "tracking": hidden})

    @property
    def name(self) -> str:
        """The run's name: what is swept, as typed, else its title."""
        return " ".join(f"{key}={text}" for key, text in self.swept.items()) or title(self.spec)


@dataclass(frozen=True)
class JobResult:
    """What came of a job: its run in MLflow, its outcome, final loss and cause, or why it failed."""

    run_id: str | None
    outcome: str | None
    final_loss: float | None
    error: str | None
    cause: str | None = None


def check_files(jobs: Iterable[Job]) -> None:
    """Read the files of initial weights that jobs name, each once for each shape of network.

    Raises
    ------
    SpecError
        Where one does not fit; the message names the job.
    """
    checked = set()
    for job in jobs:
        spec = job.spec
        if spec.init.path is None or (spec.init, spec.units) in checked:
            continue
        checked.add((spec.init, spec.units))
        from xorlab.numerics.initialization import from_file

        try:
            from_file(spec.init, spec.units)
        except SpecError as error:
            typed = " ".join(f"{key}={text}" for key, text in job.typed.items())
            raise SpecError(f"{typed}: {error}" if typed else str(error)) from error
