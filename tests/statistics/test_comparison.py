import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xorlab.statistics import compare, wilson
from xorlab.statistics.comparison import holm

Z = 1.959963984540054


def table(factor="lr", **settings):
    """A frame of runs with seeds 0, 1, … from words of C (converged) and L (stuck at ln 2), one word a setting."""
    fates = {"C": "converged", "L": "stuck_ln2", "-": None}
    rows = [
        (value, seed, fates[letter])
        for value, word in settings.items()
        for seed, letter in enumerate(word)
        if letter != " "
    ]
    return pd.DataFrame(rows, columns=[factor, "seed", "outcome"])


def tango(gained, lost, n):
    """The limits as the outer roots of a quartic: Yang, Sun, Hardin, Statistics in Medicine 32 (2013)."""
    g, d = Z**2, gained - lost
    polynomial = [
        n**2 * (n / g + 1) ** 2,
        -n * d * (n / g + 1) * (4 * n / g + 1),
        2 * n * d**2 * (3 * n / g + 2) / g - n**2 * ((gained + lost) / g + 1),
        n * d * (2 * (gained + lost) / g + 1) - d**3 * (4 * n / g + 1) / g,
        d**2 * (d**2 / g - (gained + lost)) / g,
    ]
    roots = np.roots(polynomial)
    real = roots[abs(roots.imag) < 1e-6].real
    return min(real), max(real)


def test_paired_runs_by_an_independent_computation():
    found = compare(table(a="CCCCLLLLCC", b="CLLLCCLLLL"), "lr").iloc[0]
    assert found[["a", "b", "method"]].tolist() == ["a", "b", "paired"]
    assert found[["n", "both", "only_a", "only_b", "neither", "n_a", "n_b"]].tolist() == [10, 1, 5, 2, 2, 10, 10]
    assert found[["rate_a", "rate_b", "difference"]].tolist() == pytest.approx([0.6, 0.3, -0.3])
    assert found["p"] == pytest.approx(stats.binomtest(5, 7).pvalue, abs=1e-12)
    assert (found["low"], found["high"]) == pytest.approx(tango(2, 5, 10), abs=1e-9)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 60))
@settings(max_examples=25, deadline=None)
def test_the_interval_is_tangos(only_a, only_b, rest):
    n = only_a + only_b + rest
    found = compare(table(a="C" * only_a + "L" * (n - only_a), b="L" * only_a + "C" * only_b + "L" * rest), "lr")
    low, high = found.loc[0, ["low", "high"]]
    if only_a and only_b:  # else the polynomial has a double root, which is found less exactly
        assert (low, high) == pytest.approx(tango(only_b, only_a, n), abs=1e-9)
    else:
        assert (low, high) == pytest.approx(tango(only_b, only_a, n), abs=1e-6)
    assert -1.0 <= low <= found.loc[0, "difference"] <= high <= 1.0


@pytest.mark.parametrize("n", [1, 10, 200])
def test_the_interval_of_runs_that_all_agree_or_all_differ(n):
    same = compare(table(a="C" * n, b="C" * n), "lr").iloc[0]
    assert (same["low"], same["high"]) == pytest.approx((-(Z**2) / (n + Z**2), Z**2 / (n + Z**2)), abs=1e-12)
    assert same["p"] == 1.0
    other = compare(table(a="L" * n, b="C" * n), "lr").iloc[0]
    assert other["high"] == other["difference"] == 1.0
    assert other["p"] == pytest.approx(min(1.0, 2.0 * 0.5**n), rel=1e-12)


def test_runs_of_other_seeds_are_unpaired():
    runs = table(a="CCCLC    ", b="     LLLC")
    found = compare(runs[runs["outcome"].notna()], "lr").iloc[0]
    assert found["method"] == "unpaired"
    assert found[["n", "both", "only_a", "only_b", "neither"]].isna().all()
    assert found[["n_a", "n_b", "rate_a", "rate_b"]].tolist() == [5, 4, 0.8, 0.25]
    (l_a, u_a), (l_b, u_b) = wilson(4, 5), wilson(1, 4)
    low = -0.55 - math.hypot(0.25 - l_b, u_a - 0.8)
    high = -0.55 + math.hypot(u_b - 0.25, 0.8 - l_a)
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-9)
    likely = [math.comb(5, k) * math.comb(4, 5 - k) / math.comb(9, 5) for k in range(1, 6)]
    assert found["p"] == pytest.approx(sum(p for p in likely if p <= likely[3] + 1e-12), abs=1e-9)


def test_what_has_no_partner_is_left_out_while_half_have_one():
    found = compare(table(a="CCCC", b="LLL-"), "lr").iloc[0]
    assert found[["n", "only_a", "n_a", "n_b", "method"]].tolist() == [3, 3, 4, 3, "paired"]
    found = compare(table(a="CCCC", b="L---"), "lr").iloc[0]
    assert found[["n_a", "n_b", "method"]].tolist() == [4, 1, "unpaired"]


def test_partners_agree_in_all_that_varies_beside_the_factor():
    small, large = table(a="CL", b="LC"), table(a="LL", b="CC")
    runs = pd.concat([small.assign(epochs=10), large.assign(epochs=100)])
    found = compare(runs, "lr").iloc[0]
    assert found[["n", "both", "only_a", "only_b", "neither"]].tolist() == [4, 0, 1, 3, 0]
    apart = compare(runs, "lr", within=["epochs"])
    assert apart[["epochs", "n", "only_a", "only_b"]].values.tolist() == [[10, 2, 1, 1], [100, 2, 0, 2]]
    follows = runs.assign(**{"init.std": runs["lr"].map({"a": 1.0, "b": None})})
    assert compare(follows, "lr").iloc[0]["n"] == 4  # what only follows from the factor does not part them


