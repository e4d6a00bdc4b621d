"""Draw how runs do what they do: the plane with each unit's line at chosen epochs, the loss around the end, a film."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xorlab.errors import XorlabError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xorlab.figures.movie import Reel
    from xorlab.runs.recorded import Recalled

FRAMES = 48
"""Epochs of a film, spread evenly over the logarithm, fewer where they are not whole."""

PANELS = 48
"""Runs that one page has room for."""


def main(arguments: list[str] | None = None) -> int:
    """Draw the runs that the command line names; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _draw(options)
    except XorlabError as error:
        print(f"mechanism.py: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    runs = "a run's id, or its beginning; one run has a picture of its own, several share a page for each epoch"
    parser.add_argument("runs", metavar="RUN", nargs="+", help=runs)
    epochs = "where to look, as in 0,10,100,end (%(default)s)"
    parser.add_argument("--epochs", default="0,10,100,end", help=epochs)
    parser.add_argument("--gif", metavar="OTHER", help="another run, to film beside the first")
    parser.add_argument("--uri", help="the tracking store (MLFLOW_TRACKING_URI, else mlflow.db beside train.py)")
    parser.add_argument("--experiment", default="xorlab", help="the experiment's name (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("outputs/mechanism"), help="the folder to write (%(default)s)")
    return parser


def _draw(options: argparse.Namespace) -> None:
    from xorlab import figures
    from xorlab.diagnosis.levels import spectrum
    from xorlab.figures.movie import film
    from xorlab.runs import recorded

    epochs = _epochs(options.epochs)
    if len(options.runs) > PANELS:
        raise XorlabError(f"a page has room for {PANELS} runs; got {len(options.runs)}")
    where = {"uri": options.uri, "experiment": options.experiment}
    runs = [recorded.recall(name, **where) for name in options.runs]
    other = [recorded.recall(name, **where) for name in [options.gif] if name]
    for run in [*runs, *other]:
        if "outcome" not in run.tags:
            raise XorlabError(f"RUN must have ended with an outcome; got {run.run_id}, which has none")
    pictures = _one(runs[0], epochs) if len(runs) == 1 else _several(runs, epochs)
    reels = [reel for one in other for reel in _reels([runs[0], one])]
    options.out.mkdir(parents=True, exist_ok=True)
    for name, figure in pictures.items():
        (options.out / name).write_bytes(figures.png(figure))
        print(options.out / name)
    if reels:
        path = options.out / f"{runs[0].run_id[:8]}-{other[0].run_id[:8]}.gif"
        film(path, reels, levels=spectrum(runs[0].spec))
        print(path)


def _epochs(text: str) -> dict[str, int | None]:
    """Read epochs, None for the end."""
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word != "end" and not word.isdecimal():
            raise XorlabError(f"--epochs must be whole numbers or end, as in 0,10,100,end; got {text!r}")
    return {word: None if word == "end" else int(word) for word in words}


def _numbers(epochs: dict[str, int | None], runs: "Sequence[Recalled]") -> list[int]:
    """Return the epochs as numbers, the longest run's last for the end."""
    last = max(run.spec.epochs for run in runs)
    return [last if epoch is None else epoch for epoch in epochs.values()]


def _one(run: "Recalled", epochs: dict[str, int | None]) -> "dict[str, Figure]":
    """Draw one run: the plane at each epoch, and where it can be computed the loss around the end."""
    from xorlab.diagnosis import landscape
    from xorlab.diagnosis.levels import spectrum
    from xorlab.diagnosis.planes import planes
    from xorlab.diagnosis.wording import title
    from xorlab.figures.landscape import loss_slice
    from xorlab.figures.mechanism import run_planes
    from xorlab.numerics.snapshots import histories

    (history,) = histories([run.spec], _numbers(epochs, [run]))
    style = {"levels": spectrum(run.spec), "title": f"{title(run.spec)}: {_ending(run)}"}
    outcome, losses = run.tags["outcome"], history.trained.losses[0]
    drawn = {f"{run.run_id[:8]}-plane.png": run_planes(planes(history), losses, outcome=outcome, **style)}
    try:
        drawn[f"{run.run_id[:8]}-slice.png"] = loss_slice(landscape.cut(history.trained), **style)
    except XorlabError as error:
        print(f"No slice: {error}.")
    return drawn


def _several(runs: "Sequence[Recalled]", epochs: dict[str, int | None]) -> "dict[str, Figure]":
    """Draw a page of runs for each epoch; a run that is over is drawn as it ended."""
    from xorlab.diagnosis.planes import planes
    from xorlab.figures.mechanism import grid_planes
    from xorlab.numerics.snapshots import histories

    seen = [planes(history) for history in histories([run.spec for run in runs], _numbers(epochs, runs))]
    outcomes = [run.tags["outcome"] for run in runs]
    drawn = {}
    for word, number in epochs.items():
        now = [[one for one in own if number is None or one.epoch <= number][-1] for own in seen]
        headings = [
            f"{_setting(run, runs)}\n{_ending(run)}\nloss {one.loss:.4f}" for run, one in zip(runs, now, strict=True)
        ]
        when = "the end" if number is None else f"epoch {number:,}"
        title = f"{len(runs)} runs at {when}, each framed in the colour of its outcome"
        drawn[f"grid-{word}.png"] = grid_planes(now, headings, outcomes, title=title)
    return drawn


def _reels(runs: "Sequence[Recalled]") -> "list[Reel]":
    """Take what a film shows of runs side by side."""
    import numpy as np

    from xorlab.diagnosis.planes import planes
    from xorlab.figures.movie import Reel
    from xorlab.numerics.snapshots import histories

    last = max(run.spec.epochs for run in runs)
    epochs = [0, *np.unique(np.geomspace(1, last, FRAMES).round().astype(int)).tolist()]
    return [
        Reel(planes(history), history.trained.losses[0], run.tags["outcome"], f"{_setting(run, runs)}: {_ending(run)}")
        for run, history in zip(runs, histories([run.spec for run in runs], epochs), strict=True)
    ]


def _ending(run: "Recalled") -> str:
    """Say how a run ended, and why where the record has a cause."""
    from xorlab.diagnosis.outcomes import phrase

    cause = run.tags.get("cause")
    return phrase(run.tags["outcome"]) + (f", {cause.replace('_', ' ')}" if cause else "")


def _setting(run: "Recalled", runs: "Sequence[Recalled]") -> str:
    """Name what tells a run from the others; its id where nothing does."""
    from xorlab.statistics.settings import label

    own = [other.spec.parameters() for other in runs]
    mine = run.spec.parameters()
    keys = [key for key in mine if any(other.get(key) != mine[key] for other in own) and key != "init.sha256"]
    return label(keys, [str(mine[key]) if isinstance(mine[key], list) else mine[key] for key in keys]) or run.run_id[:8]


if __name__ == "__main__":
    sys.exit(main())
