"""Trained runs and whole sweeps as the records that MLflow gets."""

import io
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import yaml
from numpy.typing import NDArray

from xorlab.diagnosis import wording
from xorlab.diagnosis.levels import spectrum
from xorlab.diagnosis.outcomes import phrase
from xorlab.diagnosis.planes import surface
from xorlab.diagnosis.units import possible
from xorlab.diagnosis.verdict import Verdict
from xorlab.numerics.thinning import Every, logged
from xorlab.numerics.trained import take
from xorlab.spec import RunSpec
from xorlab.spec.components import datasets, functions
from xorlab.spec.components.outputs import SOFTMAX, position
from xorlab.spec.text import params, title
from xorlab.sweeps.pool import Chunk
from xorlab.sweeps.tables import Table
from xorlab.tracking.records import LOG_EVERY, USE, Data, Record

if TYPE_CHECKING:
    from xorlab.runs.members import Member

Array = NDArray[np.float64]

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""Libyaml's where PyYAML was built with it, which is four times as fast."""

SURFACE_POINTS = 201
"""Points along each side of the decision surface."""


def opening(spec: RunSpec, name: str) -> Record:
    """The record of a run before it is trained."""
    return Record(name=name, params=params(spec), tags=_identity(spec), data=_data(spec))


def run(chunk: Chunk, index: int, name: str, *, log_every: Every, artifacts: Mapping[str, bytes]) -> Record:
    """The record of one trained run of a chunk."""
    assert chunk.trained is not None
    spec, verdict = chunk.trained.specs[index], chunk.verdicts[index]
    epochs = int(chunk.trained.epochs[index])
    own = logged(epochs, log_every)
    # The runs of a chunk share its time, and each gets a part of it, in order: MLflow's primary key begins with the
    # time, and PostgreSQL takes half as long again to insert the losses of many runs at the same times.
    begin, part = 1000 * chunk.start, 1000 * (chunk.end - chunk.start) / len(chunk.places)
    return Record(
        name=name,
        description=wording.description(spec, verdict, epochs=epochs),
        params=params(spec),
        tags={
            **chunk.trained_on,
            **_identity(spec),
            LOG_EVERY: str(log_every),
            "outcome": verdict.outcome,
            **tags(verdict),
        },
        metrics=metrics(spec, verdict, epochs, chunk.trained.logits[index]),
        step=max(epochs - 1, 0),
        epochs=own,
        losses=chunk.trained.losses[index, np.searchsorted(chunk.kept, own)],
        start=round(1000 * chunk.start),
        end=round(1000 * chunk.end),
        loss_times=(begin + index * part, begin + (index + 1) * part),
        data=_data(spec),
        artifacts=artifacts,
    )


def failure(chunk: Chunk, spec: RunSpec, name: str) -> Record:
    """The record of a run that could not be trained."""
    return Record(
        name=name,
        description=f"**{title(spec)}**\n\nFailed: {chunk.error}\n",
        params=params(spec),
        tags={**chunk.trained_on, **_identity(spec), "error": str(chunk.error)},
        start=round(1000 * chunk.start),
        end=round(1000 * chunk.end),
        status="FAILED",
        data=_data(spec),
    )


def files(chunk: Chunk, index: int, config: Mapping[str, Any]) -> dict[str, bytes]:
    """A run's own files: its weights before and after, and the composed configuration."""
    assert chunk.trained is not None
    return {
        "initial_weights.npz": npz(take(chunk.trained.initial, index)),
        "final_weights.npz": npz(take(chunk.trained.final, index)),
        **sources(chunk.trained.specs[index]),
        "config.yaml": yaml.dump(dict(config), Dumper=DUMPER, sort_keys=False, allow_unicode=True).encode(),
    }


def sources(spec: RunSpec) -> dict[str, bytes]:
    """The source of the functions of the user's that a run uses, where there are any."""
    source = "\n\n".join(each.source for each in functions.registered(spec.source))
    return {"functions.py": source.encode()} if source else {}


def pictures(chunk: Chunk, index: int) -> dict[str, bytes]:
    """A single run's pictures: its loss, and over the plane of two inputs p(x1, x2) or the regions of the classes."""
    from xorlab import figures

    assert chunk.trained is not None
    spec, verdict = chunk.trained.specs[index], chunk.verdicts[index]
    heading = f"{title(spec)}: {phrase(verdict.outcome)}"
    loss = figures.run_loss(chunk.trained.losses[index], levels=spectrum(spec), title=heading)
    drawn = {"loss.png": figures.png(loss)}
    final = take(chunk.trained.final, slice(index, index + 1))
    if (plane := over_the_plane(spec, final, heading)) is not None:
        drawn["surface.png"] = figures.png(plane)
    return drawn


