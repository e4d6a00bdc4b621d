"""R runs of one shape during training: their parameters, optimizer state and data."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from xorlab.numerics.layers import order
from xorlab.numerics.network import Network, logits, pad, sizes
from xorlab.spec import RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.arithmetics import ARITHMETICS
from xorlab.spec.components.measures import MEASURES
from xorlab.spec.components.optimizers import OPTIMIZERS
from xorlab.spec.components.outputs import TARGETS, margin, position

Array = NDArray[np.float64]
Orders = NDArray[np.intp]

BROADCAST_COSTS = 128
"""With at most this many runs, an update is faster if its numbers need no broadcasting."""


@contextmanager
def kernel() -> Iterator[None]:
    """Ignore overflow, since divergence is a result, and make broadcasting faster with small ufunc buffers."""
    with np.errstate(all="ignore"):  # on exit this also restores the buffer size
        np.setbufsize(16)
        yield


def orders(streams: Sequence[RandomState], epochs: int, samples: int) -> Orders:
    """Draw the order of the samples in each epoch from each run's own stream, (epochs, N, R')."""
    drawn = [rng.random_sample((epochs, samples)).argsort(axis=1, kind="stable") for rng in streams]
    return pad(np.stack(drawn, axis=-1))


class Ensemble:
    """Runs that are trained together.

    Parameters
    ----------
    specs : R specifications of one shape
    theta : (P, R) array, the parameters; it is copied
    state : arrays (…, R), the optimizer's state; if empty, the optimizer starts afresh

    Attributes
    ----------
    theta : (P, R') array, the current parameters; R' is R padded to a multiple of `PAD`
    state : arrays (…, R'), the optimizer's current state
    """

    def __init__(self, specs: Sequence[RunSpec], theta: Array, state: Sequence[Array] = ()) -> None:
        self.specs = tuple(specs)
        spec = specs[0]
        X, y = self._X, self._y = self._data()
        N, D = X.shape[:2]
        K = y.shape[1]
        self.theta = np.asarray(pad(theta), order=order(sizes(D, spec.arch, K), spec.numerics))
        gradient = np.zeros_like(self.theta)
        self._update, self.state = OPTIMIZERS[spec.optimizer.name].build(self.theta, gradient, self._numbers())
        for own, given in zip(self.state, state, strict=bool(state)):
            own[...] = pad(given)

        size = N if spec.batch_size == "full" else min(int(spec.batch_size), N)
        self._batches = [slice(start, min(start + size, N)) for start in range(0, N, size)]
        self.shuffled = spec.shuffle and size < N

        def network(batch: int, *, each: bool, points: Array | None = None) -> Network:
            return Network(
                spec.arch,
                spec.loss,
                self.theta,
                gradient,
                batch=batch,
                inputs=D,
                outputs=K,
                each=each,
                points=points,
                targets=spec.data.targets,
                numerics=spec.numerics,
            )

        self._whole = network(N, each=X.ndim == 3, points=X if X.ndim == 2 else None)
        self._whole.load(X, y)
        self._parts = {
            length: network(length, each=X.ndim == 3 or self.shuffled)
            for length in {batch.stop - batch.start for batch in self._batches if size < N}
        }

    def select(self, runs: NDArray[np.intp], theta: Array, state: Sequence[Array]) -> "Ensemble":
        """Return an ensemble of some of the runs, from the given parameters and optimizer state of all of them."""
        return Ensemble([self.specs[run] for run in runs], theta[:, runs], [array[..., runs] for array in state])

    def snapshot(self) -> tuple[Array, list[Array]]:
        """Copy the parameters and the optimizer's state, in the form that `select` takes."""
        return self.theta.copy(), [array.copy() for array in self.state]

    def losses(self) -> Array:
        """Compute the mean loss over all samples at theta, (R',)."""
        self._whole.forward()
        loss: Array = self._whole.total[0] / self._whole.count
        return loss

    def logits(self) -> Array:
        """Compute the pre-activations of the output units at theta, see `network.logits`."""
        self._whole.forward()
        return logits(self._whole.z[-1], len(self.specs))

    def epochs(self, rows: Array, drawn: Orders | None, measured: Mapping[str, Array] | None = None) -> None:
        """Train for B epochs, and write the loss before the update of each into `rows` (B, R').

        `drawn` (B, N, R') holds the orders of the samples if the runs are shuffled. `measured` maps names in `MEASURES`
        to arrays (B, R') for the measures before each update.
        """
        for epoch, row in enumerate(rows):
            self._whole.forward()
            row[:] = self._whole.total[0]
            if measured:
                self._measure({name: array[epoch] for name, array in measured.items()})
            if not self._parts:
                self._whole.backward()
                self._update()
                continue
            for batch in self._batches:
                self._on(batch, None if drawn is None else drawn[epoch, batch])
        rows /= self._whole.count

    def _measure(self, into: Mapping[str, Array]) -> None:
        """Write measures (R',) of the last forward pass over all samples."""
        spec = self.specs[0]
        low, high = TARGETS[spec.data.targets]
        p = position(spec.arch.output, spec.data.targets, self._whole.z[-1], spec.numerics, axis=1)
        y = self._y if self._y.ndim == 3 else self._y[:, :, None]
        error, lead = (p - y).reshape(-1, p.shape[2]), margin(spec.arch.output, p, y, axis=1)
        for name, array in into.items():
            array[:] = MEASURES[name].of(error, lead, high - low, ARITHMETICS[spec.numerics].mean)

    def _on(self, batch: slice, order: Orders | None) -> None:
        """Update once, from the samples in a batch, or from those in an order (B, R') if the runs are shuffled."""
        part = self._parts[batch.stop - batch.start]
        if order is None:
            part.load(self._X[batch], self._y[batch])
        elif self._X.ndim == 2:
            part.load(*(np.moveaxis(array[order], -1, 1) for array in (self._X, self._y)))
        else:
            part.load(*(np.take_along_axis(array, order[:, None], 0) for array in (self._X, self._y)))
        part.forward()
        part.backward()
        self._update()

    def _numbers(self) -> dict[str, Array]:
        """Return each run's learning rate and optimizer parameters, (R',) each, or (P, R') if there are few runs."""
        parameters = OPTIMIZERS[self.specs[0].optimizer.name].parameters
        columns = {name: [getattr(spec.optimizer, name) for spec in self.specs] for name in parameters}
        columns["lr"] = [spec.lr for spec in self.specs]
        zeros = np.zeros_like(self.theta if self.theta.shape[1] <= BROADCAST_COSTS else self.theta[0])
        return {name: zeros + pad(np.array(values, dtype=np.float64)) for name, values in columns.items()}

    def _data(self) -> tuple[Array, Array]:
        """Return X (N, D) and y (N, K) if all runs share them, otherwise (N, D, R') and (N, K, R')."""
        first = self.specs[0]
        specs = [first] if all(spec.data == first.data for spec in self.specs) else self.specs
        pairs = [datasets.load(spec.data, spec.numerics) for spec in specs]
        pairs = [(X, y.reshape(len(y), -1)) for X, y in pairs]
        if len(pairs) == 1:
            return pairs[0]
        X, y = (np.stack(arrays, axis=-1) for arrays in zip(*pairs, strict=True))
        return pad(X), pad(y)
