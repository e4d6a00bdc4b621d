"""The runs of a sweep as a product of axes: a million of them are a few lists of values until one is needed."""

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from xorlab.errors import SpecError
from xorlab.spec import NUMERICS, RunSpec
from xorlab.spec.runspec import PARTS
from xorlab.spec.text import PARAMETERS, params, typed

V = TypeVar("V")

Block = tuple[Sequence[int], ...]
"""Every combination of some places of each axis, the last varying fastest."""

MOST = 2**24
"""The most runs of a product: 4,096 x 4,096."""
SPACINGS: dict[str, Callable[[float, float, int], NDArray[np.float64]]] = {
    "linspace": np.linspace,
    "logspace": np.geomspace,
}
"""Evenly spaced numbers with both ends, on a line and on a log scale, by the names that the command line has."""
LONG = 64
"""Numbers of one key up to which each is composed and checked; of more only the extremes, as rules are intervals."""
TOGETHER = ("arch", "data", "loss")
"""Parameters whose rules involve each other: axes of these are checked in every combination."""


@dataclass(frozen=True)
class Axis:
    """A key that varies, with its values.

    Attributes
    ----------
    key : as it is typed
    columns : by the name of each parameter that it sets, one value for each place; None where it does not apply
    texts : the values as they are typed; None where they are the numbers of the only column
    """

    key: str
    columns: Mapping[str, Sequence[Any]]
    texts: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def text(self, place: int) -> str:
        """Return a value as it is typed."""
        if self.texts is not None:
            return self.texts[place]
        ((_, values),) = self.columns.items()
        return typed(values[place])

    def changes(self, place: int) -> dict[str, Any]:
        """Return the parameters that a value sets."""
        return {name: values[place] for name, values in self.columns.items()}


