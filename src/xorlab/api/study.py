"""A study, which is a set of runs that have ended, and one of its runs."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xorlab import statistics
from xorlab.api import keys
from xorlab.api.plots import RunPlots, StudyPlots
from xorlab.api.sources import Ended, Memory, Source, Store
from xorlab.diagnosis import wording
from xorlab.diagnosis.verdict import Verdict
from xorlab.errors import SpecError, XorlabError
from xorlab.numerics import weights
from xorlab.remedies import summary, trials
from xorlab.runs import PARENT, columnar, single
from xorlab.runs import load as load_runs
from xorlab.spec import RunSpec, text
from xorlab.spec.components import datasets
from xorlab.spec.components.outputs import OUTPUTS, TARGETS, position
from xorlab.spec.components.steps import sigmoid
from xorlab.spec.options import Options
from xorlab.statistics.settings import short
from xorlab.sweeps import parts, pool
from xorlab.sweeps.jobs import MOST, Job
from xorlab.sweeps.runner import run_many
from xorlab.sweeps.tables import Table, tabulate
from xorlab.sweeps.terminal import Bars
from xorlab.tracking import store

Array = NDArray[np.float64]

SHOWN = 20
"""Settings of a study that its representation lists."""


@dataclass(frozen=True, eq=False, repr=False)
class Study(Sequence["Run"]):
    """Runs that have ended, in the order of their parameters; ``study[0]`` is the first.

    Attributes
    ----------
    runs : DataFrame
        A row a run, with the columns of `xorlab.runs.load`, which docs/runs.md lists.
    """

    runs: pd.DataFrame
    _source: Source

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, place: int) -> "Run": ...
    @overload
    def __getitem__(self, place: "slice | pd.Series[bool]") -> "Study": ...
    def __getitem__(self, place: "int | slice | pd.Series[bool]") -> "Run | Study":
        """Return the run at a place, or a study of the runs that a slice or a mask (R,) of True and False chooses."""
        if isinstance(place, int):
            return Run(self.runs.iloc[place], self._source)
        return Study(self.runs[place].reset_index(drop=True), self._source)

    def __iter__(self) -> Iterator["Run"]:
        return (self[place] for place in range(len(self)))

    @property
    def converged(self) -> "Study":
        """The runs that converged."""
        return self._ended("converged")

    @property
    def stuck(self) -> "Study":
        """The runs that came to rest at a loss at which they have not learned, at ln 2 or elsewhere."""
        return self._ended("stuck")

    def _ended(self, outcome: str) -> "Study":
        return self[self.runs["outcome"].str.startswith(outcome).fillna(False).astype("bool")]

    def curves(self, points: int | None = None) -> pd.DataFrame:
        """Return the losses as one long table.

        Parameters
        ----------
        points
            No more than about so many epochs a run, even on a log scale; None for every epoch that was kept.

        Returns
        -------
        DataFrame
            Columns run_id, epoch, loss; runs in the order of `runs`, epochs ascending.
        """
        return self._source.curves(self.runs, points)

    def rates(self, *by: str) -> pd.DataFrame:
        """Return how often each outcome occurs in each setting of these keys, with Wilson's 95 % intervals.

        Without keys, the settings are those that differ. `xorlab.statistics.rates` describes the columns.
        """
        return statistics.rates(self.runs, list(map(keys.parameter, by)) or self.factors)

    def compare(self, key: str, *, within: Sequence[str] = ()) -> pd.DataFrame:
        """Compare the values of a key two by two, seed by seed, by how often runs converge.

        `within` names keys whose settings are compared apart. `xorlab.statistics.compare` describes the columns.
        """
        return statistics.compare(self.runs, keys.parameter(key), within=list(map(keys.parameter, within)))

    @property
    def factors(self) -> list[str]:
        """The parameters that differ between the settings."""
        return statistics.factors(self.runs)

    @property
    def plot(self) -> StudyPlots:
        """Pictures of the study."""
        return StudyPlots(self.runs, self.curves)

    def _table(self) -> Table:
        counted = self.runs.dropna(subset="outcome")
        factors = self.factors
        settings = [{key: short(row[key]) for key in factors} for row in counted[factors].to_dict("records")]
        return tabulate(settings, counted["outcome"].tolist())

    def __repr__(self) -> str:
        table = self._table()
        shown = Table(table.head, table.rows[:SHOWN]).markdown()
        more = f"and {len(table.rows) - SHOWN} settings more\n" if len(table.rows) > SHOWN else ""
        return f"Study of {_count(len(self))}\n\n{shown}{more}"

    def _repr_html_(self) -> str:
        table = self._table()
        frame = pd.DataFrame(table.rows, columns=list(table.head))
        return f"<p>Study of {_count(len(self))}</p>{frame.to_html(index=False, max_rows=SHOWN)}"


def _count(runs: int) -> str:
    return f"{runs:,} {'run' if runs == 1 else 'runs'}"


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """One run that has ended.

    Attributes
    ----------
    info : Series
        Its row of `Study.runs`: ``run.info["final_loss"]``.
    """

    info: "pd.Series[Any]"
    _source: Source

    @cached_property
    def _end(self) -> Ended:
        return self._source.ended(self.id)

    @property
    def id(self) -> str:
        """The run's id: MLflow's, where the run is recorded."""
        return str(self.info["run_id"])

    @property
    def outcome(self) -> str:
        """How the run ended, as in ``stuck_ln2``; docs/outcomes.md lists the outcomes."""
        return str(self.info["outcome"])

    @property
    def spec(self) -> RunSpec:
        """Every value that decides the run's numbers."""
        return self._end.spec

    @property
    def verdict(self) -> Verdict:
        """What happened to the run and why, with the evidence."""
        return self._end.verdict

    @property
    def explanation(self) -> str:
        """The verdict in words: what happened, why, whether it stays, and what helps."""
        return wording.paragraph(self.spec, self.verdict, epochs=int(self._end.trained.epochs[0]))

    @property
    def weights(self) -> dict[str, Array]:
        """The final weights: W1 (D, H), b1 (H,), W2, …, as in y = x W + b."""
        return self._source.weights(self.id, "final")

    @property
    def initial_weights(self) -> dict[str, Array]:
        """The weights that the run started from, as `weights`."""
        return self._source.weights(self.id, "initial")

    def save_weights(self, path: str | os.PathLike[str], *, layout: str = "numpy") -> None:
        """Write the final weights to an .npz file.

        Parameters
        ----------
        path
            The file.
        layout
            ``numpy``, ``torch`` or ``keras``: see docs/own.md.

        Raises
        ------
        SpecError
            Where there is no such layout, or the file can't be written.
        """
        weights.save(path, self.weights, layout)

    @property
    def predictions(self) -> pd.DataFrame:
        """The data and the network's answers at the end: inputs, target, logit and p; of several outputs target_1, ….

        With softmax the outputs have the names of their classes, as in p_setosa.
        """
        X, y = datasets.load(self.spec.data)
        logits = self._end.trained.logits[0]
        inputs = {f"x{number}": column for number, column in enumerate(X.T, start=1)}
        if y.ndim == 2:
            return self._several(inputs, y, logits)
        if self.spec.arch.output == "sigmoid":
            return pd.DataFrame({**inputs, "target": y, "logit": logits, "p": sigmoid(logits)})
        low, high = TARGETS[self.spec.data.targets]
        output = OUTPUTS[self.spec.arch.output].value(logits)
        return pd.DataFrame({**inputs, "target": low + (high - low) * y, "output": output})

    def _several(self, inputs: dict[str, Array], y: Array, logits: Array) -> pd.DataFrame:
        """Return the predictions of several outputs."""
        low, high = TARGETS[self.spec.data.targets]
        values = low + (high - low) * position(self.spec.arch.output, self.spec.data.targets, logits)
        called = "output" if self.spec.arch.output in ("linear", "tanh") else "p"
        columns = {"target": low + (high - low) * y, called: values}
        names = datasets.class_names(self.spec.data)
        outputs = {
            f"{key}_{name}": column
            for key, array in columns.items()
            for name, column in zip(names, array.T, strict=True)
        }
        return pd.DataFrame({**inputs, **outputs})

    def curve(self) -> pd.DataFrame:
        """Return the losses: columns epoch and loss."""
        return self._source.curves(self.info.to_frame().T, None)[["epoch", "loss"]]

    def why(self) -> "Answer":
        """Try what would have helped: continue the run with each remedy, and start new runs in each changed setting."""
        with Bars(epochs=trials.epochs([self.spec])) as bars:
            return Answer(trials.try_remedies([self.spec], progress=bars.trained)[0])

    @property
    def plot(self) -> RunPlots:
        """Pictures of the run."""
        return RunPlots(self.spec, self.outcome, self.curve)

    def __repr__(self) -> str:
        return f"{text.title(self.spec)}\n{self.explanation}"

    def _repr_html_(self) -> str:
        rows = wording.table(self.verdict, epochs=int(self._end.trained.epochs[0]))
        evidence = pd.Series(rows).to_frame().to_html(header=False)
        return f"<p><b>{text.title(self.spec)}</b></p><p>{self.explanation}</p>{evidence}"


