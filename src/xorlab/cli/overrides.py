"""The command line as settings: each override parsed once, ``a..b`` written out, and what a sweep refuses."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, ValueType

from xorlab.cli.internals import Spaced, add_spacings
from xorlab.errors import XorlabError
from xorlab.spec.product import MOST, SPACINGS

RANGE = re.compile(r"([+-]?\d+)\.\.([+-]?\d+)")
HALF_OPEN = re.compile(r"[+-]?\d+\.\.|\.\.[+-]?\d+")
ALONE = {"experiment": "an experiment is a sweep already; run one at a time"}
"""The groups that can't be swept, and why."""
PREFIXES = {OverrideType.CHANGE: "", OverrideType.ADD: "+", OverrideType.FORCE_ADD: "++", OverrideType.DEL: "~"}


add_spacings()


class OverrideError(XorlabError, ValueError):
    """A command line that contradicts itself, or asks for nothing or for too much."""


@dataclass(frozen=True, eq=False)
class Setting:
    """One override of one job.

    Attributes
    ----------
    key
        The key or group, as in ``lr`` or ``arch``; with ``@package`` where one was given.
    value
        The value as Hydra reads it.
    text
        The value as it is typed.
    kind
        Whether it changes, adds or deletes the key.
    """

    key: str
    value: Any
    text: str
    kind: OverrideType = OverrideType.CHANGE

    @cached_property
    def line(self) -> str:
        """The override as it is typed: ``++lr=0.1``."""
        return f"{PREFIXES[self.kind]}{self.key}={self.text}"


def setting(override: Override) -> Setting:
    """Return an override that has one value as a setting."""
    key = override.key_or_group if override.package is None else f"{override.key_or_group}@{override.package}"
    return Setting(key, override.value(), override.get_value_element_as_str(), override.type)


@dataclass(frozen=True, eq=False)
class Numbers(Sequence[Setting]):
    """Numbers as the values of a key, each a setting when it is asked for: a million of them cost nothing."""

    key: str
    kind: OverrideType
    values: Sequence[float]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: Any) -> Any:
        value = self.values[place]
        return Setting(self.key, value, str(value), self.kind)


def combinations(overrides: Sequence[Override]) -> list[tuple[Setting, ...]]:
    """Return every job of a sweep as its settings, the last key varying fastest; see `axes`."""
    return list(itertools.product(*axes(overrides).values()))


def axes(overrides: Sequence[Override]) -> dict[str, Sequence[Setting]]:
    """Return the values of each key of a sweep.

    Parameters
    ----------
    overrides
        As parsed by Hydra. The last one for a key counts, so that the command line beats a file.

    Raises
    ------
    OverrideError
        Where a key has no value, or one value twice; where the sweep has more than `MOST` runs.
    """
    chosen = {override.get_key_element(): _values(override) for override in overrides}
    count = math.prod(map(len, chosen.values()))
    if count > MOST:
        sizes = " x ".join(f"{len(values):,} of {key}" for key, values in chosen.items() if len(values) > 1)
        raise OverrideError(f"a sweep can have {MOST:,} runs; got {count:,}: {sizes}. Give fewer values")
    return chosen


def _values(override: Override) -> Sequence[Setting]:
    """Return a setting for each value of an override, ``a..b`` written out with both ends."""
    name = override.input_line or override.get_key_element()
    if override.is_interval_sweep():
        raise OverrideError(f"{name} is an interval; a sweep needs a list, a range or a choice of values")
    if (numbers := _numbers(name, override)) is not None:
        return numbers
    found = list(_written_out(name, override))
    key = override.key_or_group
    if not found:
        raise OverrideError(f"{name} is empty; a sweep needs at least one value of {key}")
    value, count = Counter(_number(each.text) for each in found).most_common(1)[0]
    if count > 1:
        raise OverrideError(f"{name} repeats {value}; give each value of {key} once")
    if key in ALONE and len(found) > 1:
        raise OverrideError(f"{name} can't be swept: {ALONE[key]}")
    return found


