"""The specification of a run: everything that decides its numbers, and nothing else."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from xorlab import rules
from xorlab.errors import SpecError

NUMERICS = 2
"""The version of the numerics; it is part of every identity and changes when any run's bits would."""

ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "softplus", "tanh", "sigmoid", "identity")
LOSSES = ("bce", "mse")
ENCODINGS = ("binary", "bipolar")
BIASES = ("zero", "drawn")

DATASETS: dict[str, dict[str, Any]] = {
    "xor": {},
    "and": {},
    "or": {},
    "xnor": {},
    "parity": {"bits": 3},
    "noisy_xor": {"points": 10, "std": 0.1, "seed": 0},
}
"""Each data set and the parameters it has, with their defaults."""

SCHEMES: dict[str, dict[str, Any]] = {
    "normal": {"std": 1.0},
    "uniform": {"limit": 1.0},
    "xavier_uniform": {"gain": 1.0},
    "xavier_normal": {"gain": 1.0},
    "he_uniform": {"gain": math.sqrt(2.0)},
    "he_normal": {"gain": math.sqrt(2.0)},
    "lecun_normal": {},
    "orthogonal": {"gain": 1.0},
    "torch_default": {"biases": "drawn"},
    "constant": {"value": 0.5},
    "zeros": {},
    "file": {},
}
"""Each initialisation scheme and the parameters it has, with their defaults."""

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "gd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9},
    "rmsprop": {"alpha": 0.99, "eps": 1e-8},
    "adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
}
"""Each optimizer and the parameters it has, with PyTorch's defaults."""


_SEED = {"least": 0, "most": 2**32 - 1}

RULES: dict[str, Any] = {
    "bits": lambda name, value: rules.integer(name, value, least=1, most=16),
    "points": lambda name, value: rules.integer(name, value, least=1),
    "seed": lambda name, value: rules.integer(name, value, **_SEED),
    "std": lambda name, value: rules.number(name, value, above=0.0),
    "limit": lambda name, value: rules.number(name, value, above=0.0),
    "gain": lambda name, value: rules.number(name, value, above=0.0),
    "value": rules.number,
    "biases": lambda name, value: rules.choice(name, value, BIASES),
    "momentum": rules.fraction,
    "alpha": rules.fraction,
    "beta1": rules.fraction,
    "beta2": rules.fraction,
    "eps": lambda name, value: rules.number(name, value, above=0.0),
}
"""The rule of each parameter that only some data sets, schemes or optimizers have."""


def _settle(part: Any, group: str, table: dict[str, dict[str, Any]], *, common: tuple[str, ...] = ()) -> None:
    """Fill in the parameters that `part.name` has, check them, and refuse those that it does not have."""
    own = table[rules.choice(f"{group}.name", part.name, table)]
    for item in dataclasses.fields(part):
        key, value = item.name, getattr(part, item.name)
        if key not in RULES:
            continue
        if value is None:
            value = own.get(key, item.metadata.get("otherwise"))
        elif key not in own and key not in common:
            raise SpecError(f"{group}.{key} does not belong to {group}={part.name}; got {value}")
        if value is not None:
            value = RULES[key](f"{group}.{key}", value)
        object.__setattr__(part, key, value)


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """The data: a name, an encoding of the inputs, and the parameters that the data set has."""

    name: str = "xor"
    encoding: str = "binary"
    bits: int | None = None
    points: int | None = None
    std: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        _settle(self, "data", DATASETS)
        rules.choice("data.encoding", self.encoding, ENCODINGS)


@dataclass(frozen=True, kw_only=True)
class ArchSpec:
    """The architecture: hidden widths from the input on, their activation, one sigmoid output."""

    hidden: tuple[int, ...] = (3,)
    activation: str = "relu"
    relu_grad_at_zero: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.hidden, str) or not isinstance(self.hidden, list | tuple):
            raise SpecError(f"arch.hidden must be a list of widths, as in [3] or [5,5]; got {self.hidden!r}")
        widths = tuple(rules.integer("a width in arch.hidden", width, least=1) for width in self.hidden)
        object.__setattr__(self, "hidden", widths)
        rules.choice("arch.activation", self.activation, ACTIVATIONS)
        slope = rules.number("arch.relu_grad_at_zero", self.relu_grad_at_zero)
        if not 0.0 <= slope <= 1.0:
            raise SpecError(f"arch.relu_grad_at_zero must be from 0 to 1; got {slope:g}")
        object.__setattr__(self, "relu_grad_at_zero", slope + 0.0)  # -0.0 is the same setting


