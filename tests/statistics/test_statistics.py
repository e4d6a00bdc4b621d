import math
import subprocess
import sys

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal
from scipy import stats

from xorlab.diagnosis import theory
from xorlab.errors import XorlabError
from xorlab.spec import InitSpec
from xorlab.statistics import CONFIDENCE, bounds, causes, distinct, factors, levels, more_seeds, rates, sentence, wilson

Z = 1.959963984540054

RUNS = pd.DataFrame(
    {
        "lr": [0.1, 0.1, 0.1, 1.0, 1.0, 1.0],
        "init.name": ["normal", "normal", "zeros", "normal", "normal", "zeros"],
        "init.std": [1.0, 1.0, None, 1.0, 1.0, None],
        "seed": [0, 1, 0, 0, 1, 0],
        "loss": "bce",
        "data.name": "xor",
        "outcome": ["converged", "stuck_ln2", "stuck_ln2", "converged", "converged", None],
        "cause": [None, "affine_collapse", "tied_units", None, None, None],
    }
)


@pytest.mark.parametrize(("count", "n"), [(0, 10), (7, 10), (10, 10), (1, 1), (913, 2000)])
def test_wilson_is_its_closed_form(count, n):
    rate = count / n
    centre = (rate + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2))
    assert wilson(count, n) == pytest.approx((centre - half, centre + half), abs=1e-12)


def test_ten_of_ten_is_at_least_72_per_cent():
    assert wilson(10, 10)[0] == pytest.approx(0.722, abs=5e-4)


def test_rates_count_what_pandas_counts():
    found = rates(RUNS, ["lr"]).set_index(["lr", "outcome"])
    told = RUNS.dropna(subset="outcome")
    expected = pd.crosstab(told["lr"], told["outcome"]).stack()
    assert_series_equal(found["count"], expected, check_names=False)
    assert found["n"].tolist() == [3, 3, 2, 2]
    assert found.loc[(0.1, "converged"), ["rate", "low", "high"]].tolist() == [1 / 3, *wilson(1, 3)]


def test_rates_keep_settings_to_which_a_parameter_does_not_apply():
    found = rates(RUNS, ["init.std"])
    assert found[found["outcome"] == "stuck_ln2"]["count"].tolist() == [1, 1]
    assert found["init.std"].isna().sum() == 2


def test_rates_of_all_runs_and_of_none():
    assert rates(RUNS)["n"].tolist() == [5, 5]
    assert rates(RUNS[:0], ["lr"]).empty
    columns = ["lr", "outcome", "n", "count", "rate", "low", "high"]
    assert rates(RUNS[:0], ["lr"]).columns.tolist() == rates(RUNS, ["lr"]).columns.tolist() == columns


def test_rates_list_the_outcomes_asked_for_even_if_they_never_occur():
    found = rates(RUNS, outcomes=["diverged"]).set_index("outcome")
    assert found.loc["diverged", "count"] == 0
    assert found.loc["diverged", "high"] == pytest.approx(wilson(0, 5)[1])


def test_rates_say_how_many_runs_were_intended():
    asked = pd.DataFrame({"lr": [0.1, 0.1, 1.0], "init.std": [1.0, None, 1.0], "intended": [2, 1, 4]})
    assert rates(RUNS, ["lr"], coverage=asked)["intended"].tolist() == [3, 3, 4, 4]
    assert rates(RUNS, coverage=asked)["intended"].tolist() == [7, 7]
    finer = rates(RUNS, ["lr", "init.std"], coverage=asked, outcomes=["converged"])
    assert finer[finer["outcome"] == "converged"]["intended"].tolist() == [2, 1, 4]
    assert rates(RUNS[:0], ["lr"], coverage=asked).columns[-1] == "intended"
    assert rates(RUNS, ["lr"], coverage=asked[:2])["intended"].tolist() == [3, 3, 0, 0]


@pytest.mark.parametrize(("count", "n"), [(0, 10), (3, 10), (10, 10), (1, 2)])
@pytest.mark.parametrize("width", [0.05, 0.2, 0.5])
def test_more_seeds_is_the_first_total_that_is_enough(count, n, width):
    def wide(total):
        spread = count / n * (1 - count / n) / total
        return 2 * Z * math.sqrt(spread + Z**2 / (4 * total**2)) / (1 + Z**2 / total)

    total = n
    while wide(total) > width:
        total += 1
    assert more_seeds(count, n, width=width) == total - n


def test_more_seeds_agrees_with_the_interval():
    total = 10 + more_seeds(10, 10, width=0.1)
    assert 1.0 - wilson(total, total)[0] <= 0.1 < 1.0 - wilson(total - 1, total - 1)[0]


def test_more_seeds_refuses_what_has_no_answer():
    with pytest.raises(XorlabError, match="n at least 1; got 0 of 0"):
        more_seeds(0, 0, width=0.1)
    with pytest.raises(XorlabError, match="got 3 of 2"):
        more_seeds(3, 2, width=0.1)
    with pytest.raises(XorlabError, match="width must be between 0 and 1; got 0"):
        more_seeds(1, 2, width=0.0)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ((10, 10), "10 of 10 converged: at least 72 %"),
        ((0, 10), "0 of 10 converged: at most 28 %"),
        ((7, 10), "7 of 10 converged: 40 to 89 %"),
        ((0, 10, "stuck_ln2"), "0 of 10 stuck at ln 2: at most 28 %"),
        ((2000, 2000), "2,000 of 2,000 converged: at least 99.8 %"),
        ((0, 0), "0 of 0 converged: nothing is known"),
    ],
)
def test_a_sentence_says_what_is_sure(said, text):
    assert sentence(*said) == text


