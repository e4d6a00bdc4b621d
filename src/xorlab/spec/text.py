"""A specification as text and back: MLflow's params, a DataFrame's columns, a command line, a title."""

import dataclasses
import json
import os
import re
import shlex
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from xorlab.errors import SpecError
from xorlab.spec.components import functions
from xorlab.spec.components.initializers import INITIALIZERS
from xorlab.spec.runspec import PARTS, RunSpec

PROGRAM = "XORLAB_PROGRAM"
"""The environment variable that holds how the command that trains is typed, where that is not ``python train.py``."""


def _kinds(cls: type, prefix: str) -> dict[str, type]:
    """Return the dotted names of the fields of `cls` and their types: float, int, bool, or str for anything else."""
    found: dict[str, type] = {}
    hints = typing.get_type_hints(cls)
    for item in dataclasses.fields(cls):
        if not prefix and item.name in PARTS:
            found |= _kinds(PARTS[item.name], f"{item.name}.")
            continue
        plain = [kind for kind in typing.get_args(hints[item.name]) or [hints[item.name]] if kind is not type(None)]
        found[prefix + item.name] = plain[0] if len(plain) == 1 and plain[0] in (float, int, bool) else str
    return found


DIGESTS = ("data.sha256", "init.sha256", "source")
"""The parameters that follow from others and are not typed."""

KINDS = {"init": "initializer"}
"""The kinds of `components.functions` whose names are not those of the configuration."""

PARAMETERS: dict[str, type] = _kinds(RunSpec, "")
"""Every parameter a specification can have, in its order, with the type of its column."""


_BY_TYPE: dict[type, Callable[[str], Any]] = {
    float: float,
    int: int,
    bool: {"True": True, "False": False}.__getitem__,
    str: str,
}
_BY_NAME: dict[str, Callable[[str], Any]] = {
    "arch.hidden": json.loads,
    "arch.activation": lambda text: text.strip("[]").split(", ") if text.startswith("[") else text,
    "batch_size": lambda text: text if text == "full" else int(text),
}
"""How `specification` reads a parameter: by its name where it has an entry here, else by its type."""


def params(spec: RunSpec) -> dict[str, str]:
    """Return the specification as MLflow's params; `specification` reads them back."""
    return {key: str(written(value)) for key, value in spec.parameters().items()}


def written(value: Any) -> str | None:
    """Write a parameter as MLflow has it, a list as ``[5, 5]`` or ``[tanh, relu]``; None where it does not apply."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    return None if value is None else str(value)


def specification(params: Mapping[str, str]) -> RunSpec:
    """Return the specification that has these params.

    Raises
    ------
    SpecError
        Where a text can't be read in the type of its parameter, or a value breaks its rule.
    """
    nested: dict[str, Any] = {}
    for key, text in params.items():
        *group, name = key.split(".", 1)
        place = nested.setdefault(group[0], {}) if group else nested
        read = _BY_NAME.get(key) or _BY_TYPE[PARAMETERS.get(key, str)]
        try:
            place[name] = read(text)
        except (KeyError, ValueError) as error:
            kind = "a list of widths" if key == "arch.hidden" else _CALLED[PARAMETERS[key]]
            raise SpecError(f"{key} must be {kind}; got {text!r}") from error
    return RunSpec.from_mapping(nested)


_CALLED = {float: "a number", int: "a whole number", bool: "True or False", str: "full or a whole number"}


def title(spec: RunSpec) -> str:
    """Return a line that names a run: ``2-3-1 relu, xor, gd lr=0.1, normal init, seed=42``."""
    units = "-".join(map(str, spec.units))
    optimizer = f"{spec.optimizer.name} lr={spec.lr:g}"
    output = "" if spec.arch.output == "sigmoid" else f" with {spec.arch.output} output"
    activation = spec.arch.activation if isinstance(spec.arch.activation, str) else "-".join(spec.arch.activation)
    biases = "" if spec.arch.bias else " without biases"
    network = f"{units} {activation}{output}{biases}"
    return f"{network}, {data_name(spec)}, {optimizer}, {spec.init.name} init, seed={spec.seed}"


def data_name(spec: RunSpec) -> str:
    """Return the name of a run's data; of a file, the file's name."""
    return Path(spec.data.path).name if spec.data.path else spec.data.name


def overrides(spec: RunSpec) -> list[str]:
    """Return the Hydra overrides that compose `spec`: groups, then values that differ from the groups' defaults.

    They are not quoted for a shell; `command` does that.
    """
    plain = RunSpec()
    groups = {key: getattr(spec, key).name for key in ("data", "init", "optimizer")}
    chosen: list[str] = []
    near = {**plain.parameters(), "init.biases": INITIALIZERS[spec.init.name].biases}
    for key, name in groups.items():
        kind = KINDS.get(key, key)
        near |= {f"{key}.{each}": value for each, value in functions.TABLES[kind][name].defaults.items()}
        near[f"{key}.name"] = name
        if name not in functions.BUILT_IN[kind]:
            chosen += [f"{key}=own", f"{key}.name={name}"]
        elif name != getattr(plain, key).name:
            chosen.append(f"{key}={name}")
    values = {key: value for key, value in spec.parameters().items() if near.get(key) != value and key not in DIGESTS}
    chosen += [f"use={module}" for module in dict.fromkeys(each.module for each in functions.registered(spec.source))]
    return chosen + [f"{key}={typed(value)}" for key, value in values.items()]


def command(words: Iterable[str]) -> str:
    """Return the command that trains with these arguments, quoted for bash and zsh."""
    return shlex.join([*program().split(), *words])


def program() -> str:
    """Return how the command that trains is typed: ``xorlab train`` where that started this process."""
    return os.environ.get(PROGRAM, "python train.py")


def typed(value: Any) -> str:
    """Write a value in Hydra's grammar; a text with special characters goes in quotes."""
    if isinstance(value, list | tuple | bool | None):
        return json.dumps(value, separators=(",", ":"))
    if not isinstance(value, str) or re.fullmatch(r"[\w./+-]+", value):
        return str(value)
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), value)
    return "'" + escaped.replace("${", "\\${") + "'"


def belongs(parameter: str, key: str) -> bool:
    """Tell whether a typed key sets a parameter: its own, or that of its group."""
    return parameter == key or parameter.startswith(f"{key}.")


def typed_value(params: Mapping[str, str], key: str) -> str:
    """Return the value of a key, a parameter or a group, as it would be typed for a run of these params."""
    if key == "arch":
        return "-".join(map(str, specification(params).units))
    text = params.get(key, params.get(f"{key}.name", ""))
    return text.removesuffix(".0") if PARAMETERS.get(key) is float else text.replace(", ", ",")


def differing(parameters: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the parameters that are not the same in all of several specifications, in their order.

    Parameters
    ----------
    parameters
        Of each specification, by name; one that does not apply is left out.
    """
    keys = dict.fromkeys(key for own in parameters for key in own)
    return [key for key in keys if any(own.get(key) != parameters[0].get(key) for own in parameters)]
