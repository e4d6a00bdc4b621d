"""A run's numbers do not depend on its neighbours: alone, in a batch of 7, of 300, in another order."""

from dataclasses import replace

import numpy as np
import pytest

from xorlab.numerics import training
from xorlab.numerics.ensemble import BROADCAST_COSTS, kernel, orders, pad
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.optimizers import OPTIMIZERS

EPOCHS = 24
MANY = 300
SCHEMES = ("normal", "torch_default", "he_uniform", "uniform")


def specs(many=MANY, *, optimizer="gd", data=("xor",), epochs=(EPOCHS,), target_loss=(None,), **same):
    """Specifications of one shape that differ in all that may differ."""
    rng = np.random.RandomState(7)
    made = []
    for seed in range(many):
        rates = {key: float(rng.uniform(0.5, 0.999)) for key in OPTIMIZERS[optimizer].defaults if key != "eps"}
        made.append(
            RunSpec(
                seed=seed,
                lr=float(10.0 ** rng.uniform(-3, 1)),
                init=InitSpec(name=SCHEMES[seed % 4], biases="drawn" if seed % 3 else "zero"),
                optimizer=OptimizerSpec(name=optimizer, **rates),
                data=data[seed % len(data)] if data != ("xor",) else DataSpec(),
                epochs=epochs[seed % len(epochs)],
                target_loss=target_loss[seed % len(target_loss)],
                **same,
            )
        )
    return made


def bits(trained, run):
    """All that a run's training found, as bytes and words."""
    E = trained.epochs[run]
    arrays = [trained.losses[run, :E], trained.final_loss[run], trained.logits[run]]
    arrays += [group[name][run] for group in (trained.initial, trained.final) for name in group]
    assert np.isnan(trained.losses[run, E:]).all()
    return E, trained.stopped[run], *(np.ascontiguousarray(array).tobytes() for array in arrays)


