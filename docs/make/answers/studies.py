"""The studies of conf/experiment in MLflow: found by their command, trained if missing, read."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from xorlab import runs
from xorlab.errors import XorlabError
from xorlab.spec import NUMERICS

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Studies:
    """The named studies of one store.

    Attributes
    ----------
    uri : the tracking store; None for xorlab's default
    overrides : settings added to each study's command, for a smaller study
    """

    uri: str | None = None
    overrides: Sequence[str] = ()
    _read: dict[str, pd.DataFrame] = field(default_factory=dict)

    def arguments(self, name: str) -> list[str]:
        """Return the arguments of ``python train.py`` for a study."""
        return ["-m", f"experiment={name}", *self.overrides]

    def find(self, name: str) -> Any:
        """Return the row of a study's latest finished sweep; None if there is none."""
        try:
            sweeps = runs.sweeps(self.uri)
        except XorlabError:  # a store without runs
            return None
        if "command" not in sweeps:
            return None
        same = sweeps["command"].dropna().map(lambda text: shlex.split(text)[2:] == self.arguments(name))
        found = sweeps.loc[same.index[same]]
        found = found[found["status"] == "FINISHED"]
        return None if found.empty else found.iloc[0]

    def train(self, name: str) -> None:
        """Train a study by its command, unless the store has it."""
        if self.find(name) is not None:
            return
        command = ["python", "train.py", *self.arguments(name)]
        print(shlex.join(command), flush=True)
        store = {} if self.uri is None else {"MLFLOW_TRACKING_URI": self.uri}
        settings: Any = {"cwd": ROOT, "env": os.environ | store, "stdout": subprocess.DEVNULL}
        if status := subprocess.run([sys.executable, *command[1:]], check=False, **settings).returncode:
            raise XorlabError(f"study {name} must train to its end; its command exited with {status}")

    def load(self, name: str) -> pd.DataFrame:
        """Read all runs of a study.

        Raises
        ------
        XorlabError
            If the study is missing or incomplete, or was trained by another version of the numerics.
        """
        if name not in self._read:
            sweep = self.find(name)
            if sweep is None:
                command = shlex.join(["python", "train.py", *self.arguments(name)])
                raise XorlabError(f"study {name} must be in the store; train it by `{command}`, or all with --train")
            self._read[name] = _whole(name, runs.load(self.uri, sweep=sweep["run_id"]), int(sweep["runs"]))
        return self._read[name]


def _whole(name: str, found: pd.DataFrame, asked: int) -> pd.DataFrame:
    """Return the runs of a study if none is missing and all have this version of the numerics."""
    ended = found.dropna(subset="outcome")
    if not len(ended) == len(found) == asked:
        raise XorlabError(f"study {name} must have an outcome for each of {asked:,} runs; got {len(ended):,}")
    if (other := ended["numerics_version"] != str(NUMERICS)).any():
        raise XorlabError(
            f"study {name} must be of numerics {NUMERICS}; got {ended['numerics_version'][other].iloc[0]}"
        )
    return ended
