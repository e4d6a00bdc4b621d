"""The report: sentences, tables and a page that say what the frames say."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from reports import TWENTY, curves, material, table, written
from xorlab import report, statistics
from xorlab.report import Material, answer, caveats


def test_the_answer_is_three_sentences_from_the_numbers():
    how_often, where, why = answer(material(TWENTY))
    low, high = (f"{100 * end:.0f}" for end in statistics.wilson(12, 20))
    assert how_often == (
        f"12 of 20 runs converged, 60 % (95 % interval {low} to {high} %), "
        "and 7 of 20 runs are stuck at ln 2, 35 % (95 % interval 18 to 57 %)."
    )
    # McNemar: 6 seeds converged only with lr=1 and none only with lr=0.1; p = 2 / 2^6.
    assert where.startswith("Converging is most frequent with lr=1 (9 of 10, 90 %)")
    assert "and least with lr=0.1 (3 of 10, 30 %)" in where
    assert "the difference is 60 points" in where
    assert "p = 0.031" in where
    assert why == (
        "Of the 8 runs that did not converge, the cause is: 7 affine collapse, 1 slow; those that converged did so "
        "after a median of 125 epochs (the middle half: 110 to 152)."
    )


def test_the_answer_to_a_single_setting_compares_nothing():
    _, where, why = answer(material({0.1: ["converged"] * 4}))
    assert where == "Nothing but the seed was varied, so no setting is compared with another."
    assert why.startswith("Every run converged after a median of")


def test_caveats_tell_of_gaps_few_seeds_censoring_and_what_is_unknown():
    plan = pd.DataFrame([(lr, seed) for lr in (0.1, 1.0) for seed in range(11)], columns=["lr", "seed"])
    runs = table({**TWENTY, 1.0: [*TWENTY[1.0][:9], None]})
    runs = pd.concat([runs, runs[:1].assign(run_id="f" * 32)], ignore_index=True)
    runs.loc[5, "cause"] = "unknown"
    said = " ".join(caveats(Material(runs, curves, plan)))
    assert "Of 22 runs asked for, 1 failed" in said
    assert "Of 22 runs asked for, 2 are missing" in said
    assert "1 is there more than once, and counts once" in said
    assert "One setting has too few seeds" in said
    assert "7 of 19 runs never converged" in said
    assert "Of 1 run the cause is not known" in said


def test_a_repeated_run_counts_once_and_a_whole_sweep_says_so():
    runs = table(TWENTY)
    doubled = pd.concat([runs, runs.assign(run_id=runs["run_id"].str.replace("0", "a"))], ignore_index=True)
    assert Material(doubled, curves).overall["n"].unique().tolist() == [20]
    assert "The sweep is complete: each of 20 runs asked for is there, once." in caveats(Material(runs, curves))


def test_another_sweep_is_compared_setting_by_setting():
    other = table({0.1: ["converged"] * 10, 1.0: ["converged"] * 10}, sweep="6" * 32)
    other["arch.hidden"] = "[8]"
    compared = material(TWENTY, against=other)
    rivals = compared.rivals.set_index("lr")
    assert rivals["a"].unique().tolist() == ["other"]
    assert rivals["difference"].tolist() == [pytest.approx(-0.7), pytest.approx(-0.1)]
    assert rivals["method"].unique().tolist() == ["paired"]
    assert rivals.loc[0.1, "p"] == pytest.approx(2 / 2**7)
    said = "Against the other sweep, 2 settings compared: this one converges more often in 0 and less often in 1,"
    assert answer(compared)[-1].startswith(said)


class Page(HTMLParser):
    """What a page shows and asks for."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.sources, self.rows = [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.rows += tag == "tr"
        self.cells += [found["data-key"]] if tag == "td" else []
        self.sources += [found[key] for key in ("src", "href") if key in found]


def test_the_page_holds_answer_tables_pictures_and_origin_and_needs_no_other_file(tmp_path):
    text = written(tmp_path)
    page = Page(text)
    for sentence in answer(material(TWENTY)):
        assert sentence in text
    assert all(source.startswith("data:") for source in page.sources)
    assert not re.search(r"https?://", text)
    assert "&lt;abc&gt;" in text
    assert "-lr &lt; 1" in text
    assert "python scripts/analyze.py --sweep 55555555 --only survival" in text
    assert str(statistics.wilson(9, 10)[0]) in page.cells


def test_tables_and_pictures_lie_beside_the_page(tmp_path):
    written(tmp_path)
    files = {path.name for path in tmp_path.iterdir()}
    assert {"report.html", "runs.csv", "runs.parquet", "rates.csv", "settings.csv", "comparisons.csv"} <= files
    assert {f"{name}.{kind}" for name in ("rates", "loss_curves", "causes") for kind in ("png", "svg", "pdf")} <= files
    settings = pd.read_csv(tmp_path / "settings.csv")
    assert settings[["n", "converged", "rate"]].to_numpy().tolist() == [[10, 3, 0.3], [10, 9, 0.9]]


def test_a_long_table_shows_its_first_rows_and_says_what_it_leaves_out(tmp_path):
    text = written(tmp_path, {0.001 * (1 + place): ["converged", "stuck_ln2"] for place in range(40)})
    assert len(pd.read_csv(tmp_path / "comparisons.csv")) == 780
    assert "280 more rows are in comparisons.csv." in text


@pytest.mark.parametrize("name", [*report.PICTURES, *report.TABLES])
def test_one_alone_is_what_the_report_has_of_it(tmp_path, name):
    if name in ("converged", "stuck", "fates", "against"):
        pytest.skip("not of these runs")
    written(tmp_path / "all")
    report.write_one(name, material(TWENTY), tmp_path / "one")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files
    assert all((tmp_path / "all" / file).read_bytes() == (tmp_path / "one" / file).read_bytes() for file in files)
