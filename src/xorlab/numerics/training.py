"""The loop: specifications of one shape in, loss histories and parameters out."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from xorlab.errors import SpecError
from xorlab.numerics.ensemble import Ensemble, Orders, kernel, orders
from xorlab.numerics.initialization import initialize
from xorlab.numerics.network import PAD, pack, pad, unpack
from xorlab.numerics.trained import Trained
from xorlab.spec import RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.arithmetics import ARITHMETICS
from xorlab.spec.components.measures import MEASURES

Array = NDArray[np.float64]

BLOCK = 256
"""Epochs between two checks for runs that have stopped."""
CACHE = 2**22
"""Bytes that the arrays of one ensemble may take, about a core's share of the caches."""
MEMORY = 2**29
"""Bytes that the arrays of one ensemble may take where a single run needs more than its share of the caches."""
HISTORY = 2**28
"""Bytes that the losses of one ensemble may take."""


def shape(spec: RunSpec) -> tuple[object, ...]:
    """Return what all runs of one ensemble must share; everything else may differ."""
    X, y = datasets.load(spec.data)
    kinds = (spec.data.targets, spec.loss, spec.optimizer.name, spec.numerics)
    return (spec.arch, X.shape, y.shape, *kinds, spec.batch_size, spec.shuffle)


def grouped(keys: Iterable[Hashable]) -> list[list[int]]:
    """Return the places of each distinct key, in order of first appearance: `grouped(map(shape, specs))`, say."""
    found: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        found.setdefault(key, []).append(place)
    return list(found.values())


def parameter_count(spec: RunSpec) -> int:
    """Count the weights and biases of a run's network."""
    return sum((n + 1) * k for n, k in pairwise(spec.units))