@dataclass(frozen=True)
class Product:
    """Every combination of the values of some axes, the last varying fastest. A run is its number, from 0.

    Attributes
    ----------
    base : the parameters of the first run
    axes : what varies
    blocks : the combinations that are meant, one block after the other; empty where all are. A sweep that was widened
        has its first grid as the first block, so its runs keep their numbers.
    """

    base: Mapping[str, Any]
    axes: tuple[Axis, ...]
    blocks: tuple[Block, ...] = ()

    def __len__(self) -> int:
        return sum(math.prod(map(len, block)) for block in self.whole)

    @property
    def whole(self) -> tuple[Block, ...]:
        """The blocks, or one of all combinations."""
        return self.blocks or (tuple(map(range, self.shape)),)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values of each axis."""
        return tuple(map(len, self.axes))

    @property
    def varying(self) -> list[str]:
        """The parameters that differ between runs, in the specification's order."""
        found = {name for axis in self.axes for name in axis.columns}
        return [name for name in PARAMETERS if name in found]

    @cached_property
    def first(self) -> RunSpec:
        """The first run."""
        return _specification(self.base)

    def places(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Return the place of each run on each axis."""
        if not self.blocks:
            return tuple(np.unravel_index(numbers, self.shape or (1,)))
        found = np.zeros((len(self.axes), numbers.size), dtype=np.int64)
        start = 0
        for block in self.blocks:
            shape = tuple(map(len, block))
            own = (numbers >= start) & (numbers < start + math.prod(shape))
            for n, at in enumerate(np.unravel_index(numbers[own] - start, shape)):
                found[n, own] = np.array(block[n])[at]
            start += math.prod(shape)
        return tuple(found)

    def specs(self, numbers: range) -> list[RunSpec]:
        """Return the specifications of some runs; runs share the parts in which they agree."""
        top = {key: value for key, value in self.base.items() if "." not in key and key != "source"}
        columns = [
            (n, name, values)
            for n, axis in enumerate(self.axes)
            for name, values in axis.columns.items()
            if "." not in name and name != "source"
        ]
        owners = {
            part: [n for n, axis in enumerate(self.axes) if any(name.startswith(f"{part}.") for name in axis.columns)]
            for part in PARTS
        }
        made: dict[tuple[Any, ...], Any] = {}
        found = []
        for places in zip(
            *(each.tolist() for each in self.places(np.arange(numbers.start, numbers.stop))), strict=True
        ):
            given = {}
            for part, own in owners.items():
                key = (part, *[places[n] for n in own])
                if key not in made:
                    made[key] = _part(part, self.base, *(self.axes[n].changes(places[n]) for n in own))
                given[part] = made[key]
            for n, name, values in columns:
                top[name] = values[places[n]]
            found.append(RunSpec(**given, **top))
        return found

    def name(self, number: int) -> str:
        """Return a run's name: what varies, as it would be typed."""
        return " ".join(f"{key}={text}" for key, text in self.texts(number).items())

    def texts(self, number: int) -> dict[str, str]:
        """Return the value of each axis at a run, as it would be typed."""
        places = self.places(np.array([number]))
        return {axis.key: axis.text(int(place[0])) for axis, place in zip(self.axes, places, strict=False)}

    def edges(self) -> Iterator[RunSpec]:
        """Yield the runs of each block with every short axis at each of its values, each long one at first and last."""
        start = 0
        for block in self.whole:
            shape = tuple(map(len, block))
            numbers = {start}
            for n, axis in enumerate(self.axes):
                stride = math.prod(shape[n + 1 :])
                places = range(shape[n]) if axis.texts is not None else (0, shape[n] - 1)
                numbers.update(start + place * stride for place in places)
            for number in sorted(numbers):
                yield from self.specs(range(number, number + 1))
            start += math.prod(shape)

    @cached_property
    def shared(self) -> dict[str, str]:
        """The parameters that all runs have in common, as text."""
        varying = set(self.varying)
        return {key: text for key, text in params(self.first).items() if key not in varying}

    def json(self) -> bytes:
        """Return the product as text; `read` reads it back to the bit."""
        axes = [{"key": axis.key, "texts": axis.texts, "columns": _lists(axis.columns)} for axis in self.axes]
        found = {"numerics": NUMERICS, "base": dict(self.base), "axes": axes}
        if self.blocks:
            found["blocks"] = [list(map(list, block)) for block in self.blocks]
        return json.dumps(found, indent=1).encode()

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Return a product from its text."""
        found = json.loads(content)
        axes = tuple(Axis(each["key"], each["columns"], each["texts"]) for each in found["axes"])
        return cls(found["base"], axes, tuple(map(tuple, found.get("blocks", ()))))

    def hash(self) -> str:
        """Return a text that only the same product has."""
        return hashlib.sha256(self.json()).hexdigest()


def of(
    values: Mapping[str, Sequence[V]],
    compose: Callable[[Sequence[V]], RunSpec],
    text: Callable[[V], str],
    number: Callable[[V], Any],
) -> Product:
    """Return the product of the values of some keys, checked axis by axis.

    Parameters
    ----------
    values : by key, at least one each
    compose : makes a run from one value for each key, in their order
    text : how a value is typed
    number : a value where it is a number, else None

    Raises
    ------
    SpecError
        Where a value, or values together, make no valid run.
    """
    keys = list(values)
    given = [values[key] for key in keys]
    start = [each[0] for each in given]
    base = compose(start).parameters()

    def changes(axis: int, place: int) -> dict[str, Any]:
        own = compose([*start[:axis], given[axis][place], *start[axis + 1 :]]).parameters()
        return {name: own.get(name) for name in {**base, **own} if own.get(name) != base.get(name)}

    axes = []
    for place, key in enumerate(keys):
        if len(given[place]) > 1:
            column = _numbers(key, given[place], number)
            extremes = [] if column is None else [int(np.argmin(column)), int(np.argmax(column))]
            if column is not None and all(
                changes(place, at) in ({}, {key: column[at]}) and base[key] == column[0] for at in extremes
            ):
                axes.append(Axis(key, {key: column}))
                continue
            found = [changes(place, at) for at in range(len(given[place]))]
            names = dict.fromkeys(name for each in found for name in each)
            if not names:
                raise SpecError(f"the values of {key} make the same run; give one")
            columns = {name: [each.get(name, base.get(name)) for each in found] for name in names}
            axes.append(Axis(key, columns, list(map(text, given[place]))))
    product = Product(base, tuple(axes))
    _check(product, given, compose)
    return product


def _numbers(key: str, values: Sequence[V], number: Callable[[V], Any]) -> Sequence[Any] | None:
    """Return the values of an axis as numbers of its parameter's type; None where they are short or no numbers."""
    kind = PARAMETERS.get(key)
    if kind not in (int, float) or len(values) <= LONG:
        return None
    numbers = [number(value) for value in values]
    if not all(type(each) in (int, kind) for each in numbers):
        return None
    if kind is float:
        return [float(each) for each in numbers]
    first = int(numbers[0])
    whole = range(first, first + len(numbers))
    return whole if numbers == list(whole) else numbers


def _check(product: Product, given: Sequence[Sequence[V]], compose: Callable[[Sequence[V]], RunSpec]) -> None:
    """Check what involves several axes."""
    seen: dict[str, str] = {}
    for axis in product.axes:
        for name in axis.columns:
            if name in seen:
                raise SpecError(f"{seen[name]} and {axis.key} both set {name}; track=sweep needs axes that do not")
            seen[name] = axis.key
    varying = [values for values in given if len(values) > 1]
    for end in itertools.islice(itertools.product((0, -1), repeat=len(varying)), 1, LONG):
        last = iter(end)
        composed = compose([values[next(last)] if len(values) > 1 else values[0] for values in given])
        number = int(
            np.ravel_multi_index([at % len(axis) for at, axis in zip(end, product.axes, strict=True)], product.shape)
        )
        if product.specs(range(number, number + 1)) != [composed]:
            raise SpecError(
                f"{product.name(number)}: the values of an axis depend on another, which track=sweep can't record; "
                "give track=runs"
            )
    for groups in (TOGETHER, ("init",), ("optimizer",)):
        own = [n for n, axis in enumerate(product.axes) if any(name.startswith(groups) for name in axis.columns)]
        if len(own) > 1:
            for places in itertools.product(*(range(len(product.axes[n])) for n in own)):
                at = [0] * len(product.axes)
                for n, place in zip(own, places, strict=True):
                    at[n] = place
                number = int(np.ravel_multi_index(at, product.shape))
                try:
                    product.specs(range(number, number + 1))
                except SpecError as error:
                    raise SpecError(f"{product.name(number)}: {error}") from error


def _part(part: str, base: Mapping[str, Any], *changes: Mapping[str, Any]) -> Any:
    merged = dict(base)
    for each in changes:
        merged |= each
    prefix = f"{part}."
    own = {name.removeprefix(prefix): value for name, value in merged.items() if name.startswith(prefix)}
    return PARTS[part](**{name: value for name, value in own.items() if value is not None})


def _specification(parameters: Mapping[str, Any]) -> RunSpec:
    parts = {part: _part(part, parameters) for part in PARTS}
    return RunSpec(**parts, **{key: value for key, value in parameters.items() if "." not in key and key != "source"})


def _lists(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in columns.items()}
