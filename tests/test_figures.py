import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex, to_rgb

from xorlab import figures, statistics

LEVELS = {"ln2": math.log(2), "0.477": 0.4774, "0.347": 0.3466}
ENDS = {"converged": 0.01, "stuck_ln2": math.log(2), "stuck_0.477": 0.4774, "diverged": 9.0}
EPOCHS = 50


def sweep(seeds, lrs=(0.1, 1.0), outcomes=tuple(ENDS)):
    """Runs whose outcomes take turns, and curves that fall to where they end."""
    settings = list(itertools.product(lrs, range(seeds)))
    table = pd.DataFrame(settings, columns=["lr", "seed"])
    table["run_id"] = [f"run{number}" for number in range(len(table))]
    table["outcome"] = [outcomes[number % len(outcomes)] for number in range(len(table))]
    table["final_loss"] = table["outcome"].map(ENDS)
    table["epochs_to_converge"] = np.where(table["outcome"] == "converged", 10.0 + table["seed"], np.nan)
    start = np.linspace(0.7, 1.0, len(table))
    share = np.exp(-np.arange(EPOCHS) / 9)
    losses = share * start[:, None] + (1 - share) * table["final_loss"].to_numpy()[:, None]
    curves = pd.DataFrame(
        {
            "run_id": np.repeat(table["run_id"], EPOCHS),
            "epoch": np.tile(np.arange(EPOCHS), len(table)),
            "loss": losses.ravel(),
        }
    )
    return table, curves


def words(artist):
    """Every text on a figure or axes."""
    return [text.get_text() for text in artist.findobj(plt.Text) if text.get_text()]


def drawn_colours(ax):
    found = [collection.get_colors()[0] for collection in ax.collections if isinstance(collection, LineCollection)]
    return {to_hex(colour) for colour in found}


