import math
import re
from collections.abc import Callable

import numpy as np
import pytest

from xorlab.diagnosis import wording
from xorlab.diagnosis.causes import CAUSES
from xorlab.diagnosis.evidence import Evidence
from xorlab.diagnosis.verdict import Verdict
from xorlab.spec import DataSpec, RunSpec

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
    assert lines[2] == "(1, 0) -> 1:  p = 0.880797  1 right"


def test_the_least_decided_probability_is_told() -> None:
    line, *_ = wording.predictions(NOTEBOOK, np.array([-8e-6, 0.0, 0.0, 0.0]))
    assert line.endswith("0 right")


def test_many_points_are_counted() -> None:
    spec = RunSpec(data=DataSpec(name="noisy_xor", points=10))
    lines = list(wording.predictions(spec, np.full(40, -1.0)))
    assert len(lines) == wording.SHOWN + 1
    assert lines[-1] == "… 20 of 40 points are on their side"


@pytest.mark.parametrize(
    ("outcome", "level", "words"),
    [
        ("stuck_ln2", np.log(2.0), "stuck at ln 2: .* p = 1/2 everywhere"),
        ("stuck_0.477", 0.4773856, "stuck at 0.477: .* one point from three"),
        ("stuck_other", None, "none of the data's levels"),
        ("descending", None, "after 100 epochs, is still moving"),
        ("diverged", None, "no longer a finite number after 100 epochs"),
    ],
)
def test_an_outcome_is_told_in_words(
    verdict: Callable[..., Verdict], outcome: str, level: float | None, words: str
) -> None:
    said = wording.outcome(NOTEBOOK, verdict(outcome, level), epochs=100)
    assert re.search(words, said)
    assert "\n" not in said


def test_the_meaning_of_a_level_is_not_claimed_for_other_data(verdict: Callable[..., Verdict]) -> None:
    said = wording.outcome(RunSpec(data=DataSpec(name="parity")), verdict("stuck_ln2", np.log(2.0)), epochs=9)
    assert "p = 1/2 everywhere" not in said
    assert "a level of parity" in said


def test_a_converged_run_tells_since_when(verdict: Callable[..., Verdict]) -> None:
    said = wording.outcome(NOTEBOOK, verdict("converged", loss=0.01, reached=812), epochs=1000)
    assert "from epoch 812 on and ended at 0.0100" in said


def test_the_verdict_is_a_paragraph_on_units_cause_certainty_and_remedy(verdict: Callable[..., Verdict]) -> None:
    stuck = verdict("stuck_ln2", math.log(2.0), loss=math.log(2.0), cause="affine_collapse", certified=True)
    said = wording.verdict(NOTEBOOK, stuck, epochs=10_000)
    assert "Hidden unit 2 is dead, units 1 and 3 are on at every point." in said
    assert "Cause, affine collapse: every unit is off at every point or on at every point" in said
    assert "It is proved that gradient descent with this lr stays here for ever." in said
    assert said.endswith("not more epochs, nor a leaky activation.")


def test_what_is_only_observed_is_said_to_be(verdict: Callable[..., Verdict]) -> None:
    tied = verdict("stuck_0.477", 0.4773856, cause="tied_inputs")
    said = wording.verdict(NOTEBOOK, tied, epochs=10)
    assert "one output to points with different labels ({00,01,10}|{11})" in said
    assert "That it stays is observed, not proved." in said
    assert "stays" not in wording.verdict(NOTEBOOK, verdict("descending", cause="slow"), epochs=10)


def test_every_cause_has_words() -> None:
    assert set(wording.WHY) == {*CAUSES, "unknown"}
    assert set(wording.HELPS) == set(CAUSES)


def test_the_description_is_markdown_with_the_evidence(verdict: Callable[..., Verdict]) -> None:
    said = verdict("stuck_ln2", math.log(2.0), loss=math.log(2.0), cause="affine_collapse")
    text = wording.description(NOTEBOOK, said, epochs=10_000).replace(wording.GAP, "")
    assert text.startswith("Stuck at ln 2")
    assert "| final loss | 0.693147 |" in text
    assert "| epochs near ln2 | 9,852 |" in text
    assert "| largest Hessian eigenvalue | 0.684 |" in text
    assert r"| outputs tie | {00,01,10}\|{11} |" in text
    assert "0.477 |" not in text


def test_of_many_points_only_the_highest_level_is_told(verdict: Callable[..., Verdict]) -> None:
    said = wording.outcome(RunSpec(data=DataSpec(name="noisy_xor")), verdict("stuck_other"), epochs=9)
    assert "below the highest level; of so many points no other is told" in said
