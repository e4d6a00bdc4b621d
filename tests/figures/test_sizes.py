"""Every public picture of no runs, of one, of 3,000, and of very many settings, as wide as a page and a column."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from pictures import EPOCHS, LEVELS, sweep
from xorlab import figures, statistics
from xorlab.diagnosis import signs
from xorlab.spec import ArchSpec, RunSpec

BY = ["arch.hidden", "lr"]
OUTCOMES = ["converged", "stuck_ln2"]
WIDTHS = [figures.COLUMN, figures.PAGE]
PATTERNS = sorted({signs.pattern(RunSpec(arch=ArchSpec(hidden=(2,)), seed=seed)) for seed in range(300)})


MANY = 3_000


def runs_of(count):
    """So many runs of two factors, with all that any picture asks for."""
    table, curves = sweep(MANY // 2)
    table = table.sample(frac=1, random_state=0)[:count].assign(epochs=EPOCHS)
    table["arch.hidden"] = np.resize(["[2]", "[4]", "[16]"], count)
    table["cause"] = np.where(table["outcome"] == "converged", None, np.resize(["all_dead", "slow", "saddle"], count))
    table["signs"] = np.resize(PATTERNS, count)
    return table, curves[curves["run_id"].isin(table["run_id"])]


RUNS = {count: runs_of(count) for count in (0, 1, MANY)}


def own_axes(width, draw):
    figure = Figure(figsize=(width, 3), layout="constrained")
    draw(figure.subplots())
    return figure


PICTURES = {
    "sweep_curves": lambda table, curves, width: figures.sweep_curves(curves, table, LEVELS, by=BY, width=width),
    "loss_curves": lambda table, curves, width: own_axes(
        width, lambda ax: figures.loss_curves(curves, table, LEVELS, ax=ax)
    ),
    "final_losses": lambda table, _, width: figures.final_losses(table, LEVELS, by=BY, width=width),
    "convergence_map": lambda table, _, width: own_axes(
        width, lambda ax: figures.convergence_map(statistics.rates(table, BY), x="lr", y="arch.hidden", ax=ax)
    ),
    "convergence_maps": lambda table, _, width: figures.convergence_maps(
        statistics.rates(table, BY), BY, outcome="stuck_ln2", width=width
    ),
    "rates_along": lambda table, _, width: figures.rates_along(
        statistics.rates(table, BY), "lr", hue="arch.hidden", outcomes=OUTCOMES, width=width
    ),
    "survival_curves": lambda table, _, width: figures.survival_curves(statistics.survival(table, BY), BY, width=width),
    "causes": lambda table, _, width: figures.causes(statistics.causes(table, BY), BY, width=width),
    "fates": lambda table, _, width: figures.fates(table, width=width),
    "run_loss": lambda table, _, width: figures.run_loss(
        np.linspace(1, 0, len(table)), levels=LEVELS, title="a run", width=width
    ),
    "decision_surface": lambda table, _, width: figures.decision_surface(
        [0, 1], [0, 1], np.eye(2), np.resize([[0, 0], [0, 1]], (len(table), 2)), np.resize([0, 1], len(table)), "p"
    ),
    "class_regions": lambda table, _, width: figures.class_regions(
        [0, 1],
        [0, 1],
        np.resize([0.7, 0.2, 0.1, 0.1, 0.3, 0.6], (2, 2, 3)),
        np.resize([[0, 0], [0, 1]], (len(table), 2)),
        np.resize(np.eye(3), (len(table), 3)),
        "a run with a title that needs two lines of the picture",
        names=["red", "green", "a class with a long name"],
    ),
}
PLANES = {"decision_surface", "class_regions"}
"""Pictures of one size."""


def within(figure):
    """How far, in inches, what is drawn goes beyond the edges of the figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    box = figure.get_tightbbox(canvas.get_renderer())
    width, height = figure.get_size_inches()
    return max(-box.x0, -box.y0, box.x1 - width, box.y1 - height)


def test_every_public_picture_is_here():
    kinds = {name for name in figures.__all__ if callable(getattr(figures, name))}
    assert kinds - {"colour", "pdf", "png", "svg"} == set(PICTURES)


@pytest.mark.parametrize(
    ("count", "width"), [(0, figures.COLUMN), (1, figures.COLUMN), *((MANY, each) for each in WIDTHS)]
)
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_any_size_keeps_within_its_edges(name, count, width):
    figure = PICTURES[name](*RUNS[count], width)
    assert within(figure) < 0.03
    if name not in PLANES:
        assert figure.get_figwidth() == width


SETTINGS = 50


def survival(table):
    """A curve of two steps for each setting, without the pains that statistics takes."""
    rows = pd.DataFrame({"epoch": [0, 12, 40], "at_risk": [4, 4, 3], "events": [0, 1, 0], "survival": [1, 0.75, 0.75]})
    return table[BY].drop_duplicates().merge(rows.assign(low=0.3, high=1.0), how="cross")


@pytest.mark.parametrize(
    "column",
    [
        np.repeat(np.geomspace(1e-4, 10, SETTINGS), 4),
        np.repeat([f"a name of the number {number}" for number in range(SETTINGS)], 4),
    ],
    ids=["numbers", "names"],
)
@pytest.mark.parametrize("name", sorted({*PICTURES} - {"fates", "run_loss"} - PLANES))
def test_a_picture_of_very_many_settings_keeps_within_its_edges(name, column):
    table, curves = RUNS[MANY]
    table = table[: 4 * SETTINGS].assign(lr=column)
    if name == "survival_curves":
        figure = figures.survival_curves(survival(table), BY, width=figures.COLUMN)
    else:
        figure = PICTURES[name](table, curves, figures.COLUMN)
    assert within(figure) < 0.03
    assert figure.get_figheight() < 60


def test_what_is_left_out_of_a_frame_of_no_runs_is_said():
    table, curves = RUNS[0]
    for name in sorted({*PICTURES} - {"run_loss", "loss_curves"} - PLANES):
        texts = [text.get_text() for text in PICTURES[name](table, curves, figures.PAGE).findobj(Text)]
        assert "no runs" in texts, name


def test_names_in_a_frame_may_be_missing():
    table, _ = RUNS[MANY]
    table = table[:60].assign(lr=np.resize([0.1, np.nan, 1.0], 60))
    picture = figures.rates_along(statistics.rates(table, ["lr"]), "lr")
    assert [label.get_text() for label in picture.axes[0].get_xticklabels()] == ["0.1", "1", "–"]
    assert isinstance(figures.survival_curves(statistics.survival(table, ["lr"]), ["lr"]), Figure)
    assert isinstance(figures.convergence_maps(statistics.rates(table, ["lr"]), ["lr"]), Figure)
    assert isinstance(figures.causes(statistics.causes(table, ["lr"]), ["lr"]), Figure)


def test_a_frame_is_left_as_it_was():
    table, curves = RUNS[1]
    before = table.copy()
    for draw in PICTURES.values():
        draw(table, curves, figures.PAGE)
    pd.testing.assert_frame_equal(table, before)
