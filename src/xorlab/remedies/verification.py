"""Does a recorded run reproduce? Train it again from its record and compare every recorded loss, bit for bit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xorlab.errors import XorlabError
from xorlab.numerics import training
from xorlab.numerics.thinning import Every, logged
from xorlab.numerics.trained import Trained
from xorlab.runs import single
from xorlab.runs.single import StoredRun
from xorlab.tracking.records import LOG_EVERY

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Recorded losses and those of the same run trained again, at K epochs.

    Attributes
    ----------
    epochs : (K,) ints, ascending; the last one stands for the final loss, after the last update
    recorded, today : (K,) arrays; NaN where there is no loss
    """

    epochs: NDArray[np.int64]
    recorded: Array
    today: Array

    @property
    def differs(self) -> NDArray[np.bool_]:
        """Where a bit differs, (K,)."""
        return np.asarray(self.recorded.view(np.int64) != self.today.view(np.int64))

    @property
    def identical(self) -> bool:
        """Whether no bit differs."""
        return not self.differs.any()


def verify(run: StoredRun, uri: str | None = None) -> Comparison:
    """Train a recorded run again and compare its losses with the record.

    Parameters
    ----------
    run : the run, as `single.find` reads it
    uri : the tracking store

    Raises
    ------
    XorlabError
        Where the record has none of the run's losses, or the weights that it started from are gone.
    """
    epochs, losses = single.losses(run, uri)
    trained = retrain(run, uri)
    if not epochs.size and trained.epochs[0]:
        raise XorlabError(f"RUN must have losses on record; got {run.run_id}, which has none")
    log_every = run.tags.get(LOG_EVERY)
    return compare(epochs, losses, run.metrics.get("final_loss", np.nan), trained, log_every=log_every)


def retrain(run: StoredRun, uri: str | None = None) -> Trained:
    """Train a recorded run again: an ensemble of one.

    Raises
    ------
    XorlabError
        Where the weights that it started from are gone.
    """
    return training.train([run.spec], initial=_initial_weights(run, uri))


def _initial_weights(run: StoredRun, uri: str | None) -> dict[str, Array] | None:
    """Return the recorded weights of a run that started from a file; None where the specification says enough."""
    path = run.spec.init.path
    if path is None:
        return None
    weights = single.weights(run, uri)
    if weights is None and not Path(path).is_file():
        raise XorlabError(f"run {run.run_id} must carry {single.INITIAL_WEIGHTS}, or {path} must be there; neither is")
    return weights


def compare(
    epochs: NDArray[np.int64], recorded: Array, final_loss: float, trained: Trained, *, log_every: Every | None
) -> Comparison:
    """Compare the record of a run with the run trained again.

    Parameters
    ----------
    epochs, recorded : (K,) arrays, the epochs whose losses were recorded, ascending, and the losses
    final_loss : the recorded loss at the final parameters; NaN where it was not finite
    trained : the same run again, R = 1
    log_every : the spacing of the epochs that were recorded, besides the last one. None, for a record that does not
        say: the widest spacing that explains the recorded epochs.

    Notes
    -----
    A due epoch that is not on record differs.
    """
    E = int(trained.epochs[0])
    every = log_every or int(np.gcd.reduce(epochs[epochs != E - 1])) or max(E, 1)
    due = logged(E, every)
    at = np.union1d(epochs, due)
    then, now = np.full(at.size, np.nan), np.full(at.size, np.nan)
    then[np.searchsorted(at, epochs)] = recorded
    trained_at = at < E
    now[trained_at] = trained.losses[0, at[trained_at]]
    last = max(at[-1] + 1, E) if at.size else E
    return Comparison(
        epochs=np.append(at, last),
        recorded=np.append(then, final_loss),
        today=np.append(now, trained.final_loss[0]),
    )


def describe(comparison: Comparison) -> str:
    """Say that a comparison is identical, or where it differs first, at how many epochs and by how much."""
    differs, K = comparison.differs, len(comparison.epochs) - 1
    if comparison.identical:
        return f"Identical: all {K:,} recorded losses and the final loss, bit for bit."
    first = int(differs.argmax())
    where = f"epoch {comparison.epochs[first]}" if first < K else "the final loss"
    then, now = (float(losses[first]) for losses in (comparison.recorded, comparison.today))
    size = "" if np.isnan(now - then) else f" ({now - then:+.2g})"
    sizes = np.abs(comparison.today - comparison.recorded)[differs]
    most = f", by at most {np.nanmax(sizes):.2g}" if np.isfinite(sizes).any() else ""
    return (
        f"Different, first at {where}: recorded {_shown(then)}, today {_shown(now)}{size}.\n"
        f"{differs.sum():,} of {K + 1:,} losses differ{most}."
    )


def compare_environments(recorded: Mapping[str, str], today: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """Yield each property of the environment, its recorded value, today's, and "" where they are equal."""
    for key, now in today.items():
        then = recorded.get(key, "not recorded")
        yield key, then, now, "" if then == now else "unknown" if key not in recorded else "differs"


def across(recorded: Mapping[str, str], today: Mapping[str, str]) -> str | None:
    """Say that a run was trained on another machine than this one; None where it was not, or is not recorded."""
    if all(recorded.get(key, today[key]) == today[key] for key in ("host", "machine")):
        return None
    there, here = (f"{tags.get('host', 'an unknown host')} ({tags.get('machine')})" for tags in (recorded, today))
    return f"This compares across machines: trained on {there}, compared on {here}."


PLATFORM = ("numpy", "python", "libc", "machine")
"""What makes no difference to a portable run."""


def reasons(numerics: str, differing: Sequence[str]) -> str:
    """Say why a run may differ from its record.

    Parameters
    ----------
    numerics : the run's
    differing : what is not as it was recorded, as `compare_environments` yields it
    """
    if not differing:
        return "The environment is the same: it is not the reason."
    if numerics == "portable":
        others = ", ".join(name for name in differing if name not in PLATFORM)
        said = f"Possible reasons: {others}." if others else "The reason lies elsewhere."
        return f"A portable run has the same bits with every {', '.join(PLATFORM)}. {said}"
    said = f"Possible reasons: {', '.join(differing)}."
    if not set(PLATFORM) & set(differing):
        return said
    return f"{said} The last bits of a native run depend on them; numerics=portable has the same bits everywhere."


def _shown(loss: float) -> str:
    return "none" if np.isnan(loss) else repr(loss)
