import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from xorlab.statistics import model

Z = 1.959963984540054


def runs(*cells, names=("lr", "loss")):
    """Runs of cells (values of the factors …, converged, all)."""
    rows = [(*cell[:-2], "converged" if run < cell[-2] else "stuck_ln2") for cell in cells for run in range(cell[-1])]
    return pd.DataFrame(rows, columns=[*names[: len(cells[0]) - 2], "outcome"])


def log_likelihood(hits, n):
    return sum(k * math.log(k / m) for k, m in ((hits, n), (n - hits, n)) if k)


def newton(X, y):
    """The estimates and their errors by Newton's iteration on single runs, and the deviance."""
    b = np.zeros(X.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-X @ b))
        information = X.T @ (X * (p * (1.0 - p))[:, None])
        b = b + np.linalg.solve(information, X.T @ (y - p))
    deviance = -2.0 * (y * np.log(p) + (1.0 - y) * np.log1p(-p)).sum()
    return b, np.sqrt(np.diag(np.linalg.inv(information))), deviance


def test_one_factor_is_its_closed_form():
    found = model(runs((0.1, 6, 20), (1.0, 15, 25), names=("lr",)), ["lr"])
    row = found.coefficients.iloc[0]
    log_odds, error = math.log(15 / 10 / (6 / 14)), math.sqrt(1 / 6 + 1 / 14 + 1 / 15 + 1 / 10)
    assert row[["factor", "value", "reference"]].tolist() == ["lr", 1.0, 0.1]
    assert row["log_odds"] == pytest.approx(log_odds, abs=1e-9)
    assert (row["low"], row["high"]) == pytest.approx((log_odds - Z * error, log_odds + Z * error), abs=1e-9)
    assert row["odds_ratio"] == pytest.approx(3.5, abs=1e-9)
    assert row["p"] == pytest.approx(math.erfc(log_odds / error / math.sqrt(2)), abs=1e-9)
    null = -2 * log_likelihood(21, 45)
    deviance = null + 2 * (log_likelihood(6, 20) + log_likelihood(15, 25))
    term = found.terms.iloc[0]
    assert term[["factor", "df"]].tolist() == ["lr", 1]
    assert term[["deviance", "share"]].tolist() == pytest.approx([deviance, deviance / null], abs=1e-9)
    assert term["p"] == pytest.approx(math.erfc(math.sqrt(deviance / 2)), abs=1e-9)
    assert (found.n, found.separated, found.outcome) == (45, False, "converged")
    assert found.explained == pytest.approx(deviance / null, abs=1e-9)


def test_two_factors_by_newtons_iteration():
    table = runs(
        *[(0.1, "bce", 3, 10), (0.1, "mse", 2, 12), (1.0, "bce", 8, 9), (1.0, "mse", 5, 11)],
        *[(10.0, "bce", 4, 8), (10.0, "mse", 6, 7)],
    )
    found = model(table, ["loss", "lr"])
    y = (table["outcome"] == "converged").to_numpy(float)
    columns = [np.ones(len(y)), table["loss"] == "mse", table["lr"] == 1.0, table["lr"] == 10.0]
    X = np.stack(columns, axis=1).astype(float)
    b, errors, deviance = newton(X, y)
    assert found.coefficients["value"].tolist() == ["mse", 1.0, 10.0]
    assert found.coefficients["log_odds"].tolist() == pytest.approx(b[1:], abs=1e-9)
    assert found.coefficients["low"].tolist() == pytest.approx(b[1:] - Z * errors[1:], abs=1e-9)
    without = {"lr": newton(X[:, :2], y)[2], "loss": newton(X[:, [0, 2, 3]], y)[2]}
    null = newton(X[:, :1], y)[2]
    assert found.terms["factor"].tolist() == ["lr", "loss"]
    assert found.terms["df"].tolist() == [2, 1]
    for row in found.terms.itertuples():
        assert row.deviance == pytest.approx(without[row.factor] - deviance, abs=1e-9)
        assert row.share == pytest.approx((without[row.factor] - deviance) / null, abs=1e-9)
        assert row.p == pytest.approx(stats.chi2.sf(without[row.factor] - deviance, row.df), abs=1e-9)
    assert found.explained == pytest.approx(1.0 - deviance / null, abs=1e-9)


def test_a_value_that_never_converges_is_said_and_leaves_the_rest_as_it_is():
    cells = [(0.1, "bce", 3, 10), (0.1, "mse", 2, 12), (1.0, "bce", 8, 9), (1.0, "mse", 5, 11)]
    rest = model(runs(*cells), ["lr", "loss"])
    found = model(runs(*cells, (9.0, "bce", 0, 8), (9.0, "mse", 0, 8)), ["lr", "loss"])
    assert found.separated
    assert not rest.separated
    estimated = found.coefficients.set_index(["factor", "value"])
    for row in rest.coefficients.itertuples():
        assert estimated.loc[(row.factor, row.value), "log_odds"] == pytest.approx(row.log_odds, abs=1e-9)
        assert estimated.loc[(row.factor, row.value), "high"] == pytest.approx(row.high, abs=1e-9)
    assert estimated.loc[("lr", 9.0), ["log_odds", "odds_ratio"]].tolist() == [-math.inf, 0.0]
    assert estimated.loc[("lr", 9.0), ["low", "high", "p"]].isna().all()
    table = found.terms.set_index("factor")
    assert table.loc["loss", "deviance"] == pytest.approx(
        rest.terms.set_index("factor").loc["loss", "deviance"], abs=1e-9
    )
    assert table.loc["lr", "df"] == 2


