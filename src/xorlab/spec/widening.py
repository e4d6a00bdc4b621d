"""A product of axes joined by another: the runs of the first keep their numbers, and those that it lacks follow."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xorlab.errors import SpecError
from xorlab.spec.product import LONG, Axis, Block, Product
from xorlab.spec.text import PARAMETERS, params, typed_value

Names = Mapping[str, Sequence[str]]
"""The parameters that each key sets."""


def joined(old: Product, new: Product) -> Product:
    """Return the runs of both; `old` itself where it has all of them.

    Parameters
    ----------
    old : a product, widened or not
    new : another; it has no blocks

    Raises
    ------
    SpecError
        Where two keys set the same parameter.
    """
    axes = []
    mine: list[Sequence[int]] = []
    others: list[Sequence[int]] = []
    for key, names in _names(old, new).items():
        own, theirs = (_rows(each, key, names) for each in (old, new))
        place = {row: n for n, row in enumerate(dict.fromkeys([*own, *theirs]))}
        axes.append(_axis(key, names, list(place), (old, own), (new, theirs)))
        mine.append([place[row] for row in own])
        others.append([*dict.fromkeys(place[row] for row in theirs)])
    kept = {axis.key: n for n, axis in enumerate(old.axes)}
    blocks = [
        tuple(
            [places[at] for at in block[kept[axis.key]]] if axis.key in kept else places
            for axis, places in zip(axes, mine, strict=True)
        )
        for block in old.whole
    ]
    added = _without(tuple(others), blocks)
    return Product(old.base, tuple(axes), (*blocks, *added)) if added else old


def _names(old: Product, new: Product) -> Names:
    """Return what varies in either or differs between them."""
    found: dict[str, dict[str, None]] = {}
    for axis in (*old.axes, *new.axes):
        found.setdefault(axis.key, {}).update(dict.fromkeys(axis.columns))
    owners: dict[str, str] = {}
    for key, names in found.items():
        for name in names:
            if owners.setdefault(name, key) != key:
                raise SpecError(
                    f"{owners[name]} and {key} both set {name}; give the key by which the sweep varies it, "
                    "or start a new sweep"
                )
    for name in PARAMETERS:
        if name not in owners and _hashable(old.base.get(name)) != _hashable(new.base.get(name)):
            group = name.partition(".")[0]
            several = f"{group}.name" in PARAMETERS and old.base[f"{group}.name"] != new.base[f"{group}.name"]
            found.setdefault(group if several else name, {})[name] = None
    return {key: list(names) for key, names in found.items()}


def _rows(product: Product, key: str, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return what a key sets, for each of its values in a product."""
    axis = next((axis for axis in product.axes if axis.key == key), None)
    count = 1 if axis is None else len(axis)
    columns = [
        axis.columns[name] if axis is not None and name in axis.columns else [product.base.get(name)] * count
        for name in names
    ]
    return [tuple(map(_hashable, row)) for row in zip(*columns, strict=True)]


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _axis(
    key: str, names: Sequence[str], rows: list[tuple[Any, ...]], *sides: tuple[Product, list[tuple[Any, ...]]]
) -> Axis:
    columns = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    if len(rows) > LONG and len(names) == 1 and PARAMETERS[names[0]] in (int, float):
        return Axis(key, columns)
    texts: dict[tuple[Any, ...], str] = {}
    for product, own in sides:
        axis = next((axis for axis in product.axes if axis.key == key), None)
        for n, row in enumerate(own):
            texts.setdefault(row, typed_value(params(product.first), key) if axis is None else axis.text(n))
    return Axis(key, columns, [texts[row] for row in rows])


def _without(block: Block, others: Iterable[Block]) -> list[Block]:
    """Return the combinations of a block that none of the others has."""
    left = [block]
    for other in others:
        left = [piece for each in left for piece in _cut(each, other)]
    return left


def _cut(block: Block, other: Block) -> list[Block]:
    """Return the combinations of a block that another lacks, as blocks that share none."""
    taken = [set(places) for places in other]
    inside = [[place for place in places if place in own] for places, own in zip(block, taken, strict=True)]
    if not all(inside):
        return [block]
    outside = [[place for place in places if place not in own] for places, own in zip(block, taken, strict=True)]
    return [(*inside[:n], rest, *block[n + 1 :]) for n, rest in enumerate(outside) if rest]
