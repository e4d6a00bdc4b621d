"""The report's page as its readers have it: in a browser, on a phone, on paper, without a network."""

from contextlib import ExitStack

import pytest
from axe_playwright_python.sync_playwright import Axe

import browser
from reports import SETTINGS, written

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def page_file(once):
    return once("report", lambda folder: written(folder, SETTINGS)) / "report.html"


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as running:
        yield running


@pytest.fixture
def opened(chromium, page_file):
    """Open the page from disk at a width; the test fails on any error, or anything asked of a network."""
    with ExitStack() as stack:

        def at(width):
            visit = stack.enter_context(browser.visitor(chromium, width=width))
            page = stack.enter_context(browser.sound_page(visit))
            page.goto(page_file.as_uri())
            return page

        yield at


@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_nothing_of_weight(opened, width):
    found = Axe().run(opened(width)).response["violations"]
    assert [(each["impact"], each["id"]) for each in found] == []


@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_is_no_wider_than_the_screen_and_its_pictures_are_drawn_for_it(opened, width):
    page = opened(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sizes = page.evaluate("[...document.images].map((image) => [image.naturalWidth, image.complete])")
    assert len(sizes) >= 5
    assert all(complete and (natural > 1000) == (width > 640) for natural, complete in sizes)


def test_a_column_s_head_sorts_its_table_by_size_and_back(opened):
    page = opened(1200)
    table = page.get_by_role("region", name="Settings and outcomes").get_by_role("table")
    head = table.get_by_role("columnheader", name="converged", exact=True)

    def column():
        return [row.split("\t")[3] for row in table.locator("tbody tr").all_inner_texts()]

    assert column() == ["3", "9", "1"]
    head.get_by_role("button").click()
    assert column() == ["1", "3", "9"]
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").press("Enter")
    assert column() == ["9", "3", "1"]
    assert head.get_attribute("aria-sort") == "descending"


def test_what_is_missing_is_sorted_last_both_ways(opened):
    page = opened(1200)
    table = page.get_by_role("region", name="Time to converge", exact=True).get_by_role("table")
    median = table.get_by_role("columnheader", name="median")
    for _ in range(2):
        median.get_by_role("button").click()
        assert [row.split("\t")[3] for row in table.locator("tbody tr").all_inner_texts()][-2:] == ["–", "–"]


def test_on_paper_nothing_is_cut_off(opened, tmp_path):
    page = opened(700)
    page.emulate_media(media="print")
    wide = page.evaluate(
        "[...document.querySelectorAll('table, img, pre')].filter((each) => each.scrollWidth > innerWidth).length"
    )
    assert wide == 0
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
