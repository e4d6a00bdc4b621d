import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from pictures import sweep, words
from xorlab import figures, statistics

LRS = (0.01, 0.1, 1.0)


def rates_of(table, by):
    return statistics.rates(table, by)


def points(ax, *, filled=True):
    """The markers on an axes: (x, y) rows, those that are filled or those that are hollow."""
    rows = [
        np.column_stack(line.get_data())
        for line in ax.lines
        if line.get_marker() not in ("None", "", None) and (line.get_markerfacecolor() != "white") == filled
    ]
    return np.concatenate(rows)


def intervals(ax):
    segments = [item.get_segments() for item in ax.collections if isinstance(item, LineCollection)]
    return np.array([segment for group in segments for segment in group])


def test_every_rate_stands_at_its_place_with_its_interval():
    table, _ = sweep(9, lrs=LRS)
    rates = rates_of(table, ["lr"])
    outcomes = ["converged", "stuck_ln2"]
    figure = figures.rates_along(rates, "lr", outcomes=outcomes)
    (ax,) = figure.axes
    assert ax.get_xscale() == "log"
    shown = rates[rates["outcome"].isin(outcomes)].sort_values(["outcome", "lr"])
    np.testing.assert_allclose(points(ax), shown[["lr", "rate"]])
    for segment, row in zip(intervals(ax), shown.to_dict("records"), strict=True):
        np.testing.assert_allclose(segment, [[row["lr"], row["low"]], [row["lr"], row["high"]]])
    assert {"converged", "stuck at ln 2", "How do runs end, by lr?"} <= set(words(figure))
    assert any("n = 9 runs each" in word for word in words(figure))


def test_outcomes_have_colours_and_markers_of_their_own():
    (ax,) = figures.rates_along(rates_of(sweep(9)[0], ["lr"]), "lr", outcomes=["converged", "stuck_ln2"]).axes
    looks = {(line.get_color(), line.get_marker()) for line in ax.lines if line.get_marker() != "None"}
    assert looks == {(figures.OUTCOME_COLOURS["converged"], "o"), (figures.OUTCOME_COLOURS["stuck_ln2"], "X")}


def test_incomplete_settings_are_hollow_and_named():
    table, _ = sweep(10, lrs=LRS)
    rates = rates_of(table[1:], ["lr"]).assign(intended=10)
    figure = figures.rates_along(rates, "lr")
    (ax,) = figure.axes
    assert points(ax, filled=False)[:, 0].tolist() == [0.01]
    assert points(ax)[:, 0].tolist() == [0.1, 1.0]
    note = " ".join(words(figure)).replace("\n", " ")
    assert "n = 9 to 10 runs each; hollow, incomplete: n = 9 of 10 at lr=0.01" in note


def test_a_second_factor_has_a_line_for_each_value_and_a_panel_for_each_outcome():
    table, _ = sweep(8, lrs=LRS)
    table["arch.hidden"] = np.resize(["[2]", "[16]", "[4]"], len(table))
    rates = rates_of(table, ["arch.hidden", "lr"])
    figure = figures.rates_along(rates, "lr", hue="arch.hidden", outcomes=["converged", "stuck_ln2"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["converged", "stuck at ln 2"]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["arch.hidden=[2]", "arch.hidden=[4]", "arch.hidden=[16]"]
    tones = {line.get_color() for line in figure.axes[0].lines}
    assert len(tones) == 3
    assert not tones & set(figures.OUTCOME_COLOURS.values())
    own = rates[(rates["outcome"] == "converged") & (rates["arch.hidden"] == "[16]")].sort_values("lr")
    assert any(
        np.array_equal(np.column_stack(line.get_data()), own[["lr", "rate"]].to_numpy())
        for line in figure.axes[0].lines
    )


def test_theorys_bound_is_a_named_line_where_it_is_known():
    table, _ = sweep(9, lrs=LRS)
    table["arch.hidden"] = np.resize(["[2]", "[4]", "[8]"], len(table))
    bounds = pd.DataFrame({"arch.hidden": ["[2]", "[4]", "[8]"], "bound": [9 / 16, 0.9, np.nan]})
    rates = rates_of(table, ["arch.hidden"])
    figure = figures.rates_along(rates, "arch.hidden", bounds=bounds)
    (ax,) = figure.axes
    (dashed,) = [lines for lines in ax.collections if lines.get_linestyle()[0][1] is not None]
    first, second = dashed.get_segments()
    assert (first[:, 1].tolist(), second[:, 1].tolist()) == ([9 / 16] * 2, [0.9] * 2)
    np.testing.assert_allclose(second[:, 0], [8**0.5, 32**0.5])
    assert "theory's upper bound" in words(figure)
    silent = figures.rates_along(rates, "arch.hidden", outcomes=["stuck_ln2"], bounds=bounds)
    assert "theory's upper bound" not in words(silent)


def test_many_categories_go_down_the_side():
    names = [f"a_rather_long_name_{number}" for number in range(12)]
    table = pd.concat([sweep(4)[0].assign(**{"init.name": name}) for name in names])
    rates = rates_of(table, ["init.name"])
    (ax,) = figures.rates_along(rates, "init.name").axes
    assert [label.get_text() for label in ax.get_yticklabels()] == sorted(names, key=lambda name: int(name[19:]))
    shown = rates[rates["outcome"] == "converged"]
    np.testing.assert_allclose(points(ax)[:, 0], shown["rate"])
    assert ax.get_xlabel() == "share of runs"
    assert ax.yaxis_inverted()


def test_several_rates_for_one_point_are_refused():
    table, _ = sweep(4)
    table["a"] = np.resize([1, 2], len(table))
    with pytest.raises(ValueError, match="rates must be by lr alone; got several for one point"):
        figures.rates_along(rates_of(table, ["a", "lr"]), "lr")
