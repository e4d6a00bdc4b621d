"""The configuration's keys as arguments in Python, and every combination of their values as jobs."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from xorlab.errors import SpecError
from xorlab.spec import RunSpec
from xorlab.spec.product import MOST, SPACINGS, Product, of
from xorlab.spec.runspec import PARTS
from xorlab.spec.text import DIGESTS, PARAMETERS, typed
from xorlab.sweeps.jobs import Job

KEYS = {key.removesuffix(".name"): key for key in PARAMETERS if key not in DIGESTS}
"""The configuration's keys, each with its parameter: ``optimizer`` chooses ``optimizer.name``."""

SHORT: dict[str, list[str]] = {}
"""The last words of dotted keys, as ``hidden``, each with the keys that it may mean."""
for _key in KEYS:
    SHORT.setdefault(_key.rpartition(".")[2], []).append(_key)


def full(key: str) -> str:
    """Return the configuration's key that `key` means: itself, or the only one that ends with it.

    Raises
    ------
    SpecError
        Where there is none, or several.
    """
    if key in KEYS:
        return key
    meant = SHORT.get(key, [])
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise SpecError(f"{key} may be {' or '.join(meant)}; write one of them, as in **{{{meant[0]!r}: …}}")
    near = get_close_matches(key, [*KEYS, *(word for word, keys in SHORT.items() if len(keys) == 1)], n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(KEYS)}"
    raise SpecError(f"{key} is not a key; {hint}")


def parameter(key: str) -> str:
    """Return the column of a table of runs that `key` means."""
    return key if key in PARAMETERS else KEYS[full(key)]


def grid(settings: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the values of each of the configuration's keys.

    A list, a range or an array holds values to sweep over; anything else is one value. A width stands for a network
    with one hidden layer of it, a tuple or a list in a list for the widths of several.

    Raises
    ------
    SpecError
        Where a key is unknown or given twice, has no values or one of them twice, or there are more than `MOST` runs.
    """
    swept = {key: _listed(given) for key, given in settings.items()}
    count = math.prod(map(len, swept.values()))
    if count > MOST:
        raise SpecError(f"a sweep can have {MOST:,} runs; got {count:,}. Give fewer values")
    found: dict[str, list[Any]] = {}
    for key, given in swept.items():
        name = "arch.hidden" if key == "arch" else full(key)
        if name in found:
            raise SpecError(f"{name} is given twice; give it once")
        if not given:
            raise SpecError(f"{name} has no values; give at least one")
        found[name] = list(map(_hidden if key == "arch" else _plain, given))
        if name == "arch.hidden":
            found[name] = [(value,) if isinstance(value, int) else value for value in found[name]]
        value, count = Counter(found[name]).most_common(1)[0]
        if count > 1:
            raise SpecError(f"{name} repeats {typed(value)}; give each value once")
    return found


def _hidden(arch: Any) -> tuple[int, ...]:
    """Return the widths of the hidden layers of ``2-8-1``."""
    if not re.fullmatch(r"2(-[1-9]\d*)*-1", str(arch)):
        raise SpecError(f"arch must be units from the inputs to the output, as in 2-8-1; got {arch!r}")
    return tuple(map(int, arch.split("-")[1:-1]))


def _listed(given: Any) -> Sequence[Any]:
    """Return what a key is given as a sequence of values."""
    values = given.tolist() if hasattr(given, "tolist") else given
    return values if isinstance(values, list | range) else [values]


def _plain(value: Any) -> Any:
    """Return a number of NumPy's as Python's, and a list as a tuple."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return tuple(value) if isinstance(value, list) else value


def jobs(values: Mapping[str, Sequence[Any]], options: Mapping[str, Any]) -> list[Job]:
    """Return a job for every combination of values, the last key varying fastest.

    Parameters
    ----------
    values : as `grid` returns them
    options : the rest of the configuration that is recorded with each run

    Raises
    ------
    SpecError
        Where a combination is no valid run.
    """
    swept = [key for key, own in values.items() if len(own) > 1]
    found = []
    for combination in itertools.product(*values.values()):
        chosen = dict(zip(values, combination, strict=True))
        spec = RunSpec.from_mapping(_nested(chosen))
        texts = {key: typed(chosen[key]) for key in swept}
        found.append(Job({**spec.nested(), **options}, spec, texts))
    return found


def product(values: Mapping[str, Sequence[Any]]) -> Product:
    """Return every combination of values as a product, whose runs are made when they are needed.

    Raises
    ------
    SpecError
        Where a combination is no valid run.
    """

    def compose(chosen: Sequence[Any]) -> RunSpec:
        return RunSpec.from_mapping(_nested(dict(zip(values, chosen, strict=True))))

    return of(values, compose, typed, lambda value: value)


def _nested(chosen: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in chosen.items():
        group, _, name = KEYS[key].rpartition(".")
        (nested.setdefault(group, {}) if group in PARTS else nested)[name] = value
    return nested


def words(values: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return the overrides that ask for the same on the command line, as in ``seed=0..9``."""
    return [f"{key}={_written(own)}" for key, own in values.items()]


def _written(own: Sequence[Any]) -> str:
    numbers = len(own) > 2 and all(type(value) is int for value in own)
    if numbers and list(own) == list(range(own[0], own[0] + len(own))):
        return f"{own[0]}..{own[-1]}"
    if len(own) > 3 and all(type(value) is float for value in own):
        for name, spaced in SPACINGS.items():
            if (name == "linspace" or own[0] > 0 < own[-1]) and spaced(own[0], own[-1], len(own)).tolist() == list(own):
                return f"{name}({own[0]},{own[-1]},{len(own)})"
    return ",".join(map(typed, own))
