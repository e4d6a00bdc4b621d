import re

import numpy as np
import pytest

import benchmark
from baselines import BASELINES, problem
from benchmarks import commands, kernel, stages, timing
from markdown_table import table
from xorlab.numerics.training import train


@pytest.fixture
def only_plain(monkeypatch):
    monkeypatch.setattr(kernel, "BASELINES", {kernel.PLAIN: BASELINES[kernel.PLAIN]})


@pytest.mark.parametrize("hidden", kernel.NETWORKS.values(), ids=kernel.NETWORKS)
@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_trains_the_same_networks(name, hidden):
    pytest.importorskip(BASELINES[name].package)
    specs = kernel.specs(hidden, 3, 50)
    losses = BASELINES[name].prepare(problem(specs))()
    np.testing.assert_allclose(losses, train(specs).losses, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_starts_anew_each_time(name):
    pytest.importorskip(BASELINES[name].package)
    again = BASELINES[name].prepare(problem(kernel.specs((3,), 2, 20)))
    np.testing.assert_array_equal(again(), again())


def test_what_is_timed_as_ours_is_what_a_sweep_trains(monkeypatch):
    monkeypatch.setattr(kernel.training, "chunk", lambda spec: 8)
    specs = kernel.specs((3,), 19, 50)
    again = kernel.ours(specs)
    np.testing.assert_array_equal(again(), train(specs).losses)
    np.testing.assert_array_equal(again(), train(specs).losses)


def test_turns_are_interleaved_and_made_ready_off_the_clock():
    order, now = [], [0.0]
    durations = {"a": iter([1, 9, 2]), "b": iter([5, 4, 30])}

    def contender(name):
        def work():
            order.append(name)
            now[0] += next(durations[name])

        now[0] += 100
        return work

    found = timing.medians({name: lambda name=name: contender(name) for name in "ab"}, 3, clock=lambda: now[0])
    assert order == ["a", "b"] * 3
    assert found == {"a": 2, "b": 5}


@pytest.mark.parametrize(
    ("number", "text"), [(195_432, "195,000"), (0.012345, "0.0123"), (1, "1"), (70.04, "70"), (2_345_678, "2,350,000")]
)
def test_digits_that_count(number, text):
    assert timing.digits(number) == text


def test_a_table_is_markdown():
    assert table(["", "s"], [["one", "1"], ["two", "2"]], right=True).splitlines() == [
        "|  | s |",
        "| --- | ---: |",
        "| one | 1 |",
        "| two | 2 |",
    ]


def test_a_naive_sweep_is_extrapolated_along_runs_and_epochs():
    def seconds(runs, epochs):
        return 3.0 + runs * (0.2 + epochs * 0.004)

    points = {point: seconds(*point) for point in [(1, 200), (1, 1_200), (5, 200)]}
    assert commands.extrapolated(points, 30, 10_000) == pytest.approx(seconds(30, 10_000))


def test_where_a_baseline_is_faster_is_listed():
    measured = {"2-3-1": {("xorlab", 1): 15_000.0, ("Numba", 1): 150.0, ("plain", 1): 28_000.0}}
    assert kernel.slower(measured) == (
        "Faster than xorlab, and how many times as fast:\n\n- Numba: 2-3-1 at R = 1 (100x)"
    )
    assert (
        kernel.slower({"2-3-1": {("xorlab", 30): 1.0, ("plain", 30): 9.0}}) == "Nothing measured is faster than xorlab."
    )


def test_a_page_keeps_the_sections_that_were_not_measured():
    first = benchmark.page("", {"Training": "fast\n\n### 2-3-1\n\n| a |", "Logging": "also"})
    second = benchmark.page(first, {"Logging": "slower\n"})
    assert first.startswith("# Performance\n\n")
    assert second == first.replace("also", "slower")
    third = benchmark.page(second, {"Whole commands": "long", "Composition": "quick"})
    assert re.findall("^## (.*)", third, flags=re.MULTILINE) == ["Training", "Logging", "Composition", "Whole commands"]


def test_the_kernel_is_measured_against_the_plain_loop(only_plain, capsys):
    assert benchmark.main(["--sections", "kernel", "--quick"]) == 0
    printed = capsys.readouterr().out
    rows = re.findall(r"^\| (.+?) \| 1 \| ([\d,.]+) · .+x \| ([\d,.]+) · .+x \|$", printed, flags=re.MULTILINE)
    assert sorted(name for name, *_ in rows) == sorted(["plain NumPy loop", "xorlab"] * 3)
    assert "`python docs/make/benchmark.py --sections kernel`" in printed


def test_a_quick_measurement_is_not_written(capsys):
    with pytest.raises(SystemExit, match="2"):
        benchmark.main(["--quick", "--write"])
    assert "leave out --quick or --write" in capsys.readouterr().err


def test_the_stages_of_a_sweep_add_up_to_its_processor_time():
    body = stages.measure(quick=True)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in body.splitlines() if line.startswith("| ")]
    costs = {name: float(cost.replace(",", "")) for name, _, cost in rows[1:] if not name.startswith("-")}
    assert list(costs) == [*stages.STAGES, "all"]
    assert all(cost > 0.0 for cost in costs.values())
    assert sum(costs.values()) == pytest.approx(2 * costs["all"], rel=0.05)
