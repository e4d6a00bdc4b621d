"""Trained runs, and some of them."""

from dataclasses import replace

import numpy as np
import pytest

from xorlab.numerics.trained import Trained, take
from xorlab.numerics.training import train
from xorlab.spec import RunSpec


@pytest.fixture(scope="module")
def trained() -> Trained:
    targets, rates = (None, None, 5.0, None), (0.1, 0.1, 0.1, 1e308)
    return train([RunSpec(seed=seed, epochs=10 + seed, lr=rates[seed], target_loss=targets[seed]) for seed in range(4)])


@pytest.mark.parametrize("runs", [slice(1, 3), np.array([3, 0, 0])])
def test_taken_runs_keep_everything_of_theirs(trained: Trained, runs: slice | np.ndarray) -> None:
    some = trained.take(runs)
    for place, run in enumerate(np.arange(4)[runs]):
        assert some.specs[place] == trained.specs[run]
        assert (some.stopped[place], some.epochs[place]) == (trained.stopped[run], trained.epochs[run])
        for name in ("losses", "final_loss", "logits"):
            np.testing.assert_array_equal(getattr(some, name)[place], getattr(trained, name)[run])
        for mine, theirs in ((some.initial, trained.initial), (some.final, trained.final)):
            for name, array in take(mine, place).items():
                np.testing.assert_array_equal(array, theirs[name][run])


def test_the_final_parameters_are_those_after_so_many_epochs(trained: Trained) -> None:
    assert trained.stopped == ("epochs", "epochs", "target_loss", "non_finite")
    for run, epochs in enumerate(trained.updated.tolist()):
        spec = replace(trained.specs[run], epochs=max(epochs, 1), target_loss=None)
        again = train([spec])
        wanted = again.final if epochs else again.initial
        assert all((array[0] == trained.final[name][run]).all() for name, array in wanted.items())
