"""The map of fates: a grid trained by its command, drawn from its record, and its pixels trained alone."""

import io

import numpy as np
import pytest
from PIL import Image

import commands
import fates as page
from xorlab import runs
from xorlab.cli.fates import grid
from xorlab.diagnosis import fates as words
from xorlab.errors import XorlabError
from xorlab.figures.fate_map import fate_colour, pixels
from xorlab.numerics.training import train
from xorlab.report import fates
from xorlab.runs import single

pytestmark = pytest.mark.usefixtures("hydra_restore_singletons")

SHAPE = (9, 12)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, copied):
    """A small map, made by its command: the folder, the store and what was printed."""
    store = copied()
    folder = tmp_path_factory.mktemp("fates")
    typed = ["--width", "12", "--height", "9", "epochs=300", "workers=1"]
    done = commands.call("scripts/fates.py", *typed, folder=folder, uri=store.uri)
    assert done.returncode == 0, done.stderr
    return folder, store.uri, done.stdout


@pytest.fixture(scope="module")
def found(trained):
    return fates.read("latest", trained[1])


def test_the_command_counts_and_draws_every_run(trained, found):
    folder, uri, said = trained
    table = runs.load(uri, sweep="latest")
    assert found.codes.shape == SHAPE
    assert (
        found.counts
        == table.apply(lambda run: words.fate(run["outcome"], run["cause"]), axis=1).value_counts().to_dict()
    )
    assert len(found.counts) >= 4
    for name, count in found.counts.items():
        assert f"{count:>10,}  {words.phrase(name)}\n" in said
    (path,) = (folder / "outputs" / "fates").glob("*.png")
    assert path.with_suffix(".html").resolve().as_uri() in said
    assert str(path.relative_to(folder)) in said
    colours = Image.open(io.BytesIO(path.read_bytes())).convert("RGB").getcolors(2**24)
    shown = pixels(found.codes, found.names, found.epochs, length=300).reshape(-1, 3)
    drawn = {colour for count, colour in colours if count > 100}
    assert set(map(tuple, shown.tolist())) <= drawn


def test_a_pixel_is_the_run_of_its_learning_rate_and_scale(trained, found):
    table = runs.load(trained[1], sweep="latest")
    for run in table.sample(10, random_state=0).to_dict("records"):
        x, y = found.x.columns["lr"].index(run["lr"]), found.y.columns["init.std"].index(run["init.std"])
        assert found.names[found.codes[y, x]] == words.fate(run["outcome"], run["cause"])
        np.testing.assert_equal(found.epochs[y, x], run["epochs_to_converge"])
        np.testing.assert_equal(found.losses[y, x], run["final_loss"])


def test_ten_pixels_trained_alone_have_the_bits_of_the_record(trained, found):
    uri, product = trained[1], found.sweep.product
    together = train(product.specs(range(len(product))))
    for number in np.random.RandomState(0).choice(len(product), 10, replace=False).tolist():
        stored = single.find(f"latest:{number}", uri)
        alone = train([stored.spec])
        epochs, losses = single.losses(stored, uri)
        np.testing.assert_array_equal(losses, alone.losses[0, epochs])
        for name, array in alone.final.items():
            np.testing.assert_array_equal(array[0], together.final[name][number])


def test_the_sentences_of_the_page_have_the_numbers_of_the_map(trained, found):
    table = runs.load(trained[1], sweep="latest")
    table["fate"] = table.apply(lambda run: words.fate(run["outcome"], run["cause"]), axis=1)
    small = table.query("`init.std` < 1 and 0.2 < lr < 1.8")
    large = table.query("lr > 8")
    wide = table.query("0.2 < lr < 1.8").pivot(index="init.std", columns="lr", values="fate").to_numpy()
    said = page.sentences(found)
    assert f" {100 * (small['fate'] == 'converged').mean():.1f} % of these runs." in said[1]
    assert (large["fate"] == "oscillating").all() == ("All of these runs oscillate." in said[2])
    assert f"and {100 * (wide[:, 1:] != wide[:, :-1]).mean():.1f} % between" in said[3]


def test_a_number_that_the_map_does_not_have_fails(trained, capsys):
    assert page.main(["--uri", trained[1]]) == 1
    assert "not in fates.md: almost every network converges" in capsys.readouterr().err


def test_a_run_that_converged_is_lighter_the_later_and_fates_have_their_colours():
    codes = np.zeros((1, 3), dtype=np.uint8)
    early, late, never = pixels(codes, ["converged"], np.array([[1.0, 900.0, np.nan]]), length=1000)[0].sum(axis=1)
    assert never < early < late
    names = ["converged", "descending", "undecided", "stuck_0.347", "stuck_0.477", "stuck_ln2:affine"]
    names += ["stuck_ln2:dead", "stuck_ln2", "oscillating", "diverged", "failed"]
    assert fate_colour("stuck_ln2:affine") == fate_colour("stuck_ln2")
    assert len({fate_colour(name) for name in names}) == len(names) - 1
    assert words.ordered(reversed(names)) == [*names[:5], "stuck_ln2", *names[5:7], "diverged", "failed", "oscillating"]


def test_the_axes_have_the_ends_that_the_centre_and_the_span_say():
    assert grid(4, 2, (1.0, 1.0), 2.0) == [
        "init.std=logspace(0.31622776601683794,3.1622776601683795,2)",
        "lr=logspace(0.1,10.0,4)",
    ]


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["--centre", "1"], "--centre must be lr and init.std, two positive numbers, as in 0.632,0.316; got '1'"),
        (["--width", "1"], "--width must be at least 2; got 1"),
        (["--span", "0"], "--span must be a number of decades, above 0 and below 100; got 0"),
        (["--sweep", "latest", "seed=3"], "argument --sweep: not allowed with seed=3, which is for training"),
    ],
)
def test_a_mistake_is_one_line(typed, line, tmp_path, store_uri):
    done = commands.call("scripts/fates.py", *typed, folder=tmp_path, uri=store_uri)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(line)
    assert not (tmp_path / "outputs").exists()


def test_a_sweep_whose_runs_are_mlflow_s_has_no_map(copied):
    with pytest.raises(XorlabError, match="a map needs a sweep that was recorded with track=sweep"):
        fates.read("latest", copied().uri)
