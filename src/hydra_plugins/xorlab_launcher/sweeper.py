"""The sweeper: Hydra's product of values, with ``a..b``, refusals by name, and nothing written for our own task."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus


@dataclass
class XorlabSweeperConf:
    """The sweeper's node in Hydra's configuration."""

    _target_: str = "hydra_plugins.xorlab_launcher.sweeper.XorlabSweeper"
    params: dict[str, str] = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="xorlab", node=XorlabSweeperConf, provider="xorlab")


class XorlabSweeper(BasicSweeper):
    """Sweeps over every combination of values.

    Parameters
    ----------
    params
        Values to sweep over, by key, as they would stand on the command line, which goes before them.
    """

    def __init__(self, params: dict[str, str]) -> None:
        super().__init__(max_batch_size=None, params=params)

    @staticmethod
    def split_arguments(overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        """Return every combination of values, in batches."""
        from xorlab.cli.overrides import combinations

        jobs = [list(job) for job in combinations(overrides)]
        return list(BasicSweeper.split_overrides_to_chunks(jobs, max_batch_size))

    def sweep(self, arguments: list[str]) -> Any:
        """Run every job; for a task function that takes many at once all are checked before anything is written."""
        from xorlab.cli.overrides import refuse_repeats

        refuse_repeats(arguments)
        if getattr(self.launcher, "many", None) is None:
            return super().sweep(arguments)
        assert self.launcher is not None
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        [jobs] = self.split_arguments(parser.parse_overrides(self._parse_config() + arguments), None)
        results = self.launcher.launch(jobs, initial_job_idx=0)
        _report(results)
        return [results]


def _report(results: Sequence[JobReturn]) -> None:
    """Name every job that failed and exit with status 1 if there is any."""
    failed = [result for result in results if result.status is JobStatus.FAILED]
    for result in failed:
        print(f"failed: {result._return_value}", file=sys.stderr)
    if failed:
        raise SystemExit(1)
