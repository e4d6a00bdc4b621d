"""How the command answers a mistake: one line on stderr and an exit status, never a traceback."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb

import hydra
import omegaconf
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from xorlab.cli.internals import check_flags
from xorlab.errors import XorlabError
from xorlab.spec.text import program
from xorlab.tracking import passwords

MISTAKES = (XorlabError, HydraException, OmegaConfBaseException)
REFUSED, INTERRUPTED = 2, 130

REPHRASED = {
    r"Ambiguous value for argument '(.+)'": r"\1 is a sweep; add -m to run it",
    r"Sweep parameters '(.+)' requires --multirun": r"\1 is a sweep; add -m to run it",
    r"Could not override '(.+)'\.": r"\1 is not a key of the configuration; see {program} --help",
    r"Key '(.+)' is not in struct": r"\1 is not a key of the configuration; see {program} --help",
    r"Could not append to config\. An item is already at '(.+)'\.": r"\1 is a key already; write it without +",
}
"""The first lines of Hydra's messages that say too little, and what is said instead."""

LIBRARIES = tuple(str(Path(str(module.__file__)).parent) for module in (hydra, omegaconf))


def line(error: BaseException) -> str:
    """Return the one line that names a user's mistake."""
    if isinstance(error, MissingConfigException) and error.options:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        return f"{group} must be one of {', '.join(error.options)}; got {name}"
    if isinstance(error, OverrideParseException):
        reason = error.message.removeprefix(f"Error parsing override '{error.override}'\n")
        return f"{error.override} can't be read: {_first(reason)}"
    if not str(error) and error.__cause__ is not None:
        return line(error.__cause__)
    if not isinstance(error, MISTAKES):
        return f"Hydra can't run this command: {_first(str(error))}"
    return _first(str(error))


def _first(message: str) -> str:
    first = message.strip().partition("\n")[0]
    for pattern, ours in REPHRASED.items():
        if match := re.fullmatch(pattern, first):
            return match.expand(ours.format(program=program()))
    return first


def is_mistake(error: Exception) -> bool:
    """Tell whether the command line or a configuration file is at fault.

    Hydra and OmegaConf do not check everything: what Python raises inside them comes from what they were given.
    """
    return isinstance(error, MISTAKES) or extract_tb(error.__traceback__)[-1].filename.startswith(LIBRARIES)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn a user's mistake into one line and exit status 2."""
    try:
        yield
    except Exception as error:
        if not is_mistake(error):
            raise
        print(line(error), file=sys.stderr)
        raise SystemExit(REFUSED) from None


def answer(command: Callable[[], None]) -> None:
    """Run Hydra's command and answer its user's mistakes; HYDRA_FULL_ERROR=1 shows Hydra's own in full."""
    passwords.hide(sys.argv[1:])
    try:
        if "HYDRA_FULL_ERROR" in os.environ:
            command()
        else:
            # Without it Hydra prints its errors itself, over several lines.
            os.environ["HYDRA_FULL_ERROR"] = "1"
            with refusals():
                check_flags(sys.argv[1:])
                command()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
