import re
import shutil
from importlib import import_module
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

import findings as script
from answers import answer, waiting
from answers.studies import Studies

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "findings.md"
STUDIES = {path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")} - {"notebook", "card", "fates"}
SMALL = ["seed=0..11", "epochs=2000"]


@pytest.fixture(scope="module")
def uri(tmp_path_factory, ready_store):
    """A store with a small study of width, trained by the script."""
    path = tmp_path_factory.mktemp("findings") / "mlflow.db"
    shutil.copy(ready_store, path)
    Studies(f"sqlite:///{path}", SMALL).train("width")
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def table(uri):
    """Its runs, read by MLflow's own client."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        mlflow.set_tracking_uri(uri)
        runs = mlflow.search_runs(experiment_names=["xorlab"], filter_string="params.seed != ''")
        mlflow.set_tracking_uri(None)
    return runs[runs["tags.xorlab.kind"] != "sweep"] if "tags.xorlab.kind" in runs else runs


def printed(uri, capsys, *more):
    script.main(["--only", "width", "--uri", uri, "--override", *SMALL, *more])
    return capsys.readouterr()


def test_a_study_is_trained_once_and_found_by_its_command(uri, capsys):
    Studies(uri, SMALL).train("width")
    assert capsys.readouterr().out == ""
    assert len(MlflowClient(uri).search_runs(["1"], "tags.xorlab.kind = 'sweep'")) == 1
    assert Studies(uri).find("width") is None
    assert Studies(uri, ["seed=0..11"]).find("width") is None


def test_rates_are_those_of_plain_pandas(uri, table, capsys):
    section = printed(uri, capsys).out
    for width in (2, 3, 4, 6, 8, 12, 16):
        own = table[table["params.arch.hidden"] == f"[{width}]"]
        count = int((own["tags.outcome"] == "converged").sum())
        low, high = proportion_confint(count, 12, method="wilson")
        cell = re.search(rf"^\| {width} \| [^|]+ \| [^|]+ \| (\S+) \(([\d.]+)-(\S+)\) \|", section, re.MULTILINE)
        assert len(own) == 12
        assert [float(text) for text in cell.groups()] == pytest.approx(
            [100 * count / 12, 100 * low, 100 * high], abs=0.051
        )


def test_differences_are_those_of_plain_pandas(uri, table, capsys):
    pattern = r"^\| 2 to 3 \| converged \| (\S+) \| (\S+) \| (\S+) \([^)]+\) \| (\d+), (\d+) \|"
    before, after, difference, gained, lost = map(
        float, re.search(pattern, printed(uri, capsys).out, re.MULTILINE).groups()
    )
    wide = table.assign(done=table["tags.outcome"] == "converged").pivot(
        index="params.seed", columns="params.arch.hidden", values="done"
    )
    there, here = ((wide[a] & ~wide[b]).sum() for a, b in (("[3]", "[2]"), ("[2]", "[3]")))
    assert (gained, lost) == (there, here)
    assert difference == pytest.approx(100 * (there - here) / 12, abs=0.051)
    assert [before, after] == pytest.approx([100 * wide[width].mean() for width in ("[2]", "[3]")], abs=0.051)


def test_a_comparison_with_one_value_is_mcnemars_test_with_holms_correction():
    rng = np.random.RandomState(0)
    rates = {0.1: 0.2, 1.0: 0.5, 10.0: 0.9}
    runs = pd.DataFrame(
        [
            {"lr": lr, "seed": seed, "outcome": "converged" if rng.uniform() < rate else "stuck_ln2"}
            for lr, rate in rates.items()
            for seed in range(40)
        ]
    )
    found = answer.against(runs, "lr", 1.0).set_index("b")
    wide = runs.assign(done=runs["outcome"] == "converged").pivot(index="seed", columns="lr", values="done")
    p = {}
    for lr in (0.1, 10.0):
        there, here = (wide[lr] & ~wide[1.0]).sum(), (wide[1.0] & ~wide[lr]).sum()
        p[lr] = binomtest(int(there), int(there + here)).pvalue
        pair = found.loc[lr]
        assert (pair["a"], pair["only_b"], pair["only_a"]) == (1.0, there, here)
        assert pair["difference"] == pytest.approx(wide[lr].mean() - wide[1.0].mean())
        assert pair["low"] < pair["difference"] < pair["high"]
        assert pair["p"] == pytest.approx(p[lr])
    least, most = sorted(p, key=p.get)
    assert found.loc[least, "p_holm"] == pytest.approx(min(1.0, 2 * p[least]))
    assert found.loc[most, "p_holm"] == pytest.approx(max(min(1.0, 2 * p[least]), p[most]))


def test_a_level_of_leaky_relu_is_the_least_of_a_grid():
    c = np.linspace(0.0, 20.0, 2_000_001)
    losses = 0.5 * np.log1p(np.exp(-c)) + 0.5 * np.log1p(np.exp(0.01 * c))
    assert waiting.leaky_level() == pytest.approx(losses.min(), abs=1e-12)


def test_a_changed_number_fails_the_check(uri, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(script, "_unsupported", lambda answers: False)  # a small study supports little
    page = tmp_path / "findings.md"
    text = printed(uri, capsys).out
    page.write_text(f"# Findings\n\n{text}\nThe end.\n")
    check = ["--only", "width", "--check", "--uri", uri, "--out", str(tmp_path), "--override", *SMALL]
    assert script.main(check) == 0
    for place in [match.start() for match in re.finditer(r"\d \(", text)][::5]:
        page.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
        assert script.main(check) == 1
        assert "not in findings.md" in capsys.readouterr().err


def test_a_claim_that_the_numbers_do_not_support_fails_and_is_on_the_page(uri, capsys):
    assert script.main(["--only", "width", "--uri", uri, "--override", *SMALL]) == 1
    said = capsys.readouterr()
    assert "not supported: each step in width up to 12 converges more often" in said.err
    last = said.out.strip().splitlines()[-1]
    assert last.startswith("**These runs do not support:** ")
    assert "each step in width up to 12 converges more often" in last


def test_a_study_that_is_not_there_is_named_in_one_line(uri, capsys):
    assert script.main(["--only", "depth", "--uri", uri]) == 1
    said = capsys.readouterr().err
    assert said.startswith("findings.py: study depth must be in the store; train it by `python train.py -m experiment=")
    assert said.count("\n") == 1


def test_a_study_with_a_run_missing_is_refused(uri, table, tmp_path, capsys):
    shutil.copy(uri.removeprefix("sqlite:///"), tmp_path / "mlflow.db")
    own = f"sqlite:///{tmp_path}/mlflow.db"
    MlflowClient(own).delete_run(table["run_id"].iloc[0])
    assert script.main(["--only", "width", "--uri", own, "--override", *SMALL]) == 1
    assert "study width must have an outcome for each of 84 runs; got 83" in capsys.readouterr().err


def test_every_question_has_its_words_and_studies():
    for name in script.QUESTIONS:
        assert set(import_module(f"answers.{name}").STUDIES) <= STUDIES
        assert (ROOT / "docs" / "make" / "answers" / f"{name}.md").is_file()
    assert set(script.studies_of(script.QUESTIONS)) == STUDIES


@pytest.mark.parametrize("name", script.QUESTIONS)
def test_a_section_opens_with_its_answer_and_a_picture(name):
    text = (ROOT / "docs" / "make" / "answers" / f"{name}.md").read_text()
    head, answer, picture, caption, *rest = text.strip().split("\n\n")
    assert head.startswith("## ")
    assert re.match(r"[A-Z{]", answer)
    assert picture.startswith("![")
    assert caption.startswith("*")
    assert rest[-1].startswith("Commands: ")
    for paragraph in rest[:-1]:
        words = re.sub(r"`[^`]*`|\{%.*?%\}", "", paragraph)
        assert words.count("{{") <= 1, paragraph
        assert len(words.split()) <= 75, paragraph


def test_the_committed_page_is_whole():
    text = PAGE.read_text()
    assert not re.search(r"\{\{|\}\}|\{%|\bnan\b|\bNone\b|\binf\b", text)
    assert re.findall(r"--only ([a-z]+)`", text) == list(script.QUESTIONS)
    commands = re.findall(r"python train.py -m experiment=(\w+)", text)
    assert set(commands) == {*STUDIES, "NAME"}
    seeds = [int(count) for count in re.findall(r"^\| \[\w+\]\(\S+\) \| [\d,]+ \| (\d+) \|$", text, re.MULTILINE)]
    assert len(seeds) == len(STUDIES)
    assert min(seeds) >= 200


def test_the_committed_pictures_are_those_of_the_page():
    named = re.findall(r"!\[[^]]+\]\(findings/(\w+\.png)\)", PAGE.read_text())
    assert sorted(named) == sorted(path.name for path in (PAGE.parent / "findings").iterdir())
    for name in named:
        content = (PAGE.parent / "findings" / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < 150_000


def test_links_within_the_documents_lead_somewhere():
    heads = {
        name: {
            re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")
            for head in re.findall(r"^#+ (.+)$", (PAGE.parent / f"{name}.md").read_text(), re.MULTILINE)
        }
        for name in ("findings", "theory")
    }
    for page, anchor in re.findall(r"\]\((?:(\w+)\.md)?#([\w-]+)\)", PAGE.read_text()):
        assert anchor in heads[page or "findings"]
