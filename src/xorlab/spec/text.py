"""A specification as text and back: MLflow's params, a DataFrame's columns, the words of a command line."""

import dataclasses
import json
import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from xorlab.components.initializers import INITIALIZERS
from xorlab.errors import SpecError
from xorlab.spec.runspec import PARTS, DataSpec, InitSpec, OptimizerSpec, RunSpec


def _kinds(cls: type, prefix: str) -> dict[str, type]:
    """Return the dotted names below `cls` with their types: float, int, bool, or str for all else."""
    found: dict[str, type] = {}
    hints = typing.get_type_hints(cls)
    for item in dataclasses.fields(cls):
        if not prefix and item.name in PARTS:
            found |= _kinds(PARTS[item.name], f"{item.name}.")
            continue
        plain = [kind for kind in typing.get_args(hints[item.name]) or [hints[item.name]] if kind is not type(None)]
        found[prefix + item.name] = plain[0] if len(plain) == 1 and plain[0] in (float, int, bool) else str
    return found


PARAMETERS: dict[str, type] = _kinds(RunSpec, "")
"""Every parameter a specification can have, in its order, with the type of its column."""


def specification(params: Mapping[str, str]) -> RunSpec:
    """Build the specification of a run's params, which are text.

    Raises
    ------
    SpecError
        Where they are not those of a specification.
    """
    nested: dict[str, Any] = {}
    for key, text in params.items():
        *group, name = key.split(".", 1)
        place = nested.setdefault(group[0], {}) if group else nested
        try:
            place[name] = READINGS.get(key, KINDS.get(PARAMETERS.get(key, str), str))(text)
        except (KeyError, ValueError) as error:
            raise SpecError(f"{key} must be readable; got {text!r}") from error
    return RunSpec.from_mapping(nested)


KINDS: dict[type, Callable[[str], Any]] = {
    float: float,
    int: int,
    bool: {"True": True, "False": False}.__getitem__,
}
"""How the text of a parameter is read, by its type; other text stays as it is."""

READINGS: dict[str, Callable[[str], Any]] = {
    "arch.hidden": json.loads,
    "batch_size": lambda text: text if text == "full" else int(text),
}
"""How the text of a parameter that is no plain value is read."""


def overrides(spec: RunSpec) -> list[str]:
    """Say how `spec` is typed after ``python train.py``: groups and values that are not the defaults."""
    plain = RunSpec()
    groups = {key: getattr(spec, key).name for key in ("data", "init", "optimizer")}
    chosen = [f"{key}={name}" for key, name in groups.items() if name != getattr(plain, key).name]
    required = {key: "-" for key, value in INITIALIZERS[spec.init.name].defaults.items() if value is None}
    init = InitSpec(**{"name": spec.init.name, **required})
    near = replace(
        plain, data=DataSpec(name=spec.data.name), init=init, optimizer=OptimizerSpec(name=spec.optimizer.name)
    ).parameters()
    values = {key: value for key, value in spec.parameters().items() if near.get(key) != value}
    values.pop("init.sha256", None)
    return chosen + [f"{key}={_typed(value)}" for key, value in values.items()]


def _typed(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list | bool) else str(value)
