"""The results of a sweep: its runs written chunk by chunk, then the tables, picture and files of their parent."""

import io
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis import levels
from xorlab.numerics.thinning import log_spaced
from xorlab.spec.options import MANY
from xorlab.spec.text import specification
from xorlab.sweeps import recording
from xorlab.sweeps.asked import Asked
from xorlab.sweeps.jobs import Job
from xorlab.sweeps.plan import Row, State
from xorlab.sweeps.pool import Chunk
from xorlab.sweeps.tables import REPLICATES, Table, count_causes, tabulate
from xorlab.tracking.records import PARTS
from xorlab.tracking.tracker import Tracker

if TYPE_CHECKING:
    import pandas as pd

CURVE_PANELS = 12
"""The most settings that each have a panel of loss curves; more share one."""
CURVE_POINTS = 200
"""Points of each curve in a sweep's picture."""
WEIGHTS = ("initial_weights", "final_weights")


@dataclass
class Results:
    """Writes the runs of a sweep that are trained now, and then what their parent is to carry.

    Attributes
    ----------
    asked : the sweep
    jobs : those of its runs that are trained now
    tracker, parent : where they are written
    curves : run id, epochs and losses of each trained run, thinned
    """

    asked: Asked
    jobs: Sequence[Job]
    tracker: Tracker
    parent: str
    curves: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=dict)

    def write(self, chunk: Chunk) -> list[str]:
        """Write a chunk's runs to MLflow and return their outcomes."""
        places = chunk.places
        if chunk.trained is None:
            record = recording.failure(chunk, self.jobs[places[0]].spec, self.jobs[places[0]].name)
            self.tracker.write([record], parent=self.parent)
            return ["failed"]
        keep = self._artifacts() == "run"
        every = self.asked.options.every(len(self.asked.plan.rows))
        records = [
            recording.run(
                chunk,
                index,
                self.jobs[place].name,
                log_every=every,
                artifacts=recording.files(chunk, index, self.jobs[place].config) if keep else {},
            )
            for index, place in enumerate(places)
        ]
        if self._artifacts() == "sweep":
            self.tracker.add_artifacts(self.parent, _part(chunk))
        ids = self.tracker.write(records, parent=self.parent)
        for run_id, record in zip(ids, records, strict=True):
            points = log_spaced(record.epochs, CURVE_POINTS)
            self.curves[run_id] = (record.epochs[points], record.losses[points])
        return [verdict.outcome for verdict in chunk.verdicts]

    def tables(self, state: State) -> dict[str, Table]:
        """Count the outcomes by what was swept, and the causes by outcome."""
        found = [(state.outcome(identity), state.cause(identity)) for identity in self.asked.plan.rows]
        outcomes = [outcome for outcome, _ in found]
        return {
            "table": tabulate(self.asked.settings(), outcomes),
            "causes": count_causes(Counter(found)),
        }

    def artifacts(self, state: State, tables: Mapping[str, Table]) -> dict[str, bytes]:
        """Make the parent's files: the tables, the picture of all curves, and the files of many runs."""
        found = {f"{name}.csv": table.csv().encode() for name, table in tables.items()}
        if state.done:
            found["curves.png"] = self._picture(state)
        if self._artifacts() == "sweep":
            found |= self._files(state)
        return found

    def _picture(self, state: State) -> bytes:
        import pandas as pd

        from xorlab import figures, runs

        asked = self.asked
        done = dict(zip(asked.plan.rows, asked.settings(), strict=True))
        table = pd.DataFrame(
            {"run_id": each.run_id, "outcome": each.outcome, **done[identity]} for identity, each in state.done.items()
        )
        others = table.loc[~table["run_id"].isin(self.curves), ["run_id"]].assign(sweep=self.parent)
        recorded = runs.curves(others, asked.options.uri, points=CURVE_POINTS)
        curves = pd.concat([recorded, self._own_curves()], ignore_index=True)
        compared = [key for key in asked.swept if key not in REPLICATES]
        panels = table.groupby(compared).ngroups if compared else 1
        kinds = {_learned(row): row for row in asked.plan.rows.values()}.values()
        named = {name: level for row in kinds for name, level in levels.spectrum(specification(row)).items()}
        by = compared if panels <= CURVE_PANELS else []
        return figures.png(figures.sweep_curves(curves, table, named, by=by))

    def _own_curves(self) -> "pd.DataFrame | None":
        import pandas as pd

        if not self.curves:
            return None
        epochs, losses = zip(*self.curves.values(), strict=True)
        ids = np.repeat([*self.curves], list(map(len, epochs)))
        return pd.DataFrame({"run_id": ids, "epoch": np.concatenate(epochs), "loss": np.concatenate(losses)})

    def _files(self, state: State) -> dict[str, bytes]:
        """Make the files of weights from those that are there and the parts of each chunk, and that of configurations.

        The weights stand by the networks' units: ``2-3-1/W1`` (R, 2, 3), ``2-3-1/run_id``.
        """
        tracker, parent = self.tracker, self.parent
        ids = {identity: each.run_id for identity, each in state.done.items()}
        stored = json.loads(tracker.artifact(parent, "configs.json") or "{}")
        configs = {run_id: stored.get(run_id) or self.asked.job(identity).config for identity, run_id in ids.items()}
        files = {"configs.json": json.dumps(configs, default=str).encode()}
        names = (name for name in tracker.artifact_names(parent, PARTS) if name.endswith(".npz"))
        parts = [_arrays(tracker.artifact(parent, name)) for name in names]
        for kind in WEIGHTS:
            found: dict[str, list[NDArray[Any]]] = defaultdict(list)
            for key, array in _arrays(tracker.artifact(parent, f"{kind}.npz")).items():
                found[key].append(array)
            there = {run_id for key, arrays in found.items() if key.endswith("/run_id") for run_id in arrays[0]}
            for part in parts:
                units = next(iter(part)).partition("/")[0]
                places = [
                    place for place, own in enumerate(part[f"{units}/spec"]) if own in ids and ids[own] not in there
                ]
                named = np.array([ids[part[f"{units}/spec"][place]] for place in places])
                if places:
                    found[f"{units}/run_id"].append(named)
                    there.update(named)
                    for key in (key for key in part if key.startswith(f"{units}/{kind}/")):
                        found[f"{units}/{key.rpartition('/')[2]}"].append(part[key][places])
            files[f"{kind}.npz"] = recording.npz({key: np.concatenate(arrays) for key, arrays in found.items()})
        return files

    def close(self, state: State) -> dict[str, Table]:
        """Write what the parent carries and end it; return its tables."""
        tables = self.tables(state)
        outcomes = [state.outcome(identity) for identity in self.asked.plan.rows]
        artifacts = self.tracker.patiently(lambda: self.artifacts(state, tables))
        self.tracker.close(
            self.parent,
            recording.sweep(self.asked, tables=tables.values(), outcomes=Counter(outcomes), artifacts=artifacts),
        )
        self.tracker.remove_artifacts(self.parent, PARTS)
        return tables

    def _artifacts(self) -> str:
        return self.asked.options.artifacts or ("run" if len(self.asked.plan.rows) <= MANY else "sweep")


def _learned(row: Row) -> tuple[str, ...]:
    """Return what decides the levels of a run."""
    return (row["loss"], *(text for key, text in row.items() if key.startswith("data.")))


def _part(chunk: Chunk) -> dict[str, bytes]:
    """Return the weights of a chunk as a file, by identity: its runs have no ids yet."""
    assert chunk.trained is not None
    specs = chunk.trained.specs
    units = "-".join(map(str, specs[0].units))
    arrays = {f"{units}/spec": np.array([spec.identity for spec in specs])}
    for kind, weights in zip(WEIGHTS, (chunk.trained.initial, chunk.trained.final), strict=True):
        arrays |= {f"{units}/{kind}/{key}": array for key, array in weights.items()}
    return {f"{PARTS}/{specs[0].identity[:32]}.npz": recording.npz(arrays)}


def _arrays(content: bytes | None) -> dict[str, NDArray[Any]]:
    if content is None:
        return {}
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return dict(file)