def test_a_repeated_run_counts_once():
    runs = table(a="CCL", b="LLC").assign(spec=list("abcdef"))
    twice = pd.concat([runs, runs])
    pd.testing.assert_frame_equal(compare(twice, "lr"), compare(runs, "lr"))
    assert compare(twice.drop(columns="spec"), "lr")["method"].tolist() == ["unpaired"]
    assert compare(runs.drop(columns="seed"), "lr")["method"].tolist() == ["unpaired"]


def test_values_are_compared_in_natural_order_and_several_columns_by_label():
    found = compare(table("arch.hidden", **{"[16]": "C", "[2]": "C", "[3]": "L"}), "arch.hidden")
    assert found[["a", "b"]].values.tolist() == [["[2]", "[3]"], ["[2]", "[16]"], ["[3]", "[16]"]]
    runs = table(a="C", b="L").assign(loss="bce")
    assert compare(runs, ["lr", "loss"])[["a", "b"]].values.tolist() == [["lr=a, loss=bce", "lr=b, loss=bce"]]


def test_another_outcome():
    found = compare(table(a="CCL", b="LLL"), ["lr"], outcome="stuck_ln2").iloc[0]
    assert found[["rate_a", "rate_b"]].tolist() == pytest.approx([1 / 3, 1.0])


def test_holm_over_all_rows():
    found = compare(table(a="C" * 12, b="L" * 9 + "C" * 3, c="L" * 6 + "C" * 6, d="L" * 12), "lr")
    assert len(found) == 6
    order = sorted(range(6), key=lambda row: found["p"][row])
    most, expected = 0.0, {}
    for rank, row in enumerate(order):
        most = max(most, min(1.0, (6 - rank) * found["p"][row]))
        expected[row] = most
    assert found["p_holm"].tolist() == pytest.approx([expected[row] for row in range(6)], abs=1e-12)
    assert holm(pd.Series([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])


def test_nothing_to_compare():
    columns = compare(table(a="C", b="L"), "lr").columns.tolist()
    for runs in (table(a="C"), table(a="C")[:0], table(a="-", b="-")):
        found = compare(runs, "lr")
        assert found.empty
        assert found.columns.tolist() == columns
    assert compare(table(a="C")[:0].assign(loss=[]), "lr", within=["loss"]).columns.tolist() == ["loss", *columns]


def test_every_pair_of_a_big_sweep():
    rng = np.random.default_rng(0)
    rows = itertools.product(range(10), range(5), range(200))
    runs = pd.DataFrame(rows, columns=["lr", "epochs", "seed"])
    runs["outcome"] = np.where(rng.random(len(runs)) < 0.5, "converged", "stuck_ln2")
    found = compare(runs, "lr", within=["epochs"])
    assert len(found) == 5 * 45
    assert (found["n"] == 200).all()
    wide = runs[runs["epochs"] == 3].pivot(index="seed", columns="lr", values="outcome") == "converged"
    row = found[(found["epochs"] == 3) & (found["a"] == 2) & (found["b"] == 7)].iloc[0]
    assert row["only_b"] == (wide[7] & ~wide[2]).sum()
    assert row["both"] == (wide[7] & wide[2]).sum()


def test_neighbours_are_the_pairs_next_to_each_other_in_natural_order():
    runs = pd.concat([table("width", **{"[16]": "CCLL", "[2]": "LLLL", "[3]": "CLCL"}).assign(lr=lr) for lr in (1, 2)])
    found = compare(runs, "width", within=["lr"], neighbours=True)
    assert found[["lr", "a", "b"]].values.tolist() == [
        [lr, *pair] for lr in (1, 2) for pair in (("[2]", "[3]"), ("[3]", "[16]"))
    ]
    every = compare(runs, "width", within=["lr"])
    kept = every[~((every["a"] == "[2]") & (every["b"] == "[16]"))].reset_index(drop=True)
    columns = [column for column in every if column != "p_holm"]
    pd.testing.assert_frame_equal(found[columns], kept[columns])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.booleans()), max_size=40, unique_by=lambda r: r[:2]))
@settings(max_examples=50, deadline=None)
def test_partners_are_those_that_a_join_finds(rows):
    runs = pd.DataFrame(rows, columns=["lr", "seed", "hit"]).astype({"lr": "int64", "seed": "int64"})
    runs["outcome"] = np.where(runs["hit"].astype(bool), "converged", "stuck_ln2")
    for pair in compare(runs, "lr").itertuples():
        a, b = (runs[runs["lr"] == value] for value in (pair.a, pair.b))
        joined = a.merge(b, on="seed")
        counts = [(joined["hit_x"] == x) & (joined["hit_y"] == y) for x in (True, False) for y in (True, False)]
        assert (pair.n_a, pair.n_b) == (len(a), len(b))
        if 2 * len(joined) >= max(len(a), len(b)):
            assert [pair.both, pair.only_a, pair.only_b, pair.neither] == [count.sum() for count in counts]
        else:
            assert pair.method == "unpaired"
