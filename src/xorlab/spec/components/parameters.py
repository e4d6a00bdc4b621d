"""The parameters that a component has of its own: a type, a default and a rule for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from xorlab import rules


@dataclass(frozen=True)
class Parameter:
    """One parameter of a component.

    Attributes
    ----------
    kind : float, int or str, the type of its column in a table of runs
    default : the default value; None if the parameter must be given
    rule : rule(name, value) returns the value in its type, or raises SpecError
    """

    kind: type
    default: Any
    rule: Callable[[str, Any], Any]


@dataclass(frozen=True, kw_only=True)
class Component:
    """The base of data sets, initialisers and optimizers: a component with parameters of its own."""

    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    @property
    def defaults(self) -> dict[str, Any]:
        """The default of each parameter."""
        return {name: parameter.default for name, parameter in self.parameters.items()}


class Chosen(Protocol):
    """What a specification says of one component: its name, and its parameters as attributes."""

    @property
    def name(self) -> str:
        """The key in its table."""

    def __getattr__(self, parameter: str) -> Any:
        """A parameter's value."""


def positive(default: float) -> Parameter:
    """A float above 0."""
    return Parameter(float, default, lambda name, value: rules.number(name, value, above=0.0))


def number(default: float) -> Parameter:
    """Any finite float."""
    return Parameter(float, default, rules.number)


def fraction(default: float) -> Parameter:
    """A float in [0, 1)."""
    return Parameter(float, default, rules.fraction)


def integer(default: int, *, least: int, most: int | None = None) -> Parameter:
    """An int from `least` to `most`."""
    return Parameter(int, default, lambda name, value: rules.integer(name, value, least=least, most=most))


def optional(least: int) -> Parameter:
    """An int of at least `least` that may be left out."""
    return Parameter(int, None, lambda name, value: rules.integer(name, value, least=least))


def text() -> Parameter:
    """A string that must be given."""
    return Parameter(str, None, rules.text)
