"""A multirun's configurations: composed by Hydra once for each combination of groups, then by assignment.

What an assignment can't honour (a key added or deleted, a resolver) goes through Hydra itself,
which takes a hundred times as long and is always right.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType
from omegaconf import AnyNode, DictConfig, ListConfig, Node, OmegaConf, flag_override, open_dict

SCALARS = (str, int, float, type(None))
CHANGES = (OverrideType.CHANGE, OverrideType.FORCE_ADD)
INTERPOLATION = "${"
RESOLVER = re.compile(r"\$\{[^}]*:")
WHOLE_NUMBER = re.compile(r"([A-Za-z_]\w*)=(-?(?:0|[1-9]\d*))", re.ASCII)


def without_hydra(config: DictConfig) -> DictConfig:
    """Return a composed configuration without Hydra's own node, as a task function gets it."""
    ours = copy.deepcopy(config)
    with flag_override(ours, ["struct", "readonly"], False):
        del ours["hydra"]
    return ours


@dataclass(frozen=True)
class Line:
    """One override: the choice of a group, or the change of a value (`=` and `++`), or neither (`+` and `~`)."""

    text: str
    key: str
    value: Any
    is_group: bool
    is_change: bool

    @property
    def head(self) -> str:
        """The key's first name; overrides with different heads can be applied in any order."""
        return re.split(r"[.\[]", self.key, maxsplit=1)[0]

    @cached_property
    def assigns(self) -> bool:
        """Whether this puts a scalar or a list of scalars in the place of what was there."""
        return self.is_change and INTERPOLATION not in self.text and _is_plain(self.value)


def _is_plain(value: Any) -> bool:
    return all(map(_is_plain, value)) if isinstance(value, list) else isinstance(value, SCALARS)


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
    honest
        Whether assigning and resolving afterwards gives what Hydra gives.
    """

    config: dict[str, Any]
    leaves: frozenset[str]
    interpolated: bool
    honest: bool


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
        self._base, self._line = cache(self._compose_base), cache(self._parse)

    def plain(self, overrides: Sequence[str], number: int) -> dict[str, Any]:
        """Return a job's configuration as plain nested dictionaries, resolved, without Hydra's node.

        Parts that jobs have in common are shared between them: read only.
        """
        lines = [self._line(text) for text in overrides]
        # Whether a key may be added or deleted can hang, by an interpolation, on the value of any other.
        if not all(line.is_group or line.is_change for line in lines):
            return self._through_hydra(overrides, number)
        others = {line.head for line in lines if line.is_change and not line.assigns}
        assigned = [line for line in lines if line.assigns and line.head not in others]
        base = self._base(tuple(line.text for line in lines if line not in assigned))
        if not base.honest or any(line.key not in base.leaves for line in assigned):
            return self._through_hydra(overrides, number)
        config = base.config
        for line in assigned:
            config = _assign(config, line.key.split("."), line.value)
        return _resolved(OmegaConf.create(config)) if base.interpolated else config

    def whole(self, overrides: Sequence[str], number: int) -> DictConfig:
        """Return what Hydra's own launcher composes for a job, with Hydra's node."""
        config = self.loader.load_sweep_config(self.master, list(overrides))
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        return config

    def _through_hydra(self, overrides: Sequence[str], number: int) -> dict[str, Any]:
        config, hydra = self.whole(overrides, number), HydraConfig.instance()
        before = hydra.cfg
        hydra.set_config(config)
        try:
            return _resolved(without_hydra(config))
        finally:
            hydra.cfg = before

    def _parse(self, text: str) -> Line:
        # The thousands of seeds of a sweep need no grammar.
        if match := WHOLE_NUMBER.fullmatch(text):
            is_group = match[1] in self.groups
            return Line(text, match[1], int(match[2]), is_group, not is_group)
        [override] = self.parser.parse_overrides([text])
        key = override.key_or_group
        is_group = override.package is not None or "/" in key or key in self.groups
        return Line(text, key, override.value(), is_group, not is_group and override.type in CHANGES)

    def _compose_base(self, overrides: tuple[str, ...]) -> Base:
        composed = without_hydra(self.loader.load_sweep_config(self.master, list(overrides)))
        config = cast(dict[str, Any], OmegaConf.to_container(composed))
        text = repr(config)
        leaves = frozenset(_leaves(composed, ""))
        return Base(config, leaves, interpolated=INTERPOLATION in text, honest=not RESOLVER.search(text))


def _resolved(config: DictConfig) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def _assign(config: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """Return `config` with `value` at `path`; all that lies beside the path is shared with the original."""
    head, *rest = path
    return {**config, head: _assign(config[head], rest, value) if rest else value}


def _leaves(node: DictConfig, prefix: str) -> Iterator[str]:
    """Yield the leaves that are untyped."""
    for key in node:
        child, name = node._get_node(key), f"{prefix}{key!s}"
        if isinstance(child, DictConfig) and isinstance(child._content, dict):
            yield from _leaves(child, f"{name}.")
        elif isinstance(child, Node) and _is_untyped(child):
            yield name


def _is_untyped(node: Node) -> bool:
    return type(node) is AnyNode or (type(node) is ListConfig and node._metadata.element_type is Any)
