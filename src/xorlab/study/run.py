"""One run that has ended."""

from dataclasses import dataclass

from xorlab.diagnosis.outcomes import phrase
from xorlab.errors import XorlabError
from xorlab.runs import single
from xorlab.spec import RunSpec


@dataclass(frozen=True)
class Run:
    """A run: its id in MLflow, its specification, how it ended and why it did not converge."""

    run_id: str
    spec: RunSpec
    outcome: str
    cause: str | None = None

    @property
    def short_id(self) -> str:
        """The beginning of the id, enough to name the run."""
        return self.run_id[:8]

    @property
    def ending(self) -> str:
        """The outcome and the cause in words, as in ``stuck at ln 2, affine collapse``."""
        return phrase(self.outcome) + (f", {self.cause.replace('_', ' ')}" if self.cause else "")


def find(name: str, uri: str | None = None, *, experiment: str = "xorlab") -> Run:
    """Return the recorded run that `name` names: its id, the beginning of it, or ``latest``.

    Raises
    ------
    XorlabError
        Where there is no such run, or it has not ended with an outcome.
    """
    found = single.find(name, uri, experiment=experiment)
    if "outcome" not in found.tags:
        raise XorlabError(f"RUN must have ended with an outcome; got {found.run_id}, which has none")
    return Run(found.run_id, found.spec, found.tags["outcome"], found.tags.get("cause"))