@dataclass(frozen=True, kw_only=True)
class InitSpec:
    """The initial weights: a scheme, its parameters, and whether biases are zero or drawn as weights are.

    A file is known by the sha256 of its bytes, so that moving it does not change the run's identity.
    """

    name: str = "normal"
    biases: str | None = field(default=None, metadata={"otherwise": "zero"})
    std: float | None = None
    limit: float | None = None
    gain: float | None = None
    value: float | None = None
    path: str | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        _settle(self, "init", SCHEMES, common=("biases",))
        if self.name == "orthogonal" and self.biases == "drawn":
            raise SpecError("init.biases must be zero for init=orthogonal, which has no law for a vector; got 'drawn'")
        if self.name == "file":
            self._settle_file()
        elif (foreign := self.path or self.sha256) is not None:
            raise SpecError(f"init.path and init.sha256 do not belong to init={self.name}; got {foreign}")

    def _settle_file(self) -> None:
        if self.biases == "drawn":
            raise SpecError("init.biases must be zero for init=file, which has its own; got 'drawn'")
        if not isinstance(self.path, str):
            raise SpecError(f"init.path must name an .npz file of weights W1, b1, …; got {self.path!r}")
        if self.sha256 is None:
            try:
                content = Path(self.path).read_bytes()
            except (OSError, ValueError) as error:
                raise SpecError(f"init.path must name a readable .npz file; got {self.path!r}") from error
            object.__setattr__(self, "path", str(Path(self.path).resolve()))
            object.__setattr__(self, "sha256", hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, kw_only=True)
class OptimizerSpec:
    """The update rule and the parameters that it has, in PyTorch's conventions."""

    name: str = "gd"
    momentum: float | None = None
    alpha: float | None = None
    beta1: float | None = None
    beta2: float | None = None
    eps: float | None = None

    def __post_init__(self) -> None:
        _settle(self, "optimizer", OPTIMIZERS)


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that decides a run's numbers.

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
    seed: int = 42

    def __post_init__(self) -> None:
        rules.choice("loss", self.loss, LOSSES)
        object.__setattr__(self, "lr", rules.number("lr", self.lr, above=0.0))
        if self.batch_size != "full":
            if isinstance(self.batch_size, str):
                raise SpecError(f"batch_size must be full or a whole number; got {self.batch_size!r}")
            rules.integer("batch_size", self.batch_size, least=1)
        rules.boolean("shuffle", self.shuffle)
        rules.integer("epochs", self.epochs, least=1)
        if self.target_loss is not None:
            object.__setattr__(self, "target_loss", rules.number("target_loss", self.target_loss, above=0.0))
        rules.integer("seed", self.seed, **_SEED)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Build a specification from plain nested mappings; every key must be one of the fields."""
        return cls(**_arguments(cls, mapping, ""))

    def nested(self) -> dict[str, Any]:
        """Return plain nested dictionaries without what does not apply; `from_mapping` takes them back."""
        return {key: _plain(value) for key, value in vars(self).items() if value is not None}

    def parameters(self) -> dict[str, Any]:
        """Return the specification flattened with dots, as in ``{"lr": 0.1, "arch.hidden": [3], …}``."""
        return dict(_flatten(self.nested(), ""))

    @property
    def identity(self) -> str:
        """The sha256 of the sorted-key JSON of the specification and the version of the numerics."""
        content = self.nested()
        content["init"].pop("path", None)
        text = json.dumps({"numerics": NUMERICS, "spec": content}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


PARTS: dict[str, type] = {"data": DataSpec, "arch": ArchSpec, "init": InitSpec, "optimizer": OptimizerSpec}


def _arguments(cls: type, mapping: Any, prefix: str) -> dict[str, Any]:
    if not isinstance(mapping, Mapping):
        raise SpecError(f"{prefix.rstrip('.')} must be a group of settings; got {mapping!r}")
    known = [item.name for item in dataclasses.fields(cls)]
    for key in mapping:
        if key not in known:
            raise SpecError(f"{prefix}{key} is not a key; the keys are {', '.join(prefix + name for name in known)}")
    return {
        key: PARTS[key](**_arguments(PARTS[key], value, f"{key}.")) if not prefix and key in PARTS else value
        for key, value in mapping.items()
    }


def _plain(value: Any) -> Any:
    """Return a part as a dictionary without what it does not have, a tuple as a list."""
    if dataclasses.is_dataclass(value):
        return {key: _plain(item) for key, item in vars(value).items() if item is not None}
    return list(value) if isinstance(value, tuple) else value


def _flatten(nested: dict[str, Any], prefix: str) -> Any:
    for key, value in nested.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
