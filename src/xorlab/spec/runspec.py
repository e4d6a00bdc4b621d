"""The specification of a run: everything that decides its numbers, and nothing else."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from xorlab import rules
from xorlab.errors import SpecError
from xorlab.spec.components import data_files, functions
from xorlab.spec.components.activations import ACTIVATIONS, LEAK
from xorlab.spec.components.arithmetics import ARITHMETICS
from xorlab.spec.components.datasets import DATASETS, ENCODINGS, labelled, load
from xorlab.spec.components.initializers import BIASES, INITIALIZERS
from xorlab.spec.components.losses import LOSSES
from xorlab.spec.components.measures import MEASURES
from xorlab.spec.components.optimizers import OPTIMIZERS
from xorlab.spec.components.outputs import OUTPUTS, SOFTMAX, TARGETS
from xorlab.spec.components.parameters import Component

T = TypeVar("T")

NUMERICS = 2
"""The version of the numerics, part of every identity. Raise it with any change to a run's numbers."""

PORTABLE = 2
"""The version of the portable functions, part of the identity of portable runs. Raise it with any change to them."""

LATER: dict[tuple[str, ...], Any] = {
    ("data", "targets"): "binary",
    ("arch", "output"): "sigmoid",
    ("arch", "bias"): True,
    ("arch", "leaky_slope"): LEAK,
    ("numerics",): "native",
}
"""Settings that came after the first identities, and the value of runs that do not have them. With it they are no part
of the identity, so that the run keeps the one that it had."""


MOST_EPOCHS = 100_000_000
"""The most epochs of a run: the loss of each is kept in memory until the run ends."""
MOST_PARAMETERS = 10_000_000
"""The most parameters of a network, about: an update needs several arrays of them."""
MOST_BYTES = 2**28
"""The largest file of initial weights."""


class Part:
    """A part of a specification that names a component; the component's parameters are its fields."""

    name: str

    if TYPE_CHECKING:

        def __getattr__(self, parameter: str) -> Any:
            """Return the value of a parameter, None where the component does not have it."""


def _with_parameters(table: Mapping[str, Component]) -> Callable[[type[T]], type[T]]:
    """Give a class a field, None at first, for each parameter that any component of `table` has."""

    def widen(cls: type[T]) -> type[T]:
        for component in table.values():
            for name, parameter in component.parameters.items():
                cls.__annotations__.setdefault(name, parameter.kind | None)
                setattr(cls, name, None)
        return cls

    return widen


def _settle(part: Part, group: str, table: Mapping[str, Component]) -> None:
    """Fill in the defaults of the component that `part` names, check its parameters, and refuse those of others."""
    own = table[rules.choice(f"{group}.name", part.name, table)].parameters
    for key in {name: None for component in table.values() for name in component.parameters}:
        value = getattr(part, key)
        if key in own:
            value = own[key].default if value is None else value
            object.__setattr__(part, key, None if value is None else own[key].rule(f"{group}.{key}", value))
        elif value is not None:
            raise SpecError(f"{group}.{key} does not belong to {group}={part.name}; got {value}")


@dataclass(frozen=True, kw_only=True)
@_with_parameters(DATASETS)
class DataSpec(Part):
    """The data: a data set, the encoding of its inputs, the targets of its labels, and its parameters.

    With `classes` each value of the targets is a class, and the network gets an output for each. A file is identified
    by the sha256 of its numbers, so its name and form do not change the run's identity.
    """

    name: str = "xor"
    encoding: str = "binary"
    targets: str = "binary"
    classes: bool | None = None

    def __post_init__(self) -> None:
        _settle(self, "data", DATASETS)
        rules.choice("data.encoding", self.encoding, ENCODINGS)
        rules.choice("data.targets", self.targets, TARGETS)
        if self.classes is not None:
            object.__setattr__(self, "classes", rules.boolean("data.classes", self.classes) or None)
        if self.name == "file" and self.sha256 is None:
            if not isinstance(self.path, str):
                raise SpecError(f"data.path must name a .csv or .npz file; got {self.path!r}")
            object.__setattr__(
                self, "sha256", data_files.read(self.path, self.target, self.outputs, bool(self.classes))
            )
            object.__setattr__(self, "path", str(Path(self.path).resolve()))


