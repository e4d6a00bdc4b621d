import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xorlab.statistics import logrank, medians, rates, survival, wilson
from xorlab.statistics.comparison import holm

# Weeks of remission, Freireich et al., Blood 21 (1963); a minus is a patient still in remission.
TREATED = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def runs(**groups):
    """Runs that converged at an epoch, or (below 0) were last seen then, stopped by their target."""
    rows = [
        (name, "converged", 100, time, 100) if time >= 0 else (name, "descending", 100, math.nan, -time)
        for name, times in groups.items()
        for time in times
    ]
    return pd.DataFrame(rows, columns=["lr", "outcome", "epochs", "epochs_to_converge", "epochs_run"])


def kaplan_meier(times):
    """By hand: (epoch, at risk, events, survival, Greenwood's variance) at each event, exactly."""
    share, greenwood, rows = Fraction(1), Fraction(0), []
    for epoch in sorted({time for time in times if time > 0}):
        at_risk = sum(abs(time) >= epoch for time in times)
        events = times.count(epoch)
        share *= 1 - Fraction(events, at_risk)
        greenwood += Fraction(events, at_risk * (at_risk - events)) if at_risk > events else 0
        rows.append((epoch, at_risk, events, share, share**2 * greenwood))
    return rows


def log_rank(*groups):
    """By hand: observed less expected events of all groups but the last, and their covariance."""
    gap, covariance = np.zeros(len(groups)), np.zeros((len(groups), len(groups)))
    for epoch in sorted({time for times in groups for time in times if time > 0}):
        n = np.array([sum(abs(time) >= epoch for time in times) for times in groups])
        d = np.array([times.count(epoch) for times in groups])
        N, D = n.sum(), d.sum()
        gap += d - D * n / N
        if N > 1:
            covariance += D * (N - D) / (N - 1) * (np.diag(n / N) - np.outer(n, n) / N**2)
    gap, covariance = gap[:-1], covariance[:-1, :-1]
    return float(gap @ np.linalg.solve(covariance, gap))


def wilson_of(share, n):
    z = stats.norm.ppf(0.975)
    centre, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def test_the_curve_of_published_data():
    found = survival(runs(a=TREATED))
    assert found["epoch"].tolist() == [0, 6, 7, 10, 13, 16, 22, 23, 35]
    assert found["at_risk"].tolist() == [21, 21, 17, 15, 12, 11, 7, 6, 1]
    assert found["events"].tolist() == [0, 3, 1, 1, 1, 1, 1, 1, 0]
    published = [1, 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448, 0.448]
    assert found["survival"].tolist() == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize("times", [TREATED, PLACEBO, [3, -3, 5], [4, 4, -4, 9]])
def test_the_curve_and_its_band_by_hand(times):
    found = survival(runs(a=times))
    n, effective = len(times), len(times)
    for row, (epoch, at_risk, events, share, variance) in zip(
        found.iloc[1:].itertuples(), kaplan_meier(times), strict=False
    ):
        assert (row.epoch, row.at_risk, row.events) == (epoch, at_risk, events)
        assert row.survival == pytest.approx(float(share), abs=1e-9)
        effective = float(share * (1 - share) / variance) if variance else effective
        assert (row.low, row.high) == pytest.approx(wilson_of(float(share), effective), abs=1e-9)
    assert found.iloc[0][["epoch", "at_risk", "events", "survival"]].tolist() == [0, n, 0, 1]
    assert (found["low"][0], found["high"][0]) == pytest.approx(wilson_of(1.0, n), abs=1e-9)


@given(st.lists(st.integers(-40, 40).filter(bool), min_size=1, max_size=25))
@settings(max_examples=50, deadline=None)
def test_a_curve_falls_from_one_within_its_band(times):
    found = survival(runs(a=times))
    assert found["survival"].iloc[0] == 1.0
    assert (found["survival"].diff().dropna() <= 0.0).all()
    assert found["epoch"].iloc[-1] == max(abs(time) for time in times)
    assert found["low"].between(0.0, found["survival"] + 1e-12).all()
    assert found["high"].between(found["survival"] - 1e-12, 1.0).all()


def test_the_end_of_a_curve_agrees_with_the_rate():
    table = pd.DataFrame(
        {
            "outcome": ["converged"] * 3 + ["stuck_ln2"] * 6 + ["diverged", None],
            "epochs": 100,
            "epochs_to_converge": [5.0, 40.0, 90.0] + [math.nan] * 8,
            "epochs_run": [100.0] * 9 + [7.0, math.nan],  # one diverged at once, and stays to be counted
        }
    )
    end, rate = survival(table).iloc[-1], rates(table).iloc[0]
    assert (end["epoch"], end["at_risk"]) == (100, 7)
    assert end["survival"] == pytest.approx(1.0 - rate["rate"], abs=1e-12)
    assert (end["low"], end["high"]) == pytest.approx((1.0 - rate["high"], 1.0 - rate["low"]), abs=1e-9)


