import csv
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from xorlab.sweeps.tables import count, count_causes, tabulate


def test_a_cell_counts_converged_runs_first_and_then_the_commonest_outcome() -> None:
    outcomes = ["stuck_ln2", "converged", "stuck_0.477", "converged", "stuck_ln2"]
    assert count(outcomes) == "2/5 converged, 2 ln2, 1 0.477"


def test_seeds_are_counted_over_and_one_key_makes_rows() -> None:
    settings = [{"lr": lr, "seed": seed} for lr in ("0.1", "1") for seed in ("0", "1")]
    table = tabulate(settings, ["converged", "stuck_ln2", "converged", "converged"])
    assert table.head == ("lr", "outcomes")
    assert table.rows == (("lr=0.1", "1/2 converged, 1 ln2"), ("lr=1", "2/2 converged"))


def test_two_keys_make_rows_and_columns_in_the_order_of_the_runs() -> None:
    settings = [{"arch": arch, "lr": lr} for arch in ("2-3-1", "2-2-1") for lr in ("1", "0.1")]
    table = tabulate(settings, ["converged", "diverged", "descending", "failed"])
    assert table.head == ("arch", "lr=1", "lr=0.1")
    assert table.rows == (
        ("arch=2-3-1", "1/1 converged", "0/1 converged, 1 diverged"),
        ("arch=2-2-1", "0/1 converged, 1 descending", "0/1 converged, 1 failed"),
    )


def test_three_keys_put_the_last_across() -> None:
    settings = [{"arch": "a", "init.std": std, "lr": lr, "seed": "0"} for std in "12" for lr in "34"]
    table = tabulate(settings, ["converged"] * 4)
    assert [row[0] for row in table.rows] == ["arch=a init.std=1", "arch=a init.std=2"]
    assert table.head == ("arch init.std", "lr=3", "lr=4")


def test_only_seeds_make_one_row() -> None:
    table = tabulate([{"seed": "0"}, {"seed": "1"}], ["converged", "converged"])
    assert table.rows == (("all", "2/2 converged"),)


def test_markdown_and_csv_hold_the_same_cells() -> None:
    table = tabulate([{"lr": "0.1"}, {"lr": "1"}], ["converged", "stuck_ln2"])
    lines = table.markdown().splitlines()
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])] == list(
        csv.reader(table.csv().splitlines())
    )
    assert table.markdown(gap="~").splitlines() == [
        "| lr~ | outcomes |",
        "| --- | --- |",
        "| lr=0.1~ | 1/1 converged |",
        "| lr=1~ | 0/1 converged, 1 ln2 |",
    ]


def test_causes_are_counted_within_outcomes_in_the_order_of_outcomes() -> None:
    outcomes = ["stuck_ln2", "converged", "stuck_ln2", "stuck_ln2", "diverged"]
    causes = ["all_dead", None, "affine_collapse", "affine_collapse", "diverged"]
    assert count_causes(Counter(zip(outcomes, causes, strict=True))).rows == (
        ("converged", "1", ""),
        ("stuck at ln 2", "3", "2 affine collapse, 1 all dead"),
        ("diverged", "1", "1 diverged"),
    )


class Counted(list[Any]):
    """A list that counts how many items are read from it."""

    read = 0

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            self.read += 1
            yield item


@pytest.mark.parametrize("runs", [100, 1000])
def test_tables_read_each_run_once(runs: int) -> None:
    outcomes = Counted(["converged", "stuck_ln2", "stuck_0.477", "diverged"] * (runs // 4))
    settings = Counted([{"lr": str(lr), "seed": str(seed)} for lr in range(4) for seed in range(runs // 4)])
    tabulate(settings, outcomes)
    assert (outcomes.read, settings.read) == (runs, runs)
