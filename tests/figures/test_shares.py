import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from pictures import words
from xorlab import figures, statistics


def bars(ax):
    """The parts of each row: row -> [(left, share, hatch)], by what is drawn."""
    found = {}
    for patch in ax.patches:
        if isinstance(patch, Rectangle):
            row = round(patch.get_y() + patch.get_height() / 2)
            found.setdefault(row, []).append((patch.get_x(), patch.get_width(), patch.get_hatch()))
    return found


def table(*rows, by=()):
    return pd.DataFrame(rows, columns=[*by, "outcome", "cause", "n", "count"])


TWO = table(
    ("stuck_0.477", "tied_inputs", 4, 4),
    ("stuck_ln2", "all_dead", 40, 27),
    ("stuck_ln2", "affine_collapse", 40, 12),
    ("stuck_ln2", "slow", 40, 1),
)


def test_causes_are_parts_of_their_outcomes_bar():
    figure = figures.causes(TWO)
    (ax,) = figure.axes
    drawn = bars(ax)
    assert [part[:2] for part in drawn[0]] == [(0.0, 1.0)]
    np.testing.assert_allclose([part[:2] for part in drawn[1]], [(0, 0.675), (0.675, 0.3), (0.975, 0.025)])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["stuck at 0.477", "stuck at ln 2"]
    assert {"n = 4", "n = 40", "tied inputs", "all dead", "affine collapse"} <= set(words(ax))


def test_a_cause_without_room_for_its_name_is_named_below():
    figure = figures.causes(TWO)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["slow (stuck at ln 2)"]
    assert not figures.causes(TWO[:3]).legends


def test_with_factors_an_outcome_is_a_panel_and_a_setting_a_row():
    rows = [
        ("[16]", "stuck_ln2", "all_dead", 2, 2),
        ("[2]", "stuck_ln2", "all_dead", 10, 7),
        ("[2]", "stuck_ln2", "slow", 10, 3),
        ("[2]", "stuck_0.477", "tied_inputs", 5, 5),
    ]
    figure = figures.causes(table(*rows, by=["arch.hidden"]), ["arch.hidden"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["", "stuck at ln 2"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["stuck at 0.477"]
    second = figure.axes[1]
    assert [label.get_text() for label in second.get_yticklabels()] == ["[2]", "[16]"]
    np.testing.assert_allclose([part[:2] for part in bars(second)[0]], [(0, 0.7), (0.7, 0.3)])
    np.testing.assert_allclose([part[:2] for part in bars(second)[1]], [(0, 1)])
    assert [word for word in words(second) if word.startswith("n =")] == ["n = 10", "n = 2"]


def test_of_too_many_settings_only_the_last_factor_has_rows():
    causes = ("all_dead", "slow")
    rows = [(a, lr, "stuck_ln2", cause, 2, 1) for a in range(30) for lr in (0.1, 1.0) for cause in causes]
    (ax,) = figures.causes(table(*rows, by=["a", "lr"]), ["a", "lr"]).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0.1", "1"]
    assert words(ax).count("n = 60") == 2


STARTS = {
    "(+,-)+ (-,+)+": {"converged": 5},
    "(+,+)+ (+,+)-": {"converged": 6, "stuck_ln2": 2},
    "(+,-)+ (-,-)": {"stuck_0.477": 9},
    "(-,-) (-,-)": {"stuck_ln2": 3, "descending": 1},
}


@pytest.fixture
def fates():
    rows = [(signs, outcome) for signs, ends in STARTS.items() for outcome, n in ends.items() for _ in range(n)]
    return figures.fates(pd.DataFrame(rows[::-1], columns=["signs", "outcome"]))


def test_patterns_stand_in_the_order_of_how_often_they_converge(fates):
    (ax,) = fates.axes
    names = [label.get_text().replace("−", "-") for label in ax.get_yticklabels()]
    assert names == ["(+,-)+ (-,+)+", "(+,+)+ (+,+)-", "(+,-)+ (-,-)", "(-,-) (-,-)"]
    drawn = bars(ax)
    np.testing.assert_allclose([part[:2] for part in drawn[1]], [(0, 0.75), (0.75, 0.25)])
    np.testing.assert_allclose([part[:2] for part in drawn[3]], [(0, 0.25), (0.25, 0.75)])
    assert [word for word in words(ax) if word.startswith("n =")] == ["n = 5", "n = 8", "n = 9", "n = 4"]


def test_the_interval_of_converging_is_wilsons(fates):
    (ax,) = fates.axes
    black = [line for line in ax.lines if line.get_color() == "black"]
    assert [line.get_ydata()[0] for line in black] == [0, 1, 2, 3]
    expected = [statistics.wilson(*pair) for pair in ((5, 5), (6, 8), (0, 9), (0, 4))]
    np.testing.assert_allclose([line.get_xdata() for line in black], expected)


def test_a_pattern_that_decides_stands_out_if_it_came_true(fates):
    (ax,) = fates.axes
    bold = [label.get_fontweight() == "bold" for label in ax.get_yticklabels()]
    assert bold == [True, False, True, False]
    assert {"always converged", "always stuck at 0.477"} <= set(words(ax))
    assert "always stuck at ln 2" not in words(ax)
    assert any("bold: the signs alone decide" in word.replace("\n", " ") for word in words(fates))
