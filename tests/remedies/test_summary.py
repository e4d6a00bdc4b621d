import io
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics.training import train
from xorlab.remedies import summary, trials
from xorlab.remedies.trials import Trials, try_remedies
from xorlab.spec import InitSpec, RunSpec, options

pytestmark = pytest.mark.usefixtures("hydra_restore_singletons")

CONF = Path(__file__).resolve().parents[2] / "conf"

RUNS = [RunSpec(epochs=1500), RunSpec(seed=1, lr=0.3, epochs=100), RunSpec(lr=0.3, epochs=100)]
"""Stuck at ln 2 for good; still falling; the notebook's start at another learning rate."""


@pytest.fixture(scope="module")
def answers() -> list[Trials]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "SEEDS", range(1000, 1004))
        return try_remedies([*RUNS, RunSpec(init=InitSpec(name="zeros"), epochs=200)])


def test_a_page_asks_both_questions(answers):
    page = summary.markdown(answers[0])
    assert re.findall("^#+ .*", page, re.MULTILINE) == [
        "# 2-3-1 relu, xor, gd lr=0.1, normal init, seed=42",
        "## Does this run converge if it is continued?",
        "## Which change of this setting makes new runs more likely to converge?",
    ]
    assert "affine collapse" in page
    assert "| more epochs | epochs=15000 | 15,000 | stuck at ln 2 | 0.6931 |" in page


def test_the_remedies_that_work_are_counted(answers):
    works, fails = (
        next(each for each in answers[1].continuations if each.converged == converged) for converged in (True, False)
    )
    for tried, said in [([works, fails], "With 1 of 2 remedies"), ([fails], "With none of 1 remedies")]:
        (section, _) = summary.sections(replace(answers[1], continuations=tuple(tried)))
        assert section.answer.startswith(said)


def test_a_continuation_that_converges_is_shown_with_its_epochs(answers):
    found = re.search(
        r"\| more epochs \| epochs=1000 \| 1,000 \| converged after (\d+) epochs \|", summary.markdown(answers[1])
    )
    longer = next(each for each in answers[1].continuations if each.remedy.name == "more epochs")
    assert found is not None
    assert int(found[1]) == longer.verdict.epochs_to_converge


def test_the_first_continuation_can_be_repeated_from_the_command_line(answers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("final_weights.npz", **{key: array[0] for key, array in train([answers[1].spec]).final.items()})
    first = answers[1].continuations[0]
    assert first.converged
    command = summary.sections(answers[1])[0].command
    trained = train([typed(command)])
    assert diagnose(trained)[0].epochs_to_converge == first.verdict.epochs_to_converge


def typed(command) -> RunSpec:
    """The specification that Hydra composes from a command for train.py."""
    python, script, *words = shlex.split(command)
    assert (python, script) == ("python", "train.py")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return options.split(OmegaConf.to_container(compose("config", words), resolve=True))[0]


def test_the_table_is_tidy_and_holds_every_trial(answers):
    table = pd.read_csv(io.StringIO(summary.table_csv(answers[1])))
    assert tuple(table.columns) == summary.COLUMNS
    trial = table.groupby("about").size().to_dict()
    assert trial == {"this run": len(answers[1].continuations), "new runs": len(answers[1].restarts)}
    new = table[table["about"] == "new runs"]
    assert (new["rate"] == new["converged"] / new["n"]).all()
    assert ((new["low"] <= new["rate"]) & (new["rate"] <= new["high"])).all()
    assert table["remedy"].notna().all()


def test_an_initialiser_that_ignores_the_seed_has_no_rate(answers):
    section = summary.restarts(answers[3])
    assert "init=zeros gives all seeds the same weights" in section.answer
    assert "As it is" not in section.answer
    assert not section.command
    assert section.table is not None
    assert section.table.head[-1] == "95 % interval"


def test_a_command_is_shown_only_where_a_setting_is_surely_better(answers):
    remedies = [new.remedy for new in answers[0].restarts[:2]]
    plain = replace(remedies[0], override="")
    near, far = ((trials.Restarts(remedies[1], 100, count), trials.Restarts(plain, 100, 50)) for count in (55, 90))
    for restarts, said, has_command in [(near, "No change has", False), (far, "1 of 1 changes have", True)]:
        section = summary.restarts(replace(answers[0], restarts=restarts))
        assert said in section.answer
        assert bool(section.command) == has_command


def test_many_runs_are_counted_by_what_happened_to_them(answers):
    section = summary.count_by_outcome(answers[:2])
    assert section.table is not None
    assert section.answer.endswith("1 of 2 converge with at least one remedy, continued from their final weights.")
    assert section.table.head[0] == "remedy"
    assert section.table.head[-1] == "total"
    rows = {row[0]: row[1:] for row in section.table.rows}
    where = section.table.head.index("stuck at ln 2, affine collapse") - 1
    assert rows["more epochs"][where] == "0 of 1"
    assert rows["more epochs"][-1] == "1"
    totals = [int(row[-1]) for row in section.table.rows]
    assert totals == sorted(totals, reverse=True)


def test_each_setting_of_many_runs_is_asked_once(answers):
    questions = [section.question for section in summary.by_setting(answers[:3])]
    assert len(questions) == 2
    setting = "2-3-1 relu, xor, gd lr=0.3, normal init (2 of its runs did not converge)"
    assert questions[0] == f"Which change of {setting} makes new runs more likely to converge?"


def test_the_best_setting_can_be_typed(answers):
    best = next(new.remedy for new in answers[0].restarts if "arch.hidden" in new.remedy.override)
    restarts = trials.Restarts(best, 100, 90), trials.Restarts(replace(best, override=""), 100, 50)
    words = summary.restarts(replace(answers[0], restarts=restarts)).command.split()
    assert words[:3] == ["python", "train.py", "-m"]
    assert best.override in words
    assert best.override.startswith("'arch.hidden=[")
    assert "epochs=1500" in words
    assert words[-1] == "seed=1000..1099"


def test_a_run_that_converged_is_not_continued(answers):
    converged = replace(answers[0], continuations=())
    assert summary.sections(converged)[0].answer == "It has converged already."
