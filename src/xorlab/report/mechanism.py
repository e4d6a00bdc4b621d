"""Pictures of how runs learn: the plane at chosen epochs, the loss around the end, a film of two runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from xorlab.diagnosis import landscape
from xorlab.diagnosis.levels import spectrum
from xorlab.diagnosis.outcomes import phrase
from xorlab.diagnosis.planes import planes
from xorlab.errors import XorlabError
from xorlab.figures.landscape import loss_slice
from xorlab.figures.mechanism import grid_planes, run_planes
from xorlab.figures.movie import Reel, film
from xorlab.numerics.snapshots import histories
from xorlab.runs import single
from xorlab.spec import RunSpec
from xorlab.spec.text import DIGESTS, differing, title
from xorlab.statistics.settings import label

FRAMES = 48
"""Epochs of a film, spaced evenly on a log scale; fewer where they round to the same epoch."""

PANELS = 48
"""Runs that one page has room for."""

Epochs = Mapping[str, int | None]
"""Epochs by the names that files get, None for a run's end."""


@dataclass(frozen=True)
class Run:
    """A run: its id in MLflow, its specification, how it ended and why it did not converge."""

    run_id: str
    spec: RunSpec
    outcome: str
    cause: str | None = None

    @property
    def short_id(self) -> str:
        """The beginning of the id, enough to name the run."""
        return self.run_id[:8]

    @property
    def ending(self) -> str:
        """The outcome and the cause in words, as in ``stuck at ln 2, affine collapse``."""
        return phrase(self.outcome) + (f", {self.cause.replace('_', ' ')}" if self.cause else "")


def find(name: str, uri: str | None = None, *, experiment: str = "xorlab") -> Run:
    """Return the recorded run that `name` names: its id, the beginning of it, or ``latest``.

    Raises
    ------
    XorlabError
        Where there is no such run, or it has not ended with an outcome.
    """
    found = single.find(name, uri, experiment=experiment)
    if "outcome" not in found.tags:
        raise XorlabError(f"RUN must have ended with an outcome; got {found.run_id}, which has none")
    return Run(found.run_id, found.spec, found.tags["outcome"], found.tags.get("cause"))


def draw_run(run: Run, epochs: Epochs) -> tuple[dict[str, Figure], str]:
    """Draw the plane of a run at each epoch, and the loss around its end.

    Returns
    -------
    The pictures by the names of their files, and why there is no slice of the loss, where there is none.
    """
    (history,) = histories([run.spec], _numbers(epochs, [run]))
    levels, heading = spectrum(run.spec), f"{title(run.spec)}: {run.ending}"
    losses = history.trained.losses[0]
    plane = run_planes(planes(history), losses, levels=levels, outcome=run.outcome, title=heading)
    drawn = {f"{run.short_id}-plane.png": plane}
    try:
        slice_ = landscape.cut(history.trained)
    except XorlabError as error:
        return drawn, str(error)
    return {**drawn, f"{run.short_id}-slice.png": loss_slice(slice_, levels=levels, title=heading)}, ""


def draw_runs(runs: Sequence[Run], epochs: Epochs) -> dict[str, Figure]:
    """Draw a page for each epoch with the plane of every run; a run that is over is drawn as it ended.

    Raises
    ------
    XorlabError
        Where there are more than `PANELS` runs.
    """
    if len(runs) > PANELS:
        raise XorlabError(f"a page has room for {PANELS} runs; got {len(runs)}")
    seen = [planes(history) for history in histories([run.spec for run in runs], _numbers(epochs, runs))]
    outcomes, names = [run.outcome for run in runs], _distinguish(runs)
    drawn = {}
    for word, number in epochs.items():
        now = [[one for one in own if number is None or one.epoch <= number][-1] for own in seen]
        headings = [
            f"{name}\n{run.ending}\nloss {one.loss:.4f}" for name, run, one in zip(names, runs, now, strict=True)
        ]
        when = "the end" if number is None else f"epoch {number:,}"
        heading = f"{len(runs)} runs at {when}, each framed in the colour of its outcome"
        drawn[f"grid-{word}.png"] = grid_planes(now, headings, outcomes, title=heading)
    return drawn


def film_runs(path: Path, runs: Sequence[Run]) -> None:
    """Write a GIF of runs side by side, epoch by epoch on a log scale."""
    last = max(run.spec.epochs for run in runs)
    epochs = [0, *np.unique(np.geomspace(1, last, FRAMES).round().astype(int)).tolist()]
    trained = histories([run.spec for run in runs], epochs)
    reels = [
        Reel(planes(history), history.trained.losses[0], run.outcome, f"{name}: {run.ending}")
        for name, run, history in zip(_distinguish(runs), runs, trained, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    film(path, reels, levels=spectrum(runs[0].spec))


def _numbers(epochs: Epochs, runs: Sequence[Run]) -> list[int]:
    """Return the epochs as numbers, the longest run's last for the end."""
    last = max(run.spec.epochs for run in runs)
    return [last if epoch is None else epoch for epoch in epochs.values()]


def _distinguish(runs: Sequence[Run]) -> list[str]:
    """Name each run by the parameters that differ between the runs, or by its id where none does."""
    parameters = [run.spec.parameters() for run in runs]
    keys = [key for key in differing(parameters) if key not in DIGESTS]
    names = []
    for run, own in zip(runs, parameters, strict=True):
        mine = [key for key in keys if key in own]
        values = [str(own[key]) if isinstance(own[key], list) else own[key] for key in mine]
        names.append(label(mine, values) or run.short_id)
    return names