def test_a_repeated_run_counts_once():
    runs = RUNS.assign(spec=["a", "b", None, "b", "a", None], outcome=[None, "x", "y", "z", "w", None])
    assert distinct(runs).index.tolist() == [1, 2, 4, 5]  # of a, the one with an outcome; of b, the first
    assert_frame_equal(distinct(RUNS), RUNS)
    assert distinct(runs[:0]).empty


def test_causes_are_counted_within_their_outcome():
    found = causes(RUNS)
    assert found.values.tolist() == [["stuck_ln2", "affine_collapse", 2, 1], ["stuck_ln2", "tied_units", 2, 1]]
    doubled = pd.concat([RUNS, RUNS.assign(cause="tied_units", outcome="stuck_ln2", lr=0.1)])
    assert causes(doubled, ["lr"])["cause"].tolist() == ["tied_units", "affine_collapse"]
    assert causes(doubled, ["lr"])[["n", "count"]].values.tolist() == [[8, 7], [8, 1]]
    assert causes(RUNS[:0], ["lr"]).columns.tolist() == ["lr", "outcome", "cause", "n", "count"]


START = {
    "data.name": "xor",
    "data.encoding": "binary",
    "arch.hidden": "[2]",
    "arch.activation": "relu",
    "arch.relu_grad_at_zero": 0.0,
    "init.name": "normal",
    "init.biases": "zero",
    "outcome": "converged",
}


def started(*changes):
    rows = [{**START, "data.bits": None, **change, "row": row} for row, change in enumerate(changes)]
    return pd.DataFrame(rows).astype({"data.bits": "Int64"})


def test_wilson_has_scipys_bits():
    assert stats.norm.isf((1.0 - CONFIDENCE) / 2.0) == Z
    for n in (1, 2, 7, 100, 999):
        for count in {0, 1, n // 3, n // 2, n - 1, n}:
            expected = stats.binomtest(count, n).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
            assert wilson(count, n) == (expected.low, expected.high)


def test_counting_and_comparing_need_no_scipy_statistics():
    code = "import sys, xorlab.report.mechanism, xorlab.remedies.trials; print('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


def test_bounds_are_those_of_the_start():
    runs = started({}, {"arch.hidden": "[3]"}, {"init.name": "torch_default", "init.biases": "drawn"})
    drawn = theory.start(InitSpec(name="torch_default"), 2).two_live
    assert bounds(runs, ["row"])["bound"].tolist() == pytest.approx([9 / 16, 27 / 32, drawn], abs=1e-12)
    assert bounds(started({"data.encoding": "bipolar"}), ["row"])["bound"].tolist() == [1.0]
    labels = started({}, {"data.name": "xnor"}, {"data.name": "parity", "data.bits": 2})
    assert bounds(labels, ["row"])["bound"].tolist() == pytest.approx(3 * [9 / 16], abs=1e-12)
    assert bounds(runs[:2], [])["bound"].tolist() == pytest.approx([(9 / 16 + 27 / 32) / 2])


@pytest.mark.parametrize("change", [{"arch.activation": "swish"}, {"init.name": "tiny"}, {"data.name": "mine"}])
def test_what_the_user_registered_elsewhere_has_no_bound(change):
    assert bounds(started(change), ["row"])["bound"].isna().all()


@pytest.mark.parametrize(
    "change",
    [
        {"data.name": "and"},
        {"data.name": "parity", "data.bits": 3},
        {"data.name": "noisy_xor"},
        {"arch.hidden": "[2, 2]"},
        {"arch.activation": "tanh"},
        {"arch.relu_grad_at_zero": 1.0},
        {"init.name": "zeros"},
        {"init.name": None},
    ],
)
def test_no_bound_where_theory_has_none_for_every_run(change):
    runs = started({}, change)
    assert bounds(runs, ["row"])["bound"].isna().tolist() == [False, True]
    assert bounds(runs, [])["bound"].isna().tolist() == [True]


def test_bounds_need_all_they_rest_on():
    assert bounds(started({}).drop(columns="arch.hidden"), ["row"])["bound"].isna().all()
    assert bounds(started({}, {"outcome": None}), ["row"])["row"].tolist() == [0]
    assert bounds(started({})[:0], ["row"]).columns.tolist() == ["row", "bound"]


def test_factors_are_what_tells_settings_apart():
    assert factors(RUNS) == ["init.name", "lr"]
    assert factors(RUNS[:2]) == []


def test_levels_are_those_of_the_data_and_the_loss():
    assert levels(RUNS) == pytest.approx({"ln2": math.log(2), "0.477": 0.477386, "0.347": math.log(2) / 2}, abs=1e-6)
    mixed = pd.concat([RUNS, RUNS.assign(loss="mse")])
    assert list(levels(mixed)) == ["ln2", "0.477", "0.347", "0.250", "0.167", "0.125"]
    parity = RUNS.assign(**{"data.name": "parity", "data.bits": 3})
    assert next(iter(levels(parity))) == "ln2"
