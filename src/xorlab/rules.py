"""Rules for values: each returns the value in its type, or raises a SpecError that names key, rule and value."""

import math
import sys
from collections.abc import Collection, Mapping
from typing import Any

from xorlab.errors import SpecError


def number(name: str, value: Any, *, above: float | None = None, below: float = math.inf) -> float:
    """`value` as a finite float, above `above` (exclusive) and below `below` (exclusive)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecError(f"{name} must be a number; got {value!r}")
    if not abs(value) <= sys.float_info.max:
        raise SpecError(f"{name} must be finite; got {value}")
    if above is not None and value <= above:
        rule = "positive" if above == 0 else f"above {above:g}"
        raise SpecError(f"{name} must be {rule}; got {value}")
    if value >= below:
        raise SpecError(f"{name} must be below {below:g}; got {value}")
    return float(value)


def fraction(name: str, value: Any) -> float:
    """`value` as a float in [0, 1)."""
    found = number(name, value, below=1.0)
    if found < 0:
        raise SpecError(f"{name} must be at least 0; got {value}")
    return found


def integer(name: str, value: Any, *, least: int, most: int | None = None) -> int:
    """`value` as an int from `least` to `most`, both inclusive."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError(f"{name} must be a whole number; got {value!r}")
    if value < least:
        raise SpecError(f"{name} must be at least {least}; got {value}")
    if most is not None and value > most:
        raise SpecError(f"{name} must be at most {most}; got {value}")
    return value


def boolean(name: str, value: Any) -> bool:
    """`value`, if it is True or False."""
    if not isinstance(value, bool):
        raise SpecError(f"{name} must be true or false; got {value!r}")
    return value


def choice(name: str, value: Any, choices: Collection[str]) -> str:
    """`value`, if it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise SpecError(f"{name} must be one of {', '.join(choices)}; got {value!r}")
    return value


def keys(mapping: Any, known: Collection[str], prefix: str) -> None:
    """Refuse what is no mapping, and keys that are not in `known`; `prefix` is ``group.``, or empty at the top."""
    if not isinstance(mapping, Mapping):
        raise SpecError(f"{prefix.rstrip('.')} must be a group of settings; got {mapping!r}")
    for key in mapping:
        if key not in known:
            raise SpecError(f"{prefix}{key} is not a key; the keys are {', '.join(prefix + name for name in known)}")


def text(name: str, value: Any) -> str:
    """`value`, if it is a string that is not empty."""
    if not isinstance(value, str) or not value:
        raise SpecError(f"{name} must be a name; got {value!r}")
    return value


def seed(name: str, value: Any) -> int:
    """`value` as an int that `numpy.random.RandomState` accepts as its seed."""
    return integer(name, value, least=0, most=2**32 - 1)
