import math

import pandas as pd
import pytest
from pandas.testing import assert_series_equal

from xorlab.statistics import factors, levels, rates, wilson

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


def test_factors_are_what_tells_settings_apart():
    assert factors(RUNS) == ["init.name", "lr"]
    assert factors(RUNS[:2]) == []


def test_levels_are_those_of_the_data_and_the_loss():
    assert levels(RUNS) == pytest.approx({"ln2": math.log(2), "0.477": 0.477386, "0.347": math.log(2) / 2}, abs=1e-6)
    mixed = pd.concat([RUNS, RUNS.assign(loss="mse")])
    assert list(levels(mixed)) == ["ln2", "0.477", "0.347", "0.250", "0.167", "0.125"]
    parity = RUNS.assign(**{"data.name": "parity", "data.bits": 3})
    assert next(iter(levels(parity))) == "ln2"
