"""The report of recorded runs: read from the store, written to a folder, added to the sweep that it is about."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from xorlab import figures, runs
from xorlab.report import writing
from xorlab.report.answer import summary
from xorlab.report.material import Material
from xorlab.report.selection import Selection
from xorlab.tracking import passwords, store
from xorlab.tracking.tracker import Tracker

POINTS = 200
"""Epochs of each loss curve, on a log scale, where there are more runs than `figures.MAX_SINGLE_CURVES`."""


def material(selection: Selection, *, against: str | None = None) -> tuple[Material, str | None]:
    """Return what the report of the selected runs is made of, and the id of the sweep that they make up, if any.

    Parameters
    ----------
    selection : the runs
    against : a second sweep to compare with: its run id, the beginning of it, or ``latest``

    Raises
    ------
    XorlabError
        Where there are no such runs.
    """
    uri, experiment = selection.uri, selection.experiment
    chosen, sweep = selection.load()
    plan = runs.plan(sweep, uri, experiment=experiment) if sweep else None
    other = runs.load(uri, experiment=experiment, sweep=against) if against else None

    def curves(counted: pd.DataFrame) -> pd.DataFrame:
        points = POINTS if len(counted) > figures.MAX_SINGLE_CURVES else None
        return runs.curves(counted, uri, points=points)

    return Material(chosen, curves, plan, other), sweep


def write(
    material: Material, selection: Selection, sweep: str | None, folder: Path, *, command: str
) -> tuple[Path, str]:
    """Write the report of runs; return its page and its answer in words.

    Parameters
    ----------
    material, sweep : as `material` returns them
    selection : the runs
    folder : where to write
    command : what makes the same report again
    """
    n = len(material.runs)
    about = f"{n:,} {'run' if n == 1 else 'runs'} of experiment {selection.experiment}"
    origin = _origin(selection, material.runs)
    page = writing.write(
        material,
        folder,
        about=about,
        made_by=" and ".join(origin.get("The runs were made by", [])[:2]),
        command=command,
        origin=origin,
        diff=runs.diff(sweep, selection.uri, experiment=selection.experiment) if sweep else "",
    )
    return page, f"{about}\n\n{summary(material)}"


def _origin(selection: Selection, chosen: pd.DataFrame) -> Mapping[str, Sequence[str]]:
    """Return where the numbers come from: commands, commits, machines, the store."""
    sweeps = runs.sweeps(selection.uri, experiment=selection.experiment)
    sweeps = sweeps[sweeps["run_id"].isin(chosen["sweep"])]
    columns = {"Commit": "commit", "Uncommitted changes": "git.dirty", "Machine": "machine"}
    columns |= {"NumPy": "numpy", "Python": "python", "Version of the numerics": "numerics_version"}
    conditions = (selection.filter, selection.since and f"since {selection.since}")
    origin = {
        "The runs were made by": sweeps["command"].tolist() if len(sweeps) else [],
        "Sweep": [f"{row.name}, {row.run_id}" for row in sweeps[["name", "run_id"]].itertuples(index=False)],
        "Store": [f"{passwords.shown(store.uri(selection.uri))}, experiment {selection.experiment}"],
        "Chosen by": [condition for condition in conditions if condition],
        **{name: sorted(chosen[key].dropna().unique()) for name, key in columns.items() if key in chosen},
    }
    return {name: values for name, values in origin.items() if values}


def attach(page: Path, sweep: str, selection: Selection) -> str:
    """Add a report's page to the artifacts of its sweep; say how to see it in MLflow's UI."""
    uri = store.uri(selection.uri)
    tracker = Tracker(uri, selection.experiment)
    tracker.add_artifacts(sweep, {page.name: page.read_bytes()})
    return store.opening(uri, tracker.experiment_id, sweep)
