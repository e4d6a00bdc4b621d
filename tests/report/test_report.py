"""The report: sentences, tables and a page that say what the frames say."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from reports import SETTINGS, TWENTY, curves, material, table, written
from xorlab import report, statistics
from xorlab.report import Material, answer, caveats, page, writing


def test_the_answer_is_three_sentences_from_the_numbers():
    how_often, where, why = answer(material(TWENTY))
    assert how_often == "Of 20 runs, 12 converged and 7 are stuck at ln 2."
    # McNemar: 6 seeds converged only with lr=1 and none only with lr=0.1; p = 2 / 2^6.
    assert where == (
        "Runs converge most often with lr=1 (90 %) and least often with lr=0.1 (30 %); the difference is significant "
        "(p = 0.031)."
    )
    assert why == (
        "Of the 8 runs that did not converge, the causes are affine collapse (7) and slow (1); the others converged "
        "after a median of 125 epochs."
    )


def test_where_no_difference_is_found_the_answer_says_so():
    even = {lr: ["converged"] * (4 + place) + ["stuck_ln2"] * (6 - place) for place, lr in enumerate((0.1, 1.0, 10.0))}
    assert answer(material(even))[1] == (
        "No difference was found between the settings (p = 1): rates range from 40 % with lr=0.1 to 60 % with lr=10."
    )
    same = {lr: ["converged"] * 5 + ["stuck_ln2"] * 5 for lr in (0.1, 1.0)}
    assert answer(material(same))[1] == "Runs converge equally often in each of the 2 settings: 50 %."


def test_the_settings_that_differ_most_are_tested_as_one_pair_of_all():
    cells = {float(lr): ["converged"] * (12 if lr else 2) + ["stuck_ln2"] * (0 if lr else 10) for lr in range(60)}
    made = material(cells)
    (_, where, *_) = answer(made)
    p = 60 * 59 / 2 * 2 / 2**10
    assert p > 1
    assert where.startswith("No difference was found between the settings (p = 1)")
    assert "with lr=1, lr=2, lr=3 and 56 other settings" in where
    assert len(made.comparisons) == 59
    assert [caveat for caveat in caveats(made) if caveat.startswith("lr has more than 20 values")]


def test_every_cause_is_named_where_only_one_more_would_be_left_out():
    four = ["affine_collapse", "all_dead", "tied_inputs", "slow"]
    runs = table({0.1: ["stuck_ln2"] * 8}).assign(cause=[*four, *four[:3], four[0]])
    assert "affine collapse (3), all dead (2), tied inputs (2) and slow (1)" in answer(Material(runs, curves))[2]
    runs["cause"] = [*four, "cycle", "saddle", *four[:2]]
    assert answer(Material(runs, curves))[2].endswith("and others (3).")


def test_the_answer_to_a_single_setting_compares_nothing():
    _, where, why = answer(material({0.1: ["converged"] * 4}))
    assert where == "Nothing but the seed was varied, so there are no settings to compare."
    assert why.startswith("Every run converged after a median of")


def test_caveats_tell_of_gaps_few_seeds_censoring_and_what_is_unknown():
    plan = pd.DataFrame([(lr, seed) for lr in (0.1, 1.0) for seed in range(11)], columns=["lr", "seed"])
    runs = table({**TWENTY, 1.0: [*TWENTY[1.0][:9], None]})
    runs = pd.concat([runs, runs[:1].assign(run_id="f" * 32)], ignore_index=True)
    runs.loc[5, "cause"] = "unknown"
    runs["machine"] = ["one processor", *["another"] * (len(runs) - 1)]
    said = " ".join(caveats(Material(runs, curves, plan)))
    assert "1 of 22 planned runs failed" in said
    assert "2 of 22 planned runs are missing" in said
    assert "1 of 22 planned runs was repeated and counts once" in said
    assert "1 of 2 settings has too few seeds" in said
    assert "7 of 19 runs did not converge" in said
    assert "The cause of 1 run is unknown" in said
    assert "The runs come from 2 unlike machines." in said


def test_a_repeated_run_counts_once_and_a_whole_sweep_says_so():
    runs = table(TWENTY)
    doubled = pd.concat([runs, runs.assign(run_id=runs["run_id"].str.replace("0", "a"))], ignore_index=True)
    assert Material(doubled, curves).overall["n"].unique().tolist() == [20]
    assert "The sweep is complete: none of 20 planned runs is missing." in caveats(Material(runs, curves))


def test_another_sweep_is_compared_setting_by_setting():
    other = table({0.1: ["converged"] * 10, 1.0: ["converged"] * 10}, sweep="6" * 32)
    other["arch.hidden"] = "[8]"
    compared = material(TWENTY, against=other)
    pairs = compared.sweep_comparison.set_index("lr")
    assert pairs["a"].unique().tolist() == ["other"]
    assert pairs["difference"].tolist() == [pytest.approx(-0.7), pytest.approx(-0.1)]
    assert pairs["method"].unique().tolist() == ["paired"]
    assert pairs.loc[0.1, "p"] == pytest.approx(2 / 2**7)
    said = "Of the 2 settings that both sweeps have, this one converges more often in 0 and less often in 1 (at"
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


@pytest.fixture(scope="module")
def whole(once):
    """The folder of a whole report."""
    return once("report", lambda folder: written(folder, SETTINGS))


def test_the_page_holds_answer_tables_pictures_and_origin_and_needs_no_other_file(whole):
    text = (whole / "report.html").read_text()
    found = Page(text)
    for sentence in answer(material(SETTINGS)):
        assert sentence in text
    assert all(source.startswith("data:") for source in found.sources)
    assert not re.search(r"https?://", text)
    assert "&lt;abc&gt;" in text
    assert "The epochs were too few" in text  # what slow means
    assert "Every unit of a hidden layer is dead" not in text  # no run of these is all dead
    assert "-lr &lt; 1" in text
    assert "python scripts/analyze.py --sweep 55555555 --only survival" in text
    assert str(statistics.wilson(9, 10)[0]) in found.cells


def test_tables_and_pictures_lie_beside_the_page(whole):
    files = {path.name for path in whole.iterdir()}
    assert {"report.html", "runs.csv", "runs.parquet", "rates.csv", "settings.csv", "comparisons.csv"} <= files
    assert {f"{name}.{kind}" for name in ("rates", "loss_curves", "causes") for kind in ("png", "svg", "pdf")} <= files
    settings = pd.read_csv(whole / "settings.csv")
    assert settings[["n", "converged", "rate"]].to_numpy().tolist() == [[10, 3, 0.3], [10, 9, 0.9], [3, 1, 1 / 3]]


def test_a_long_table_shows_its_first_rows_and_says_what_it_leaves_out(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "PAGE_ROWS", 1)
    monkeypatch.setattr(writing, "PICTURES", {})
    text = written(tmp_path, SETTINGS)
    assert len(pd.read_csv(tmp_path / "settings.csv")) == 3
    assert "2 more rows are in settings.csv." in text


ABSENT = ("converged", "stuck", "fates", "against")
"""What a report of these runs does not have."""


@pytest.mark.parametrize("name", sorted({*report.PICTURES, *report.TABLES}.difference(ABSENT)))
def test_one_alone_is_what_the_report_has_of_it(whole, tmp_path, name):
    report.write_one(name, material(SETTINGS), tmp_path)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files
    assert all((whole / file).read_bytes() == (tmp_path / file).read_bytes() for file in files)
