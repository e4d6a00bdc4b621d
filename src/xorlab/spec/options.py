"""The settings that do not change a run's numbers: how it is judged, printed, logged and tracked."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xorlab import rules
from xorlab.errors import SpecError
from xorlab.spec import RunSpec
from xorlab.spec.components import functions

ARTIFACTS = ("run", "sweep", "none")
RETRIED = ("failed", "outdated")

TRACKS = ("runs", "sweep")
TRACKED = 20_000
"""Runs of a sweep up to which `track` is runs unless it is given."""

MANY = 1000
"""Runs of a sweep above which `artifacts` and `log_every` save space unless they are given."""


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """Where the runs of a sweep are trained.

    Attributes
    ----------
    name : local, this machine's processes; dask; or slurm
    address, scheduler_file : a Dask scheduler that runs; without either, dask starts one on this machine
    queue, walltime, memory : of each SLURM job; None for the cluster's own default queue
    cores : workers of each SLURM job
    interface : the network interface over which SLURM's workers reach this machine; None for the default
    directives : more options of sbatch, as --account=physics
    """

    name: str = "local"
    address: str | None = None
    scheduler_file: str | None = None
    queue: str | None = None
    walltime: str = "01:00:00"
    cores: int = 1
    memory: str = "2GB"
    interface: str | None = None
    directives: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rules.text("engine.name", self.name)
        rules.integer("engine.cores", self.cores, least=1)
        for key in ("address", "scheduler_file", "queue", "interface"):
            if (value := getattr(self, key)) is not None:
                rules.text(f"engine.{key}", value)
        for key in ("walltime", "memory"):
            rules.text(f"engine.{key}", getattr(self, key))
        if isinstance(self.directives, str) or not all(isinstance(word, str) for word in self.directives):
            raise SpecError(f"engine.directives must be a list of options of sbatch; got {self.directives!r}")
        object.__setattr__(self, "directives", tuple(self.directives))


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a run is judged, printed, logged and tracked; none of it changes the run's numbers.

    Raises
    ------
    SpecError
        Where a value breaks its rule; the message names the key, the rule and the value.
    """

    converged_below: float = 0.1
    log_every: int | str | None = None
    print_every: int = 1000
    artifacts: str | None = None
    track: str | None = None
    uri: str | None = None
    experiment: str = "xorlab"
    workers: int | None = None
    sweep: str = "new"
    retry: str | None = None
    plan: bool = False
    reuse: bool = False
    use: str | None = None
    engine: EngineSettings = EngineSettings()

    def __post_init__(self) -> None:
        below = rules.number("converged_below", self.converged_below, above=0.0)
        object.__setattr__(self, "converged_below", below)
        if isinstance(self.log_every, str) and self.log_every != "log":
            raise SpecError(f"log_every must be log or a whole number; got {self.log_every!r}")
        if self.log_every not in (None, "log"):
            rules.integer("log_every", self.log_every, least=1)
        rules.integer("print_every", self.print_every, least=1)
        if self.artifacts is not None:
            rules.choice("artifacts", self.artifacts, ARTIFACTS)
        if self.track is not None:
            rules.choice("track", self.track, TRACKS)
        if self.workers is not None:
            rules.integer("workers", self.workers, least=1)
        if self.sweep not in ("new", "latest") and not re.fullmatch("[0-9a-f]{1,32}", str(self.sweep)):
            raise SpecError(f"sweep must be new, latest, or the beginning of a sweep's run id; got {self.sweep!r}")
        object.__setattr__(self, "sweep", str(self.sweep))
        if self.retry is not None:
            rules.choice("retry", self.retry, RETRIED)
        rules.boolean("plan", self.plan)
        rules.boolean("reuse", self.reuse)
        if self.use is not None:
            rules.text("use", self.use)
        rules.text("tracking.experiment", self.experiment)
        if self.uri is not None:
            rules.text("tracking.uri", self.uri)

    def tracked(self, runs: int) -> str:
        """Return how so many runs are recorded: ``runs``, each in MLflow, or ``sweep``, as columns of their sweep."""
        return self.track or ("runs" if runs <= TRACKED else "sweep")

    def every(self, runs: int) -> int | str:
        """Return how far apart the logged epochs of so many runs are: a number of epochs, or ``log``."""
        return self.log_every or (1 if runs <= MANY else "log")


TRACKING = ("uri", "experiment")
ENGINE = tuple(item.name for item in dataclasses.fields(EngineSettings))
FOLLOWING = tuple(item.name for item in dataclasses.fields(Options) if item.name not in (*TRACKING, "engine"))
SPECIFYING = tuple(item.name for item in dataclasses.fields(RunSpec) if item.init)


def split(config: Mapping[str, Any]) -> tuple[RunSpec, Options]:
    """Split a composed configuration into what decides the numbers and the rest; import the module that `use` names.

    Parameters
    ----------
    config
        Plain nested mappings, without Hydra's own node.

    Raises
    ------
    SpecError
        Where a key is unknown or a value breaks its rule.
    """
    tracking, engine = config.get("tracking", {}), config.get("engine", {})
    rules.keys(config, (*SPECIFYING, *FOLLOWING, "tracking", "engine"), "")
    rules.keys(tracking, TRACKING, "tracking.")
    rules.keys(engine, ENGINE, "engine.")
    chosen = {key: config[key] for key in FOLLOWING if key in config}
    if chosen.get("use") is not None:
        functions.use(rules.text("use", chosen["use"]))
    spec = RunSpec.from_mapping({key: config[key] for key in SPECIFYING if key in config})
    return spec, Options(**chosen, **tracking, engine=EngineSettings(**engine))