def test_a_reference_that_never_converges_makes_all_others_infinite():
    found = model(runs((0.1, 0, 5), (1.0, 2, 5), (2.0, 5, 5), names=("lr",)), ["lr"])
    assert found.coefficients["log_odds"].tolist() == [math.inf, math.inf]
    assert found.coefficients["odds_ratio"].tolist() == [math.inf, math.inf]
    assert found.separated


def test_separation_is_of_combinations_and_not_of_a_margin_or_a_cell():
    cells = [(0, "a", 0, 5), (0, "b", 3, 5), (1, "a", 3, 5)]
    separated = model(runs(*cells, (1, "b", 5, 5)), ["lr", "loss"])
    assert separated.separated
    assert separated.coefficients["log_odds"].tolist() == [math.inf, math.inf]
    left = -4 * log_likelihood(3, 5)
    null = -2 * log_likelihood(11, 20)
    assert separated.explained == pytest.approx(1 - left / null, abs=1e-9)
    crossed = model(runs(*cells, (1, "b", 0, 5)), ["lr", "loss"])
    assert not crossed.separated
    assert np.isfinite(crossed.coefficients[["log_odds", "low", "high"]]).all(axis=None)


def test_what_may_go_either_way_is_missing():
    found = model(runs((0, 4, 4), (1, 4, 4), names=("lr",)), ["lr"])
    assert found.separated
    assert found.coefficients[["log_odds", "low", "high", "odds_ratio", "p"]].isna().all(axis=None)
    assert found.terms[["deviance", "p"]].values.tolist() == [[0.0, 1.0]]
    assert math.isnan(found.explained)
    assert math.isnan(found.terms["share"][0])


def test_a_factor_that_follows_from_another_explains_nothing_more():
    found = model(runs((0, "a", 2, 5), (1, "b", 4, 6)), ["lr", "loss"])
    assert not found.separated
    assert found.terms["df"].tolist() == [0, 0]
    assert found.terms["deviance"].tolist() == pytest.approx([0, 0], abs=1e-9)
    assert found.terms["p"].isna().all()
    assert found.coefficients["log_odds"].isna().all()


@given(st.lists(st.integers(0, 3), min_size=6, max_size=6))
@settings(max_examples=40, deadline=None)
def test_the_deviance_is_the_least_there_is(hits):
    cells = [(*setting, k, 3) for setting, k in zip(itertools.product((0, 1, 2), "ab"), hits, strict=True)]
    found = model(runs(*cells), ["lr", "loss"])
    X = np.array([[1, a == 1, a == 2, b == "b"] for a, b, *_ in cells], dtype=float)
    k = np.array(hits, dtype=float)

    def deviance(b):
        return 2.0 * (3.0 * np.logaddexp(0.0, X @ b) - k * (X @ b)).sum()

    least = optimize.minimize(deviance, np.zeros(4), options={"maxiter": 1000})
    null = -2 * log_likelihood(sum(hits), 18)
    if null:
        assert (1.0 - found.explained) * null == pytest.approx(least.fun, abs=1e-3)
        assert found.separated == (np.abs(least.x).max() > 8.0)


def test_factors_that_do_not_apply_everywhere_and_natural_order():
    table = runs(("[16]", None, 2, 5), ("[2]", 1.0, 3, 6), ("[2]", None, 1, 4), names=("arch.hidden", "init.std"))
    found = model(table, ["arch.hidden", "init.std"]).coefficients
    assert found[["value", "reference"]].iloc[0].tolist() == ["[16]", "[2]"]
    assert math.isnan(found["value"][1])
    assert found["reference"][1] == 1.0


def test_empty_and_single():
    some = runs((0.1, 6, 20), names=("lr",))
    for table, by in itertools.product((some[:0], some), ([], ["lr"])):
        found = model(table, by)
        assert found.n == len(table)
        assert not found.separated
        assert found.coefficients.empty
        assert found.terms["factor"].tolist() == by
        assert found.terms["df"].tolist() == [0] * len(by)
        assert found.terms.columns.tolist() == ["factor", "df", "deviance", "share", "p"]
    columns = ["factor", "value", "reference", "log_odds", "low", "high", "odds_ratio", "p"]
    assert found.coefficients.columns.tolist() == columns


def test_another_outcome_and_repeated_runs():
    table = runs((0.1, 6, 20), (1.0, 15, 25), names=("lr",)).assign(spec=[str(at) for at in range(45)])
    twice = model(pd.concat([table, table]), ["lr"], outcome="stuck_ln2")
    assert twice.n == 45
    assert twice.coefficients["log_odds"][0] == pytest.approx(-math.log(3.5), abs=1e-9)


def test_very_many_values_are_taken_in_groups_of_neighbours():
    lrs = np.geomspace(1e-4, 1, 45).tolist()
    cells = [(lr, "bce" if place % 3 else "mse", place % 4, 4) for place, lr in enumerate(lrs)]
    group = [20 * place // 45 for place in range(45)]
    many = model(runs(*cells), ["lr", "loss"])
    by_hand = model(runs(*[(own, *cell[1:]) for own, cell in zip(group, cells, strict=True)]), ["lr", "loss"])
    columns = ["df", "deviance", "share", "p"]
    np.testing.assert_allclose(many.terms[columns].astype(float), by_hand.terms[columns].astype(float), atol=1e-9)
    named = many.coefficients[many.coefficients["factor"] == "lr"]
    assert len(named) == 19
    assert named["reference"].unique().tolist() == [f"{lrs[0]:g} to {lrs[2]:g}"]
    assert named["value"].iloc[-1] == f"{lrs[43]:g} to {lrs[44]:g}"