@dataclass(frozen=True, kw_only=True)
class ArchSpec:
    """The architecture: the widths of the hidden layers from the input on, their activation, the output, the biases.

    `activation` is one name for all hidden layers, or one for each.
    """

    hidden: tuple[int, ...] = (3,)
    activation: str | tuple[str, ...] = "relu"
    relu_grad_at_zero: float = 0.0
    leaky_slope: float | None = None
    output: str = "sigmoid"
    bias: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.hidden, str) or not isinstance(self.hidden, list | tuple):
            raise SpecError(f"arch.hidden must be a list of widths, as in [3] or [5,5]; got {self.hidden!r}")
        widths = tuple(rules.integer("a width in arch.hidden", width, least=1) for width in self.hidden)
        object.__setattr__(self, "hidden", widths)
        self._settle_activations()
        slope = rules.number("arch.relu_grad_at_zero", self.relu_grad_at_zero)
        if not 0.0 <= slope <= 1.0:
            raise SpecError(f"arch.relu_grad_at_zero must be from 0 to 1; got {slope:g}")
        object.__setattr__(self, "relu_grad_at_zero", slope + 0.0)  # -0.0 is the same setting
        rules.choice("arch.output", self.output, (*OUTPUTS, SOFTMAX))
        rules.boolean("arch.bias", self.bias)

    def _settle_activations(self) -> None:
        """Check the activations; a list of one name is that name."""
        given = [self.activation] if isinstance(self.activation, str) else self.activation
        if not isinstance(given, list | tuple):
            raise SpecError(f"arch.activation must be a name, or a list with a name for each layer; got {given!r}")
        names = tuple(rules.choice("arch.activation", name, ACTIVATIONS) for name in given)
        if not isinstance(self.activation, str) and len(names) != len(self.hidden):
            raise SpecError(
                f"arch.activation must have a name for each of the {len(self.hidden)} hidden layers; got {len(names)}"
            )
        if not isinstance(self.activation, str):
            object.__setattr__(self, "activation", names if len(set(names)) > 1 else names[0] if names else "relu")
        if "leaky_relu" in names:
            slope = rules.number("arch.leaky_slope", LEAK if self.leaky_slope is None else self.leaky_slope, above=0.0)
            object.__setattr__(self, "leaky_slope", rules.number("arch.leaky_slope", slope, below=1.0))
        elif self.leaky_slope == LEAK:
            object.__setattr__(self, "leaky_slope", None)
        elif self.leaky_slope is not None:
            raise SpecError(f"arch.leaky_slope belongs to leaky_relu; got {self.leaky_slope} with {', '.join(names)}")

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each hidden layer."""
        return self.activation if isinstance(self.activation, tuple) else (self.activation,) * len(self.hidden)


@dataclass(frozen=True, kw_only=True)
@_with_parameters(INITIALIZERS)
class InitSpec(Part):
    """The initial weights: a scheme, its parameters, and the biases: zero, drawn like the weights, or their own law.

    A file is identified by the sha256 of its bytes, so moving it does not change the run's identity.
    """

    name: str = "normal"
    biases: str | None = None
    bias: float | None = None

    def __post_init__(self) -> None:
        _settle(self, "init", INITIALIZERS)
        scheme = INITIALIZERS[self.name]
        biases = rules.choice("init.biases", scheme.biases if self.biases is None else self.biases, BIASES)
        object.__setattr__(self, "biases", biases)
        if biases == "drawn" and not scheme.draws_biases:
            raise SpecError(f"init.biases must be zero for init={self.name}, which can't draw them; got 'drawn'")
        self._settle_bias(biases)
        if self.low is not None and self.low >= self.high:
            raise SpecError(f"init.low must be below init.high; got {self.low:g} and {self.high:g}")
        if scheme.draw is None:
            self._settle_file()

    def _settle_bias(self, biases: str) -> None:
        """Check the setting of biases with a law of their own."""
        if BIASES[biases] is None:
            if self.bias is not None:
                own = ", ".join(name for name, law in BIASES.items() if law)
                raise SpecError(f"init.bias belongs to init.biases={own}; got {self.bias} with init.biases={biases}")
            return
        if INITIALIZERS[self.name].draw is None:
            raise SpecError(f"init.biases must be zero for init={self.name}, which has the biases; got {biases!r}")
        if self.bias is None:
            means = {"constant": "their value", "normal": "their standard deviation", "uniform": "their limit"}[biases]
            raise SpecError(f"init.biases={biases} needs init.bias, {means}")
        above = None if biases == "constant" else 0.0
        object.__setattr__(self, "bias", rules.number("init.bias", self.bias, above=above))

    def _settle_file(self) -> None:
        if not isinstance(self.path, str):
            raise SpecError(f"init.path must name an .npz file of weights W1, b1, …; got {self.path!r}")
        if self.sha256 is None:
            try:
                content = _content(Path(self.path))
            except SpecError:
                raise
            except (OSError, ValueError) as error:
                raise SpecError(f"init.path must name a readable .npz file; got {self.path!r}") from error
            object.__setattr__(self, "path", str(Path(self.path).resolve()))
            object.__setattr__(self, "sha256", hashlib.sha256(content).hexdigest())


def _content(path: Path) -> bytes:
    """Return the content of a file of weights; raise OSError where it is no file, as a device is none."""
    if not path.is_file():
        raise OSError("not a file")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise SpecError(f"init.path must name a file of at most {MOST_BYTES:,} bytes; {str(path)!r} has {size:,}")
    return path.read_bytes()


@dataclass(frozen=True, kw_only=True)
@_with_parameters(OPTIMIZERS)
class OptimizerSpec(Part):
    """The update rule and its parameters, in PyTorch's conventions."""

    name: str = "gd"

    def __post_init__(self) -> None:
        _settle(self, "optimizer", OPTIMIZERS)


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that decides a run's numbers.

    Attributes
    ----------
    source : the functions of the user's that the run uses, with the digests of their source; None where it uses none

    Raises
    ------
    SpecError
        Where a value breaks its rule; the message names the key, the rule and the value.
    """

    data: DataSpec = field(default_factory=DataSpec)
    arch: ArchSpec = field(default_factory=ArchSpec)
    init: InitSpec = field(default_factory=InitSpec)
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    loss: str = "bce"
    lr: float = 0.1
    batch_size: int | str = "full"
    shuffle: bool = False
    epochs: int = 10_000
    target_loss: float | None = None
    target_rmse: float | None = None
    target_max_error: float | None = None
    target_accuracy: float | None = None
    seed: int = 42
    numerics: str = "native"
    source: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        rules.choice("loss", self.loss, LOSSES)
        self._settle_output()
        given = (self.arch.activation,) if isinstance(self.arch.activation, str) else self.arch.activation
        names = [("activation", name) for name in given]
        names += [("data", self.data.name), ("initializer", self.init.name), ("optimizer", self.optimizer.name)]
        names.append(("loss", self.loss))
        object.__setattr__(self, "source", functions.source(names))
        object.__setattr__(self, "lr", rules.number("lr", self.lr, above=0.0))
        if self.batch_size != "full":
            if isinstance(self.batch_size, str):
                raise SpecError(f"batch_size must be full or a whole number; got {self.batch_size!r}")
            rules.integer("batch_size", self.batch_size, least=1)
        rules.boolean("shuffle", self.shuffle)
        rules.integer("epochs", self.epochs, least=1, most=MOST_EPOCHS)
        # The first layer's inputs are known only with the data, and are few.
        count = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise((*self.arch.hidden, self.units[-1])))
        if count > MOST_PARAMETERS:
            raise SpecError(
                f"a network can have {MOST_PARAMETERS:,} parameters; arch.hidden={list(self.arch.hidden)} has "
                f"{count:,}. Give fewer or smaller widths"
            )
        for key in ("target_loss", *MEASURES):
            value = getattr(self, key)
            if value is not None:
                object.__setattr__(self, key, rules.number(key, value, above=0.0))
        if self.target_accuracy is not None and self.target_accuracy > 1.0:
            raise SpecError(f"target_accuracy must be at most 1; got {self.target_accuracy:g}")
        rules.seed("seed", self.seed)
        rules.choice("numerics", self.numerics, ARITHMETICS)

    def _settle_output(self) -> None:
        """Refuse a loss, an output and targets that don't go together."""
        loss, output, targets = LOSSES[self.loss], self.arch.output, self.data.targets
        if output == SOFTMAX:
            self._settle_softmax()
        if not labelled(self.data) and (loss.chance is None or output != "linear" or targets != "binary"):
            real = " or ".join(name for name, each in LOSSES.items() if each.chance is not None)
            raise SpecError(
                f"targets other than 0 and 1 need loss={real}, arch.output=linear and data.targets=binary; "
                f"got loss={self.loss}, arch.output={output} and data.targets={targets}"
            )
        if output not in loss.outputs:
            choices = " or ".join(loss.outputs)
            raise SpecError(f"loss={self.loss} needs arch.output={choices}; got arch.output={output}")
        if targets not in loss.targets:
            choices = " or ".join(loss.targets)
            raise SpecError(f"loss={self.loss} needs data.targets={choices}; got data.targets={targets}")
        if output != SOFTMAX and TARGETS[targets][0] < OUTPUTS[output].low:
            raise SpecError(
                f"arch.output={output} can't reach the target {TARGETS[targets][0]:g} of data.targets={targets}; "
                "use data.targets=binary, or arch.output=tanh or linear"
            )

    def _settle_softmax(self) -> None:
        """Refuse softmax over one output, and of points that are not of one class each."""
        _, y = load(self.data)
        if y.ndim == 1:
            raise SpecError(
                "arch.output can't be softmax with one output unit: the softmax of one number is always 1; "
                "use arch.output=sigmoid, or data.classes=true for an output unit for each class"
            )
        if not labelled(self.data) or (y.sum(axis=1) != 1.0).any():
            raise SpecError("arch.output=softmax needs targets with one 1 a point, for its class, and 0 elsewhere")
        if SOFTMAX not in LOSSES[self.loss].outputs:
            fit = " or ".join(name for name, each in LOSSES.items() if SOFTMAX in each.outputs)
            raise SpecError(f"arch.output=softmax needs loss={fit}; got loss={self.loss}")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Build a specification from plain nested mappings; every key must be one of the fields.

        A `source` in it must be the source of the functions as they are now.
        """
        spec = cls(**_arguments(cls, {key: value for key, value in mapping.items() if key != "source"}, ""))
        if mapping.get("source", spec.source) != spec.source:
            raise SpecError(f"the source of the run's functions has changed; it was {mapping['source']}")
        return spec

    def nested(self) -> dict[str, Any]:
        """Return plain nested dictionaries without the fields that are None; `from_mapping` reads them back."""
        return {
            key: _plain(vars(value)) if key in PARTS else value
            for key, value in vars(self).items()
            if value is not None
        }

    def parameters(self) -> dict[str, Any]:
        """Return the specification flattened with dots, as in ``{"lr": 0.1, "arch.hidden": [3], …}``."""
        return {
            name: value
            for key, own in self.nested().items()
            for name, value in (
                ((f"{key}.{field}", item) for field, item in own.items()) if key in PARTS else ((key, own),)
            )
        }

    @property
    def units(self) -> tuple[int, ...]:
        """Units from the inputs to the output, as in (2, 3, 1)."""
        X, y = load(self.data)
        return (X.shape[1], *self.arch.hidden, 1 if y.ndim == 1 else y.shape[1])

    @property
    def identity(self) -> str:
        """The sha256 of the sorted-key JSON of the specification and the version of the numerics."""
        found = vars(self)
        items = [f'"{name}":{_canonical_part(name, found[name])}' for name in PARTS]
        for name, value in found.items():
            if name not in PARTS and value is not None and LATER.get((name,), _NEVER) != value:
                items.append(f'"{name}":{value!r}' if type(value) in (int, float) else f'"{name}":{_json(value)}')
        versions = f'"numerics":{NUMERICS}' + (f',"portable":{PORTABLE}' if self.numerics == "portable" else "")
        text = f'{{{versions},"spec":{{{",".join(sorted(items))}}}}}'
        return hashlib.sha256(text.encode()).hexdigest()


PARTS: dict[str, type] = {"data": DataSpec, "arch": ArchSpec, "init": InitSpec, "optimizer": OptimizerSpec}


_NEVER = object()


@lru_cache(maxsize=4096)
def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=4096)
def _canonical_part(name: str, part: Part | ArchSpec) -> str:
    """Return the sorted-key JSON of a part of a specification, without what is no part of the identity."""
    content = _plain(vars(part))
    left_out = {"init": ("path",), "data": ("path", "target", "outputs")}.get(name, ())
    if content.get("name") == "file":  # its digest has the classes in it
        left_out = (*left_out, "classes")
    for key in left_out:
        content.pop(key, None)
    for (*group, key), default in LATER.items():
        if group == [name] and content.get(key) == default:
            del content[key]
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _arguments(cls: type, mapping: Any, prefix: str) -> dict[str, Any]:
    rules.keys(mapping, [item.name for item in dataclasses.fields(cls) if item.init], prefix)
    return {
        key: PARTS[key](**_arguments(PARTS[key], value, f"{key}.")) if not prefix and key in PARTS else value
        for key, value in mapping.items()
    }


def _plain(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a part without those that are None, and tuples as lists."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in part.items() if value is not None}