def over_the_plane(spec: RunSpec, final: Mapping[str, Array], heading: str) -> Any:
    """Return a Figure of what one network says over the plane of its two inputs; None where it can't be drawn."""
    from xorlab import figures

    X, y = datasets.load(spec.data, spec.numerics)
    if X.shape[1] != 2 or (y.ndim == 2 and spec.arch.output != SOFTMAX):
        return None
    x1, x2, p = surface(spec, dict(final), points=SURFACE_POINTS)
    if y.ndim == 1:
        return figures.decision_surface(x1, x2, p[0], X, y, heading)
    return figures.class_regions(x1, x2, p[0], X, y, heading, names=datasets.class_names(spec.data))


def npz(arrays: Mapping[str, Array]) -> bytes:
    """Arrays as the bytes of an .npz file."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()


class Asked(Protocol):
    """A sweep as it is asked for."""

    @property
    def runs(self) -> int:
        """How many runs it has."""

    @property
    def name(self) -> str:
        """Its name in MLflow."""

    @property
    def command(self) -> str:
        """The commands that asked for it."""

    @property
    def shared(self) -> dict[str, str]:
        """The parameters that all runs have in common."""

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""


def sweep(
    asked: Asked,
    *,
    tables: Iterable[Table] = (),
    outcomes: Mapping[str, int] | None = None,
    artifacts: Mapping[str, bytes] | None = None,
) -> Record:
    """The record of a sweep, the parent of its runs: what they share, what was swept, and how many ended how."""
    about = f"A sweep of {asked.runs:,} runs: `{asked.command}`\n"
    counted = "\n&nbsp;\n\n".join(table.markdown(gap=wording.COLUMN_GAP) for table in tables)
    counts = {"runs": sum(outcomes.values()), **outcomes} if outcomes else {}
    result = f", {outcomes.get('converged', 0):,} converged" if outcomes else ""
    return Record(
        name=asked.name + result,
        description="\n".join(part for part in (about, counted) if part),
        params=asked.shared,
        tags=asked.tags,
        metrics={key: float(number) for key, number in counts.items()},
        artifacts=artifacts or {},
    )


def reused(runs: Iterable["Member"]) -> bytes:
    """The runs of other sweeps that a sweep counts, as .csv."""
    return "".join(["run_id,spec\n", *(f"{each.run_id},{each.spec}\n" for each in runs)]).encode()


def _data(spec: RunSpec) -> Data:
    X, y = datasets.load(spec.data, spec.numerics)
    return Data(name=spec.data.name, X=X, y=y)


def _identity(spec: RunSpec) -> dict[str, str]:
    """The tags that say what a run is."""
    modules = [each.module for each in functions.registered(spec.source) if each.module != "__main__"]
    return {"spec": spec.identity, **({USE: modules[0]} if modules else {})}


def metrics(spec: RunSpec, verdict: Verdict, epochs: int, logits: Array) -> dict[str, float]:
    """A run's metrics, those that are finite; logits (N,) are its outputs at the end."""
    seen = verdict.evidence
    states = [state for layer in seen.units for state in layer]
    errors = np.abs(position(spec.arch.output, spec.data.targets, logits) - datasets.load(spec.data)[1])
    metrics = {
        "final_loss": verdict.final_loss,
        "accuracy": verdict.accuracy,
        "error_max": float(errors.max()),
        "error_mean": float(errors.mean()),
        "epochs_run": float(epochs),
        "epochs_to_converge": math.nan if verdict.epochs_to_converge is None else float(verdict.epochs_to_converge),
        "gradient_norm": seen.gradient_norm,
        "hessian_min": seen.hessian_min,
        "hessian_max": seen.hessian_max,
        "lr_lambda_max": seen.lr_lambda_max,
        "interaction": seen.interaction,
        "loss_bound": seen.bound,
        **{f"units_{state}": float(states.count(state)) for state in possible(spec.arch) if states},
    }
    return {key: value for key, value in metrics.items() if math.isfinite(value)}


def tags(verdict: Verdict) -> dict[str, str]:
    """The cause, and the evidence that is text."""
    seen = verdict.evidence
    plateaus = (
        f"{level}: {count} epochs" + (f", left at {seen.left_at[level]}" if level in seen.left_at else "")
        for level, count in seen.epochs_at.items()
        if count
    )
    found = {
        "cause": verdict.cause,
        "units": " | ".join(" ".join(layer) for layer in seen.units),
        "partition": seen.partition,
        "plateaus": "; ".join(plateaus),
        "staying": ("certified" if seen.certified else "observed") if verdict.outcome.startswith("stuck") else None,
        "kink": wording.ONE_SIDED if seen.kink else None,
    }
    return {key: value for key, value in found.items() if value}
