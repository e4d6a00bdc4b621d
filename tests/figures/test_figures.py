import io
import itertools
import math

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex, to_rgb

from pictures import ENDS, LEVELS, sweep, words
from xorlab import figures
from xorlab.figures.palette import STYLE, ink, sequence


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


def test_decision_surface_shows_each_p_at_its_point(plane):
    x, (x1, _), X, y = plane
    ax = figures.decision_surface(x, x + 2.0, 1 / (1 + np.exp(-x1)), X, y, "p").axes[0]
    (image,) = ax.images
    left, right, bottom, top = image.get_extent()
    edges = np.linspace(left, right, len(x) + 1), np.linspace(bottom, top, len(x) + 1)
    np.testing.assert_allclose(0.5 * (edges[0][1:] + edges[0][:-1]), x, atol=1e-12)
    np.testing.assert_allclose(0.5 * (edges[1][1:] + edges[1][:-1]), x + 2.0, atol=1e-12)
    assert image.origin == "lower"
    np.testing.assert_allclose([*ax.get_xlim(), *ax.get_ylim()], [-0.5, 1.5, 1.5, 3.5])


def test_a_png_is_what_matplotlib_alone_writes(plane):
    x, (x1, _), X, y = plane
    content = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figures.decision_surface(x, x, 1 / (1 + np.exp(-9 * x1)), X, y, "p").savefig(content, dpi=200)
    assert figures.png(figures.decision_surface(x, x, 1 / (1 + np.exp(-9 * x1)), X, y, "p")) == content.getvalue()


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


def thinned(curves, step=1_000):
    """The same losses, as if only the first of each thousand epochs had been kept."""
    return curves.assign(epoch=step * curves["epoch"])


def test_a_curve_is_not_drawn_across_epochs_that_were_not_kept():
    table, curves = sweep(4, lrs=(0.1,))
    (ax,) = figures.sweep_curves(thinned(curves), table, LEVELS).axes
    lines = [item for item in ax.collections if isinstance(item, LineCollection)]
    ends = [(segment[0, 0], segment[-1, 0]) for item in lines for segment in item.get_segments()]
    assert sorted(ends) == [(0, 0)] * 4 + [(1_000, 49_000)] * 4
    dots = [item.get_offsets() for item in ax.collections if isinstance(item, PathCollection)]
    np.testing.assert_array_equal(np.concatenate(dots)[:, 0], [0] * 4)


def test_a_band_is_not_drawn_across_epochs_that_were_not_kept():
    table, curves = sweep(150, lrs=(0.1,))
    (ax,) = figures.sweep_curves(thinned(curves), table, LEVELS).axes
    blue = [line for line in ax.lines if line.get_color() == figures.OUTCOME_COLOURS["converged"]]
    assert [(line.get_xdata()[0], line.get_xdata()[-1], line.get_marker()) for line in blue] == [
        (0, 0, "o"),
        (1_000, 49_000, "None"),
    ]


def test_panels_share_one_scale_that_fits_all():
    table, curves = sweep(4, outcomes=("converged", "stuck_ln2"))
    curves.loc[curves["run_id"] == "run0", "loss"] *= 50
    figure = figures.sweep_curves(curves, table, LEVELS, by=["lr"])
    assert [ax.get_ylim() for ax in figure.axes] == [(0, pytest.approx(1.7 * math.log(2)))] * 2
    assert {"lr=0.1\n2 of 4 converged", "lr=1\n2 of 4 converged"} <= set(words(figure))


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


def test_too_many_settings_are_drawn_in_one_row():
    table, _ = sweep(2, lrs=np.geomspace(0.001, 10, 50))
    (ax,) = figures.final_losses(table, LEVELS, by=["lr"]).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["all runs"]


@pytest.mark.parametrize("write", [figures.png, figures.svg, figures.pdf])
def test_the_same_picture_has_the_same_bytes_and_pyplot_knows_of_none(write):
    table, curves = sweep(4)
    first, second = (write(figures.sweep_curves(curves, table, LEVELS, by=["lr"])) for _ in range(2))
    assert first == second
    assert plt.get_fignums() == []


def test_words_stay_words_in_svg_and_fonts_are_embedded_in_pdf():
    table, curves = sweep(4)
    figure = figures.sweep_curves(curves, table, LEVELS, by=["lr"])
    assert b"stuck at ln 2 (2 runs)" in figures.svg(figure)
    written = figures.pdf(figure)
    assert written.startswith(b"%PDF")
    assert b"/FontFile2" in written
    assert b"/Type3" not in written
    assert b"CreationDate" not in written


def test_settings_go_from_dark_to_light_in_tones_that_no_outcome_has():
    for count in (2, 5, 10):
        steps = np.diff([lightness(tone) for tone in sequence(count)])
        assert (steps > 5).all()
    assert not {*sequence(10)} & {*figures.OUTCOME_COLOURS.values()}
    assert lightness(sequence(10)[-1]) < 78


def test_ink_is_read_on_every_ground():
    def luminance(colour):
        return float(np.clip(((lightness(colour) + 16) / 116) ** 3, 0, 1))

    for ground in [*figures.OUTCOME_COLOURS.values(), "#f4f4f4", "#777777"]:
        bright, dark = sorted([luminance(ground), luminance(ink(ground))], reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5


def test_a_full_grid_of_panels_is_named_at_its_edges():
    table, curves = sweep(12)
    table["a"] = np.resize(["x", "y", "z"], len(table))
    figure = figures.sweep_curves(curves, table, LEVELS, by=["a", "lr"])
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[:2] == ["lr=0.1\n1 of 4 converged", "lr=1\n1 of 4 converged"]
    assert all("=" not in title for title in titles[2:])
    assert [ax.get_ylabel() for ax in figure.axes[::2]] == ["a=x\nloss", "a=y\nloss", "a=z\nloss"]


def test_a_column_has_narrower_pages_and_more_rows_of_panels():
    table, curves = sweep(4, lrs=(0.01, 0.1, 1.0))
    for width, columns in ((figures.PAGE, 3), (figures.COLUMN, 2)):
        figure = figures.sweep_curves(curves, table, LEVELS, by=["lr"], width=width)
        assert figure.get_figwidth() == width
        assert figure.axes[0].get_subplotspec().get_gridspec().ncols == columns
