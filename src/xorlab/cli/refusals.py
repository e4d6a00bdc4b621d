"""How the command answers a mistake: one line on stderr and a status, never a traceback."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import extract_tb

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from xorlab.errors import XorlabError

MISTAKES = (XorlabError, HydraException, OmegaConfBaseException)
REFUSED, INTERRUPTED = 2, 130

REPHRASED = {
    r"Ambiguous value for argument '(.+)'": r"\1 is a sweep; add -m to run it",
    r"Sweep parameters '(.+)' requires --multirun": r"\1 is a sweep; add -m to run it",
    r"Could not override '(.+)'\.": r"\1 is not a key of the configuration; see python train.py --help",
    r"Key '(.+)' is not in struct": r"\1 is not a key of the configuration; see python train.py --help",
}
"""The first lines of Hydra's messages that say too little, and what is said instead."""


def line(error: BaseException) -> str:
    """Return the one line that tells a user's mistake."""
    if isinstance(error, MissingConfigException) and error.options:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        return f"{group} must be one of {', '.join(error.options)}; got {name}"
    if isinstance(error, OverrideParseException):
        reason = error.message.removeprefix(f"Error parsing override '{error.override}'\n")
        return f"{error.override} can't be read: {_first(reason)}"
    if not str(error) and error.__cause__ is not None:
        return line(error.__cause__)
    return _first(str(error))


def _first(message: str) -> str:
    first = message.strip().partition("\n")[0]
    for pattern, ours in REPHRASED.items():
        if match := re.fullmatch(pattern, first):
            return match.expand(ours)
    return first


@contextmanager
def refusals() -> Iterator[None]:
    """Turn a user's mistake into one line and exit status 2."""
    try:
        yield
    except Exception as error:
        if not (isinstance(error, MISTAKES) or _is_of_flags(error)):
            raise
        print(line(error), file=sys.stderr)
        raise SystemExit(REFUSED) from None


def _is_of_flags(error: Exception) -> bool:
    """Tell whether Hydra refused flags that exclude each other, for which it has no exception of its own."""
    return isinstance(error, ValueError) and extract_tb(error.__traceback__)[-1].name == "_run_hydra"


def answer(command: Callable[[], None]) -> None:
    """Run Hydra's command and answer its user's mistakes; HYDRA_FULL_ERROR=1 shows Hydra's own in full."""
    try:
        if "HYDRA_FULL_ERROR" in os.environ:
            command()
        else:
            # Without it Hydra prints its errors itself, over several lines.
            os.environ["HYDRA_FULL_ERROR"] = "1"
            with refusals():
                command()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
