"""What the command line says beyond Hydra's own syntax: ``a..b``, and what is refused of a sweep."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from hydra.core.override_parser.types import Override

from xorlab.errors import XorlabError

RANGE = re.compile(r"([+-]?\d+)\.\.([+-]?\d+)")
HALF_OPEN = re.compile(r"[+-]?\d+\.\.|\.\.[+-]?\d+")
ALONE = {"experiment": "a study is a sweep already; run one at a time"}
"""The groups that can't be swept, and why."""


class OverrideError(XorlabError, ValueError):
    """A command line that says two things at once, or nothing."""


def combinations(overrides: Sequence[Override]) -> list[tuple[str, ...]]:
    """Return every job of a sweep as its overrides, the last key varying fastest.

    Parameters
    ----------
    overrides
        As parsed by Hydra; of two for one key the last counts, so that the command line beats a file.

    Raises
    ------
    OverrideError
        Where a key has no value, or one value twice.
    """
    chosen = {override.get_key_element(): expand(override) for override in overrides}
    return list(itertools.product(*([f"{key}={value}" for value in chosen[key]] for key in chosen)))


def expand(override: Override) -> list[str]:
    """Return the values of one override as Hydra writes them, each ``a..b`` spelled out, both ends included."""
    name = override.input_line or override.get_key_element()
    if not override.is_sweep_override():
        texts = [override.get_value_element_as_str()]
    elif override.is_discrete_sweep():
        texts = list(override.sweep_string_iterator())
    else:
        raise OverrideError(f"{name} is an interval; a sweep needs a list, a range or a choice of values")
    values = [value for text in texts for value in _spell_out(name, text)]
    _check(name, override.key_or_group, values)
    return values


def _spell_out(name: str, text: str) -> Iterable[str]:
    if HALF_OPEN.fullmatch(text):
        raise OverrideError(f"{name} needs both ends of a range, as in 0..9; got {text}")
    match = RANGE.fullmatch(text)
    if match is None:
        return [text]
    first, last = int(match[1]), int(match[2])
    step = 1 if last >= first else -1
    return map(str, range(first, last + step, step))


def _check(name: str, key: str, values: Sequence[str]) -> None:
    if not values:
        raise OverrideError(f"{name} is empty; a sweep needs at least one value of {key}")
    value, count = Counter(map(_same, values)).most_common(1)[0]
    if count > 1:
        raise OverrideError(f"{name} has {value} {count} times; each value of {key} may stand once")
    if key in ALONE and len(values) > 1:
        raise OverrideError(f"{name} can't be swept: {ALONE[key]}")


def _same(value: str) -> float | str:
    """Return what equal values share, as 1 and 1.0 do."""
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number


def refuse_repeats(lines: Iterable[str]) -> None:
    """Refuse a key that was given twice, as bash makes of ``seed={0..3}``, for Hydra keeps the last in silence."""
    key, count = Counter(line.partition("=")[0] for line in ["", *lines]).most_common(1)[0]
    if count > 1:
        raise OverrideError(f"{key} is given {count} times; write {key}=a,b or {key}=0..9 with -m to sweep over it")


def refuse_ranges(lines: Iterable[str]) -> None:
    """Refuse ``a..b`` where there is no sweep to spell it out."""
    for line in lines:
        if RANGE.fullmatch(line.partition("=")[2]):
            raise OverrideError(f"{line} is a sweep; add -m to run it")
