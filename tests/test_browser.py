"""A sweep in MLflow's own UI, as its reader meets it in Chromium."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser import CHROMIUM, chromium, sound_page, visitor
from servers import interface
from xorlab import runs

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed; apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
]

ROOT = Path(__file__).resolve().parents[1]
WORDS = "train.py -m lr=0.1,1 seed=5..9 epochs=1000"
FILTER = "params.lr = '0.1' and tags.outcome = 'stuck_ln2'"


@pytest.fixture(scope="module")
def uri(copied):
    """A store that holds a small sweep and its report, made by the commands."""
    return copied().uri


@pytest.fixture(scope="module")
def address(uri):
    with interface(uri) as said:
        yield said


@pytest.fixture(scope="module")
def visit():
    with chromium() as browser, visitor(browser) as begun:
        yield begun


@pytest.fixture
def page(visit, address):
    """A page at the address that the script said."""
    with sound_page(visit) as opened:
        opened.goto(address)
        opened.get_by_text("matching runs").wait_for()
        yield opened


@pytest.fixture(scope="module")
def table(uri):
    """What the store holds, one row a run."""
    return runs.load(uri, sweep="latest").set_index("name")


@pytest.fixture
def sweep(visit, address, uri):
    """The page of the sweep's parent run."""
    parent = runs.sweeps(uri)["run_id"][0]
    root, _, query = address.partition("?")
    with sound_page(visit) as opened:
        opened.goto(f"{root}/{parent}?{query.partition('&')[0]}")
        opened.get_by_role("heading", name="sweep of lr, seed: 10 runs").wait_for()
        yield opened


CELLS = """() => {
    const rows = new Map();
    for (const cell of document.querySelectorAll('[role=gridcell][col-id]')) {
        const id = cell.closest('[role=row]').getAttribute('row-id');
        rows.set(id, { ...rows.get(id), [cell.getAttribute('col-id')]: cell.innerText.trim() });
    }
    return [...rows.values()];
}"""


def rows(page, count):
    """Return the cells of the runs table, once it has so many runs: name -> column -> text."""
    page.get_by_text(re.compile(rf"^\s*{count} matching runs?\s*$")).wait_for()
    expect(page.locator(".ag-center-cols-container [role=row]")).to_have_count(count)
    cells = page.evaluate(CELLS)
    return {row["attributes.`Run Name`"].split("\n")[-1]: row for row in cells}


def search(page, words):
    box = page.get_by_placeholder("metrics.rmse")
    box.fill(words)
    box.press("Enter")


def curves(page):
    """Return the names of the curves in each chart that is drawn, once there is one."""
    page.locator(".js-plotly-plot .scatterlayer .trace").first.wait_for()
    return page.evaluate(
        "() => [...document.querySelectorAll('.js-plotly-plot')].map(chart => chart.data.map(curve => curve.name))"
    )


def test_the_address_shows_every_run_with_its_outcome(page, table):
    shown = rows(page, 11)
    converged = (table["outcome"] == "converged").sum()
    assert set(shown) == {f"sweep of lr, seed: 10 runs, {converged} converged", *table.index}
    assert [name for name in shown if name in table.index] == table.sort_values(["lr", "seed"]).index.tolist()
    for name, run in table.iterrows():
        cells = shown[name]
        assert cells["tags.`outcome`"] == run["outcome"]
        assert cells["tags.`cause`"] == (run["cause"] if run["outcome"] != "converged" else "-")
        assert float(cells["metrics.`final_loss`"]) == run["final_loss"]
        assert (float(cells["params.`lr`"]), int(cells["params.`seed`"])) == (run["lr"], run["seed"])
        assert cells["params.`arch.hidden`"] == "[3]"
    heads = page.locator("[role=columnheader][col-id*='`']").evaluate_all(
        "heads => heads.sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x)"
        ".map(head => head.innerText.trim())"
    )
    run = ["outcome", "cause", "final_loss", "epochs_to_converge", "lr", "arch.hidden", "init.name", "seed"]
    assert heads == ["Run Name", *run]


def test_of_a_tracking_server_the_script_says_the_address(address):
    root = address.partition("/#")[0]
    command = [sys.executable, "scripts/ui.py", "--uri", root]
    called = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert called.stdout == f"Open {address}\n"


def test_a_filter_finds_its_runs_and_keeps_the_columns(page, table):
    rows(page, 11)
    search(page, FILTER)
    wanted = table.query("lr == 0.1 and outcome == 'stuck_ln2'")
    assert 0 < len(wanted) < 6
    shown = rows(page, len(wanted))
    assert set(shown) == set(wanted.index)
    assert {row["tags.`outcome`"] for row in shown.values()} == {"stuck_ln2"}


def test_views_are_in_the_menu(page, table):
    rows(page, 11)
    page.get_by_text("Runs, newest first", exact=True).click()
    expect(page.get_by_text("Sweeps", exact=True)).to_be_visible()
    page.get_by_text("Stuck at ln 2", exact=True).click()
    stuck = table.index[table["outcome"] == "stuck_ln2"]
    assert set(rows(page, len(stuck))) == set(stuck)
    page.get_by_text("Stuck at ln 2", exact=True).click()
    page.get_by_text("Sweeps", exact=True).click()
    (row,) = rows(page, 1).values()
    counts = [row[f"metrics.`{key}`"] for key in ("runs", "converged", "stuck_ln2")]
    assert counts == ["10", str((table["outcome"] == "converged").sum()), str(len(stuck))]
    assert WORDS in row["tags.`command`"]