def test_none_and_all_converged_keep_a_width():
    never = survival(runs(a=[-50] * 10))
    assert never["epoch"].tolist() == [0, 50]
    assert never["survival"].tolist() == [1, 1]
    assert never["low"].tolist() == pytest.approx([wilson(10, 10)[0]] * 2)
    soon = survival(runs(a=[3] * 10))
    assert soon["survival"].tolist() == [1, 0]
    assert (soon["low"][1], soon["high"][1]) == pytest.approx(wilson(0, 10), abs=1e-12)
    at_once = survival(runs(a=[0, 0, 4]))
    assert at_once[["epoch", "at_risk", "events"]].values.tolist() == [[0, 3, 0], [0, 3, 2], [4, 1, 1]]


def test_without_epochs_run_all_are_watched_to_the_epochs_given():
    found = survival(runs(a=[5, -50]).drop(columns="epochs_run"))
    assert found["epoch"].tolist() == [0, 5, 100]


def test_medians_are_where_curve_and_band_come_down_to_half():
    found = medians(runs(treated=TREATED, placebo=PLACEBO, half=[1, 2, -9, -9], never=[-9, -9]), ["lr"])
    found = found.set_index("lr")
    assert found.loc["treated", ["n", "events", "median"]].tolist() == [21, 9, 23]
    assert found.loc["placebo", ["n", "events", "median"]].tolist() == [21, 21, 8]
    assert found.loc["half", "median"] == 2
    assert math.isnan(found.loc["never", "median"])
    assert found.loc["treated", "low"] == 13  # as SAS has it, by log-log limits
    assert math.isnan(found.loc["treated", "high"])
    assert found.loc["placebo", ["low", "high"]].tolist() == [4, 11]
    assert wilson(14, 21)[0] <= 0.5 < wilson(16, 21)[0]  # left at 4 and before it
    assert wilson(6, 21)[1] <= 0.5 < wilson(8, 21)[1]  # left at 11 and before it


def test_logrank_of_published_data_and_by_hand():
    found = logrank(runs(treated=TREATED, placebo=PLACEBO), ["lr"]).iloc[0]
    assert found[["a", "b", "n_a", "n_b", "events_a", "events_b"]].tolist() == ["placebo", "treated", 21, 21, 21, 9]
    assert found["statistic"] == pytest.approx(16.79, abs=5e-3)
    assert found["statistic"] == pytest.approx(log_rank(PLACEBO, TREATED), abs=1e-9)
    assert found["p"] == found["p_holm"] == pytest.approx(math.erfc(math.sqrt(found["statistic"] / 2)), rel=1e-9)


def test_logrank_of_each_pair():
    groups = {"a": PLACEBO, "b": TREATED, "c": [5, 9, 13, -13, 30], "d": [-2, -2]}
    found = logrank(runs(**groups), ["lr"])
    assert found[["a", "b"]].agg("".join, axis=1).tolist() == ["ab", "ac", "ad", "bc", "bd", "cd"]
    by_hand = [log_rank(groups[a], groups[b]) for a, b in found[["a", "b"]].values[[0, 1, 2, 3]]]
    assert found["statistic"][:4].tolist() == pytest.approx(by_hand, abs=1e-9)
    assert found["p"][4:].tolist() == [1.0, 1.0]  # d was out of sight before b and c had an event
    assert found["p_holm"].tolist() == pytest.approx(holm(found["p"]).tolist())


@pytest.mark.parametrize(
    "groups", [{"a": [-5], "b": [-5]}, {"a": [5], "b": [5]}, {"a": [5], "b": [-3]}, {"a": [5]}, {}]
)
def test_logrank_where_nothing_can_be_told_apart(groups):
    assert logrank(runs(**groups), ["lr"])["p"].tolist() == [1.0] * (len(groups) == 2)


def test_a_very_small_p_is_not_zero():
    found = logrank(runs(a=[1] * 100 + [2], b=[50] * 100), ["lr"])
    assert 0.0 < found["p"][0] < 1e-16


def test_empty_frames_keep_their_columns():
    none, some = runs(), runs(a=[5], b=[6])
    for function in (survival, medians, logrank):
        assert function(none, ["lr"]).empty
        assert function(none, ["lr"]).columns.tolist() == function(some, ["lr"]).columns.tolist()
    assert survival(none).columns.tolist() == ["epoch", "at_risk", "events", "survival", "low", "high"]


def test_pairs_are_tested_within_each_setting_of_other_factors():
    table = pd.concat([runs(**{"1": [1, 2, 3], "2": [7, 8, 9]}).assign(width=width) for width in (2, 3)])
    found = logrank(table, "lr", within=["width"])
    alone = logrank(table[table["width"] == 2], "lr")
    assert found[["width", "a", "b"]].to_numpy().tolist() == [[2, "1", "2"], [3, "1", "2"]]
    assert found["p"].tolist() == [alone["p"][0]] * 2
    assert found["p_holm"].tolist() == pytest.approx([2 * alone["p"][0]] * 2)


def test_neighbours_of_logrank_are_some_of_all_pairs():
    groups = {"a": PLACEBO, "b": TREATED, "c": [5, 9, 13, -13, 30], "d": [-2, -2]}
    found = logrank(runs(**groups), ["lr"], neighbours=True)
    assert found[["a", "b"]].agg("".join, axis=1).tolist() == ["ab", "bc", "cd"]
    every = logrank(runs(**groups), ["lr"]).set_index(["a", "b"])["statistic"]
    assert found["statistic"].tolist() == pytest.approx([every["a", "b"], every["b", "c"], every["c", "d"]])
