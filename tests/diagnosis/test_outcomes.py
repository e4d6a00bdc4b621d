import math

import pytest

from xorlab.diagnosis.outcomes import level, ordered, percent, phrase


@pytest.mark.parametrize(
    ("outcome", "words", "at"),
    [
        ("converged", "converged", None),
        ("stuck_ln2", "stuck at ln 2", math.log(2)),
        ("stuck_0.477", "stuck at 0.477", 0.477),
        ("stuck_other", "stuck at no level", None),
        ("diverged", "diverged", None),
    ],
)
def test_outcomes_in_words_and_levels(outcome, words, at):
    assert phrase(outcome) == words
    assert level(outcome) == at


def test_outcomes_are_ordered_from_best_to_worst():
    expected = ["converged", "descending", "stuck_0.347", "stuck_0.477", "stuck_ln2", "stuck_other", "diverged"]
    assert ordered([*reversed(expected), "converged"]) == expected


def test_percentages_say_all_and_none_only_of_all_and_none():
    rates = (0.0, 1e-6, 0.002, 0.444, 0.995, 1 - 1e-6, 1.0)
    assert [percent(rate) for rate in rates] == ["0", "0.1", "0.2", "44", "99.5", "99.9", "100"]