@dataclass(frozen=True, repr=False)
class Answer:
    """What would have helped a run.

    Attributes
    ----------
    trials : every trial, with its verdict
    """

    trials: trials.Trials

    @property
    def continuations(self) -> pd.DataFrame:
        """The run continued with each remedy, the best first."""
        rows = [
            (each.remedy.name, each.remedy.override, each.epochs, each.verdict.outcome, each.verdict.final_loss)
            for each in self.trials.continuations
        ]
        return pd.DataFrame(rows, columns=["remedy", "override", "epochs", "outcome", "final_loss"])

    @property
    def restarts(self) -> pd.DataFrame:
        """New runs in each changed setting, with Wilson's 95 % intervals, the highest rate first."""
        rows = [
            (each.remedy.name, each.remedy.override, each.n, each.converged, *each.interval)
            for each in self.trials.restarts
        ]
        return pd.DataFrame(rows, columns=["setting", "override", "n", "converged", "low", "high"])

    def __repr__(self) -> str:
        return summary.markdown(self.trials)

    def _repr_markdown_(self) -> str:
        return summary.markdown(self.trials)


def sweep(
    settings: Mapping[str, Any] | None = None,
    /,
    *,
    track: Literal["runs", "sweep"] | None = None,
    uri: str | None = None,
    experiment: str = "xorlab",
    converged_below: float = 0.1,
    log_every: int | str | None = None,
    artifacts: str | None = None,
    workers: int | None = None,
    **values: Any,
) -> Study:
    """Train every combination of values, as ``python train.py -m`` does.

    Parameters
    ----------
    settings, values
        The configuration's keys: whole, as in ``{"arch.hidden": 3}``, or their last word where only one key has it,
        as in ``hidden=3``. A list, a range or an array holds values to sweep over; anything else is one value.
        ``hidden=[2, 8, (5, 5)]`` is three networks, the last with two hidden layers.
    track
        None keeps the runs in memory; ``"runs"`` records each in MLflow, below a parent run; ``"sweep"`` records them
        as columns in files of one run in MLflow, which a million of them need.
    uri, experiment
        Where they are recorded: the tracking store, as for the command line, and the experiment's name.
    converged_below, log_every, artifacts, workers
        As in the configuration, see docs/configuration.md.

    Raises
    ------
    SpecError
        Where a key or a value is wrong. Nothing has run then.
    StoreError
        Where the store can't be used.
    """
    options = Options(
        converged_below=converged_below,
        log_every=log_every,
        artifacts=artifacts,
        uri=uri,
        experiment=experiment,
        workers=workers,
        track=track,
    )
    given = keys.grid({**(settings or {}), **values})
    if track == "sweep":
        product = keys.product(given)
        parent = str(parts.run(product, options, command=text.command(["-m", *keys.words(given)])).run_id)
        return load(parent, uri=uri, experiment=experiment)
    if (count := math.prod(map(len, given.values()))) > MOST:
        raise SpecError(f"a sweep of {count:,} runs needs track='sweep'; others can have {MOST:,}")
    jobs = keys.jobs(given, {"converged_below": converged_below, "log_every": log_every})
    if track is None:
        return _in_memory(jobs, options)
    words = ["-m", *keys.words(given)]
    first, *_ = run_many(jobs, options, command=text.command(words))
    parent = single.find(str(first.run_id), uri, experiment=experiment).tags[PARENT]
    return load(parent, uri=uri, experiment=experiment)


