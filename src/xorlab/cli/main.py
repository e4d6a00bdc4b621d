"""The command ``xorlab``: one name in front of all the others."""

import os
import sys
from importlib import import_module

import xorlab
from xorlab.cli.arguments import REFUSED

COMMANDS = {
    "train": "train one run, or with -m a sweep",
    "report": "report recorded runs as one HTML file",
    "why": "say why a run did not converge, and try what would help",
    "verify": "train a recorded run again and compare every loss",
    "weights": "write a run's weights to a file, for NumPy, PyTorch or Keras",
    "mechanism": "draw how runs learn",
    "fates": "draw what became of every run of a grid",
    "sweeps": "list sweeps, or follow one",
    "ui": "serve MLflow's UI",
}
"""What each command does; its module has its name."""

USAGE = "\n".join(
    [
        "usage: xorlab COMMAND ...",
        "",
        *(f"  {name:10} {does}" for name, does in COMMANDS.items()),
        "",
        "xorlab COMMAND --help explains a command; xorlab --version prints the version.",
        "Runs are kept in mlflow.db in the working folder, or where MLFLOW_TRACKING_URI says.",
    ]
)


def main(words: list[str] | None = None) -> int:
    """Run the command that the first word names; return the exit status."""
    name, *rest = (sys.argv[1:] if words is None else words) or ["--help"]
    if name in ("-h", "--help"):
        print(USAGE)
    elif name == "--version":
        print(xorlab.__version__)
    elif name in COMMANDS:
        from xorlab.spec.text import PROGRAM

        os.environ[PROGRAM] = "xorlab train"
        return int(import_module(f"xorlab.cli.{name}").main(rest, prog=f"xorlab {name}"))
    else:
        print(f"xorlab: COMMAND must be one of {', '.join(COMMANDS)}; got {name}", file=sys.stderr)
        return REFUSED
    return 0