def check(made):
    """Train the specifications together, reversed, in sevens and alone, and compare to the bit."""
    together = training.train(made)
    expected = [bits(together, run) for run in range(len(made))]
    assert len({record[2] for record in expected}) > 0.9 * len(made)

    backwards = training.train(made[::-1])
    assert [bits(backwards, run) for run in range(len(made))] == expected[::-1]
    for start in (0, 7, len(made) - 7):
        seven = training.train(made[start : start + 7])
        assert [bits(seven, run) for run in range(7)] == expected[start : start + 7]
    for run in (0, 1, len(made) // 2, len(made) - 1):
        assert bits(training.train([made[run]]), 0) == expected[run]
    return together


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_same_bits_for_every_activation(activation):
    check(specs(arch=ArchSpec(activation=activation)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_bits_for_every_optimizer(optimizer):
    check(specs(optimizer=optimizer, arch=ArchSpec(activation="gelu")))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_bits_for_every_pair_of_them(optimizer, activation):
    check(specs(30, optimizer=optimizer, arch=ArchSpec(activation=activation)))


@pytest.mark.parametrize(
    "same",
    [
        {"loss": "mse"},
        {"batch_size": 1},
        {"batch_size": 3},
        {"batch_size": 3, "shuffle": True},
        {"batch_size": 1, "shuffle": True, "loss": "mse", "optimizer": "adam"},
        {"arch": ArchSpec(hidden=())},
        {"arch": ArchSpec(hidden=(1,))},
        {"arch": ArchSpec(hidden=(16, 16))},
        {"arch": ArchSpec(hidden=(11, 10), activation="gelu"), "optimizer": "adam"},
        {"arch": ArchSpec(hidden=(12, 13, 12), activation="elu"), "data": [DataSpec(name="parity", bits=5)]},
        {"arch": ArchSpec(hidden=(12, 12)), "batch_size": 3, "shuffle": True, "loss": "mse"},
        {"arch": ArchSpec(hidden=(2, 2, 2, 2, 2, 2), activation="tanh")},
        {"arch": ArchSpec(relu_grad_at_zero=0.5)},
        {"data": [DataSpec(name="parity", bits=5)]},
        {"data": [DataSpec(name="noisy_xor", points=25)], "batch_size": 8, "shuffle": True},
    ],
    ids=str,
)
def test_the_same_bits_for_every_shape(same):
    check(specs(100, **same))


MIXED = [
    DataSpec(),
    DataSpec(name="and"),
    DataSpec(encoding="bipolar"),
    DataSpec(name="noisy_xor", points=1),
    DataSpec(name="noisy_xor", points=1, seed=9),
]


@pytest.mark.parametrize(
    "same",
    [{}, {"batch_size": 3}, {"batch_size": 2, "shuffle": True}, {"arch": ArchSpec(hidden=(12, 12))}],
    ids=str,
)
@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_the_same_bits_where_runs_have_data_of_their_own(same, loss):
    check(specs(100, data=MIXED, loss=loss, **same))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "same", [{}, {"batch_size": 2, "shuffle": True}, {"arch": ArchSpec(hidden=(10, 10), activation="tanh")}], ids=str
)
def test_the_same_bits_while_others_stop(optimizer, same):
    """Some end early, some reach a target, some diverge; the optimizer's memory goes on with the rest.

    The ensemble starts above `BROADCAST_COSTS` runs and goes on below it.
    """
    targets, limits = (None, 0.69, None, 0.6, None, None, 0.75), (300, 40, 513, 256, 257)
    made = specs(200, optimizer=optimizer, target_loss=targets, epochs=limits, data=MIXED, **same)
    made[10], made[50] = (replace(made[run], init=InitSpec(std=1e200)) for run in (10, 50))
    together = check(made)
    assert len(made) > BROADCAST_COSTS > (together.epochs > 40).sum()
    assert {"epochs", "target_loss", "non_finite"} == set(together.stopped)


def test_a_chunk_is_as_good_as_another():
    made = specs(40)
    whole = training.train(made)
    for size in (8, 13):
        parts = [training.train(made[start : start + size]) for start in range(0, 40, size)]
        assert np.concatenate([part.losses for part in parts]).tobytes() == whole.losses.tobytes()


def test_a_batch_as_large_as_the_data_is_the_full_batch():
    full = training.train(specs(9))
    for size in (4, 5, 100):
        same = training.train(specs(9, batch_size=size, shuffle=True))
        assert same.losses.tobytes() == full.losses.tobytes()


def test_orders_are_permutations_from_each_runs_own_stream():
    drawn = orders([np.random.RandomState(seed) for seed in (3, 4, 5)], epochs=50, samples=6)
    assert drawn.shape == (50, 6, 8)
    np.testing.assert_array_equal(np.sort(drawn, axis=1), np.broadcast_to(np.arange(6)[:, None], drawn.shape))
    alone = orders([np.random.RandomState(4)], epochs=50, samples=6)
    np.testing.assert_array_equal(drawn[..., 1], alone[..., 0])
    assert np.any(drawn[..., 0] != drawn[..., 1])


def test_orders_do_not_depend_on_how_many_are_drawn_at_once():
    stream = [np.random.RandomState(3)]
    parts = np.concatenate([orders(stream, epochs, 4) for epochs in (1, 5, 14)])
    np.testing.assert_array_equal(parts, orders([np.random.RandomState(3)], 20, 4))


def test_orders_are_uniform():
    drawn = orders([np.random.RandomState(0)], epochs=24_000, samples=4)[..., 0]
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert counts.size == 24
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 60  # chi-square with 23 degrees of freedom: p < 1e-4


@pytest.mark.parametrize(("length", "padded"), [(1, 8), (7, 8), (8, 8), (9, 16)])
def test_padding_repeats_the_last_run(length, padded):
    array = pad(np.arange(2 * length).reshape(2, length))
    assert array.shape == (2, padded)
    np.testing.assert_array_equal(array[:, length - 1 :], array[:, [length - 1] * (padded - length + 1)])


def test_the_kernels_settings_are_put_back():
    before = np.getbufsize(), np.geterr()

    def fail():
        with kernel():
            assert np.getbufsize() == 16
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (np.getbufsize(), np.geterr()) == before
