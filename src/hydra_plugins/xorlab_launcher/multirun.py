"""Hydra's plugins: a sweeper that reads ``a..b``, and a launcher that runs a whole multirun in one call.

They extend Hydra's own, which are private; tests/cli/test_launcher.py passes with hydra-core 1.3.2 and 1.3.8. The two
private imports stand here because Hydra reloads its plugins, and these with them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn


@dataclass
class XorlabLauncherConf:
    """The launcher's node in Hydra's configuration."""

    _target_: str = "hydra_plugins.xorlab_launcher.multirun.XorlabLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="xorlab", node=XorlabLauncherConf, provider="xorlab")


class XorlabLauncher(BasicLauncher):
    """Calls the task function's attribute `many` with all jobs at once, where it has one."""

    @property
    def many(self) -> Callable[..., Any] | None:
        """What runs many jobs at once, or None."""
        return getattr(self.task_function, "many", None)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch of jobs and return one `JobReturn` for each, in order."""
        if self.many is None:
            return super().launch(job_overrides, initial_job_idx)
        from xorlab.cli.multirun import launch

        assert self.hydra_context is not None
        assert self.config is not None
        return launch(self.many, self.hydra_context.config_loader, self.config, job_overrides, initial_job_idx)


@dataclass
class XorlabSweeperConf:
    """The sweeper's node in Hydra's configuration."""

    _target_: str = "hydra_plugins.xorlab_launcher.multirun.XorlabSweeper"
    params: dict[str, str] = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="xorlab", node=XorlabSweeperConf, provider="xorlab")


class XorlabSweeper(BasicSweeper):
    """Sweeps over every combination of values.

    Parameters
    ----------
    params
        Values to sweep over, by key, written as on the command line; the command line beats them.
    """

    def __init__(self, params: dict[str, str]) -> None:
        super().__init__(max_batch_size=None, params=params)

    @staticmethod
    def split_arguments(overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        """Return every combination of values, in batches."""
        from xorlab.cli.overrides import combinations

        jobs = [[setting.line for setting in job] for job in combinations(overrides)]
        return list(BasicSweeper.split_overrides_to_chunks(jobs, max_batch_size))

    def sweep(self, arguments: list[str]) -> Any:
        """Run every job; where the task takes many at once, check them all before anything is written."""
        many = getattr(self.launcher, "many", None)
        if many is None:
            return super().sweep(arguments)
        from xorlab.cli.multirun import sweep

        assert self.hydra_context is not None
        assert self.config is not None
        return [sweep(many, self.hydra_context.config_loader, self.config, self._parse_config(), arguments)]
