"""A run trained again from its record: the same losses to the bit, or where they part."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xorlab.numerics.training import Trained

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Losses on record beside those of today, K epochs.

    Attributes
    ----------
    epochs : (K,) ints, ascending; the last is the final loss, after the last update
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


def compare(epochs: NDArray[np.int64], recorded: Array, final_loss: float, trained: Trained) -> Comparison:
    """Compare the record of a run with the run trained again.

    Parameters
    ----------
    epochs, recorded : (K,) arrays, the epochs whose losses were recorded, ascending, and the losses
    final_loss : the recorded loss at the final parameters; NaN where it was not finite
    trained : the same run again, R = 1

    Notes
    -----
    Losses are recorded at every so many epochs and at the last, so an epoch that is missing there differs.
    """
    E = int(trained.epochs[0])
    every = int(np.diff(epochs).min()) if len(epochs) > 1 else max(E - 1, 1)
    due = np.union1d(np.arange(0, E, every), np.arange(E)[-1:])
    at = np.union1d(epochs, due)
    then, now = np.full(at.size, np.nan), np.full(at.size, np.nan)
    then[np.searchsorted(at, epochs)] = recorded
    there = at < E
    now[there] = trained.losses[0, at[there]]
    last = max(at[-1] + 1, E) if at.size else E
    return Comparison(
        epochs=np.append(at, last),
        recorded=np.append(then, final_loss),
        today=np.append(now, trained.final_loss[0]),
    )


def told(comparison: Comparison) -> Iterator[str]:
    """Say what a comparison shows: identical, or the first epoch and the size of the difference."""
    differs, K = comparison.differs, len(comparison.epochs) - 1
    if comparison.identical:
        yield f"identical: {K:,} losses and the final one, bit for bit"
        return
    first = int(differs.argmax())
    where = f"epoch {comparison.epochs[first]}" if first < K else "the final loss"
    then, now = (float(losses[first]) for losses in (comparison.recorded, comparison.today))
    yield f"different, first at {where}: recorded {_shown(then)}, today {_shown(now)}{_size(now - then)}"
    sizes = np.abs(comparison.today - comparison.recorded)[differs]
    most = f", by {np.nanmax(sizes):.2g} at most" if np.isfinite(sizes).any() else ""
    yield f"{differs.sum():,} of {K + 1:,} losses differ{most}"


def environments(recorded: Mapping[str, str], today: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """Yield what the environment is, as it was recorded, as it is today, and whether that is the same."""
    for key, now in today.items():
        then = recorded.get(key, "not recorded")
        yield key, then, now, "" if then == now else "unknown" if key not in recorded else "differs"


def _shown(loss: float) -> str:
    return "none" if np.isnan(loss) else repr(loss)


def _size(difference: float) -> str:
    return "" if np.isnan(difference) else f", {difference:+.2g}"
