import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xorlab.diagnosis import planes
from xorlab.errors import XorlabError
from xorlab.numerics import snapshots
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components import datasets

FRAME = (-0.5, 1.5, -0.5, 1.5)

SPECS = [
    RunSpec(epochs=600),
    RunSpec(epochs=600, seed=3, optimizer=OptimizerSpec(name="adam")),
    RunSpec(epochs=600, seed=1, batch_size=1, shuffle=True),
    RunSpec(epochs=600, arch=ArchSpec(hidden=(4, 3), activation="tanh"), seed=5),
]


@pytest.mark.parametrize("spec", SPECS, ids=["gd", "adam", "shuffled", "deep"])
def test_a_snapshot_is_the_run_of_so_many_epochs_to_the_bit(spec):
    (history,) = snapshots.histories([spec], [0, 7, 300, 600])
    assert history.epochs.tolist() == [0, 7, 300, 600]
    for place, epochs in enumerate([7, 300, 600], start=1):
        alone = train([replace(spec, epochs=epochs)])
        for name, array in alone.final.items():
            assert array[0].tobytes() == history.parameters[name][place].tobytes()
        assert history.losses[place] == alone.final_loss[0]
    for name, array in history.trained.initial.items():
        assert array[0].tobytes() == history.parameters[name][0].tobytes()
    assert history.losses[0] == history.trained.losses[0, 0]


def test_histories_keep_their_order_whatever_their_shapes():
    told = snapshots.histories([*SPECS, *SPECS[::-1]], [0, 20])
    assert [history.spec for history in told] == [*SPECS, *SPECS[::-1]]
    assert [history.trained.specs for history in told] == [(spec,) for spec in [*SPECS, *SPECS[::-1]]]


@pytest.mark.parametrize(
    "spec",
    [
        RunSpec(seed=0, epochs=900, target_loss=0.3),
        RunSpec(epochs=400, lr=1e200, loss="bce", arch=ArchSpec(activation="identity"), seed=1),
    ],
    ids=["target", "diverged"],
)
def test_an_epoch_after_the_end_is_the_end(spec):
    (history,) = snapshots.histories([spec], [0, 850, 899])
    end = int(history.trained.epochs[0]) - 1
    assert 0 <= end < 850
    assert history.epochs.tolist() == sorted({0, end})
    assert history.losses[-1] == history.trained.losses[0, end]
    assert np.array_equal(history.parameters["W1"][-1], history.trained.final["W1"][0])


def test_an_epoch_before_the_start_is_refused():
    with pytest.raises(XorlabError, match="an epoch must be at least 0; got -1"):
        snapshots.histories([RunSpec()], [0, -1])


def test_the_plane_is_the_network_s_own_output():
    (history,) = snapshots.histories([RunSpec(epochs=50)], [50])
    (plane,) = planes.planes(history)
    parameters = {name: array[0] for name, array in history.parameters.items()}
    for row, column in [(0, 0), (3, 100), (120, 60)]:
        x = np.array([plane.x1[column], plane.x2[row]])
        logit = np.maximum(x @ parameters["W1"] + parameters["b1"], 0.0) @ parameters["W2"] + parameters["b2"]
        assert plane.p[row, column] == pytest.approx(1.0 / (1.0 + math.exp(-logit[0])), abs=1e-12)
    assert plane.p.shape == (plane.x2.size, plane.x1.size)
    assert (plane.x1[0], plane.x1[-1]) == FRAME[:2]


def test_the_plane_needs_two_inputs():
    spec = RunSpec(epochs=5, data=DataSpec(name="parity"))
    with pytest.raises(XorlabError, match="the plane needs data with two inputs; got parity with 3"):
        planes.planes(snapshots.histories([spec], [5])[0])


def test_the_notebook_s_run_is_told_as_it_is_known():
    (history,) = snapshots.histories([RunSpec()], [10_000])
    (plane,) = planes.planes(history)
    assert plane.states == ("on", "dead", "on")
    assert plane.loss == pytest.approx(math.log(2.0), abs=1e-6)


numbers = st.floats(-3, 3).map(lambda x: round(x, 3))


@settings(max_examples=300, deadline=None)
@given(numbers, numbers, numbers)
def test_a_segment_lies_on_the_line_and_its_left_is_the_active_side(w1, w2, b):
    w = np.array([w1, w2])
    ends = planes.segment(w, b, FRAME)
    corners = np.array([[x1, x2] for x1 in FRAME[:2] for x2 in FRAME[2:]])
    signs = corners @ w + b
    crosses = signs.min() < 0.0 < signs.max()
    if ends is None:
        assert not crosses or np.abs(signs).min() < 1e-6  # it touches a corner
        return
    assert signs.min() <= 1e-9
    assert signs.max() >= -1e-9
    assert np.abs(ends @ w + b).max() < 1e-9
    assert ends.min() >= -0.5 - 1e-9
    assert ends.max() <= 1.5 + 1e-9
    edges = [np.abs(end[:, None] - np.reshape(FRAME, (2, 2))).min() for end in ends]
    assert max(edges) < 1e-9
    along = ends[1] - ends[0]
    left = ends.mean(axis=0) + np.array([-along[1], along[0]])
    assert left @ w + b > 0.0


def test_the_active_side_agrees_with_the_pre_activations_at_the_points():
    init = InitSpec(biases="drawn")
    for spec in [RunSpec(seed=seed, init=init, epochs=30) for seed in range(10)]:
        (plane,) = planes.planes(snapshots.histories([spec], [30])[0])
        X, _ = datasets.load(spec.data)
        for unit, (w, b) in enumerate(zip(plane.W.T, plane.b, strict=True)):
            ends = planes.segment(w, b, FRAME)
            z = X @ w + b
            if ends is None:
                assert plane.states[unit] == ("on" if z[0] > 0 else "dead")
                continue
            (a1, a2), (c1, c2) = ends
            left = [(c1 - a1) * (x2 - a2) - (c2 - a2) * (x1 - a1) > 0 for x1, x2 in X]
            assert left == (z > 0).tolist()
