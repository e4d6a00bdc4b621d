"""Products of axes that are joined: each run once, the runs of the first under their old numbers."""

import pytest

from xorlab.api import keys
from xorlab.errors import SpecError
from xorlab.spec.product import Axis, Product
from xorlab.spec.widening import joined

FIRST = {"seed": range(3), "lr": [0.1, 1.0]}


def identities(product: Product) -> list[str]:
    return [spec.identity for spec in product.specs(range(len(product)))]


def test_each_run_is_there_once_and_keeps_its_number() -> None:
    product = keys.product(FIRST)
    known = identities(product)
    for values, added in (
        ({"seed": range(5), "lr": [0.1, 1.0]}, 4),
        ({"seed": range(2), "lr": [1.0, 3.0], "arch.hidden": [(3,), (2,)]}, 6),
        ({"optimizer": ["gd", "adam"], "seed": range(4)}, 4),
        ({"optimizer": ["adam"], "seed": range(100), "epochs": [500]}, 100),
        ({"arch.activation": [["tanh"], "relu"], "init": ["uniform"]}, 2),
        ({"seed": [2]}, 0),
    ):
        asked = keys.product(values)
        product = Product.read(joined(product, asked).json())
        found = identities(product)
        assert len(found) == len(set(found)) == len(product) == len(known) + added
        assert found[: len(known)] == known
        assert set(found) == {*known, *identities(asked)}
        assert {spec.identity for spec in product.edges()} <= set(found)
        known = found
    assert product.name(0).startswith("seed=0 lr=0.1 ")


def test_nothing_new_leaves_the_product_as_it_was() -> None:
    product = keys.product(FIRST)
    assert joined(product, keys.product({"lr": [1.0], "seed": [2, 0]})) is product


def test_long_axes_stay_numbers() -> None:
    product = joined(keys.product({"seed": range(30)}), keys.product({"seed": range(200_000)}))
    assert len(product) == 200_000
    assert product.axes[0].texts is None
    assert product.specs(range(199_999, 200_000))[0].seed == 199_999


def test_two_keys_for_one_parameter_are_refused() -> None:
    group = keys.product({"optimizer": ["gd", "adam"]})
    name = Product(group.base, (Axis("optimizer.name", {"optimizer.name": ["gd", "adam"]}, ["gd", "adam"]),))
    with pytest.raises(SpecError, match=r"optimizer and optimizer[.]name both set optimizer[.]name"):
        joined(group, name)