def _numbers(name: str, override: Override) -> Numbers | None:
    """Return the values of ``a..b``, ``linspace(a,b,n)`` or ``logspace(a,b,n)``, each different; None for others."""
    value, key = override.value(), override.key_or_group
    key = key if override.package is None else f"{key}@{override.package}"
    if isinstance(value, Spaced):
        return Numbers(key, override.type, _spaced(name, value))
    if override.is_sweep_override() or override.type not in (OverrideType.CHANGE, OverrideType.FORCE_ADD):
        return None
    match = RANGE.fullmatch(override.get_value_element_as_str())
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    _check_count(name, abs(last - first) + 1)
    step = 1 if last >= first else -1
    return Numbers(key, override.type, range(first, last + step, step))


def _spaced(name: str, value: Spaced) -> list[float]:
    """Return evenly spaced numbers, on a line or on a log scale, with both ends."""
    form = f"{value.name}(first,last,count)"
    if len(value.given) != 3 or not all(type(each) in (int, float) for each in value.given):
        raise OverrideError(f"{name} must be {form}, as in {value.name}(0.01,100,64)")
    first, last, count = value.given
    if type(count) is not int or count < 2:
        raise OverrideError(f"{name} must have a whole number of values, 2 or more; got {count}")
    _check_count(name, count)
    if not math.isfinite(first) or not math.isfinite(last):
        raise OverrideError(f"{name} must have finite ends; got {first} and {last}")
    if value.name == "logspace" and min(first, last) <= 0:
        raise OverrideError(f"{name} must have positive ends; got {min(first, last)}")
    found: list[float] = SPACINGS[value.name](first, last, count).tolist()
    if len(set(found)) < count:
        raise OverrideError(f"{name} repeats values: there are not {count:,} numbers between its ends; give fewer")
    return found


def _written_out(name: str, override: Override) -> Iterator[Setting]:
    kind, key, package = override.type, override.key_or_group, override.package
    if override.is_range_sweep():
        given: Any = override.value()
        if given.step == 0:
            raise OverrideError(f"{name} must have a step other than 0")
        _check_count(name, max(0, math.ceil((given.stop - given.start) / given.step)))
    single: Iterable[Override] = [override]
    if override.is_sweep_override():
        single = (Override(kind, key, ValueType.ELEMENT, value, package) for value in override.sweep_iterator())
    for each in map(setting, single):
        match = RANGE.fullmatch(each.text)
        if HALF_OPEN.fullmatch(each.text):
            raise OverrideError(f"{name} needs both ends of a range, as in 0..9; got {each.text}")
        if match is None:
            yield each
            continue
        first, last = int(match[1]), int(match[2])
        _check_count(name, abs(last - first) + 1)
        step = 1 if last >= first else -1
        yield from (Setting(each.key, value, str(value), kind) for value in range(first, last + step, step))


def _check_count(name: str, count: int) -> None:
    if count > MOST:
        raise OverrideError(f"{name} has {count:,} values; a sweep can have {MOST:,} runs. Give fewer values")


def _number(text: str) -> float | str:
    """Return the same for texts of the same number, as 1 and 1.0 are."""
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def refuse_repeats(overrides: Iterable[Override]) -> None:
    """Refuse a key that is given twice, which bash makes of ``seed={0..3}``: Hydra would silently keep the last."""
    for key, count in Counter(override.get_key_element() for override in overrides).items():
        if count > 1:
            raise OverrideError(f"{key} is given {count} times; write {key}=a,b or {key}=0..9 with -m to sweep over it")


def check_single(lines: Sequence[str]) -> None:
    """Refuse in a single run's overrides a key that is given twice, and ``a..b``, which only a sweep writes out."""
    overrides = OverridesParser.create().parse_overrides(list(lines))
    refuse_repeats(overrides)
    for override in overrides:
        if RANGE.fullmatch(override.get_value_element_as_str()):
            raise OverrideError(f"{override.input_line} is a sweep; add -m to run it")
