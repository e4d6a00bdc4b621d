"""A multirun of our own task: every job composed and checked first, then all of them handed over at once."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, JobRuntime, JobStatus
from omegaconf import DictConfig, OmegaConf

from xorlab.cli.composition import Composer, without_hydra
from xorlab.cli.refusals import MISTAKES, line
from xorlab.errors import SpecError, XorlabError
from xorlab.spec import RunSpec
from xorlab.spec.options import Options, split
from xorlab.sweep.jobs import Job, JobResult

Many = Callable[..., list[JobResult]]
Batch = Sequence[Sequence[str]]


class Return(JobReturn):
    """What Hydra is told of one job; its configurations are composed, by Hydra, only when they are read."""

    def __init__(self, compose: Callable[[], DictConfig], job: "Job", result: "JobResult") -> None:
        self._compose = compose
        self.overrides = list(job.overrides)
        self.working_dir = os.getcwd()
        self.task_name = JobRuntime.instance().get("name")
        self.status = JobStatus.COMPLETED if result.error is None else JobStatus.FAILED
        self._return_value = result.final_loss
        if result.error is not None:
            self._return_value = XorlabError(f"{' '.join(job.overrides)}: {result.error}")

    @cached_property
    def cfg(self) -> DictConfig:  # type: ignore[override]
        """The job's configuration."""
        return without_hydra(self._compose())

    @cached_property
    def hydra_cfg(self) -> DictConfig:  # type: ignore[override]
        """Hydra's own configuration of the job."""
        return OmegaConf.masked_copy(self._compose(), "hydra")


def launch(many: Many, loader: ConfigLoader, master: DictConfig, batch: Batch, first: int) -> list[JobReturn]:
    """Run a batch of jobs by `many` and return what Hydra wants to know of each, in order.

    Raises
    ------
    SpecError
        Where any job can't be composed or is no valid run; nothing has run then.
    """
    composer = Composer(loader, master)
    checked = [_check(composer, overrides, first + index) for index, overrides in enumerate(batch)]
    options = _common([options for _, _, options in checked])

    jobs = [
        Job(overrides=tuple(overrides), config=config, spec=spec)
        for overrides, (config, spec, _) in zip(batch, checked, strict=True)
    ]
    results = many(jobs, options, swept=varying(batch))
    return [
        Return(partial(composer.whole, job.overrides, first + index), job, result)
        for index, (job, result) in enumerate(zip(jobs, results, strict=True))
    ]


def _check(composer: Composer, overrides: Sequence[str], number: int) -> tuple[dict[str, Any], RunSpec, Options]:
    try:
        config = composer.plain(overrides, number)
        return config, *split(config)
    except MISTAKES as error:
        raise SpecError(f"{' '.join(overrides)}: {line(error)}") from error


def _common(options: Sequence[Options]) -> Options:
    """Return the options that all jobs share."""
    first = options[0]
    for other in options:
        if other != first:
            _refuse_differing(dataclasses.asdict(first), dataclasses.asdict(other))
    return first


def _refuse_differing(first: dict[str, Any], other: dict[str, Any]) -> None:
    key = next(key for key in first if first[key] != other[key])
    raise SpecError(f"{key} belongs to the whole sweep and can't be swept; got {first[key]} and {other[key]}")


def varying(batch: Batch) -> list[str]:
    """Return the keys whose values differ between jobs, in the order in which they were typed."""
    values: dict[str, set[str]] = {}
    for overrides in batch:
        for text in overrides:
            key, _, value = text.partition("=")
            values.setdefault(key.lstrip("+~"), set()).add(value)
    return [key for key, found in values.items() if len(found) > 1]
