import itertools

import pandas as pd
import pytest

from xorlab.errors import XorlabError
from xorlab.spec import NUMERICS
from xorlab.statistics import coverage, rates

GRID = pd.DataFrame(itertools.product([0.1, 1.0], ["normal", "zeros"], [0, 1, 2]), columns=["lr", "init.name", "seed"])
DONE = GRID.assign(status="FINISHED", outcome="converged", numerics_version=str(NUMERICS))


def counts(runs, by=("lr",), **options):
    """The counts that are not 0, by setting."""
    found = coverage(runs, list(by), **options).set_index(list(by)) if by else coverage(runs, [], **options)
    return {key: {name: n for name, n in row.items() if n} for key, row in found.to_dict("index").items()}


def changed(row, **values):
    return DONE.assign(**{name: DONE[name].where(DONE.index != row, value) for name, value in values.items()})


WHOLE = {"intended": 6, "done": 6}


@pytest.mark.parametrize("plan", [None, GRID])
@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (DONE, WHOLE),
        (DONE.drop(index=1), {"intended": 6, "done": 5, "missing": 1}),
        (changed(1, status="FAILED", outcome=None), {"intended": 6, "done": 5, "failed": 1}),
        (changed(1, status="KILLED", outcome=None), {"intended": 6, "done": 5, "unfinished": 1}),
        (changed(1, status="RUNNING", outcome=None), {"intended": 6, "done": 5, "unfinished": 1}),
        (pd.concat([DONE, DONE[1:2]]), {**WHOLE, "duplicated": 1}),
        (changed(1, numerics_version=str(NUMERICS + 1)), {**WHOLE, "foreign": 1}),
        (changed(1, numerics_version=None), WHOLE),
        (DONE.drop(columns="numerics_version"), WHOLE),
    ],
    ids=["whole", "deleted", "failed", "killed", "running", "doubled", "foreign", "untagged", "untold"],
)
def test_what_became_of_each_planned_run(runs, expected, plan):
    assert counts(runs, plan=plan) == {0.1: expected, 1.0: WHOLE}


def test_a_failed_run_that_was_repeated_is_done():
    again = pd.concat([changed(1, status="FAILED", outcome=None), DONE[1:2]])
    assert counts(again)[0.1] == WHOLE
    twice = pd.concat([changed(1, status="FAILED", outcome=None), changed(1, status="KILLED", outcome=None)[1:2]])
    assert counts(twice)[0.1] == {"intended": 6, "done": 5, "failed": 1}


def test_a_doubled_run_of_two_versions_is_both():
    both = pd.concat([DONE, DONE[1:2].assign(numerics_version=str(NUMERICS + 1))])
    assert counts(both)[0.1] == {**WHOLE, "duplicated": 1, "foreign": 1}


def test_a_plan_knows_of_settings_that_never_began():
    runs = DONE[DONE["lr"] == 0.1]
    assert counts(runs, plan=GRID) == {0.1: WHOLE, 1.0: {"intended": 6, "missing": 6}}
    assert counts(runs) == {0.1: WHOLE}
    assert counts(DONE[:0], plan=GRID) == {0.1: {"intended": 6, "missing": 6}, 1.0: {"intended": 6, "missing": 6}}


def test_runs_beside_the_plan_do_not_count_and_a_row_asked_twice_counts_once():
    assert counts(DONE, plan=GRID[:6]) == {0.1: WHOLE}
    assert counts(DONE, plan=pd.concat([GRID, GRID])) == {0.1: WHOLE, 1.0: WHOLE}


def test_the_plan_of_a_file_matches_by_value():
    plan = GRID.astype({"seed": "Int64"}).assign(**{"init.std": GRID["init.name"].map({"normal": 1.0})})
    runs = DONE.assign(**{"init.std": DONE["init.name"].map({"normal": 1})})
    assert counts(runs, plan=plan) == {0.1: WHOLE, 1.0: WHOLE}
    assert counts(runs, by=["init.std"], plan=plan).popitem()[1] == WHOLE


def test_runs_that_lack_a_planned_column_are_beside_the_plan():
    lacking = DONE.drop(columns="init.name")
    assert counts(lacking, plan=GRID) == {0.1: {"intended": 6, "missing": 6}, 1.0: {"intended": 6, "missing": 6}}


def test_a_column_that_does_not_vary_need_not_be_planned():
    assert counts(DONE.assign(epochs=100), by=["epochs"], plan=GRID) == {100: {"intended": 12, "done": 12}}
    assert coverage(DONE[:0].assign(epochs=100), ["epochs"], plan=GRID)["missing"].tolist() == [12]
    with pytest.raises(XorlabError, match=r"columns of the plan \(lr, init.name, seed\) or not vary; got epochs"):
        coverage(DONE.assign(epochs=range(12)), ["epochs"], plan=GRID)


def test_without_a_plan_what_varies_beside_makes_other_runs():
    assert counts(DONE, by=[]) == {0: {"intended": 12, "done": 12}}
    assert counts(DONE.drop(index=0), by=["init.name"])["normal"] == {"intended": 6, "done": 5, "missing": 1}


def test_without_a_plan_parameters_that_do_not_apply_are_not_missed():
    scales = [("normal", 0.5), ("normal", 1.0), ("zeros", None)]
    rows = [(name, std, lr, seed) for (name, std), lr, seed in itertools.product(scales, [0.1, 1.0], [0, 1])]
    runs = pd.DataFrame(rows, columns=["init.name", "init.std", "lr", "seed"])
    runs = runs.assign(status="FINISHED", outcome="converged")
    found = coverage(runs.drop(index=11), ["init.name", "init.std", "lr"])
    assert found["intended"].tolist() == [2] * 6
    assert found["missing"].tolist() == [0, 0, 0, 0, 0, 1]


def test_an_incomplete_setting_is_told_by_its_rate():
    runs = DONE.drop(index=[1, 2])
    found = rates(runs, ["lr"], coverage=coverage(runs, ["lr"], plan=GRID))
    assert found[["n", "intended"]].values.tolist() == [[4, 6], [6, 6]]


def test_an_empty_table_keeps_its_columns():
    columns = ["lr", *coverage(DONE, []).columns]
    assert columns[1:] == ["intended", "done", "failed", "unfinished", "missing", "duplicated", "foreign"]
    assert coverage(DONE[:0], ["lr"]).columns.tolist() == columns
    assert coverage(DONE[:0], ["lr"]).empty
    assert coverage(DONE[:0], ["lr"], plan=GRID[:0]).empty


def test_parameters_drawn_at_random_are_no_grid():
    runs = pd.DataFrame({"lr": range(100), "init.std": range(100, 200), "seed": range(200, 300)})
    found = coverage(runs.assign(status="FINISHED", outcome="converged"), ["lr", "init.std"])
    assert found[["intended", "done", "missing"]].sum().tolist() == [100, 100, 0]