def lightness(colour):
    """L* of CIELAB: what is left of a colour in greyscale."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = float(np.dot([0.2126, 0.7152, 0.0722], linear))
    return 116 * np.cbrt(luminance) - 16


def test_outcomes_tell_apart_in_greyscale():
    names = ["diverged", "converged", "stuck_ln2", "stuck_0.477", "stuck_0.347"]
    steps = np.diff([lightness(figures.OUTCOME_COLOURS[name]) for name in names])
    assert (steps > 8).all()
    assert lightness(figures.OUTCOME_COLOURS["stuck_0.347"]) < 76


def test_outcomes_tell_apart_to_the_colour_blind():
    # Viénot, Brettel & Mollon 1999: what is left of linear red and green to a deuteranope and a protanope.
    views = {"deuteranope": [0.29275, 0.70725], "protanope": [0.11238, 0.88762]}
    names = ["converged", "descending", "stuck_ln2", "stuck_0.477", "stuck_0.347"]
    for mix in views.values():
        seen = []
        for name in names:
            red, green, blue = (component**2.2 for component in to_rgb(figures.OUTCOME_COLOURS[name]))
            seen.append(np.array([mix[0] * red + mix[1] * green, blue]) ** (1 / 2.2))
        assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.15


def test_a_level_unknown_beforehand_has_a_colour_of_its_own_that_stays():
    assert figures.colour("stuck_0.562") == figures.colour("stuck_0.562")
    assert figures.colour("stuck_0.562") not in figures.OUTCOME_COLOURS.values()
    between = [lightness(figures.colour(f"stuck_{level}")) for level in ("0.477", "0.562", "ln2")]
    assert between == sorted(between, reverse=True)


def test_run_loss_draws_the_losses_and_names_the_levels():
    losses = np.append(np.linspace(1.0, 0.7, 99), np.nan)
    figure = figures.run_loss(losses, levels=LEVELS, title="seed 42")
    ax = figure.axes[0]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), losses)
    assert ax.get_xlim() == (0, 99)
    assert {"ln 2", "0.477", "0.347", "seed 42"} <= set(words(figure))
    heights = [line.get_ydata()[0] for line in ax.lines[1:]]
    assert heights == list(LEVELS.values())


def test_run_loss_says_what_lies_above_the_picture():
    figure = figures.run_loss([246.0, 0.7], levels=LEVELS, title="")
    assert "↑ up to 246" in words(figure)
    assert figure.axes[0].get_ylim()[1] == pytest.approx(1.7 * math.log(2))


@pytest.fixture
def plane():
    x = np.linspace(-0.5, 1.5, 21)
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return x, np.meshgrid(x, x), X, np.array([0.0, 1.0, 1.0, 0.0])


def boundaries(ax):
    return [path for item in ax.collections if hasattr(item, "levels") for path in item.get_paths() if len(path)]


def test_decision_surface_draws_the_boundary_and_the_points(plane):
    x, (x1, _), X, y = plane
    figure = figures.decision_surface(x, x, 1 / (1 + np.exp(-9 * (x1 - 0.5))), X, y, "p")
    (path,) = boundaries(figure.axes[0])
    np.testing.assert_allclose(path.vertices[:, 0], 0.5, atol=1e-12)
    dots = [item.get_offsets() for item in figure.axes[0].collections if isinstance(item, PathCollection)]
    np.testing.assert_array_equal(np.concatenate(dots), X[[0, 3, 1, 2]])


def test_decision_surface_draws_no_boundary_in_rounding_noise(plane):
    x, (x1, x2), X, y = plane
    figure = figures.decision_surface(x, x, 0.5 + 1e-14 * np.sin(9 * x1 * x2), X, y[:, None], "p")
    assert boundaries(figure.axes[0]) == []
    assert "p = ½: nothing is decided" in words(figure)


def test_few_runs_are_drawn_each_in_the_colour_of_its_outcome():
    table, curves = sweep(4)
    figure = figures.sweep_curves(curves, table, LEVELS)
    (ax,) = figure.axes
    segments = [segment for lines in ax.collections for segment in lines.get_segments()]
    assert len(segments) == 8
    np.testing.assert_allclose(sorted(s[0, 1] for s in segments), sorted(curves.query("epoch == 0")["loss"]))
    assert drawn_colours(ax) == {figures.OUTCOME_COLOURS[name] for name in ENDS}
    assert "2 of 8 converged" in words(figure)
    assert {"converged (2 runs)", "stuck at ln 2 (2 runs)"} <= set(words(figure))


def test_many_runs_are_drawn_as_median_band_and_sample():
    table, curves = sweep(150, lrs=(0.1,))
    (ax,) = figures.sweep_curves(curves, table, LEVELS).axes
    singles = [
        segment for lines in ax.collections if isinstance(lines, LineCollection) for segment in lines.get_segments()
    ]
    assert len(singles) == 4 * 6
    converged = curves[curves["run_id"].isin(table[table["outcome"] == "converged"]["run_id"])]
    expected = converged.groupby("epoch")["loss"].median()
    blue = next(line for line in ax.lines if line.get_color() == figures.OUTCOME_COLOURS["converged"])
    np.testing.assert_allclose(blue.get_ydata(), expected)


def test_panels_share_one_scale_that_fits_all():
    table, curves = sweep(4, outcomes=("converged", "stuck_ln2"))
    curves.loc[curves["run_id"] == "run0", "loss"] *= 50
    figure = figures.sweep_curves(curves, table, LEVELS, by=["lr"])
    assert [ax.get_ylim() for ax in figure.axes] == [(0, pytest.approx(1.7 * math.log(2)))] * 2
    assert {"lr=0.1\n2 of 4 converged", "lr=1\n2 of 4 converged"} <= set(words(figure))


def test_the_map_tells_rate_interval_and_n():
    table, _ = sweep(10)
    rates = statistics.rates(table, ["lr"])
    figure = figures.convergence_maps(rates, ["lr"])
    assert "30 %   (11–60 %)   n = 10" in words(figure)
    (mesh,) = figure.axes[0].collections
    expected = rates[rates["outcome"] == "converged"]["rate"]
    np.testing.assert_allclose(mesh.get_array().ravel(), expected)


def test_the_map_of_two_factors_leaves_what_is_missing_blank():
    table, _ = sweep(4, lrs=(0.1, 1.0, 10.0))
    table["arch.hidden"] = np.where(table["lr"] < 5, "[2]", "[16]")
    by = ["arch.hidden", "lr"]
    figure = figures.convergence_maps(statistics.rates(table, by), by, outcome="stuck_ln2")
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["[2]", "[16]"]
    assert ax.collections[0].get_array().mask.reshape(2, 3).tolist() == [[False, False, True], [True, True, False]]
    assert "How often is a run stuck at ln 2?" in words(figure)


def test_the_map_has_one_panel_for_each_setting_of_a_third_factor():
    table, _ = sweep(4)
    table = pd.concat([table.assign(a=a, b=b) for a in "xy" for b in (1, 2)])
    figure = figures.convergence_maps(statistics.rates(table, ["a", "b", "lr"]), ["a", "b", "lr"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a=x", "a=y"]


def test_final_losses_draws_every_run_where_it_ends():
    table, _ = sweep(6)
    figure = figures.final_losses(table, LEVELS, by=["lr"])
    (ax,) = figure.axes
    dots = np.concatenate([np.asarray(item.get_offsets()) for item in ax.collections])
    top = 1.7 * math.log(2)
    np.testing.assert_allclose(sorted(dots[:, 0]), sorted(table["final_loss"].clip(upper=top)))
    spread = dots[:, 1] - dots[:, 1].round()
    assert (spread.min(), spread.max()) == pytest.approx((-0.35, 0.35))
    assert words(ax).count("n = 6") == 2
    assert "at the right edge: 3 higher, up to 9" in words(figure)


def test_epochs_to_convergence_counts_those_that_did_not():
    table, _ = sweep(8)
    figure = figures.epochs_to_convergence(table, by=["lr"])
    (ax,) = figure.axes
    assert words(ax).count("2 of 8") == 2
    dots = np.concatenate([np.asarray(item.get_offsets()) for item in ax.collections[:2]])
    np.testing.assert_array_equal(sorted(dots[:, 0]), [10, 10, 14, 14])


def test_too_many_settings_are_drawn_in_one_row():
    table, _ = sweep(2, lrs=np.geomspace(0.001, 10, 50))
    (ax,) = figures.final_losses(table, LEVELS, by=["lr"]).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["all runs"]


@pytest.mark.parametrize("runs", [0, 1])
def test_no_run_and_one_run_make_pictures(runs):
    table, curves = (frame[: runs * size] for frame, size in zip(sweep(4), (1, EPOCHS), strict=True))
    for by in ([], ["lr"]):
        pictures = [
            figures.sweep_curves(curves, table, LEVELS, by=by),
            figures.final_losses(table, LEVELS, by=by),
            figures.epochs_to_convergence(table, by=by),
            figures.convergence_maps(statistics.rates(table, ["lr"]), ["lr"]),
        ]
        assert all(figures.png(picture).startswith(b"\x89PNG") for picture in pictures)


def test_the_same_picture_has_the_same_bytes_and_pyplot_knows_of_none():
    table, curves = sweep(4)
    first, second = (figures.svg(figures.sweep_curves(curves, table, LEVELS, by=["lr"])) for _ in range(2))
    assert first == second
    assert b"stuck at ln 2 (2 runs)" in first
    assert plt.get_fignums() == []
