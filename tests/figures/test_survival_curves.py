import numpy as np
import pandas as pd
from matplotlib.cbook import pts_to_poststep
from matplotlib.collections import PathCollection

from pictures import words
from xorlab import figures

COLUMNS = ["epoch", "at_risk", "events", "survival", "low", "high"]
CURVE = [(0, 10, 0, 1.0, 0.7, 1.0), (20, 10, 2, 0.8, 0.5, 0.9), (300, 8, 3, 0.5, 0.2, 0.8), (1000, 5, 0, 0.5, 0.2, 0.8)]


def survival(**factors):
    """One setting's curve: 10 runs, 2 and then 3 of which converge."""
    table = pd.DataFrame(CURVE, columns=COLUMNS)
    for place, (name, value) in enumerate(factors.items()):
        table.insert(place, name, [value] * len(table))
    return table


def steps(ax):
    """The corners of each curve, as matplotlib steps from point to point."""
    lines = [line for line in ax.get_lines() if line.get_drawstyle() == "steps-post"]
    return [pts_to_poststep(*map(np.asarray, line.get_data())).T for line in lines]


def shares(curve, epochs):
    """What a drawn curve of steps says just after each epoch."""
    return [curve[curve[:, 0] <= epoch + 1e-9][-1, 1] for epoch in epochs]


def crosses(ax):
    found = [item.get_offsets() for item in ax.collections if isinstance(item, PathCollection)]
    return np.concatenate([np.asarray(each) for each in found]).tolist()


def test_a_curve_steps_down_at_the_events_and_ends_with_a_cross():
    figure = figures.survival_curves(survival())
    (ax,) = figure.axes
    (curve,) = steps(ax)
    assert shares(curve, [0, 19, 20, 299, 300, 999, 1000]) == [1.0, 1.0, 0.8, 0.8, 0.5, 0.5, 0.5]
    assert (np.diff(curve[:, 0]) * np.diff(curve[:, 1]) == 0).all()
    assert crosses(ax) == [[1000.0, 0.5]]
    assert ax.get_xlim()[0] == 10.0
    assert "all runs, 5 of 10 converged" in words(figure)


def test_the_band_is_the_interval():
    (ax,) = figures.survival_curves(survival()).axes
    (band,) = [item for item in ax.collections if not isinstance(item, PathCollection)]
    corners = band.get_paths()[0].vertices
    at = corners[(corners[:, 0] > 20) & (corners[:, 0] <= 300)]
    assert {0.5, 0.9} <= {*at[:, 1].tolist()}
    assert (corners[:, 1].min(), corners[:, 1].max()) == (0.2, 1.0)


def test_settings_have_tones_in_their_order_and_names():
    frame = pd.concat([survival(**{"arch.hidden": name}) for name in ("[16]", "[2]", "[4]")])
    figure = figures.survival_curves(frame, ["arch.hidden"])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [f"arch.hidden={name}, 5 of 10 converged" for name in ("[2]", "[4]", "[16]")]
    tones = [line.get_color() for line in figure.legends[0].get_lines()]
    strokes = {str(line.get_linestyle()) for line in figure.legends[0].get_lines()}
    assert len(set(tones)) == 3
    assert len(strokes) > 1
    assert not set(tones) & set(figures.OUTCOME_COLOURS.values())


def test_factors_before_the_last_make_panels():
    frame = pd.concat([survival(a=a, lr=lr) for a in "xyz" for lr in (0.1, 1.0)])
    figure = figures.survival_curves(frame, ["a", "lr"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a=x", "a=y", "a=z"]
    assert [len(steps(ax)) for ax in figure.axes] == [2, 2, 2]
    assert any("n = 10 runs a curve" in word.replace("\n", " ") for word in words(figure))


def test_many_settings_are_thin_lines_beside_a_scale():
    frame = pd.concat([survival(lr=lr) for lr in np.geomspace(1e-3, 10, 25)])
    figure = figures.survival_curves(frame, ["lr"])
    assert len(steps(figure.axes[0])) == 25
    assert figure.axes[1].get_ylabel() == "lr"
    assert not figure.legends


def test_too_many_panels_become_one():
    frame = pd.concat([survival(a=a, lr=lr) for a in range(30) for lr in (0.1, 1.0)])
    figure = figures.survival_curves(frame, ["a", "lr"])
    assert len(steps(figure.axes[0])) == 60
    assert figure.axes[1].get_ylabel() == "setting"


def test_a_run_that_goes_out_of_sight_early_is_marked():
    frame = survival()
    frame.loc[frame["epoch"] >= 300, "at_risk"] -= 1
    (ax,) = figures.survival_curves(frame).axes
    assert [20.0, 0.8] in crosses(ax)
