"""A sweep with track=sweep: its runs are trained and recorded part by part, as files of columns below one run."""

import math
import sys
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from xorlab.diagnosis import levels
from xorlab.errors import XorlabError
from xorlab.numerics.training import parameter_count
from xorlab.runs import columnar
from xorlab.runs.columnar import Columnar
from xorlab.spec import NUMERICS, widening
from xorlab.spec.components import functions
from xorlab.spec.options import EngineSettings, Options
from xorlab.spec.product import MOST as PRODUCT
from xorlab.spec.product import Product
from xorlab.sweeps import asked, columns, continuing, engines, pool, recording, terminal
from xorlab.sweeps.columns import Lost, Part, Span
from xorlab.sweeps.tables import REPLICATES, Table, count_causes, counted
from xorlab.tracking import store
from xorlab.tracking.interrupts import held, terminable
from xorlab.tracking.records import ASKED, AXES, CONVERGED_BELOW, LOG_EVERY, TRACK
from xorlab.tracking.tracker import Tracker

MOST = 8192
"""The most runs of a part."""
WORK = 2e9
"""Parameter updates above which a part has fewer runs, so that it takes no more than about half a minute."""
PARTS = 8
"""Parts for each worker, at least, so that all of them are busy to the end."""
LONG = 32
"""An axis of more values is counted over in the tables."""
CELLS = 1000
"""The most cells of a table."""
CURVES = 2000
"""The most runs whose losses are drawn."""


