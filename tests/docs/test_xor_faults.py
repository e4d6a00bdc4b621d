"""data/xor-faults: its files hang together, and a few of its cases give again what they say."""

import json
from collections import Counter

import pytest

import xor_faults

CASES = json.loads(xor_faults.CASES.read_text())


def test_there_are_a_hundred_cases_each_with_its_fault_its_remedy_and_its_evidence():
    assert len(CASES) >= 100
    assert min(Counter(case["fault"] for case in CASES).values()) >= 4
    for case in CASES:
        assert case["remedy"] or case["program"]
        assert 0 <= case["as it is"]["converged"] <= 100
        assert 0 <= case["with the remedy"]["converged"] <= 100
        assert case["reported"] == "" or case["reported"].startswith("https://")


def test_the_file_holds_the_cases_of_the_command():
    listed = [{key: case[key] for key in next(xor_faults.listed())} for case in CASES]
    assert listed == json.loads(json.dumps(list(xor_faults.listed())))


def test_the_page_is_that_of_the_file():
    assert xor_faults.PAGE.read_text() == xor_faults.page(CASES)


@pytest.mark.parametrize("fault", ["linear model", "wrong output or loss", "tied units"])
def test_a_case_gives_again_what_it_says(fault):
    case = next(case for case in CASES if case["fault"] == fault)
    again = xor_faults.measured(case)
    for when in ("as it is", "with the remedy"):
        for key, value in case[when].items():
            assert again[when][key] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value), key
