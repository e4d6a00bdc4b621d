import re

import pytest

from xorlab import rules
from xorlab.errors import SpecError


@pytest.mark.parametrize(
    ("rule", "value", "message"),
    [
        (lambda value: rules.number("lr", value), True, "lr must be a number; got True"),
        (lambda value: rules.number("lr", value), "1", "lr must be a number; got '1'"),
        (lambda value: rules.number("lr", value), float("nan"), "lr must be finite; got nan"),
        (lambda value: rules.number("lr", value), float("-inf"), "lr must be finite; got -inf"),
        (lambda value: rules.number("lr", value), 10**400, "lr must be finite; got 1000"),
        (lambda value: rules.number("lr", value, above=0.0), 0, "lr must be positive; got 0"),
        (lambda value: rules.fraction("beta1", value), -0.1, "beta1 must be at least 0; got -0.1"),
        (lambda value: rules.fraction("beta1", value), 1, "beta1 must be below 1; got 1"),
        (lambda value: rules.integer("epochs", value, least=1), 1.0, "epochs must be a whole number; got 1.0"),
        (lambda value: rules.integer("epochs", value, least=1), True, "epochs must be a whole number; got True"),
        (lambda value: rules.integer("seed", value, least=0, most=9), 10, "seed must be at most 9; got 10"),
        (lambda value: rules.boolean("shuffle", value), 1, "shuffle must be true or false; got 1"),
        (lambda value: rules.choice("loss", value, ("bce", "mse")), "l1", "loss must be one of bce, mse; got 'l1'"),
        (lambda value: rules.choice("loss", value, ("bce", "mse")), None, "loss must be one of bce, mse; got None"),
    ],
)
def test_a_refusal_names_the_thing_the_rule_and_the_value(rule, value, message) -> None:
    with pytest.raises(SpecError, match="^" + re.escape(message)):
        rule(value)


def test_a_good_value_comes_back_in_its_type() -> None:
    assert isinstance(rules.number("lr", 1), float)
    assert rules.integer("seed", 9, least=0, most=9) == 9
    assert rules.boolean("shuffle", False) is False
