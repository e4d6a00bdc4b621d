import re
from collections.abc import Callable

import numpy as np
import pytest

from xorlab import prose
from xorlab.diagnosis import Verdict
from xorlab.spec import ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec

NOTEBOOK = RunSpec()


@pytest.fixture
def verdict() -> Callable[..., Verdict]:
    def make(outcome: str, level: float | None = None, *, loss: float = 0.5, reached: int | None = None) -> Verdict:
        return Verdict(outcome=outcome, level=level, final_loss=loss, accuracy=0.5, epochs_to_converge=reached)

    return make


def test_a_title_says_architecture_data_optimizer_initialisation_and_seed() -> None:
    assert prose.title(NOTEBOOK) == "2-3-1 relu, xor, gd lr=0.1, normal init, seed=42"
    spec = RunSpec(
        data=DataSpec(name="parity", bits=4),
        arch=ArchSpec(hidden=(5, 5), activation="tanh"),
        optimizer=OptimizerSpec(name="adam"),
        init=InitSpec(name="zeros"),
        lr=1e-3,
        seed=7,
    )
    assert prose.title(spec) == "4-5-5-1 tanh, parity, adam lr=0.001, zeros init, seed=7"


def test_a_probability_of_a_half_is_undecided_and_not_rounded() -> None:
    lines = list(prose.predictions(NOTEBOOK, np.array([1e-14, -1e-14, 2.0, 2.0])))
    assert [line.split()[-1] for line in lines] == ["undecided", "undecided", "right", "wrong"]
    assert lines[2] == "(1, 0) -> 1:  p = 0.880797  1 right"


def test_the_least_decided_probability_is_told() -> None:
    line, *_ = prose.predictions(NOTEBOOK, np.array([-8e-6, 0.0, 0.0, 0.0]))
    assert line.endswith("0 right")


def test_many_points_are_counted() -> None:
    spec = RunSpec(data=DataSpec(name="noisy_xor", points=10))
    lines = list(prose.predictions(spec, np.full(40, -1.0)))
    assert len(lines) == prose.SHOWN + 1
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
    said = prose.outcome(NOTEBOOK, verdict(outcome, level), epochs=100)
    assert re.search(words, said)
    assert "\n" not in said


def test_the_meaning_of_a_level_is_not_claimed_for_other_data(verdict: Callable[..., Verdict]) -> None:
    said = prose.outcome(RunSpec(data=DataSpec(name="parity")), verdict("stuck_ln2", np.log(2.0)), epochs=9)
    assert "p = 1/2 everywhere" not in said
    assert "a level of parity" in said


def test_a_converged_run_tells_since_when(verdict: Callable[..., Verdict]) -> None:
    said = prose.outcome(NOTEBOOK, verdict("converged", loss=0.01, reached=812), epochs=1000)
    assert "from epoch 812 on and ended at 0.0100" in said


def test_the_description_is_markdown_with_a_table(verdict: Callable[..., Verdict]) -> None:
    text = prose.description(NOTEBOOK, verdict("stuck_ln2", np.log(2.0), loss=np.log(2.0)), epochs=10_000)
    assert text.startswith("**2-3-1 relu")
    assert "| final loss | 0.693147 |" in text
    assert "| levels of the data | 0.6931, 0.4774, 0.3466 |" in text
