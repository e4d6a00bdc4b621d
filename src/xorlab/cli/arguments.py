"""What the commands share: their common arguments, and one line on stderr for a user's mistake."""

import argparse
import sys
from collections.abc import Callable

from xorlab.errors import XorlabError
from xorlab.tracking import passwords

REFUSED = 2
"""The exit status of a mistake on the command line, as argparse has it."""

RUN = "a run's id, the beginning of it, or latest"
"""How a run is named."""


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add --uri, --experiment and --use."""
    parser.add_argument(
        "--uri", help="the tracking store (MLFLOW_TRACKING_URI, else mlflow.db beside train.py or here)"
    )
    parser.add_argument("--experiment", default="xorlab", help="the experiment's name (%(default)s)")
    parser.add_argument("--use", metavar="MODULE", help="a module that registers functions which the runs use")


def typed(prog: str) -> list[str]:
    """Return the words that a command is typed as: ``python scripts/why.py`` for a script, ``xorlab why`` as it is."""
    return ["python", f"scripts/{prog}"] if prog.endswith(".py") else prog.split()


def call(
    command: Callable[[argparse.Namespace], int], parser: argparse.ArgumentParser, arguments: list[str] | None
) -> int:
    """Run a command and return its exit status; print a user's mistake as one line.

    Parameters
    ----------
    command : takes the parsed arguments, returns the exit status
    parser : the command's own
    arguments : the words after the command's name; None for those of this process
    """
    passwords.hide(sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_intermixed_args(arguments)
    try:
        if getattr(options, "use", None):
            from xorlab.spec.components import functions

            functions.use(options.use)
        return command(options)
    except XorlabError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return REFUSED
