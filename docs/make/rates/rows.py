"""The rows of docs/failure-rates.md: what people train on XOR, as settings of xorlab."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xorlab.api import keys
from xorlab.spec import RunSpec

WIDTHS = (2, 3, 4, 8, 16)
TARGETS = {"bce": 0.1, "mse": 0.04}
"""A run is solved, and stops, at this mean loss of four points. Then no output is further than 0.4 from its target.

With bce no point has a loss above 0.4, so p is at least exp(-0.4) = 0.67 on its side. With mse no error is above 0.4.
"""


@dataclass(frozen=True)
class Row:
    """A configuration whose rate of failure is measured.

    Attributes
    ----------
    group : the table that it stands in
    name : what it is called there
    settings : by xorlab's keys, as for `xorlab.sweep`
    goal : half the width of the interval at which enough runs are counted
    most : the most runs
    """

    group: str
    name: str
    settings: Mapping[str, Any]
    goal: float = 0.003
    most: int = 110_000

    @property
    def key(self) -> str:
        """What names the row in the table of counts."""
        return f"{self.group}: {self.name}"

    @property
    def target(self) -> float:
        """The loss at which a run is solved."""
        return TARGETS[self.settings.get("loss", "bce")]

    @property
    def stops(self) -> dict[str, Any]:
        """The settings with the target at which a solved run stops."""
        return {**self.settings, "target_loss": self.target}

    @cached_property
    def spec(self) -> RunSpec:
        """The run of the default seed."""
        (job,) = keys.jobs(keys.grid(self.stops), {})
        return job.spec

    def words(self) -> list[str]:
        """Return the settings as they are typed on the command line."""
        return [*keys.words(keys.grid(self.stops)), f"converged_below={self.target}"]


def rows() -> Iterator[Row]:
    """Yield every row, table by table."""
    yield from _pdp()
    yield from _pytorch()
    yield from _keras()
    yield from _sklearn()
    yield from _choices()
    yield from _normal()


def _pdp() -> Iterator[Row]:
    """Rumelhart, Hinton and Williams 1986: lr is 2 eta for full batches and eta / 2 for single patterns."""
    base = {"arch": "2-2-1", "activation": "sigmoid", "loss": "mse", "init": "uniform", "init.biases": "drawn"}
    sweep, pattern = base | {"epochs": 5000}, base | {"epochs": 3000, "batch_size": 1}
    momentum = {"optimizer": "momentum"}
    for eta in (0.25, 0.5):
        goal = 0.001 if eta == 0.25 else 0.003
        most = 300_000 if eta == 0.25 else 110_000
        name = f"eta {eta}, momentum 0.9, weights within 0.5"
        yield Row("1986", f"sweep, {name}", sweep | momentum | {"lr": 2 * eta, "limit": 0.5}, goal, most)
        yield Row("1986", f"pattern, {name}", pattern | momentum | {"lr": eta / 2, "limit": 0.5})
    for limit in (0.1, 0.3, 1.0):
        name = f"sweep, eta 0.25, momentum 0.9, weights within {limit}"
        yield Row("1986", name, sweep | momentum | {"lr": 0.5, "limit": limit})
    name = "pattern in random order, eta 0.25, momentum 0.9, weights within 0.5"
    yield Row("1986", name, pattern | momentum | {"lr": 0.125, "limit": 0.5, "shuffle": True}, most=20_000)
    name = "no momentum, weights within 0.5"
    yield Row("1986", f"sweep, eta 0.5, {name}", sweep | {"lr": 1.0, "limit": 0.5, "epochs": 20_000}, most=20_000)
    yield Row("1986", f"pattern, eta 0.5, {name}", pattern | {"lr": 0.25, "limit": 0.5, "epochs": 10_000}, most=20_000)


def _pytorch() -> Iterator[Row]:
    base = {"activation": "relu", "init": "torch_default"}
    for width in WIDTHS:
        yield Row("PyTorch", f"Adam 0.001, width {width}", _adam(base, width) | {"epochs": 5000})
    for width in (2, 4):
        yield Row("PyTorch", f"SGD 0.1, width {width}", base | {"arch": f"2-{width}-1", "lr": 0.1, "epochs": 3000})
    slow = base | {"arch": "2-4-1", "lr": 0.001, "epochs": 10_000}
    yield Row("PyTorch", "SGD 0.001 (its default), width 4", slow, most=2_000)


def _keras() -> Iterator[Row]:
    base = {"activation": "relu", "init": "xavier_uniform", "optimizer.eps": 1e-7}
    for width in WIDTHS:
        yield Row("Keras", f"Adam 0.001, width {width}", _adam(base, width) | {"epochs": 5000})
    name = "a tutorial: Dense(16, relu), mse, Adam, 500 epochs"
    yield Row("Keras", name, _adam(base, 16) | {"epochs": 500, "loss": "mse"}, 0.001, 1_000_000)
    name = "a tutorial: Dense(8, tanh), SGD 0.1, batch_size=1, 1,000 epochs"
    sgd = {"arch": "2-8-1", "activation": "tanh", "init": "xavier_uniform", "lr": 0.1, "batch_size": 1, "shuffle": True}
    yield Row("Keras", name, sgd | {"epochs": 1000}, most=20_000)


def _sklearn() -> Iterator[Row]:
    base = {"activation": "relu", "init": "xavier_uniform", "init.biases": "drawn"}
    for width in (*WIDTHS, 100):
        yield Row("scikit-learn", f"200 iterations, width {width}", _adam(base, width) | {"epochs": 200})
    for width in WIDTHS:
        yield Row("scikit-learn", f"5,000 iterations, width {width}", _adam(base, width) | {"epochs": 5000})


def _adam(base: Mapping[str, Any], width: int) -> dict[str, Any]:
    """Return settings of a network with Adam at 0.001, the default of all three programs."""
    return {**base, "arch": f"2-{width}-1", "optimizer": "adam", "lr": 0.001}


def _choices() -> Iterator[Row]:
    """Every activation with every optimizer, at steps of about the same size, from PyTorch's initial weights."""
    steps: dict[str, dict[str, Any]] = {
        "gd 1": {"lr": 1.0},
        "momentum 0.1": {"optimizer": "momentum", "lr": 0.1},
        "Adam 0.01": {"optimizer": "adam", "lr": 0.01},
    }
    for activation in ("sigmoid", "tanh", "relu", "leaky_relu", "gelu"):
        for name, step in steps.items():
            settings = {"arch": "2-2-1", "activation": activation, "init": "torch_default", "epochs": 1000}
            yield Row("2-2-1", f"{activation}, {name}", settings | step)


def _normal() -> Iterator[Row]:
    """xorlab's own network: standard normal weights, biases 0."""
    for width in WIDTHS:
        goal, most = (0.001, 1_000_000) if width == 3 else (0.003, 110_000)
        settings = {"arch": f"2-{width}-1", "lr": 0.1, "epochs": 2000}
        yield Row("xorlab", f"ReLU, normal weights, gd 0.1, width {width}", settings, goal, most)
