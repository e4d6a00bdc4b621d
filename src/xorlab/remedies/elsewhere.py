"""A network that another program trained: its weights and losses as a trained run, and what they can show."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis import wording
from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.errors import SpecError, XorlabError
from xorlab.numerics import weight_files
from xorlab.numerics.ensemble import Ensemble, kernel
from xorlab.numerics.network import pack
from xorlab.numerics.trained import Trained
from xorlab.spec import RunSpec
from xorlab.spec.components.data_files import is_number

Array = NDArray[np.float64]

LOSS_COLUMNS = ("loss", "train_loss", "value")
EPOCH_COLUMNS = ("epoch", "step")
"""The heads of the columns that `read_losses` takes, in any case; Value and Step are TensorBoard's."""
SMALL = 2e-4
"""A squared norm of the gradient below this is almost zero."""
DISAGREES = 0.02
"""If the last loss differs from that of the weights by more than this, something about the network is not as said."""


def read_weights(path: str) -> weight_files.Arrays:
    """Read the arrays of a file of weights; see `weight_files.read`."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise XorlabError(f"--weights must name a readable file; got {path!r}") from error
    return weight_files.read(content, path)


def read_losses(path: str) -> Array:
    """Read one loss for each epoch, (E,), from a CSV file.

    The file has a column `loss`, or one column without a head; with a column `epoch`, an epoch that is left out has the
    loss of the last one before it.

    Raises
    ------
    XorlabError
        Where the file has no such column, or a line of it no number.
    """
    try:
        rows = [row for row in csv.reader(Path(path).read_text().splitlines()) if row]
    except (OSError, UnicodeDecodeError) as error:
        raise XorlabError(f"--losses must name a readable CSV file; got {path!r}") from error
    head = [] if not rows or is_number(rows[0][-1]) else [name.strip().lower() for name in rows.pop(0)]
    column = next((head.index(name) for name in LOSS_COLUMNS if name in head), None)
    if column is None and (len(head) > 1 or any(len(row) != 1 for row in rows)):
        raise XorlabError(f"{path} must have a column named loss; got {', '.join(head) or 'columns without names'}")
    losses = np.array([_number(row, column or 0, path) for row in rows])
    at = next((head.index(name) for name in EPOCH_COLUMNS if name in head), None)
    epochs = np.arange(len(rows)) if at is None else np.array([_number(row, at, path) for row in rows])
    if not rows or (epochs != epochs.astype(np.int64)).any() or epochs[0] < 0 or (np.diff(epochs) <= 0).any():
        raise XorlabError(f"{path} must have losses of ascending epochs; got {len(rows)} of others")
    first = epochs[0] if at is not None else 0
    return np.repeat(losses, np.diff(np.append(epochs - first, epochs[-1] - first + 1)).astype(np.int64))


def _number(row: list[str], column: int, path: str) -> float:
    if column >= len(row) or not is_number(row[column]):
        raise XorlabError(f"{path} must have a number in each line; got {','.join(row)!r}")
    return float(row[column])


def trained(spec: RunSpec, parameters: dict[str, Array], losses: Array | None) -> Trained:
    """Return a network that another program trained as an ensemble of one.

    Parameters
    ----------
    spec : how it was trained, as far as it is known; its `epochs` become the number of `losses`
    parameters : W1 (D, H), b1 (H,), W2, …, at its end
    losses : (E,) array; None if they are not known. The run then has one, that of its weights.
    """
    stacked = {name: array[None] for name, array in parameters.items()}
    with kernel():
        ensemble = Ensemble([spec], pack(stacked, spec.units))
        final, logits = ensemble.losses()[:1], ensemble.logits()
    known = final if losses is None else losses
    bad = np.flatnonzero(~np.isfinite(known))
    known = known[: bad[0]] if bad.size else known
    if not known.size:
        raise SpecError("the first loss must be a finite number; it is not")
    return Trained(
        specs=(spec if losses is None else replace(spec, epochs=len(known)),),
        losses=known[None],
        epochs=np.array([len(known)]),
        stopped=("non_finite" if bad.size else "epochs",),
        initial=stacked,
        final=stacked,
        final_loss=final,
        logits=logits,
    )


def describe(run: Trained, *, losses: bool, converged_below: float = 0.1) -> tuple[Verdict, str]:
    """Return the verdict on a network that another program trained, and what its losses and weights show.

    Parameters
    ----------
    run : as `trained` returns it
    losses : whether its losses are known. Where they are not and the gradient is almost zero, the verdict is the one
        that the network has if its loss rests.
    converged_below : see `diagnose`
    """
    spec, final, epochs = run.specs[0], float(run.final_loss[0]), int(run.epochs[0])
    if losses:
        (verdict,) = diagnose(run, converged_below=converged_below)
        text = wording.paragraph(spec, verdict, epochs=epochs)
        last = float(run.losses[0, -1])
        if abs(last - final) > DISAGREES and run.stopped[0] == "epochs":
            text += (
                f" But the last loss on record is {last:.4f}, and these weights give {final:.4f}: data, loss, "
                "arch.activation or the order of the samples may differ from yours."
            )
        return verdict, text
    resting = replace(run, losses=np.full((1, spec.epochs), final), epochs=np.array([spec.epochs]))
    (verdict,) = diagnose(resting, converged_below=converged_below)
    if verdict.outcome == "converged":
        return verdict, f"Converged: {wording.right(spec)}, and the loss is {final:.4f}."
    norm = verdict.evidence.gradient_norm
    here = f"The loss of these weights is {final:.4f} and its gradient has the norm {norm:.2g}"
    if norm**2 > SMALL:
        return diagnose(run, converged_below=converged_below)[0], f"{here}, so gradient descent goes on from here."
    shown = wording.paragraph(spec, verdict, epochs=spec.epochs)
    return verdict, f"{here}. Weights alone do not show whether a loss rests; --losses does. If it rests: {shown}"
