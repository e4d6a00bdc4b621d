import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xorlab.diagnosis import judged, wording
from xorlab.diagnosis.causes import CAUSES
from xorlab.diagnosis.changes import CHANGES
from xorlab.diagnosis.evidence import Evidence
from xorlab.diagnosis.units import STATES
from xorlab.diagnosis.verdict import Verdict
from xorlab.spec import ArchSpec, DataSpec, RunSpec

NOTEBOOK = RunSpec()


@pytest.fixture
def verdict() -> Callable[..., Verdict]:
    def make(
        outcome: str,
        level: float | None = None,
        *,
        loss: float = 0.5,
        reached: int | None = None,
        cause: str | None = None,
        certified: bool = False,
    ) -> Verdict:
        evidence = Evidence(
            units=(("on", "dead", "on"),),
            kink=False,
            gradient_norm=1e-16,
            hessian_min=0.0,
            hessian_max=0.684,
            lr_lambda_max=0.0684,
            interaction=0.0,
            bound=math.log(2.0),
            partition="{00,01,10}|{11}",
            certified=certified,
            epochs_at={"ln2": 9852, "0.477": 0},
        )
        return Verdict(
            outcome=outcome,
            level=level,
            final_loss=loss,
            accuracy=0.5,
            epochs_to_converge=reached,
            cause=cause,
            evidence=evidence,
        )

    return make


def test_a_probability_of_a_half_is_undecided_and_not_rounded() -> None:
    lines = list(wording.predictions(NOTEBOOK, np.array([1e-14, -1e-14, 2.0, 2.0])))
    assert [line.split()[-1] for line in lines] == ["undecided", "undecided", "right", "wrong"]
    assert lines[0] == "(0, 0)  target 0  p = 0.500000  undecided"
    assert lines[2] == "(1, 0)  target 1  p = 0.880797  right"


def test_the_least_decided_probability() -> None:
    line, *_ = wording.predictions(NOTEBOOK, np.array([-8e-6, 0.0, 0.0, 0.0]))
    assert line.endswith("right")


def test_many_points_are_counted() -> None:
    spec = RunSpec(data=DataSpec(name="noisy_xor", points=10))
    lines = list(wording.predictions(spec, np.full(40, -1.0)))
    assert len(lines) == wording.MOST_PREDICTIONS + 1
    assert lines[-1] == "… 20 of 40 points are on the right side of p = 1/2"


@pytest.mark.parametrize(
    ("outcome", "level", "words"),
    [
        ("stuck_ln2", np.log(2.0), "^Stuck at ln 2: the loss came to rest at 0.5000. .* p = 1/2 at every point"),
        ("stuck_0.477", 0.4773856, "^Stuck at 0.477: .* ties three points and separates the fourth"),
        ("stuck_other", None, "^Stuck at 0.5000. This is not a level of xor.$"),
        (
            "descending",
            None,
            "^Descending: the loss is 0.5000 after 100 epochs. Ten times the epochs will lower it noticeably.$",
        ),
        ("undecided", None, "^Undecided: the loss is 0.5000 after 100 epochs. They do not tell whether"),
        ("at_target", None, "^Reached its goal: the loss came down to 0.5000, its target, .* stopped after 100 epochs"),
        ("diverged", None, "^Diverged: .* no longer a finite number after 100 epochs"),
    ],
)
def test_an_outcome_in_words(verdict: Callable[..., Verdict], outcome: str, level: float | None, words: str) -> None:
    said = wording.outcome(NOTEBOOK, verdict(outcome, level), epochs=100)
    assert re.search(words, said)
    assert "\n" not in said


def test_the_meaning_of_a_level_is_not_claimed_for_other_data(verdict: Callable[..., Verdict]) -> None:
    said = wording.outcome(RunSpec(data=DataSpec(name="parity")), verdict("stuck_ln2", np.log(2.0)), epochs=9)
    assert "p = 1/2" not in said
    assert said.endswith("Ln 2 is a level of parity.")


def test_a_converged_run_says_since_when(verdict: Callable[..., Verdict]) -> None:
    said = wording.outcome(NOTEBOOK, verdict("converged", loss=0.01, reached=812), epochs=1000)
    assert "The loss stays low from epoch 812 on and ended at 0.0100." in said


