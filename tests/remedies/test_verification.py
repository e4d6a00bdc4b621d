import math

import numpy as np
import pytest

from xorlab.numerics.training import train
from xorlab.remedies.verification import compare, compare_environments, describe, reasons
from xorlab.spec import RunSpec


@pytest.fixture(scope="module")
def trained():
    return train([RunSpec(epochs=50, seed=3)])


def recorded(trained, every=1):
    epochs = np.union1d(np.arange(0, 50, every), [49])
    return epochs, trained.losses[0, epochs].copy()


@pytest.mark.parametrize("every", [1, 7, 49, 50, 100])
def test_the_same_losses_are_identical(trained, every):
    for log_every in (every, None):
        comparison = compare(*recorded(trained, every), trained.final_loss[0], trained, log_every=log_every)
        assert comparison.identical
        K = len(recorded(trained, every)[0])
        assert len(comparison.epochs) == K + 1
        assert describe(comparison) == f"Identical: all {K} recorded losses and the final loss, bit for bit."


def test_the_last_bit_of_one_loss_is_found(trained):
    epochs, losses = recorded(trained)
    losses[23] = np.nextafter(losses[23], 1.0)
    comparison = compare(epochs, losses, trained.final_loss[0], trained, log_every=1)
    assert np.flatnonzero(comparison.differs).tolist() == [23]
    first, count = describe(comparison).splitlines()
    then, now = losses[23].item(), trained.losses[0, 23].item()
    assert first == f"Different, first at epoch 23: recorded {then!r}, today {now!r} ({now - then:+.2g})."
    assert count.startswith("1 of 51 losses differ, by at most 1")


def test_the_sign_of_zero_is_a_bit(trained):
    epochs, losses = recorded(trained)
    zero = trained.__class__(**{**vars(trained), "losses": np.zeros_like(trained.losses)})
    assert not compare(epochs, np.full_like(losses, -0.0), trained.final_loss[0], zero, log_every=1).identical


def test_the_final_loss_counts(trained):
    comparison = compare(*recorded(trained), trained.final_loss[0] + 0.5, trained, log_every=1)
    first, count = describe(comparison).splitlines()
    assert first.startswith("Different, first at the final loss: recorded 1.")
    assert count == "1 of 51 losses differ, by at most 0.5."


@pytest.mark.parametrize("gone", [1, 5, 49])
def test_a_loss_that_is_not_on_record_differs(trained, gone):
    epochs, losses = (np.delete(array, gone) for array in recorded(trained))
    comparison = compare(epochs, losses, trained.final_loss[0], trained, log_every=1)
    assert comparison.epochs[comparison.differs].tolist() == [gone]
    assert describe(comparison).startswith(f"Different, first at epoch {gone}: recorded none, today 0.")


def test_a_loss_beyond_the_end_differs(trained):
    epochs, losses = recorded(trained)
    comparison = compare(np.append(epochs, 50), np.append(losses, 0.5), trained.final_loss[0], trained, log_every=1)
    assert describe(comparison).startswith("Different, first at epoch 50: recorded 0.5, today none.")


def test_a_run_that_diverged_is_compared_too():
    trained = train([RunSpec(lr=1e200, epochs=50)])
    assert trained.stopped == ("non_finite",)
    E = int(trained.epochs[0])
    final = trained.final_loss[0] if math.isfinite(trained.final_loss[0]) else math.nan
    assert compare(np.arange(E), trained.losses[0, :E].copy(), final, trained, log_every=1).identical


def test_environments_side_by_side():
    recorded = {"numpy": "2.1.0", "python": "3.12.1"}
    rows = list(compare_environments(recorded, {"numpy": "2.2.0", "python": "3.12.1", "machine": "m"}))
    assert rows == [
        ("numpy", "2.1.0", "2.2.0", "differs"),
        ("python", "3.12.1", "3.12.1", ""),
        ("machine", "not recorded", "m", "unknown"),
    ]


def test_only_a_native_run_may_differ_because_of_the_platform():
    differing = ["numpy", "machine", "commit"]
    assert reasons("native", differing).startswith(
        "Possible reasons: numpy, machine, commit. The last bits of a native"
    )
    assert reasons("native", ["commit"]) == "Possible reasons: commit."
    assert reasons("portable", differing).endswith("machine. Possible reasons: commit.")
    assert reasons("portable", ["numpy"]).endswith("machine. The reason lies elsewhere.")
    assert reasons("native", []) == reasons("portable", []) == "The environment is the same: it is not the reason."
