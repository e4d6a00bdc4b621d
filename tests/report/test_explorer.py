"""The page that explores a map of fates, opened from disk in a browser: wide, and as wide as a phone."""

import shlex
from contextlib import ExitStack

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

import browser
from xorlab.cli.composition import compose
from xorlab.diagnosis.fates import phrase
from xorlab.numerics.training import train
from xorlab.report import explorer, fates
from xorlab.runs import single
from xorlab.spec import InitSpec, RunSpec
from xorlab.spec.options import Options
from xorlab.spec.product import of
from xorlab.sweeps import parts

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium is installed")

W, H = 12, 9


@pytest.fixture(scope="module")
def made(copied, tmp_path_factory):
    """A recorded map, and its page."""
    uri = copied().uri
    values = {"init.std": np.geomspace(0.1, 10, H).tolist(), "lr": np.geomspace(0.05, 20, W).tolist()}
    product = of(
        values,
        lambda chosen: RunSpec(init=InitSpec(std=chosen[0]), lr=chosen[1], seed=1, epochs=300, target_loss=0.05),
        repr,
        lambda value: value,
    )
    parts.run(product, Options(track="sweep", log_every=50, workers=1, uri=uri), command="python train.py -m")
    found = fates.read("latest", uri)
    path = tmp_path_factory.mktemp("explorer") / "map.html"
    path.write_text(explorer.render(found), encoding="utf-8")
    return found, path, uri


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as running:
        yield running


@pytest.fixture
def opened(chromium, made):
    with ExitStack() as stack:

        def at(width):
            visit = stack.enter_context(browser.visitor(chromium, width=width))
            page = stack.enter_context(browser.sound_page(visit))
            page.goto(made[1].as_uri())
            page.locator("body[data-ready=true]").wait_for()
            return page

        yield at


def read(page):
    """Return what the page says of its pixel."""
    terms, values = (page.locator(f"#run {tag}").all_inner_texts() for tag in ("dt", "dd"))
    return dict(zip(terms, values, strict=True))


def pixel(page, number):
    """Return where a run's pixel is on the screen."""
    box = page.locator("#plane").bounding_box()
    y, x = divmod(number, W)
    return box["x"] + (x + 0.5) * box["width"] / W, box["y"] + (H - y - 0.5) * box["height"] / H


@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_nothing_and_the_page_is_no_wider_than_the_screen(opened, width):
    page = opened(width)
    found = Axe().run(page).response["violations"]
    assert [(each["impact"], each["id"]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_ten_pixels_are_their_runs_and_their_commands_train_them(opened, made):
    found, _, uri = made
    page = opened(1200)
    for number in np.random.RandomState(1).choice(W * H, 10, replace=False).tolist():
        page.mouse.move(*pixel(page, number))
        said, stored = read(page), single.find(f"latest:{number}", uri)
        assert said["run"] == f"{found.sweep.run_id}:{number}"
        assert said["fate"] == phrase(found.names[found.codes.flat[number]])
        assert said["cause"] == (found.causes.flat[number].replace("_", " ") or "none")
        assert float(said["final loss"]) == pytest.approx(found.losses.flat[number], rel=1e-3)
        epoch = found.epochs.flat[number]
        assert said["converged at epoch"] == ("never" if np.isnan(epoch) else f"{epoch:.0f}")
        program, script, *words = shlex.split(page.locator("#command").inner_text())
        assert (program, script) == ("python", "train.py")
        spec = compose(words)
        assert spec.identity == stored.spec.identity
        alone = train([spec])
        epochs, losses = single.losses(stored, uri)
        np.testing.assert_array_equal(losses, alone.losses[0, epochs])
        heights = page.locator("#curve polyline").get_attribute("points").split()
        kept = losses[: -(-int(alone.epochs[0]) // 50)]
        shown = 10.0 ** ((110 - np.array([float(point.split(",")[1]) for point in heights])) / 100 * 6 - 4)
        np.testing.assert_allclose(shown, kept.clip(1e-4, 100.0), rtol=0.03)


def test_keys_move_the_pixel_and_zoom(opened):
    page = opened(1200)
    page.locator("#view").focus()
    before = int(read(page)["run"].split(":")[1])
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert int(read(page)["run"].split(":")[1]) == before + 1 + W
    width = page.locator("#plane").bounding_box()["width"]
    page.keyboard.press("Shift+ArrowLeft")
    assert int(read(page)["run"].split(":")[1]) % W == 0
    page.keyboard.press("0")
    page.wait_for_timeout(400)
    assert page.locator("#plane").bounding_box()["width"] == pytest.approx(width)


def test_a_click_holds_the_pixel_until_the_next(opened):
    page = opened(1200)
    page.mouse.click(*pixel(page, 5))
    page.mouse.move(*pixel(page, 40))
    assert read(page)["run"].endswith(":5")
    page.mouse.click(*pixel(page, 40))
    page.mouse.move(*pixel(page, 41))
    assert read(page)["run"].endswith(":41")
