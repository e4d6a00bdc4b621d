"""Read runs back from MLflow, say when XOR gets stuck and when it converges, and draw it."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from xorlab.errors import XorlabError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PANELS = 24
"""Settings that still get a panel of curves each."""

POINTS = 200
"""Epochs a run of a big sweep, on a log scale; a small sweep is drawn from every epoch."""


def main(arguments: list[str] | None = None) -> int:
    """Analyse the runs that the command line names; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _analyze(options)
    except XorlabError as error:
        print(f"analyze.py: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri", help="the tracking store (MLFLOW_TRACKING_URI, else mlflow.db beside train.py)")
    parser.add_argument("--experiment", default="xorlab", help="the experiment's name (%(default)s)")
    sweep = "a sweep's run id or its beginning, latest, or all (latest if there is one and no filter is given)"
    parser.add_argument("--sweep", help=sweep)
    parser.add_argument("--filter", help="a condition in MLflow's language, as in \"params.lr = '0.1'\"")
    parser.add_argument("--out", type=Path, default=Path("outputs/analysis"), help="the folder to write (%(default)s)")
    return parser


def _analyze(options: argparse.Namespace) -> None:
    from xorlab import figures, statistics
    from xorlab.summary import summary

    runs = _load(options)
    told = runs.dropna(subset="outcome")
    if told.empty:
        raise XorlabError(f"no run with an outcome is in experiment {options.experiment}; got {len(runs)} runs")
    options.out.mkdir(parents=True, exist_ok=True)
    runs.to_csv(options.out / "runs.csv", index=False)
    statistics.rates(told, statistics.factors(told)).to_csv(options.out / "rates.csv", index=False)
    for name, figure in _pictures(told, options.uri):
        (options.out / f"{name}.svg").write_bytes(figures.svg(figure))
        (options.out / f"{name}.png").write_bytes(figures.png(figure))
    print(f"{len(runs):,} runs of experiment {options.experiment}\n\n{summary(runs)}\n\nWritten to {options.out}/")


def _load(options: argparse.Namespace) -> "pd.DataFrame":
    """Read the runs that the options name: those of the latest sweep, where nothing else is asked for."""
    from xorlab import runs

    sweep = None if options.sweep == "all" else options.sweep
    if options.sweep is None and not options.filter and len(runs.sweeps(options.uri, experiment=options.experiment)):
        sweep = "latest"
    return runs.load(options.uri, experiment=options.experiment, sweep=sweep, filter=options.filter)


def _pictures(told: "pd.DataFrame", uri: str | None) -> Iterator[tuple[str, "Figure"]]:
    """Yield the pictures of runs that have an outcome, by the names of their files."""
    from xorlab import figures, runs, statistics

    by, levels = statistics.factors(told), statistics.levels(told)
    highest = [f"stuck_{name}" for name in list(levels)[:1]]
    curves = runs.curves(told, uri, points=POINTS if len(told) > figures.MANY else None)
    yield "loss_curves", figures.sweep_curves(curves, told, levels, by=_panels(told, by))
    rates = statistics.rates(told, by or ["lr"], outcomes=["converged", *highest])
    for outcome in ("converged", *highest):
        yield f"rate_{outcome}", figures.convergence_maps(rates, by or ["lr"], outcome=outcome)
    yield "final_losses", figures.final_losses(told, levels, by=by)
    yield "epochs_to_convergence", figures.epochs_to_convergence(told, by=by)


def _panels(told: "pd.DataFrame", by: list[str]) -> list[str]:
    """Return the factors whose settings get panels: all of them, or the most varied left out until there is room."""
    while by and told.groupby(by, dropna=False).ngroups > PANELS:
        by = sorted(by, key=lambda key: told[key].nunique())[:-1]
    return by


if __name__ == "__main__":
    sys.exit(main())
