"""What a report is made of takes calls and memory in proportion to its runs, whatever the sweep's shape.

Tables show their first rows only; `docs/make/growth.py` measures them and the pictures too.
"""

import tracemalloc
from cProfile import Profile

import pytest

import growth

FEW, MANY = 100, 400


def costs(shape, runs, folder):
    """The calls that each part of a report makes, of Python's functions and of C's, and the bytes that it needs."""
    found = {}
    for name, compute in growth.parts(growth.material(shape, runs), folder):
        if name.startswith(("picture", "table")):
            continue
        profile = Profile()
        tracemalloc.start()
        profile.runcall(compute)
        found[name] = [sum(entry.callcount for entry in profile.getstats()), tracemalloc.get_traced_memory()[1]]
        tracemalloc.stop()
    return found


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """What is imported or read once is there."""
    costs(next(iter(growth.SHAPES)), 40, tmp_path_factory.mktemp("warm"))


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("shape", growth.SHAPES)
def test_four_times_the_runs_take_at_most_four_times_the_work(shape, tmp_path):
    few, many = (costs(shape, runs, tmp_path) for runs in (FEW, MANY))
    assert few.keys() == many.keys()
    grown = {
        name: (few[name], many[name])
        for name in few
        if many[name][0] > 4.4 * few[name][0] + 1_000 or many[name][1] > 4.4 * few[name][1] + 300_000
    }
    assert grown == {}
