"""Which recorded runs are meant: those of a sweep, of a filter, of a time."""

from dataclasses import dataclass

import pandas as pd

from xorlab import runs
from xorlab.errors import XorlabError
from xorlab.runs import members


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Runs of one experiment.

    Attributes
    ----------
    uri, experiment : where they are kept
    sweep : a sweep's run id, the beginning of it, ``latest`` for the newest that has runs, or ``all`` for all runs.
        None: the newest sweep that has runs if there is one and neither `filter` nor `since` is given, else all runs
    filter : a condition in MLflow's search language
    since : runs that began since a time, as 2026-11-01T10:00 (local unless it says), or since so long ago, as 2h or 7d
    """

    uri: str | None = None
    experiment: str = "xorlab"
    sweep: str | None = None
    filter: str | None = None
    since: str | None = None

    def load(self) -> tuple[pd.DataFrame, str | None]:
        """Return the table of the runs, as `xorlab.runs.load` makes it, and the id of the sweep that they make up.

        Returns
        -------
        The id is None where the runs are not all the runs of one sweep.

        Raises
        ------
        XorlabError
            Where there is no such experiment, sweep or time, or no run that has an outcome.
        """
        sweep = None if self.sweep == "all" else self.sweep
        if sweep == "latest" or (self.sweep is None and not self.filter and not self.since):
            sweep = members.newest(self.uri, experiment=self.experiment) or sweep
        found = runs.load(self.uri, experiment=self.experiment, sweep=sweep, filter=self.filter)
        if self.since:
            found = found[found["start"] >= _time(self.since)].reset_index(drop=True)
        if found["outcome"].isna().all():
            raise XorlabError(f"no run with an outcome is in experiment {self.experiment}; got {len(found)} runs")
        whole = sweep and not self.filter and not self.since
        return found, members.find(str(sweep), self.uri, experiment=self.experiment) if whole else None


def _time(text: str) -> pd.Timestamp:
    """Read a time, or how long ago."""
    try:
        if text[-1:] in "smhd" and text[:-1].isdigit():
            return pd.Timestamp.now("UTC") - pd.Timedelta(text)
        time = pd.Timestamp(text)
    except ValueError as error:
        raise XorlabError(f"since must be a time, as 2026-11-01, or how long ago, as 2h or 7d; got {text!r}") from error
    return time if time.tzinfo else pd.Timestamp(time.to_pydatetime().astimezone())
