"""What xorlab uses of Hydra and OmegaConf beyond their public interfaces; only the plugins use more.

tests/cli passes with hydra-core 1.3.2 and 1.3.8 and omegaconf 2.3.1; pyproject.toml admits no other minor versions.
If another is installed all the same, `leaves` returns nothing, so that Hydra itself composes every job: slower, but
right whatever OmegaConf has changed.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import hydra
import omegaconf
from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser import overrides_parser
from hydra.core.override_parser.types import ChoiceSweep
from hydra.core.utils import JobReturn, JobRuntime, JobStatus
from omegaconf import AnyNode, DictConfig, ListConfig, OmegaConf

from xorlab.errors import XorlabError
from xorlab.spec.text import program

TESTED = hydra.__version__.startswith("1.3.") and omegaconf.__version__.startswith("2.3.")


@dataclass
class Spaced(ChoiceSweep):
    """Numbers from one end to the other, as ``logspace(0.01,100,1024)``; `overrides` checks and writes them out."""

    name: str = ""
    given: tuple[Any, ...] = ()


def add_spacings() -> None:
    """Let Hydra read ``linspace(a,b,n)`` and ``logspace(a,b,n)`` wherever it reads ``range(a,b)``."""
    made = overrides_parser.create_functions

    def linspace(*given: Any) -> Spaced:
        return Spaced(name="linspace", given=given)

    def logspace(*given: Any) -> Spaced:
        return Spaced(name="logspace", given=given)

    def create_functions() -> Any:
        functions = made()
        functions.register("linspace", linspace)
        functions.register("logspace", logspace)
        return functions

    if "linspace" not in made().functions:
        overrides_parser.create_functions = create_functions


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


def check_flags(arguments: Sequence[str]) -> None:
    """Refuse flags that Hydra does not have, and values without a key, in one line.

    Raises
    ------
    XorlabError
        Where there is one; Hydra's own parser would print its usage.
    """

    def refuse(message: str) -> NoReturn:
        raise XorlabError(f"{message}; see {program()} --hydra-help")

    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    for override in parser.parse_args(list(arguments)).overrides:
        if override.startswith("="):
            raise XorlabError(f"{override} has no key; write key=value")


def compose_once(command: Callable[[], None], conf: Path) -> None:
    """Run Hydra's command without its first composition, which reads `hydra.mode`, where nothing can set that.

    Parameters
    ----------
    command : runs Hydra with the arguments of this process
    conf : the folder of the configuration; an experiment may set the mode, any other file in it usually does not
    """
    given = get_args_parser().parse_args(sys.argv[1:])
    elsewhere = given.config_dir or given.config_name or given.config_path
    typed = any(re.match(r"[+~]*(hydra|experiment)", override) for override in given.overrides)
    files = (path for path in conf.rglob("*.yaml") if path.parent.name != "experiment")
    if not TESTED or elsewhere or typed or any("mode:" in path.read_text() for path in files):
        command()
        return
    get_mode = Hydra.get_mode
    Hydra.get_mode = lambda self, config_name, overrides: None  # type: ignore[method-assign]
    try:
        command()
    finally:
        Hydra.get_mode = get_mode  # type: ignore[method-assign]


def leaves(config: DictConfig) -> frozenset[str]:
    """Return the dotted keys of the leaves that take any value as it is, or nothing on versions that are not tested."""
    return frozenset(_leaves(config, "")) if TESTED else frozenset()


def _leaves(node: DictConfig, prefix: str) -> Iterator[str]:
    for key in node:
        child: Any = node._get_node(key)
        name = f"{prefix}{key!s}"
        if isinstance(child, DictConfig) and isinstance(child._content, dict):
            yield from _leaves(child, f"{name}.")
        elif type(child) is AnyNode or (type(child) is ListConfig and child._metadata.element_type is Any):
            yield name
