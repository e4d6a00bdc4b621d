"""The dimension of boundaries: known sets, the tables measured again, and the page."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.random import RandomState

import boundary as script
from dimension import estimates, exact, labels, maps, record, zooms
from xorlab.numerics.training import draw
from xorlab.spec import ArchSpec, InitSpec, RunSpec

DOCS = Path(__file__).resolve().parents[2] / "docs"
ZOOMS = record.read_zooms(DOCS / "boundary" / "zooms.csv")
LINE = np.array([0.0, 0.0]), 1.0


def line(points):
    return points @ [0.6, -0.8] > 0.05


def cantor(points):
    """The gaps of the middle-thirds Cantor set, coloured by turns of their generation: D = 1 + ln 2 / ln 3."""
    x, generation = points[:, 0].copy(), np.zeros(len(points), dtype=int)
    for n in range(1, 34):
        x *= 3.0
        digit = np.floor(x)
        generation[(generation == 0) & (digit == 1.0)] = n
        x -= digit
    return generation % 2 == 1


def weierstrass(points):
    """Above or below the graph of a Weierstrass function, sum 2^-n cos(3^n x): D = 2 - ln 2 / ln 3."""
    n = np.arange(26)
    return points[:, 1] > 0.5 + (0.5**n * np.cos(2.0 * np.pi * 3.0**n * points[:, :1])).sum(axis=1) / 4.0


def zoomed(label, *, windows=32, levels=9, seeds=range(6)):
    """D over levels 1 and deeper for each seed."""
    found = []
    for seed in seeds:
        zoom = zooms.descend(label, RandomState(seed), *LINE, windows=windows, levels=levels)
        found.append(zooms.dimension(sum(zooms.changes(own) for _, own in list(zoom)[1:])))
    return np.array(found)


def test_a_straight_line_has_dimension_1_at_every_level():
    zoom = list(zooms.descend(line, RandomState(0), *LINE, windows=32, levels=11))
    assert len(zoom) == 11
    for points, own in zoom[1:]:
        assert (zooms.changes(own) == [32, 64, 128, 256]).all()
        assert zooms.dimension(zooms.changes(own)) == pytest.approx(1.0, abs=1e-12)
        assert np.ptp(points @ [0.6, -0.8] - 0.05, axis=1).max() <= 1.0 / 3.0 / 16.0


@pytest.mark.parametrize(("label", "levels", "D"), [(cantor, 9, 1.6309), (weierstrass, 7, 1.3691)])
def test_fractals_of_known_dimension(label, levels, D):
    found = zoomed(label, levels=levels)
    assert found.mean() == pytest.approx(D, abs=0.04)


def test_points_without_order_have_dimension_2():
    rng = RandomState(0)
    assert zoomed(lambda points: rng.uniform(size=len(points)) < 0.5).mean() == pytest.approx(2.0, abs=0.03)


def test_a_plane_without_a_boundary_ends_at_once():
    zoom = list(zooms.descend(lambda points: points[:, 0] > 9.0, RandomState(0), *LINE, windows=8, levels=5))
    assert len(zoom) == 1


def test_boxes_are_those_of_a_plain_count():
    own = RandomState(0).uniform(size=(17, 17)) < np.linspace(0.0, 1.0, 17)
    counts = maps.boxes(own)
    assert list(counts) == [1, 2, 4, 8, 16]
    for side, count in counts.items():
        places = [(i, j) for i in range(0, 16, side) for j in range(0, 16, side)]
        mixed = [len(np.unique(own[i : i + side + 1, j : j + side + 1])) == 2 for i, j in places]
        assert count == sum(mixed)


def box_dimension(label, side):
    x = np.linspace(0.001, 0.999, side + 1)
    plane = np.stack(np.meshgrid(x, x), axis=-1)
    return estimates.box_dimension(maps.boxes(label(plane.reshape(-1, 2)).reshape(plane.shape[:2])))


def test_box_dimensions_are_exact_for_a_line_and_too_low_for_a_fractal():
    """Pixels miss the gaps that are narrower than they are."""
    assert box_dimension(line, 512) == pytest.approx(1.0, abs=0.01)
    assert 1.4 < box_dimension(cantor, 512) < 1.6309


def test_a_map_goes_on_where_it_stopped(tmp_path):
    seen = []

    def label(points):
        seen.append(points.copy())
        return line(points)

    path = tmp_path / "map.npy"
    first = maps.compute(path, label, 64, *LINE)
    assert next(first) == 1
    first.close()
    stopped = np.load(path)
    assert (stopped == maps.UNKNOWN).sum() == 65
    assert list(maps.compute(path, label, 64, *LINE)) == [0]
    assert sum(map(len, seen)) == 65 * 65
    x = np.arange(65) / 64.0
    wanted = [[bool(line(np.array([[across, up]]))[0]) for across in x] for up in x]
    assert (np.load(path) == wanted).all()


def loss_curve(activation, lr, std, seed, epochs):
    """Train 2-3-1 in a plain loop; return the loss before each update and after the last."""
    start = draw(RunSpec(arch=ArchSpec(activation=activation), init=InitSpec(std=std), seed=seed))[0]
    W1, b1, W2, b2 = (start[name].copy() for name in ("W1", "b1", "W2", "b2"))
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float), np.array([[0.0], [1.0], [1.0], [0.0]])
    losses = []
    for _ in range(epochs + 1):
        z = X @ W1 + b1
        h = np.tanh(z) if activation == "tanh" else np.maximum(z, 0.0)
        o = h @ W2 + b2
        losses.append(float(np.mean(np.logaddexp(0.0, o) - y * o)))
        dz = (1.0 / (1.0 + np.exp(-o)) - y) / 4.0
        da = (dz @ W2.T) * (1.0 - h * h if activation == "tanh" else z > 0.0)
        W2, b2, W1, b1 = W2 - lr * h.T @ dz, b2 - lr * dz.sum(0), W1 - lr * X.T @ da, b1 - lr * da.sum(0)
    return np.array(losses)


@pytest.mark.parametrize("activation", labels.ACTIVATIONS)
def test_labels_are_those_of_a_plain_loop(activation):
    points = RandomState(5).uniform([-0.7, -1.0], [0.8, 0.5], (12, 2))
    curves = [loss_curve(activation, lr, std, 1, 300) for lr, std in 10.0**points]
    variants = {
        "stops": (labels.Variant(epochs=300), [min(curve[:-1]) <= 0.05 for curve in curves]),
        "higher": (labels.Variant(epochs=300, threshold=0.2), [min(curve[:-1]) <= 0.2 for curve in curves]),
        "ends": (labels.Variant(epochs=300, ends=True), [curve[-1] <= 0.05 for curve in curves]),
    }
    for name, (variant, wanted) in variants.items():
        assert labels.label(variant, activation, 1)(points).tolist() == wanted, name
    assert len({*variants["stops"][1]}) == 2


def test_labels_in_many_digits_are_those_of_a_plain_loop():
    """To the epoch: the loss is first at the threshold before the update of the last epoch that is needed."""
    for lr, std in ((3.0, 1.5), (2.0, 0.8)):
        needed = int(np.argmax(loss_curve("tanh", lr, std, 1, 100) <= 0.4)) + 1
        assert 10 < needed < 60
        for epochs, wanted in ((needed, True), (needed - 1, False)):
            variant = labels.Variant(epochs=epochs, threshold=0.4)
            assert exact.label(variant, 1, digits=40)(np.log10([[lr, std]])).tolist() == [wanted]


def test_coordinates_in_float32_are_rounded():
    (spec,) = labels._specs(labels.Variant(single=True), "relu", 1, np.log10([[0.1, 0.3]]))
    assert (spec.lr, spec.init.std) == (float(np.float32(0.1)), float(np.float32(0.3)))


def test_a_variant_without_an_early_end_has_no_target():
    (spec,) = labels._specs(labels.Variant(ends=True), "relu", 1, np.zeros((1, 2)))
    assert spec.target_loss is None


@pytest.mark.parametrize("activation", labels.ACTIVATIONS)
def test_the_table_counts_as_many_solved_networks_as_a_sample_has(activation):
    """At three points of each piece of level 0; a zoom draws them alike whatever the labels are."""
    nothing = zooms.descend(
        lambda points: points[:, 0] > 9.0, RandomState(1), labels.CORNER, labels.SPAN, windows=24, levels=1
    )
    points, _ = next(nothing)
    found = labels.label(labels.VARIANTS[labels.BASE], activation, 1)(points[:, ::32].reshape(-1, 2))
    wanted = ZOOMS[record.Zoom(labels.BASE, activation, 1)][0]["solved"] / points[..., 0].size
    assert found.mean() == pytest.approx(wanted, abs=0.05)


def test_measuring_goes_on_where_the_tables_end(tmp_path, monkeypatch):
    tasks = [record.Zoom(labels.BASE, "relu", 1), record.Map("relu", 1, 8)]
    small = labels.Variant(epochs=20, threshold=0.6, windows=4, levels=2)
    monkeypatch.setattr(record, "work", lambda: iter(tasks))
    monkeypatch.setattr(record, "VARIANTS", {labels.BASE: small})
    record.measure(tmp_path / "new", tmp_path / "kept", 1e9)
    zoomed, counted = (
        read(tmp_path / "new" / name)
        for read, name in ((record.read_zooms, "zooms.csv"), (record.read_boxes, "boxes.csv"))
    )
    assert zoomed == {tasks[0]: list(record.zoom(tasks[0]))}
    assert counted == {tasks[1]: maps.boxes(np.load(tmp_path / "kept" / "relu-1-8.npy"))}
    assert list(counted[tasks[1]]) == [1, 2, 4, 8]
    monkeypatch.setattr(record, "zoom", None)
    monkeypatch.setattr(maps, "compute", None)
    record.measure(tmp_path / "new", tmp_path / "kept", 1e9)


def test_a_piece_is_labelled_again_at_the_points_of_the_zoom(monkeypatch):
    """The other labels are those of twice the epochs here, which are fast."""
    other = labels.label(labels.Variant(epochs=40), "tanh", 1)
    monkeypatch.setattr(record, "VARIANTS", {labels.BASE: labels.Variant(epochs=20)})
    monkeypatch.setattr(zooms, "VARIANTS", {labels.BASE: labels.Variant(windows=4)})
    monkeypatch.setattr(exact, "label", lambda variant, seed: other)
    own = labels.label(labels.Variant(epochs=20), "tanh", 1)
    zoom = zooms.descend(own, RandomState(1), labels.CORNER, labels.SPAN, windows=4, levels=2)
    points, each = list(zoom)[1]
    crossings = [int((np.diff(piece.astype(int)) != 0).sum()) for piece in each]
    place = crossings.index(max(crossings))
    again = other(points[place])
    assert record.exactly(record.Exact(1, 1)) == {
        "double": max(crossings),
        "exact": int((np.diff(again.astype(int)) != 0).sum()),
        "flips": int((again != each[place]).sum()),
    }
    assert (again != each[place]).any()


def test_tables_without_the_base_are_refused_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        script.main(["--out", str(tmp_path)])
    assert left.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("it lacks 42: go on with --measure")
    assert not list(tmp_path.iterdir())


def test_an_estimate_counts_the_seeds():
    values = RandomState(0).normal(1.5, 0.2, 20)
    found = estimates.estimate(list(values))
    assert found.error == pytest.approx(values.std(ddof=1) / 20**0.5)
    assert found.high - found.low == pytest.approx(2 * 1.96 * found.error, rel=0.15)
    assert found.low < found.mean < found.high


def test_the_page_is_made_from_the_tables_and_they_support_it():
    assert script.main(["--check"]) == 0


def test_a_changed_table_fails_the_check(tmp_path, capsys):
    shutil.copytree(DOCS / "boundary", tmp_path / "boundary")
    shutil.copy(DOCS / "boundary.md", tmp_path)
    table = tmp_path / "boundary" / "zooms.csv"
    smooth = "24,48,96,192,0,0,0"  # unlike pairs at each lag of 24 pieces that cross once
    lines = table.read_text().splitlines()
    wrong = [",".join([*line.split(",")[:7], smooth]) if "tanh" in line else line for line in lines]
    table.write_text("\n".join(wrong) + "\n")
    assert script.main(["--check", "--out", str(tmp_path)]) == 1
    assert "not supported: with tanh" in capsys.readouterr().err
