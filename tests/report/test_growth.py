"""What a report is made of takes calls and memory in proportion to its runs, whatever the sweep's shape.

Tables show their first rows only; `docs/make/growth.py` measures them and the pictures too.
"""

import sys
import tracemalloc
from collections import defaultdict

import pytest

import growth

FEW, MANY = 250, 1_000


def costs(shape, runs, folder):
    """The calls that each part of a report makes, of Python's functions and of C's, and the bytes that it needs."""
    found = defaultdict(list)
    for name, compute in growth.parts(growth.material(shape, runs), folder):
        if name.startswith(("picture", "table")):
            continue
        calls = 0

        def count(frame, event, argument):
            nonlocal calls
            calls += event in ("call", "c_call")

        tracemalloc.start()
        sys.setprofile(count)
        compute()
        sys.setprofile(None)
        found[name] = [calls, tracemalloc.get_traced_memory()[1]]
        tracemalloc.stop()
    return found


@pytest.mark.parametrize("shape", growth.SHAPES)
def test_four_times_the_runs_take_at_most_four_times_the_work(shape, tmp_path):
    costs(shape, 100, tmp_path)  # imports, and what is read once
    few, many = (costs(shape, runs, tmp_path) for runs in (FEW, MANY))
    assert few.keys() == many.keys()
    grown = {
        name: (few[name], many[name])
        for name in few
        if many[name][0] > 4.4 * few[name][0] + 2_000 or many[name][1] > 4.4 * few[name][1] + 1_000_000
    }
    assert grown == {}
