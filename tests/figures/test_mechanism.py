import io
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from xorlab import figures
from xorlab.diagnosis import landscape, planes
from xorlab.figures.landscape import loss_slice
from xorlab.figures.mechanism import grid_planes, plane, run_planes, spans
from xorlab.figures.movie import Reel, film
from xorlab.numerics import snapshots
from xorlab.spec import ArchSpec, RunSpec

LEVELS = {"ln2": math.log(2), "0.477": 0.4774, "0.347": 0.3466}


@pytest.fixture(scope="module")
def notebook():
    return snapshots.histories([RunSpec()], [0, 100, 10_000])[0]


def words(figure):
    return [text.get_text() for text in figure.findobj(plt.Text) if text.get_text()]


def size(content):
    return Image.open(io.BytesIO(content)).size


def test_a_run_s_picture_names_its_units_and_epochs(notebook):
    figure = run_planes(
        planes.planes(notebook), notebook.trained.losses[0], levels=LEVELS, outcome="stuck_ln2", title="the run"
    )
    said = words(figure)
    assert {"epoch 0, loss 1.0763", "epoch 10,000, loss 0.6931", "the run", "1", "2", "3"} <= set(said)
    assert any("dead: 2\non at every point: 1, 3" in text for text in said)
    assert {"unit dead", "unit on at every point", "unit split"} <= set(said)
    assert min(size(figures.png(figure, dpi=50))) > 100
    assert not plt.get_fignums()


def test_ticks_stand_on_the_active_side(notebook):
    one = planes.planes(notebook)[1]
    ax = plt.Figure().subplots()
    plane(one, ax=ax)
    teeth = [item for item in ax.collections if isinstance(item, LineCollection)][::2]
    assert len(teeth) == 3
    for collection, w, b in zip(teeth, one.W.T, one.b, strict=True):
        for root, tip in collection.get_segments():
            assert root @ w + b == pytest.approx(0.0, abs=1e-9)
            assert tip @ w + b > 0.0


def test_a_unit_outside_the_frame_stands_in_the_margin(notebook):
    one = planes.planes(notebook)[-1]
    far = planes.Plane(**{**vars(one), "b": one.b + np.array([9.0, 0.0, 0.0])})
    ax = plt.Figure().subplots()
    plane(far, ax=ax)
    assert "line outside the frame: 1" in ax.get_xlabel()


def test_a_smooth_unit_has_no_state():
    (history,) = snapshots.histories([RunSpec(arch=ArchSpec(activation="tanh"), epochs=20)], [20])
    losses = history.trained.losses[0]
    figure = run_planes(planes.planes(history), losses, levels=LEVELS, outcome="descending", title="")
    assert "unit's line" in words(figure)
    assert not any("split" in text for text in words(figure))


def test_a_grid_frames_each_run_in_its_outcome_s_colour(notebook):
    seen = planes.planes(notebook)
    outcomes = ["stuck_ln2", "converged", "diverged"]
    figure = grid_planes(seen, ["a", "b", "c"], outcomes, title="three")
    panels = [ax for ax in figure.axes if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left") for ax in panels] == ["a", "b", "c"]
    drawn = [plt.matplotlib.colors.to_hex(ax.spines["top"].get_edgecolor()) for ax in panels]
    assert drawn == [figures.colour(outcome) for outcome in outcomes]


def test_a_slice_says_where_it_claims_nothing(notebook):
    figure = loss_slice(landscape.cut(notebook.trained), levels=LEVELS, title="around the end")
    (told,) = [text.replace("\n", " ") for text in words(figure) if text.startswith("Star")]
    assert "10 of the Hessian's 13 directions are flat" in told
    assert "lies on a kink" in told
    assert "least curvature, λ = 0" in words(figure)
    assert size(figures.png(figure, dpi=50))


def test_a_smooth_slice_has_no_kinks_to_tell_of():
    (history,) = snapshots.histories([RunSpec(arch=ArchSpec(hidden=(2,), activation="tanh"), epochs=300)], [300])
    figure = loss_slice(landscape.cut(history.trained), levels=LEVELS, title="")
    assert not any("kink" in text for text in words(figure))


def test_a_film_has_a_frame_for_each_epoch(tmp_path, notebook):
    (other,) = snapshots.histories([RunSpec(seed=0, epochs=100)], [0, 3, 100])
    reels = [
        Reel(planes.planes(history), history.trained.losses[0], outcome, outcome)
        for history, outcome in ((notebook, "stuck_ln2"), (other, "descending"))
    ]
    film(tmp_path / "film.gif", reels, levels=LEVELS, dpi=40)
    with Image.open(tmp_path / "film.gif") as seen:
        durations = []
        for frame in range(seen.n_frames):
            seen.seek(frame)
            durations.append(seen.info["duration"])
    assert len(durations) == 4  # 0, 3, 100, 10,000
    assert durations[-1] > 1_400
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("units", "said"), [([0], "1"), ([0, 1], "1, 2"), ([0, 1, 2, 4], "1–3, 5"), ([1, 3, 4, 5], "2, 4–6")]
)
def test_units_are_numbered_in_spans(units, said):
    assert spans(units) == said
