"""Read runs back from MLflow, say when XOR gets stuck and when it converges, and write it as a report."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from xorlab.errors import XorlabError

if TYPE_CHECKING:
    import pandas as pd

    from xorlab.report import Material

POINTS = 200
"""Epochs a run of a big sweep, on a log scale; a small sweep is drawn from every epoch."""

SHOWN = 8
"""Characters of a run id that name a sweep."""


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
    sweep = "a sweep's run id or its beginning, latest, or all (latest if there is one and no filter or time is given)"
    parser.add_argument("--sweep", help=sweep)
    parser.add_argument("--filter", help="a condition in MLflow's language, as in \"params.lr = '0.1'\"")
    since = "only runs begun since then: 2026-11-01, 2026-11-01T10:00 (local time), or so long ago: 2h, 7d"
    parser.add_argument("--since", metavar="WHEN", help=since)
    parser.add_argument("--against", metavar="SWEEP", help="a second sweep to compare with, setting by setting")
    parser.add_argument("--only", metavar="NAME", help="one picture or table of the report, by its name")
    parser.add_argument("--out", type=Path, default=Path("outputs/analysis"), help="the folder to write (%(default)s)")
    parser.add_argument("--no-log", action="store_true", help="leave the report out of the sweep's run in MLflow")
    return parser


def _analyze(options: argparse.Namespace) -> None:
    from xorlab import report

    material = _material(options)
    if options.only:
        print(report.write_one(options.only, material, options.out))
    else:
        _report(options, material)
    print(f"\nWritten to {options.out}/")


def _report(options: argparse.Namespace, material: "Material") -> None:
    """Write the whole report, add it to the sweep that it is about, and print its answer."""
    from xorlab import report, runs

    sweep = _sweep(options, material.runs)
    runs_of = "run of" if len(material.runs) == 1 else "runs of"
    about = f"{len(material.runs):,} {runs_of} experiment {options.experiment}"
    diff = runs.diff(sweep, options.uri, experiment=options.experiment) if sweep else ""
    origin = _origin(options, material.runs)
    made_by = " and ".join(origin.get("The runs were made by", [])[:2])
    command = _command(options, sweep)
    page = report.write(material, options.out, about=about, made_by=made_by, command=command, origin=origin, diff=diff)
    print(f"{about}\n\n{report.summary(material)}")
    if sweep and not options.no_log:
        _log(options, sweep, page)


def _material(options: argparse.Namespace) -> "Material":
    """Read the runs that the options name: those of the latest sweep, where nothing else is asked for."""
    from xorlab import figures, runs
    from xorlab.report import Material

    def curves(told: "pd.DataFrame") -> "pd.DataFrame":
        return runs.curves(told, options.uri, points=POINTS if len(told) > figures.MANY else None)

    store = {"uri": options.uri, "experiment": options.experiment}
    chosen = _since(runs.load(sweep=_asked(options), filter=options.filter, **store), options.since)
    if chosen["outcome"].isna().all():
        raise XorlabError(f"no run with an outcome is in experiment {options.experiment}; got {len(chosen)} runs")
    sweep = _sweep(options, chosen)
    plan = runs.plan(sweep, **store) if sweep else None
    other = runs.load(sweep=options.against, **store) if options.against else None
    return Material(chosen, curves, plan, other)


def _asked(options: argparse.Namespace) -> str | None:
    """Return the sweep that is asked for, by name or because nothing else is; None for all runs."""
    from xorlab import runs

    if options.sweep or options.filter or options.since:
        return None if options.sweep == "all" else options.sweep
    return "latest" if len(runs.sweeps(options.uri, experiment=options.experiment)) else None


def _sweep(options: argparse.Namespace, runs: "pd.DataFrame") -> str | None:
    """Return the id of the sweep whose runs these are, all of them; None where they are a choice of others."""
    whole = _asked(options) and not options.filter and not options.since
    return str(runs["sweep"].iloc[0]) if whole else None


def _since(runs: "pd.DataFrame", when: str | None) -> "pd.DataFrame":
    """Keep the runs that began since a time, or since so long ago."""
    import pandas as pd

    if when is None:
        return runs
    try:
        ago = when[-1:] in "smhd" and when[:-1].isdigit()
        start = pd.Timestamp.now("UTC") - pd.Timedelta(when) if ago else pd.Timestamp(when)
    except ValueError as error:
        raise XorlabError(f"since must be a time, as 2026-11-01, or how long ago, as 2h or 7d; got {when!r}") from error
    start = start if start.tzinfo else pd.Timestamp(start.to_pydatetime().astimezone())
    return runs[runs["start"] >= start].reset_index(drop=True)


def _command(options: argparse.Namespace, sweep: str | None) -> str:
    """Return the command that makes the report of the same runs again."""
    given = {
        "--uri": options.uri,
        "--experiment": options.experiment if options.experiment != "xorlab" else None,
        "--sweep": sweep[:SHOWN] if sweep else options.sweep,
        "--filter": options.filter,
        "--since": options.since,
        "--against": options.against,
    }
    words = [word for name, value in given.items() if value for word in (name, value)]
    return shlex.join(["python", "scripts/analyze.py", *words])


def _origin(options: argparse.Namespace, chosen: "pd.DataFrame") -> dict[str, list[str]]:
    """Say where the numbers come from: commands, commits, machines, the store."""
    from xorlab import runs
    from xorlab.tracking import store

    sweeps = runs.sweeps(options.uri, experiment=options.experiment)
    sweeps = sweeps[sweeps["run_id"].isin(chosen["sweep"])]
    columns = {"Commit": "commit", "Uncommitted changes": "git.dirty", "Machine": "machine"}
    columns |= {"NumPy": "numpy", "Python": "python", "Version of the numerics": "numerics"}
    found = {name: sorted(chosen[key].dropna().unique()) for name, key in columns.items() if key in chosen}
    chosen_by = [word for word in (options.filter, options.since and f"since {options.since}") if word]
    origin = {
        "The runs were made by": sweeps["command"].tolist() if len(sweeps) else [],
        "Sweep": [f"{row.name}, {row.run_id}" for row in sweeps[["name", "run_id"]].itertuples(index=False)],
        "Store": [f"{store.shown(store.uri(options.uri))}, experiment {options.experiment}"],
        "Chosen by": chosen_by,
        **found,
    }
    return {name: values for name, values in origin.items() if values}


def _log(options: argparse.Namespace, sweep: str, page: Path) -> None:
    """Add the page to the sweep's artifacts, where MLflow's UI shows it."""
    from xorlab.tracking import store
    from xorlab.tracking.tracker import Tracker

    uri = store.uri(options.uri)
    tracker = Tracker(uri, options.experiment)
    tracker.add_artifacts(sweep, {page.name: page.read_bytes()})
    print(f"\nThe report is an artifact of the sweep as well: {store.page(uri, tracker.experiment_id, sweep)}")


if __name__ == "__main__":
    sys.exit(main())