def test_the_verdict_is_a_paragraph_on_units_cause_certainty_and_remedy(verdict: Callable[..., Verdict]) -> None:
    stuck = verdict("stuck_ln2", math.log(2.0), loss=math.log(2.0), cause="affine_collapse", certified=True)
    said = wording.paragraph(NOTEBOOK, stuck, epochs=10_000)
    assert "Hidden unit 2 is dead, units 1 and 3 are on at every point." in said
    head = "Cause" if judged.confirmed("affine_collapse") else "What is seen"
    assert f"{head}: affine collapse. Every unit is off at every point or on at every point." in said
    assert "Certified by bounds evaluated in floating point: with this lr gradient descent converges to ln 2." in said
    assert re.search(
        r"How this was tested: docs/verdicts.md, #stuck \(true in [\d.]+ % of .* and #affine_collapse.$", said
    )


def test_what_is_only_observed_is_said_to_be(verdict: Callable[..., Verdict]) -> None:
    tied = verdict("stuck_0.477", 0.4773856, cause="tied_inputs")
    said = wording.paragraph(NOTEBOOK, tied, epochs=10)
    assert "almost the same, to points with different labels. They are {00,01,10}|{11}." in said
    assert "That it stays here is observed, not proved." in said
    assert "stays" not in wording.paragraph(NOTEBOOK, verdict("descending", cause="slow"), epochs=10)


def test_every_state_of_a_unit_has_words() -> None:
    assert set(wording.UNIT_STATES) == set(STATES)


def test_the_description_is_markdown_with_the_evidence(verdict: Callable[..., Verdict]) -> None:
    said = verdict("stuck_ln2", math.log(2.0), loss=math.log(2.0), cause="affine_collapse")
    text = wording.description(NOTEBOOK, said, epochs=10_000).replace(wording.COLUMN_GAP, "")
    assert text.startswith("Stuck at ln 2")
    assert "| final loss | 0.693147 |" in text
    assert "| epochs near ln 2 | 9,852 |" in text
    assert "| largest Hessian eigenvalue | 0.684 |" in text
    assert r"| points with the same output | {00,01,10}\|{11} |" in text
    assert "0.477 |" not in text


def test_of_many_points_only_the_highest_level_is_named(verdict: Callable[..., Verdict]) -> None:
    noisy = RunSpec(data=DataSpec(name="noisy_xor"))
    assert wording.outcome(noisy, verdict("stuck_other", loss=0.36249), epochs=9) == (
        "Stuck at 0.3625. This is below ln 2, but with more than 8 points xorlab does not name the lower levels."
    )
    above = wording.outcome(noisy, verdict("stuck_other", loss=1.04), epochs=9)
    assert above == "Stuck at 1.0400. This is not a level of noisy_xor."


def test_a_unit_that_is_off_is_not_called_dead(verdict: Callable[..., Verdict]) -> None:
    stuck = verdict("descending", cause="slow")
    leaky = replace(stuck, evidence=replace(stuck.evidence, units=(("split", "off", "off"),)))
    said = wording.paragraph(NOTEBOOK, leaky, epochs=300)
    assert "Hidden units 2 and 3 are off at every point, unit 1 is on at some points." in said


SAID = {"What helps": "helps", "What does not help": "does not help"}


def test_a_verdict_names_only_changes_that_the_page_supports(verdict: Callable[..., Verdict]) -> None:
    """By the page's own words for each change, of every cause and of runs that changes apply to and do not."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "verdicts.md").read_text()
    sections = dict(re.findall(r"### `(\w+)`\n(.*?)(?=\n##|\Z)", page, flags=re.DOTALL))
    specs = (
        NOTEBOOK,
        RunSpec(arch=ArchSpec(hidden=(4,), activation="tanh")),
        RunSpec(arch=ArchSpec(hidden=()), loss="mse"),
    )
    count = 0
    for cause in CAUSES:
        listed = {
            cells[0]: cells[-1]
            for cells in re.findall(r"^\| ([^|]+) \|(?:[^|]+\|){3} ([^|]*?) ?\|$", sections.get(cause, ""), re.M)
        }
        for spec in specs:
            said = wording.paragraph(spec, verdict("undecided", cause=cause), epochs=100)
            assert ("Cause: " in said) == (judged.confirmed(cause) or CAUSES[cause].proved)
            for head, word in SAID.items():
                for names in re.findall(rf"{head}: (.*?)\.(?: |$)", re.sub(r" \([\d.]+ % of [\d,]+ runs\)", "", said)):
                    for name in re.split(", or |, ", names):
                        assert listed[name] == word
                        assert CHANGES[name].applies(spec)
                        count += 1
            assert ("#" + cause in said) == bool(judged.remedies(cause)) == (cause in sections)
    assert count >= 3
