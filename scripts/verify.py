"""Train a run again from its MLflow record alone, and compare the losses with those on record, bit for bit."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from xorlab.errors import XorlabError

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    """Verify the run that the command line names; return 0 where it is identical, else 1."""
    options = _parser().parse_args(arguments)
    try:
        return 0 if _verify(options) else 1
    except XorlabError as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run's id, or the beginning of it")
    parser.add_argument("--uri", help="the tracking store (MLFLOW_TRACKING_URI, else mlflow.db beside train.py)")
    parser.add_argument("--experiment", default="xorlab", help="the experiment's name (%(default)s)")
    return parser


def _verify(options: argparse.Namespace) -> bool:
    from xorlab.diagnosis import wording
    from xorlab.numerics import training
    from xorlab.remedies import verification
    from xorlab.runs import recorded

    recalled = recorded.recall(options.run, options.uri, experiment=options.experiment)
    epochs, losses = recorded.curve(recalled, options.uri)
    if not len(epochs):
        raise XorlabError(f"RUN must have losses on record; got {recalled.run_id}, which has none")
    initial = recorded.weights(recalled, options.uri) if recalled.spec.init.name == "file" else None
    trained = training.train([recalled.spec], initial=initial)
    final = recalled.metrics.get("final_loss", float("nan"))
    comparison = verification.compare(epochs, losses, final, trained)
    print(f"{wording.title(recalled.spec)}\nRun {recalled.run_id} of {recalled.start:%d %b %Y, %H:%M} UTC\n")
    print(*(f"{line}." for line in verification.told(comparison)), sep="\n")
    _show_environment(recalled.tags, same=comparison.identical)
    return comparison.identical


def _show_environment(tags: Mapping[str, str], *, same: bool) -> None:
    from xorlab.remedies import verification
    from xorlab.sweep import terminal
    from xorlab.sweep.tables import Table
    from xorlab.tracking import environment, tracker

    today = {**environment.today(), **tracker.git(ROOT)}
    rows = [(_called(key), *rest) for key, *rest in verification.environments(tags, today)]
    print()
    terminal.show(Table(("", "recorded", "today", ""), tuple(rows)))
    differing = [name for name, *_, word in rows if word]
    if not same:
        what = f"{', '.join(differing)} may explain it" if differing else "it does not explain the difference"
        print(f"The environment: {what}.")


def _called(key: str) -> str:
    return {"mlflow.source.git.commit": "commit", "git.dirty": "uncommitted changes"}.get(key, key)


if __name__ == "__main__":
    sys.exit(main())
