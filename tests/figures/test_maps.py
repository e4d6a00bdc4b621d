import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.patches import Rectangle

from pictures import sweep, words
from xorlab import figures, statistics
from xorlab.figures.scales import scale


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.001, 0.01, 0.1, 1.0, 10.0], "log"),
        ([0.01, 0.1, 0.3, 1.0, 3.0, 10.0], "log"),
        (["[2]", "[3]", "[4]", "[8]", "[16]"], "log"),
        ([1, 2, 3, 4], "linear"),
        ([0.5, 0.9, 0.99], "linear"),
        ([0.0, 0.5, 1.0], "linear"),
        ([0.1, 1.0], "log"),
        ([2, 3], "linear"),
        ([0.0, 0.001, 0.01, 0.1, 1.0], "categories"),
        (["[2]", "[5,5]"], "categories"),
        (["relu", "tanh"], "categories"),
        ([1.0, np.nan], "categories"),
        ([True, False], "categories"),
        ([0.1], "categories"),
        ([], "categories"),
    ],
)
def test_a_factor_stands_on_the_axis_that_its_values_make(values, kind):
    found = scale("factor", pd.Series(values, dtype=object))
    assert found.kind == kind
    assert len(found.values) == len(found.places) == len(values)
    assert (np.diff(found.edges()) > 0).all()


def test_cells_end_at_geometric_middles():
    found = scale("lr", [0.1, 1.0, 4.0], cells=True)
    np.testing.assert_allclose(found.edges(), [0.1 / 10**0.5, 0.1 * 10**0.5, 2.0, 8.0])
    assert found.place([4.0, 0.1]).tolist() == [4.0, 0.1]


def test_cells_too_uneven_to_be_read_stand_side_by_side():
    assert scale("lr", [0.1, 0.11, 1.0, 10.0]).kind == "log"
    assert scale("lr", [0.1, 0.11, 1.0, 10.0], cells=True).kind == "categories"


def mesh(ax):
    return next(item for item in ax.collections if isinstance(item, QuadMesh))


def test_the_map_tells_rate_interval_and_n():
    table, _ = sweep(10)
    rates = statistics.rates(table, ["lr"])
    figure = figures.convergence_maps(rates, ["lr"])
    assert "30 %   (11–60 %)" in words(figure)
    assert "rate (Wilson's 95 % interval); n = 10 runs in each cell" in words(figure)
    fewer = statistics.rates(table[1:], ["lr"])
    assert "22 %   (6–55 %)   n = 9" in words(figures.convergence_maps(fewer, ["lr"]))
    expected = rates[rates["outcome"] == "converged"]["rate"]
    np.testing.assert_allclose(mesh(figure.axes[0]).get_array().ravel(), expected)


def test_the_map_of_two_factors_crosses_out_what_is_missing():
    table, _ = sweep(4, lrs=(0.1, 1.0, 10.0))
    table["arch.hidden"] = np.where(table["lr"] < 5, "[2]", "[16]")
    by = ["arch.hidden", "lr"]
    figure = figures.convergence_maps(statistics.rates(table, by), by, outcome="stuck_ln2")
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["[2]", "[16]"]
    assert mesh(ax).get_array().mask.reshape(2, 3).tolist() == [[False, False, True], [True, True, False]]
    assert words(ax).count("×") == 3
    assert "How often is a run stuck at ln 2?" in words(figure)


def test_the_map_has_one_panel_for_each_setting_of_a_third_factor():
    table, _ = sweep(4)
    table = pd.concat([table.assign(a=a, b=b) for a in "xy" for b in (1, 2)])
    figure = figures.convergence_maps(statistics.rates(table, ["a", "b", "lr"]), ["a", "b", "lr"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a=x", "a=y"]


def test_log_spaced_factors_have_log_axes_and_their_cells_texts_in_them():
    table, _ = sweep(12, lrs=(0.1, 1.0, 3.0))
    table["arch.hidden"] = np.resize(["[2]", "[4]", "[8]"], len(table))
    by = ["arch.hidden", "lr"]
    rates = statistics.rates(table, by)
    (ax,) = figures.convergence_maps(rates, by).axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    np.testing.assert_allclose(ax.get_xticks(), [0.1, 1.0, 3.0])
    np.testing.assert_allclose(ax.get_ylim(), [2 / 2**0.5, 8 * 2**0.5])
    cells = {(*text.get_position(), text.get_text()) for text in ax.texts}
    assert len(cells) == 9
    edges = 0.1**0.5, 3.0**0.5
    middle = (edges[0] * edges[1]) ** 0.5
    rate = rates.query("lr == 1.0 and `arch.hidden` == '[4]' and outcome == 'converged'")["rate"].item()
    (said,) = [text for x, y, text in cells if np.allclose([x, y], [middle, 4.0])]
    assert said.startswith(f"{100 * rate:.0f} %")


def test_an_incomplete_cell_is_hatched_and_says_so():
    table, _ = sweep(10, lrs=(0.1, 1.0, 10.0))
    rates = statistics.rates(table[1:], ["lr"]).assign(intended=10)
    figure = figures.convergence_maps(rates, ["lr"])
    hatched = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and patch.get_hatch()]
    assert [patch.get_x() for patch in hatched] == pytest.approx([0.1 / 10**0.5])
    assert [word for word in words(figure) if "of 10" in word] == ["22 %   (6–55 %)   n = 9 of 10"]
    assert any("hatched: fewer runs than were planned" in word for word in words(figure))


def test_cells_too_small_for_words_have_a_scale_of_colours():
    lrs = np.geomspace(1e-3, 10, 30)
    table = pd.concat([sweep(4, lrs=lrs)[0].assign(a=a) for a in range(30)])
    figure = figures.convergence_maps(statistics.rates(table, ["a", "lr"]), ["a", "lr"])
    assert "rate, %" in words(figure)
    assert not figure.axes[0].texts
    assert mesh(figure.axes[0]).get_array().size == 900


def test_a_small_cell_shows_a_percentage_and_n_where_cells_differ():
    table = pd.concat([sweep(4, lrs=np.geomspace(1e-3, 10, 14))[0].assign(a=a) for a in range(3)])
    same, differing = (
        words(figures.convergence_maps(statistics.rates(runs, ["a", "lr"]), ["a", "lr"])) for runs in (table, table[1:])
    )
    assert {"25%", "n = 4 runs in each cell"} <= {*same}
    assert {"25%\nn=4", "0%\nn=3", "n = 3 to 4 runs in each cell"} <= {*differing}


def test_one_map_can_stand_on_axes_of_ones_own():
    from matplotlib.figure import Figure

    rates = statistics.rates(sweep(10)[0], ["lr"])
    ax = Figure(figsize=(5, 2)).subplots()
    assert figures.convergence_map(rates, x="lr", ax=ax) is ax
    assert any("n = 10" in word for word in words(ax))