def test_in_order_of_creation_runs_are_nested_under_their_sweep(page, table):
    rows(page, 11)
    page.get_by_role("button", name="Sort: end_time").click()
    page.get_by_role("menuitemcheckbox", name="Created").click()
    page.keyboard.press("Escape")
    expect(page.locator(".ag-center-cols-container [role=row]")).to_have_count(1)
    page.locator(".ag-pinned-left-cols-container").get_by_role("button").first.click()
    expect(page.locator(".ag-center-cols-container [role=row]")).to_have_count(11)
    for name in table.index:
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def test_the_chart_draws_the_losses_of_the_runs_that_are_shown(page, table):
    rows(page, 11)
    page.locator("label", has=page.locator("input[value=CHART]")).click()
    assert [set(names) for names in curves(page)] == [set(table.index)]
    search(page, FILTER)
    wanted = set(table.query("lr == 0.1 and outcome == 'stuck_ln2'").index)
    page.get_by_text(re.compile(rf"^\s*{len(wanted)} matching runs\s*$")).wait_for()
    expect(page.locator(".js-plotly-plot .legend")).to_have_count(0)
    page.wait_for_function(
        "count => new Set(document.querySelector('.js-plotly-plot')?.data.map(curve => curve.name)).size === count",
        arg=len(wanted),
    )
    assert [set(names) for names in curves(page)] == [wanted]


def test_selected_runs_are_compared(page, table):
    rows(page, 11)
    search(page, FILTER)
    wanted = table.query("lr == 0.1 and outcome == 'stuck_ln2'").index
    rows(page, len(wanted))
    boxes = page.locator(".ag-pinned-left-cols-container").get_by_role("checkbox", name="row selection")
    for box in boxes.all()[:2]:
        box.check()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text("Comparing 2 Runs from 1 Experiment").wait_for()
    expect(page.get_by_text(re.compile("^lr=0.1 seed=[0-9]$"))).to_have_count(2)
    page.get_by_role("link", name="loss", exact=True).click()
    assert set(*curves(page)) < set(wanted)


def test_a_sweeps_page_tells_its_outcomes_and_leads_to_its_runs(sweep, uri, table):
    described = sweep.get_by_role("table").first
    expect(described.get_by_role("row")).to_have_count(3)
    cells = described.get_by_role("cell").all_inner_texts()
    counts = table["outcome"].eq("converged").groupby(table["lr"]).sum()
    assert [cells[0].strip(), cells[2].strip()] == ["lr=0.1", "lr=1"]
    assert [int(cells[place].partition("/")[0]) for place in (1, 3)] == counts.tolist()
    assert WORDS in sweep.locator("code").first.inner_text()
    name = sweep.get_by_role("link", name=re.compile("^lr=.* seed=")).first
    expect(name).to_be_visible()
    wanted = name.inner_text().strip(", ")
    name.click()
    expect(sweep.get_by_role("heading", name=wanted)).to_be_visible()


def test_a_sweep_shows_its_picture_and_tables(sweep):
    sweep.get_by_role("tab", name="Artifacts").click()
    sweep.get_by_text("curves.png", exact=True).click()
    picture = sweep.get_by_role("img", name="curves.png")
    expect(picture).to_be_visible()
    assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 1000
    sweep.get_by_text("table.csv", exact=True).click()
    expect(sweep.get_by_text("Previewing the first 2 rows")).to_be_visible()
    sweep.get_by_text("plan.csv", exact=True).click()
    expect(sweep.get_by_text("Previewing the first 10 rows")).to_be_visible()


def test_a_sweep_shows_its_report_which_can_be_sorted(sweep, table):
    sweep.get_by_role("tab", name="Artifacts").click()
    sweep.get_by_text("report.html", exact=True).click()
    report = sweep.frame_locator("iframe")
    expect(report.get_by_role("heading", name="The answer")).to_be_visible()
    converged = (table["outcome"] == "converged").sum()
    expect(report.get_by_text(f"Of 10 runs, {converged} converged").first).to_be_visible()
    heads = report.get_by_role("columnheader")
    heads.get_by_role("button").first.click()
    expect(heads.first).to_have_attribute("aria-sort", "ascending")
    pictures = report.get_by_role("img").evaluate_all("pictures => pictures.map(picture => picture.naturalWidth ?? 1)")
    assert len(pictures) >= 3
    assert min(pictures) > 0


def test_a_runs_page_tells_what_happened_with_its_evidence(page, table):
    rows(page, 11)
    name = table.index[table["outcome"] == "stuck_ln2"][0]
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_text(re.compile("^Stuck at ln 2: the loss came to rest at 0.6931"))).to_be_visible()
    page.get_by_text("Show more").first.click()
    evidence = page.get_by_role("table").filter(has_text="evidence")
    loss = f"{table.loc[name, 'final_loss']:.6g}"
    expect(evidence.get_by_role("row").filter(has_text="final loss")).to_contain_text(loss)
    expect(evidence.get_by_role("row").filter(has_text="smallest Hessian eigenvalue")).to_be_visible()
    expect(page.get_by_role("link", name="sweep of lr, seed: 10 runs")).to_be_visible()
    page.get_by_role("tab", name="Model metrics").click()
    page.locator(".js-plotly-plot").first.wait_for()
