"""What xorlab uses of Hydra and OmegaConf beyond their public interfaces; only the plugins use more.

tests/cli proves it on hydra-core 1.3.2 and 1.3.8 with omegaconf 2.3.0. pyproject.toml admits no other minor versions.
Where another is installed all the same, `leaves` finds nothing, and so Hydra itself composes every job: slower, and
right whatever OmegaConf has changed.
"""

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import hydra
import omegaconf
from hydra.core.utils import JobReturn, JobRuntime, JobStatus
from omegaconf import AnyNode, DictConfig, ListConfig, Node, OmegaConf

from xorlab.errors import XorlabError

PROVED = hydra.__version__.startswith("1.3.") and omegaconf.__version__.startswith("2.3.")


class Return(JobReturn):
    """What Hydra asks of a finished job. Hydra composes its configurations when they are read, and not before.

    Parameters
    ----------
    compose
        Composes the job's configuration, Hydra's own node included.
    overrides
        The job's overrides.
    value
        What the job returned, or the error that ended it, which `return_value` then raises.
    """

    def __init__(self, compose: Callable[[], DictConfig], overrides: list[str], value: float | XorlabError | None):
        self._compose = compose
        self.overrides = overrides
        self.working_dir = os.getcwd()
        self.task_name = JobRuntime.instance().get("name")
        self.status = JobStatus.FAILED if isinstance(value, XorlabError) else JobStatus.COMPLETED
        self._return_value = value

    @cached_property
    def cfg(self) -> DictConfig:  # type: ignore[override]
        """The job's configuration."""
        config = self._compose()
        return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])

    @cached_property
    def hydra_cfg(self) -> DictConfig:  # type: ignore[override]
        """Hydra's own configuration of the job."""
        return OmegaConf.masked_copy(self._compose(), "hydra")


def leaves(config: DictConfig) -> frozenset[str]:
    """Return the dotted keys of the leaves that take any value as it is, or none on versions that are not proved."""
    return frozenset(_leaves(config, "")) if PROVED else frozenset()


def _leaves(node: DictConfig, prefix: str) -> Iterator[str]:
    for key in node:
        child: Any = node._get_node(key)
        name = f"{prefix}{key!s}"
        if isinstance(child, DictConfig) and isinstance(child._content, dict):
            yield from _leaves(child, f"{name}.")
        elif isinstance(child, Node) and _is_untyped(child):
            yield name


def _is_untyped(node: Node) -> bool:
    return type(node) is AnyNode or (type(node) is ListConfig and node._metadata.element_type is Any)
