import math

import pytest

from xorlab.outcomes import level, ordered, phrase


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
