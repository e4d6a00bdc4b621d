"""A multirun's configurations: composed by Hydra once for each combination of groups, then by assignment.

What an assignment can't do (add or delete a key, call a resolver) goes through Hydra itself, which takes a hundred
times as long and is always right.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType
from omegaconf import DictConfig, OmegaConf, flag_override, open_dict

from xorlab.cli.internals import leaves
from xorlab.cli.overrides import Setting, setting
from xorlab.cli.refusals import is_mistake, line
from xorlab.cli.train import configuration
from xorlab.errors import XorlabError
from xorlab.spec import RunSpec
from xorlab.spec.options import split

SCALARS = (str, int, float, type(None))
CHANGES = (OverrideType.CHANGE, OverrideType.FORCE_ADD)
INTERPOLATION = "${"
RESOLVER = re.compile(r"\$\{[^}]*:")


@dataclass(frozen=True)
class Base:
    """What Hydra composed from the overrides that are no assignments.

    Attributes
    ----------
    config
        Plain nested dictionaries, interpolations unresolved.
    leaves
        The dotted keys of the leaves that take any value as it is.
    interpolated
        Whether any interpolation is left to resolve after assignment.
    assignable
        Whether assigning and then resolving gives what Hydra gives.
    """

    config: dict[str, Any]
    leaves: frozenset[str]
    interpolated: bool
    assignable: bool


class Composer:
    """Composes the jobs of one multirun to what Hydra would compose; `loader` and `master` are Hydra's."""

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        self.loader, self.master = loader, master
        self.parser = OverridesParser.create(config_loader=loader)
        self.groups = frozenset(
            loader.get_group_options(
                "", ObjectType.GROUP, master.hydra.job.config_name, list(master.hydra.overrides.hydra)
            )
        )
        self._base = cache(self._compose_base)
        self._setting = cache(lambda line: setting(self.parser.parse_overrides([line])[0]))

    def parse(self, lines: Iterable[str]) -> tuple[Setting, ...]:
        """Return a job's overrides as settings."""
        return tuple(map(self._setting, lines))

    def plain(self, settings: Sequence[Setting], number: int) -> dict[str, Any]:
        """Return a job's configuration as plain nested dictionaries, resolved, without Hydra's node.

        Jobs share the parts that they have in common: read only.
        """
        groups = [each for each in settings if "@" in each.key or "/" in each.key or each.key in self.groups]
        changes = [each for each in settings if each.kind in CHANGES and each not in groups]
        # Whether a key may be added or deleted can depend, by an interpolation, on the value of any other.
        if len(groups) + len(changes) < len(settings):
            return self._by_hydra(settings, number)
        # Overrides of different first names can be applied in any order.
        others = {_head(each.key) for each in changes if not _is_plain(each.value)}
        assigned = [each for each in changes if _head(each.key) not in others]
        base = self._base(tuple(each.line for each in settings if each not in assigned))
        if not base.assignable or any(each.key not in base.leaves for each in assigned):
            return self._by_hydra(settings, number)
        config = base.config
        for each in assigned:
            config = _assign(config, each.key.split("."), each.value)
        return _resolved(OmegaConf.create(config)) if base.interpolated else config

    def whole(self, overrides: Sequence[str], number: int) -> DictConfig:
        """Return what Hydra's own launcher composes for a job, with Hydra's node."""
        config = self.loader.load_sweep_config(self.master, list(overrides))
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        return config

    def _by_hydra(self, settings: Sequence[Setting], number: int) -> dict[str, Any]:
        config, hydra = self.whole([each.line for each in settings], number), HydraConfig.instance()
        before = hydra.cfg
        hydra.set_config(config)
        try:
            return _resolved(_without_hydra(config))
        finally:
            hydra.cfg = before

    def _compose_base(self, lines: tuple[str, ...]) -> Base:
        composed = _without_hydra(self.loader.load_sweep_config(self.master, list(lines)))
        config = cast(dict[str, Any], OmegaConf.to_container(composed))
        text = repr(config)
        return Base(config, leaves(composed), INTERPOLATION in text, not RESOLVER.search(text))


def compose(words: Sequence[str]) -> RunSpec:
    """Return the specification that overrides give, as the command that trains would read them.

    Raises
    ------
    XorlabError
        Where an override is wrong.
    """
    try:
        with hydra.initialize_config_dir(str(configuration()), version_base="1.3"):
            composed = hydra.compose("config", list(words))
        return split(_resolved(composed))[0]
    except Exception as error:
        if not is_mistake(error):
            raise
        raise XorlabError(line(error)) from error


def _head(key: str) -> str:
    return re.split(r"[.\[]", key, maxsplit=1)[0]


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a scalar or a list of scalars, without interpolations: it can simply be assigned."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, SCALARS) and not (isinstance(value, str) and INTERPOLATION in value)


def _without_hydra(config: DictConfig) -> DictConfig:
    """Delete Hydra's own node, as Hydra does before it calls a task function."""
    with flag_override(config, ["struct", "readonly"], False):
        del config["hydra"]
    return config


def _resolved(config: DictConfig) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def _assign(config: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """Return `config` with `value` at `path`, sharing everything else with the original."""
    head, *rest = path
    return {**config, head: _assign(config[head], rest, value) if rest else value}