def _in_memory(jobs: Sequence[Job], options: Options) -> Study:
    memory = Memory(jobs, options.every(len(jobs)))
    specs = [job.spec for job in jobs]
    chunks = pool.stream(
        specs,
        converged_below=options.converged_below,
        log_every=options.every(len(jobs)),
        workers=options.workers,
        progress=(bars := Bars(runs=len(jobs), epochs=sum(spec.epochs for spec in specs))).trained,
    )
    with bars, closing(chunks):
        for chunk in chunks:
            bars.recorded(memory.add(chunk))
    return Study(memory.table(), memory)


def train(settings: Mapping[str, Any] | None = None, /, **values: Any) -> Run:
    """Train one run, the lab notebook's unless keys say otherwise; takes what `sweep` takes, one value a key."""
    study = sweep(settings, **values)
    if len(study) != 1:
        raise SpecError(f"train trains one run; got values for {len(study)}. Use sweep")
    return study[0]


def load(name: str = "latest", *, uri: str | None = None, experiment: str = "xorlab") -> Study:
    """Read a sweep, or a single run as a study of one, from MLflow.

    Parameters
    ----------
    name
        A sweep's or a run's id, the beginning of it, or ``latest``; ``all`` for every run of the experiment.
    uri, experiment
        Where it is recorded: the tracking store, as for the command line, and the experiment's name.

    Raises
    ------
    XorlabError
        Where there is no such sweep or run.
    """
    address = store.uri(uri)
    source = Store(address, experiment)
    if name == "all":
        return Study(load_runs(address, experiment=experiment), source)
    sweep_id = single.find_sweep(name, address, experiment=experiment)
    if sweep_id is not None:
        return Study(load_runs(address, experiment=experiment, sweep=sweep_id), source)
    run_id = single.find(name, address, experiment=experiment).run_id
    if ":" in run_id:
        sweep, _, number = run_id.partition(":")
        own = columnar.find(sweep, address)
        assert own is not None
        return Study(own.table(numbers=[int(number)]), source)
    found = load_runs(address, experiment=experiment, filter=f"attributes.run_id = '{run_id}'")
    if found.empty:
        raise XorlabError(f"run {run_id} is not in experiment {experiment}")
    return Study(found, source)
