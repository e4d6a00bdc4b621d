"""The launcher: a task function that takes many jobs at once gets them all, any other gets Hydra's own treatment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, setup_globals


@dataclass
class XorlabLauncherConf:
    """The launcher's node in Hydra's configuration."""

    _target_: str = "hydra_plugins.xorlab_launcher.launcher.XorlabLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="xorlab", node=XorlabLauncherConf, provider="xorlab")


class XorlabLauncher(BasicLauncher):
    """Launches jobs by the task function's attribute `many` where it has one, and as Hydra does where not."""

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
        setup_globals()
        return launch(self.many, self.hydra_context.config_loader, self.config, job_overrides, initial_job_idx)
