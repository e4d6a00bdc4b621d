"""What a sweep is asked for, run by run, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xorlab.spec import RunSpec


@dataclass(frozen=True)
class Job:
    """One run that was asked for: the overrides as typed, the composed configuration, the specification."""

    overrides: tuple[str, ...]
    config: Mapping[str, Any]
    spec: RunSpec


@dataclass(frozen=True)
class JobResult:
    """What became of a job: its run in MLflow, its outcome, final loss and cause, or why it failed."""

    run_id: str | None
    outcome: str | None
    final_loss: float | None
    error: str | None
    cause: str | None = None