def chunk(spec: RunSpec) -> int:
    """Return how many runs of this shape to train together, so that their arrays fit the caches and `HISTORY`."""
    samples = len(datasets.load(spec.data)[0])
    per_run = 8 * (3 * parameter_count(spec) + 5 * samples * sum(spec.units[1:]))
    most = max(min(HISTORY // (8 * spec.epochs), MEMORY // per_run), PAD)
    return min(int(np.clip(CACHE // per_run, 64, 4096)), most) // PAD * PAD


def draw(spec: RunSpec, *, stream: RandomState | None = None) -> tuple[dict[str, Array], RandomState]:
    """Draw a run's initial parameters; the stream that is returned goes on to shuffle its samples.

    A `stream` of these numerics that is given is seeded again and used: making one takes thirty times as long.
    """
    if stream is None:
        stream = ARITHMETICS[spec.numerics].random(spec.seed)
    else:
        stream.seed(spec.seed)
    initial = initialize(spec.init, spec.units, stream)
    if not spec.arch.bias:
        biases = {name: array for name, array in initial.items() if name.startswith("b")}
        if spec.init.name == "file" and any(array.any() for array in biases.values()):
            raise SpecError(f"{spec.init.path} must hold no biases other than 0 for arch.bias=false; got some")
        initial |= {name: np.zeros_like(array) for name, array in biases.items()}
    return initial, stream


def train(
    specs: Sequence[RunSpec],
    *,
    initial: dict[str, Array] | None = None,
    progress: Callable[[int], object] = lambda epochs: None,
) -> Trained:
    """Train R networks together. Each gets the same bits as if it were trained alone.

    Parameters
    ----------
    specs : R specifications of one `shape`
    initial : W1 (R, D, H), b1 (R, H), W2, … to start from, instead of those that `draw` returns
    progress : called now and then with the number of epochs, over all runs, that are done since the last call

    Raises
    ------
    ValueError
        Where the specifications have no shape or several, or `initial` does not fit it.
    SpecError
        Where a file of initial weights does not fit.
    """
    if len({shape(spec) for spec in specs}) != 1:
        raise ValueError("all runs of an ensemble must have one shape; got none or several")
    if initial is None:
        initial, streams = _draw_all(specs)
    else:
        streams = [RandomState(spec.seed) for spec in specs] if specs[0].shuffle else []
        _check_shapes(initial, len(specs), specs[0].units)
    loop = _Loop(specs, pack(initial, specs[0].units), streams)
    with kernel():
        while loop.live.size:
            progress(loop.block())
        logits = Ensemble(specs, loop.theta).logits()
    return Trained(
        specs=tuple(specs),
        losses=loop.losses,
        epochs=loop.epochs,
        stopped=tuple(str(word) for word in loop.stopped),
        initial=initial,
        final=unpack(loop.theta, specs[0].units),
        final_loss=loop.final_loss,
        logits=logits,
    )


def _draw_all(specs: Sequence[RunSpec]) -> tuple[dict[str, Array], list[RandomState]]:
    """Draw the initial parameters of R runs, and the streams of those that shuffle their samples.

    Runs that do not shuffle share a stream, and those of one seed and one scheme share what is drawn.
    """
    if specs[0].shuffle:
        draws, which = [draw(spec) for spec in specs], np.arange(len(specs))
    else:
        stream = ARITHMETICS[specs[0].numerics].random(0)
        alike = grouped((spec.init, spec.seed) for spec in specs)
        draws, which = [draw(specs[runs[0]], stream=stream) for runs in alike], np.empty(len(specs), dtype=np.intp)
        for number, runs in enumerate(alike):
            which[runs] = number
    initial = {name: np.stack([parameters[name] for parameters, _ in draws])[which] for name in draws[0][0]}
    return initial, [rng for _, rng in draws]


def _check_shapes(initial: dict[str, Array], R: int, units: tuple[int, ...]) -> None:
    wanted: dict[str, tuple[int, ...]] = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(units), start=1):
        wanted |= {f"W{layer}": (R, fan_in, fan_out), f"b{layer}": (R, fan_out)}
    got = {name: array.shape for name, array in initial.items()}
    if got != wanted:
        raise ValueError(f"initial must be {wanted}; got {got}")


class _Loop:
    """The runs that are still training, and the results of those that have stopped.

    Runs are trained in blocks of epochs, without a check inside the block. A run that turns out to have stopped inside
    a block is trained again from the start of the block to the epoch where it stopped: it repeats itself to the bit.
    A run that ends a block with the bits with which it began, at a fixed point or in a cycle, will repeat the block
    until its last epoch, so its losses are written without computing them.
    """

    def __init__(self, specs: Sequence[RunSpec], theta: Array, streams: list[RandomState]) -> None:
        R = len(specs)
        self._limits = np.array([spec.epochs for spec in specs])
        self._targets = np.array([-np.inf if spec.target_loss is None else spec.target_loss for spec in specs])
        goals = {name: [getattr(spec, name) for spec in specs] for name in MEASURES}
        self._goals = {name: np.array(goal, dtype=float) for name, goal in goals.items() if any(goal)}  # None is NaN
        self._streams = streams
        self._samples = len(datasets.load(specs[0].data)[0])
        self._ensemble = Ensemble(specs, theta)
        self._done = 0
        self.live = np.arange(R)
        self.losses = np.empty((R, self._limits.max()))  # `_settle` writes NaN after a run's last epoch
        self.epochs = self._limits.copy()
        self.stopped = np.full(R, "epochs", dtype="<U16")
        self.theta = theta.copy()
        self.final_loss = np.full(R, np.nan)

    def block(self) -> int:
        """Train the live runs for some epochs, record those that stopped, and return how many epochs are done."""
        B = int(min(BLOCK, self._limits[self.live].min() - self._done))
        before = self._ensemble.snapshot()
        shuffled = self._ensemble.shuffled
        drawn = orders([self._streams[run] for run in self.live], B, self._samples) if shuffled else None
        rows = np.empty((B + 1, self._ensemble.theta.shape[1]))
        measured = {name: np.empty_like(rows[:B]) for name in self._goals}
        self._ensemble.epochs(rows[:B], drawn, measured)
        rows[B] = self._ensemble.losses()
        seen = rows[:, : self.live.size].T
        self._mark_lost(seen, before, drawn)
        self.losses[self.live, self._done : self._done + B] = seen[:, :B]

        settled = B * self.live.size
        row, stops = self._stops(seen, measured)
        repeats = self._repeats(before) & ~stops
        if repeats.any():
            row[repeats] = self._repeat(np.flatnonzero(repeats), seen)
            stops |= repeats
        if stops.any():
            self._settle(np.flatnonzero(stops), row[stops], seen[stops], before, drawn)
            settled += int((self._limits[self.live[stops]] - self._done - B).sum())
            keep = np.flatnonzero(~stops)
            self.live = self.live[keep]
            if keep.size:
                self._ensemble = self._ensemble.select(keep, *self._ensemble.snapshot())
        self._done += B
        return settled

    def _mark_lost(self, seen: Array, before: tuple[Array, list[Array]], drawn: Orders | None) -> None:
        """Write NaN into `seen` (L, B + 1) where parameters are not finite although every loss is."""
        finite = np.isfinite(self._ensemble.theta[:, : self.live.size]).all(axis=0)
        lost = np.flatnonzero(~finite & np.isfinite(seen).all(axis=1))
        if not lost.size:
            return
        again, B = self._ensemble.select(lost, *before), seen.shape[1] - 1
        scratch = np.empty((1, again.theta.shape[1]))
        drawn = None if drawn is None else pad(drawn[..., lost])
        for epoch in range(B + 1):
            finite = np.isfinite(again.theta[:, : lost.size]).all(axis=0)
            seen[lost[~finite], epoch] = np.nan
            if epoch < B:
                again.epochs(scratch, None if drawn is None else drawn[epoch : epoch + 1])

    def _stops(self, seen: Array, measured: dict[str, Array]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return which live runs stop, and the row of `seen` (L, B + 1) that belongs to their final parameters.

        A run stops at the row that reaches one of its targets, before the first that is not finite, or at the last.
        """
        B, live = seen.shape[1] - 1, self.live
        hit = _first(seen[:, :B] <= self._targets[live, None], none=B + 1)
        by = np.full(live.size, "target_loss", dtype=self.stopped.dtype)
        for name, goal in self._goals.items():
            met = _first(MEASURES[name].reached(measured[name][:, : live.size].T, goal[live, None]), none=B + 1)
            by[met < hit], hit = name, np.minimum(met, hit)
        bad = _first(~np.isfinite(seen), none=B + 1)
        diverged, reached = bad < hit, hit < bad
        row = np.where(reached, hit, np.where(diverged, np.maximum(bad - 1, 0), B))
        self.stopped[live[diverged]], self.epochs[live[diverged]] = "non_finite", self._done + bad[diverged]
        self.stopped[live[reached]], self.epochs[live[reached]] = by[reached], self._done + hit[reached] + 1
        return row, diverged | reached | (self._limits[live] == self._done + B)

    def _repeats(self, before: tuple[Array, list[Array]]) -> NDArray[np.bool_]:
        """Return which live runs have the parameters and optimizer state from before the block, to the bit."""
        if self._ensemble.shuffled:
            return np.zeros(self.live.size, dtype=bool)
        theta, state = before
        pairs = zip([self._ensemble.theta, *self._ensemble.state], [theta, *state], strict=True)
        same = [(now == then) & (np.signbit(now) == np.signbit(then)) for now, then in pairs]
        each = [equal.reshape(-1, equal.shape[-1]).all(axis=0) for equal in same]
        whole: NDArray[np.bool_] = np.logical_and.reduce(each)
        return whole[: self.live.size]

    def _repeat(self, which: NDArray[np.intp], seen: Array) -> NDArray[np.int64]:
        """Write the losses to come of the live runs `which`; return the row of `seen` with their final parameters."""
        B = seen.shape[1] - 1
        for run, losses in zip(self.live[which], seen[which, :B], strict=True):
            rest = self.losses[run, self._done + B : self._limits[run]]
            rest[:] = np.resize(losses, rest.size)
        row: NDArray[np.int64] = (self._limits[self.live[which]] - self._done - B) % B
        return row

    def _settle(
        self,
        which: NDArray[np.intp],
        row: NDArray[np.int64],
        seen: Array,
        before: tuple[Array, list[Array]],
        drawn: Orders | None,
    ) -> None:
        """Record the final loss and parameters of the live runs `which` (S,), which stopped at `row` (S,)."""
        runs = self.live[which]
        for run in runs:
            self.losses[run, self.epochs[run] :] = np.nan
        last = seen[np.arange(runs.size), row]
        self.final_loss[runs] = np.where(np.isfinite(last), last, np.nan)
        self.theta[:, runs] = self._ensemble.theta[:, which]

        early = row < seen.shape[1] - 1
        which, row, runs = which[early], row[early], runs[early]
        if not runs.size:
            return
        again = self._ensemble.select(which, *before)
        scratch = np.empty((1, again.theta.shape[1]))
        drawn = None if drawn is None else pad(drawn[..., which])
        for epoch in range(row.max() + 1):
            now = np.flatnonzero(row == epoch)
            self.theta[:, runs[now]] = again.theta[:, now]
            again.epochs(scratch, None if drawn is None else drawn[epoch : epoch + 1])


def _first(mask: NDArray[np.bool_], *, none: int) -> NDArray[np.int64]:
    """Return the column of the first True in each row, or `none` if there is none."""
    return np.where(mask.any(axis=1), mask.argmax(axis=1), none)