@dataclass(frozen=True)
class AskedParts:
    """A sweep with track=sweep as it is asked for."""

    product: Product
    options: Options
    command: str
    stored: Columnar | None = None

    @property
    def runs(self) -> int:
        """How many runs it has."""
        return len(self.product)

    @property
    def swept(self) -> tuple[str, ...]:
        """The keys that vary."""
        return tuple(axis.key for axis in self.product.axes)

    @property
    def shared(self) -> dict[str, str]:
        """The parameters that all runs have in common."""
        return self.product.shared

    @property
    def name(self) -> str:
        """The sweep's name in MLflow."""
        return asked.name(self.command, self.swept, self.runs)

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the sweep."""
        return {
            "xorlab.kind": "sweep",
            TRACK: "sweep",
            "swept": ",".join(self.swept),
            "command": self.command,
            ASKED: self.product.hash(),
            LOG_EVERY: str(self.options.every(self.runs)),
            CONVERGED_BELOW: str(self.options.converged_below),
        }


@dataclass(frozen=True)
class Ended:
    """What came of a sweep: its run in MLflow, and how many of its runs failed."""

    run_id: str | None
    failed: int = 0


def run(product: Product | None, options: Options, *, command: str, folder: Path | None = None) -> Ended:
    """Train and record the runs of a product, or what a recorded one lacks, and count what happened to them.

    Parameters
    ----------
    product : what is asked for; None for what the sweep asks for that `options` names
    options, command, folder : as for `runner.run_many`

    Raises
    ------
    XorlabError
        Where the store can't be used, or the sweep that is meant asks for other runs.
    """
    uri = store.uri(options.uri)
    wanted = _asked(product, options, command)
    if options.plan:
        _print_plan(wanted)
        return Ended(None)
    tracker = Tracker(uri, options.experiment, folder=folder)
    tracker.end_dead()
    if wanted.stored is None:
        continuing.point_to_unfinished(wanted.product.hash(), wanted.command, options)
    engine = engines.start(options.engine, options.workers or pool.cores())
    axes = {AXES: wanted.product.json()}
    going_on = wanted.stored.run_id if wanted.stored else None
    opening = recording.sweep(wanted, artifacts={} if wanted.stored else axes)
    with terminable(), engine as running, tracker.running(opening, run_id=going_on) as parent:
        if wanted.stored is not None:
            # Only now can no other command give the next numbers to other runs.
            if _opened(parent, options).product.json() != wanted.stored.product.json():
                raise XorlabError(
                    f"another command has just widened sweep {parent[: asked.SHORT_ID]}; start yours again"
                )
            tracker.add_artifacts(parent, axes)
        sweep = _opened(parent, options)
        done = sweep.there
        if going_on is not None:
            short = parent[: asked.SHORT_ID]
            print(f"Sweep {short}: {done:,} of {wanted.runs:,} runs are there; {wanted.runs - done:,} are trained now")
        try:
            with (
                terminal.Bars(
                    runs=wanted.runs - done,
                    epochs=round((wanted.runs - done) * _length(wanted.product, sweep.missing)),
                ) as bars,
                closing(_trained(wanted, sweep.missing, bars, running)) as parts,
            ):
                for part in parts:
                    with held():
                        name = columnar.file_name(range(part.span.start, part.span.stop))
                        tracker.add_artifacts(parent, {name: part.content})
                        bars.recorded(part.outcomes.elements())
                        done += part.span.runs
        except BaseException:
            typed = command if wanted.stored is None else None
            print(continuing.kept(done, wanted.runs, parent, typed=typed), file=sys.stderr)
            raise
        sweep = _opened(parent, options)
        results = _Results(wanted, sweep)
        tables = results.tables()
        artifacts = {
            **{f"{name}.csv": table.csv().encode() for name, table in tables.items()},
            "curves.png": results.picture(),
        }
        tracker.close(
            parent, recording.sweep(wanted, tables=tables.values(), outcomes=results.counts, artifacts=artifacts)
        )
    for table in tables.values():
        terminal.show(table)
    from xorlab.sweeps.runner import point_to

    point_to(uri, tracker.experiment_id, parent)
    return Ended(parent, results.counts["failed"])


def _asked(product: Product | None, options: Options, command: str) -> AskedParts:
    """Return the sweep that is asked for: a new one, or one that exists, joined by the product."""
    for key in ("reuse", "retry", "artifacts"):
        if getattr(options, key) not in (None, False, "none"):
            raise XorlabError(f"{key} is for sweeps with track=runs; leave it out, or give track=runs")
    if options.sweep == "new":
        assert product is not None
        return AskedParts(product, options, command)
    stored = stored_columns(options)
    assert stored is not None
    short = stored.run_id[: asked.SHORT_ID]
    if stored.tags.get("numerics", str(NUMERICS)) != str(NUMERICS):
        raise XorlabError(f"sweep {short} is of another version of the numerics; start it again")
    whole = stored.product if product is None else widening.joined(stored.product, product)
    if len(whole) > PRODUCT:
        raise XorlabError(
            f"a sweep can have {PRODUCT:,} runs; {short} and this grid together have {len(whole):,}. Give fewer values"
        )
    typed = [stored.tags["command"]]
    if whole is not stored.product:
        typed.append(f"{asked.without_sweep(command)} sweep=latest")
    every = stored.tags[LOG_EVERY]
    kept = replace(
        options,
        log_every=every if every == "log" else int(every),
        converged_below=float(stored.tags[CONVERGED_BELOW]),
    )
    return AskedParts(whole, kept, " && ".join(typed), stored)


def stored_columns(options: Options) -> Columnar | None:
    """Return the sweep that `options` continue, if it was recorded with track=sweep."""
    from xorlab.runs import members

    run_id = members.find(options.sweep, options.uri, experiment=options.experiment)
    return columnar.find(run_id, options.uri)


def _opened(parent: str, options: Options) -> Columnar:
    found = columnar.find(parent, options.uri)
    assert found is not None
    return found


def _print_plan(wanted: AskedParts) -> None:
    there = wanted.stored.there if wanted.stored else 0
    name = (
        "a new sweep"
        if wanted.stored is None
        else f"sweep {wanted.stored.run_id[: asked.SHORT_ID]}, {wanted.stored.status}"
    )
    print(f"{name}, track=sweep")
    for label, count in {"asked": wanted.runs, "there": there, "missing": wanted.runs - there}.items():
        print(f"  {label:15} {count:>9,}")


def _length(product: Product, missing: Sequence[range]) -> float:
    """Return the epochs of a run that is missing, on the average."""
    for n, axis in enumerate(product.axes):
        if "epochs" in axis.columns and missing:
            numbers = np.concatenate([np.arange(gap.start, gap.stop) for gap in missing])
            return float(np.array(axis.columns["epochs"])[product.places(numbers)[n]].mean())
    return float(product.first.epochs)


def _spans(wanted: AskedParts, missing: Sequence[range], workers: int) -> Iterator[Span]:
    """Cut the runs that are missing into parts."""
    length = _length(wanted.product, missing)
    each = length * max(map(parameter_count, wanted.product.edges()))
    most = int(np.clip(WORK / each, 64, MOST))
    left = sum(map(len, missing))
    size = int(np.clip(left / (PARTS * workers), min(most, 1024), most))
    for gap in missing:
        for start in range(gap.start, gap.stop, size):
            yield Span(start, min(start + size, gap.stop), length)


def _trained(
    wanted: AskedParts, missing: Sequence[range], bars: terminal.Bars, engine: engines.Engine | None
) -> Generator[Part, None, None]:
    """Train what is missing, here or by workers, and yield it in parts, in any order."""
    options, product = wanted.options, wanted.product
    every = options.every(wanted.runs)
    use = functions.modules(spec.source for spec in product.edges())
    if engine and use is None:
        raise XorlabError("functions must be registered by a module that the engine's workers can import, see use")
    left = sum(map(len, missing))
    updates = left * _length(product, missing) * parameter_count(product.first)
    count = 1 if use is None else options.workers or (pool.cores() if updates > pool.WORTH else 1)
    work = partial(columns.train, product, converged_below=options.converged_below, log_every=every)
    if engine is None and count == 1:
        for span in _spans(wanted, missing, 1):
            yield from work(span, progress=bars.trained)
        return
    with nullcontext(engine) if engine else engines.local(EngineSettings(), count) as running:
        tasks = deque(_spans(wanted, missing, running.slots()))
        for found in pool.by_workers(tasks, partial(pool.using, use or (), work), running, bars.trained):
            yield columns.lost(product, found, every) if isinstance(found, Lost) else found


@dataclass
class _Results:
    """What the parent of a sweep carries in the end, computed from its records."""

    asked: AskedParts
    sweep: Columnar
    counts: Counter[str] = field(default_factory=Counter)

    def tables(self) -> dict[str, Table]:
        """Count the outcomes by the short axes, and the causes by outcome."""
        product = self.asked.product
        read = self.sweep.read(["number", "outcome", "cause"]).to_pandas()
        read["outcome"] = read["outcome"].fillna("failed")
        self.counts = Counter({str(key): int(n) for key, n in read["outcome"].value_counts().items()})
        short: list[int] = []
        for n, axis in enumerate(product.axes):
            cells = math.prod(len(product.axes[own]) for own in [*short, n])
            if axis.key not in REPLICATES and len(axis) <= LONG and cells <= CELLS:
                short.append(n)
        places = product.places(read["number"].to_numpy())
        for n in short:
            read[str(n)] = places[n]
        counts: dict[tuple[str, ...], Counter[str]] = {}
        for (*at, outcome), count in read.groupby([*map(str, short), "outcome"]).size().items() if short else ():
            texts = tuple(product.axes[n].text(int(place)) for n, place in zip(short, at, strict=True))
            counts.setdefault(texts, Counter())[str(outcome)] = int(count)
        keys = [product.axes[n].key for n in short]
        causes = read.groupby(["outcome", read["cause"].fillna("")]).size()
        return {
            "table": counted(keys, counts or {(): self.counts}),
            "causes": count_causes({(str(key[0]), str(key[1]) or None): int(n) for key, n in causes.items()}),
        }

    def picture(self) -> bytes:
        """Draw the losses, of runs spread evenly over the sweep where they are many."""
        import pandas as pd

        from xorlab import figures

        numbers = np.unique(np.linspace(0, self.asked.runs - 1, min(CURVES, self.asked.runs)).astype(np.int64))
        read = self.sweep.read(["number", "outcome"], numbers.tolist()).to_pandas().dropna(subset="outcome")
        runs = pd.DataFrame(
            {"run_id": [f"{self.sweep.run_id}:{number}" for number in read["number"]], "outcome": read["outcome"]}
        )
        curves = self.sweep.curves(read["number"].tolist())
        named = {name: level for spec in self._kinds() for name, level in levels.spectrum(spec).items()}
        some = f" ({len(runs):,} of {self.asked.runs:,} runs)" if len(runs) < self.asked.runs else ""
        return figures.png(figures.sweep_curves(curves, runs, named, title=f"Which runs get stuck, and where?{some}"))

    def _kinds(self) -> list[Any]:
        """Return a run of each kind of data and loss."""
        return list({(spec.loss, spec.data): spec for spec in self.asked.product.edges()}.values())
