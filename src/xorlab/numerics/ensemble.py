"""R runs of one shape at one moment: their parameters, their optimizer's memory and their data."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from xorlab.components import datasets
from xorlab.components.optimizers import OPTIMIZERS
from xorlab.numerics.layers import order
from xorlab.numerics.network import Network, pad, sizes
from xorlab.spec import RunSpec

Array = NDArray[np.float64]
Orders = NDArray[np.intp]

FEW = 128
"""Runs up to which the cost of a NumPy call outweighs that of its numbers."""


@contextmanager
def kernel() -> Iterator[None]:
    """Let overflow pass, since divergence is a result; small ufunc buffers make broadcasting quicker."""
    with np.errstate(all="ignore"):  # which also restores the buffer's size
        np.setbufsize(16)
        yield


def orders(streams: Sequence[RandomState], epochs: int, samples: int) -> Orders:
    """Draw the order of the samples, (epochs, N, R), for each epoch from each run's own stream."""
    drawn = [rng.random_sample((epochs, samples)).argsort(axis=1, kind="stable") for rng in streams]
    return pad(np.stack(drawn, axis=-1))


class Ensemble:
    """Runs that go on together.

    Parameters
    ----------
    specs : R specifications of one shape
    theta : (P, R) array, the parameters; it is copied
    state : arrays (…, R), the optimizer's memory; fresh where it is empty

    Attributes
    ----------
    theta : (P, R') array, the parameters now; R' is R padded to a multiple of `PAD`
    state : arrays (…, R'), the optimizer's memory now
    """

    def __init__(self, specs: Sequence[RunSpec], theta: Array, state: Sequence[Array] = ()) -> None:
        self.specs = tuple(specs)
        spec = specs[0]
        X, y = self._X, self._y = self._data()
        N, D = X.shape[:2]
        self.theta = np.asarray(pad(theta), order=order(sizes(D, spec.arch)))
        gradient = np.zeros_like(self.theta)
        self._update, self.state = OPTIMIZERS[spec.optimizer.name].build(self.theta, gradient, self._numbers())
        for own, given in zip(self.state, state, strict=bool(state)):
            own[...] = pad(given)

        size = N if spec.batch_size == "full" else min(int(spec.batch_size), N)
        self._batches = [slice(start, min(start + size, N)) for start in range(0, N, size)]
        self.shuffled = spec.shuffle and size < N

        def network(batch: int, *, each: bool, points: Array | None = None) -> Network:
            return Network(spec.arch, spec.loss, self.theta, gradient, batch=batch, inputs=D, each=each, points=points)

        self._whole = network(N, each=X.ndim == 3, points=X if X.ndim == 2 else None)
        self._whole.load(X, y)
        self._parts = {
            length: network(length, each=X.ndim == 3 or self.shuffled)
            for length in {batch.stop - batch.start for batch in self._batches if size < N}
        }

    def select(self, runs: NDArray[np.intp], theta: Array, state: Sequence[Array]) -> "Ensemble":
        """Go on with some of the runs, from parameters and optimizer's memory of now or of before."""
        return Ensemble([self.specs[run] for run in runs], theta[:, runs], [array[..., runs] for array in state])

    def snapshot(self) -> tuple[Array, list[Array]]:
        """Copy the parameters and the optimizer's memory, as `select` takes them."""
        return self.theta.copy(), [array.copy() for array in self.state]

    def losses(self) -> Array:
        """Compute the mean loss over all samples at theta, (R',)."""
        self._whole.forward()
        loss: Array = self._whole.total[0] / len(self._y)
        return loss

    def logits(self) -> Array:
        """Compute the output before its sigmoid at theta, (N, R')."""
        self._whole.forward()
        return self._whole.z[-1][:, 0]

    def epochs(self, rows: Array, drawn: Orders | None) -> None:
        """Train for as many epochs as `rows` (B, R') has rows; each takes the loss before its update.

        `drawn` (B, N, R') has the orders of the samples where the runs are shuffled.
        """
        for epoch, row in enumerate(rows):
            self._whole.forward()
            row[:] = self._whole.total[0]
            if not self._parts:
                self._whole.backward()
                self._update()
                continue
            for batch in self._batches:
                self._on(batch, None if drawn is None else drawn[epoch, batch])
        rows /= len(self._y)

    def _on(self, batch: slice, order: Orders | None) -> None:
        """Update once, from the samples of a batch or of an order (B, R')."""
        part = self._parts[batch.stop - batch.start]
        if order is None:
            part.load(self._X[batch], self._y[batch])
        elif self._X.ndim == 2:
            part.load(np.moveaxis(self._X[order], -1, 1), self._y[order])
        else:
            part.load(np.take_along_axis(self._X, order[:, None], 0), np.take_along_axis(self._y, order, 0))
        part.forward()
        part.backward()
        self._update()

    def _numbers(self) -> dict[str, Array]:
        """The learning rate and the optimizer's parameters of each run, (R',) each; (P, R') where R' is small.

        An update of few runs is quicker with more numbers to read and nothing to broadcast.
        """
        parameters = OPTIMIZERS[self.specs[0].optimizer.name].parameters
        columns = {name: [getattr(spec.optimizer, name) for spec in self.specs] for name in parameters}
        columns["lr"] = [spec.lr for spec in self.specs]
        numbers = {name: pad(np.array(values, dtype=np.float64)) for name, values in columns.items()}
        if self.theta.shape[1] > FEW:
            return numbers
        return {name: np.zeros_like(self.theta) + values for name, values in numbers.items()}

    def _data(self) -> tuple[Array, Array]:
        """X (N, D) and y (N,) where all runs share them, otherwise (N, D, R') and (N, R')."""
        pairs = [datasets.load(spec.data) for spec in self.specs]
        if len({spec.data for spec in self.specs}) == 1:
            return pairs[0]
        X, y = (np.stack(arrays, axis=-1) for arrays in zip(*pairs, strict=True))
        return pad(X), pad(y)
