"""A multirun's configurations: composed by Hydra once for each combination of groups, then by assignment.

What an assignment can't honour (a key that is new or gone, a resolver, a change of kind) goes through Hydra itself,
which takes a hundred times as long and is always right.
"""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import AnyNode, DictConfig, ListConfig, Node, OmegaConf, flag_override, open_dict

SCALARS = (str, int, float, type(None))
ASSIGNING = (OverrideType.CHANGE, OverrideType.FORCE_ADD)
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
    """One override: a choice of a group, an assignment of a value, or neither of these two."""

    text: str
    key: str
    value: Any
    is_group: bool

    @property
    def head(self) -> str:
        """The key's first name; overrides with different heads can be applied in any order."""
        return re.split(r"[.\[]", self.key, maxsplit=1)[0]

    @cached_property
    def kind(self) -> type | None:
        """What is assigned, a scalar (``AnyNode``) or a list, or None where this is no plain assignment."""
        return None if self.is_group or INTERPOLATION in self.text else _kind(self.value)


def _kind(value: Any) -> type | None:
    if isinstance(value, list):
        return ListConfig if all(_kind(item) for item in value) else None
    return AnyNode if isinstance(value, SCALARS) else None


@dataclass(frozen=True)
class Base:
    """What Hydra composed from the overrides that are no assignments.

    Attributes
    ----------
    config
        Plain nested dictionaries, interpolations unresolved.
    leaves
        The kind of each leaf that takes any value as it is, by dotted key.
    interpolated
        Whether any interpolation is left to resolve after assignment.
    honest
        Whether assigning and resolving afterwards gives what Hydra gives.
    """

    config: dict[str, Any]
    leaves: Mapping[str, type]
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
        others = {line.head for line in lines if line.kind is None and not line.is_group}
        assigned = [line for line in lines if line.kind is not None and line.head not in others]
        base = self._base(tuple(line.text for line in lines if line not in assigned))
        if not base.honest or any(base.leaves.get(line.key) is not line.kind for line in assigned):
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
            return Line(text, match[1], int(match[2]), match[1] in self.groups)
        [override] = self.parser.parse_overrides([text])
        value = override.value() if override.type in ASSIGNING else override
        return Line(text, override.key_or_group, value, self._is_group(override))

    def _is_group(self, override: Override) -> bool:
        key = override.key_or_group
        return override.package is not None or "/" in key or key in self.groups

    def _compose_base(self, overrides: tuple[str, ...]) -> Base:
        composed = without_hydra(self.loader.load_sweep_config(self.master, list(overrides)))
        config = cast(dict[str, Any], OmegaConf.to_container(composed))
        text = repr(config)
        interpolated = INTERPOLATION in text
        lines = map(self._line, overrides)
        direct = all(_reaches(config, line.key) for line in lines if not line.is_group)
        honest = not interpolated or (direct and not RESOLVER.search(text))
        return Base(config, dict(_leaves(composed, "")), interpolated, honest)


def _resolved(config: DictConfig) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def _assign(config: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """Return `config` with `value` at `path`; all that lies beside the path is shared with the original."""
    head, *rest = path
    return {**config, head: _assign(config[head], rest, value) if rest else value}


def _leaves(node: DictConfig, prefix: str) -> Iterator[tuple[str, type]]:
    """Yield the leaves that are untyped and may be written."""
    for key in node:
        child, name = node._get_node(key), f"{prefix}{key!s}"
        if isinstance(child, DictConfig) and isinstance(child._content, dict):
            yield from _leaves(child, f"{name}.")
        elif isinstance(child, Node) and _is_untyped(child) and not child._get_flag("readonly"):
            yield name, type(child)


def _is_untyped(node: Node) -> bool:
    return type(node) is AnyNode or (type(node) is ListConfig and node._metadata.element_type is Any)


def _reaches(config: Any, key: str) -> bool:
    """Tell whether the way to `key` runs through dictionaries only, and not through an interpolation."""
    for name in key.split(".")[:-1]:
        config = config.get(name) if isinstance(config, dict) else None
    return isinstance(config, dict)
