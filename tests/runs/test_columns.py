import math

import pandas as pd
import pytest

from xorlab.runs.columns import typed
from xorlab.spec import RunSpec
from xorlab.spec.text import PARAMETERS
from xorlab.statistics.settings import label, natural, settings, short


def column(name, *values):
    return pd.Series(values, name=name, dtype="str")


def test_every_parameter_a_run_logs_has_a_column_of_its_type():
    logged = RunSpec().parameters()
    assert set(logged) <= set(PARAMETERS)
    assert [key for key in PARAMETERS if key in logged] == list(logged)
    assert {key: PARAMETERS[key] for key in ("lr", "seed", "shuffle", "arch.hidden", "batch_size", "init.std")} == {
        "lr": float, "seed": int, "shuffle": bool, "arch.hidden": str, "batch_size": str, "init.std": float,
    }  # fmt: skip


def test_columns_are_typed_whatever_the_values_look_like():
    assert typed(column("lr", "1", "10")).tolist() == [1.0, 10.0]
    assert typed(column("lr", "1", "10")).dtype == "float64"
    assert typed(column("seed", "1", "4294967295")).dtype == "int64"
    assert typed(column("data.bits", "3", None)).dtype == "Int64"
    assert typed(column("shuffle", "True", "False")).tolist() == [True, False]
    assert typed(column("shuffle", "True", None)).dtype == "boolean"
    assert typed(column("batch_size", "1", "full")).tolist() == ["1", "full"]


@pytest.mark.parametrize("strange", [column("lr", "fast"), column("seed", "1.5"), column("shuffle", "yes", None)])
def test_what_another_program_logged_stays_text(strange):
    assert typed(strange).dropna().tolist() == strange.dropna().tolist()


def test_settings_stand_in_natural_order():
    runs = pd.DataFrame({"arch.hidden": ["[16]", "[2]", None, "[2]"], "lr": [1.0, 10.0, 0.1, 0.1]})
    found = settings(runs, ["arch.hidden", "lr"])
    assert [values[:2] for values, _ in found][:3] == [("[2]", 0.1), ("[2]", 10.0), ("[16]", 1.0)]
    assert [len(group) for _, group in found] == [1, 1, 1, 1]
    assert settings(runs, [])[0][0] == ()


def test_natural_order_takes_numbers_in_text_by_size():
    assert sorted(["[16, 2]", "[2]", "[16]", "2-8-1", "2-16-1"], key=natural) == [
        "2-8-1", "2-16-1", "[2]", "[16, 2]", "[16]",
    ]  # fmt: skip
    assert sorted([math.nan, 3.0, 1.0], key=natural)[:2] == [1.0, 3.0]


def test_labels_are_short():
    assert [short(value) for value in (0.1, 3, "[2]", math.nan, None, True)] == ["0.1", "3", "[2]", "–", "–", "True"]
    assert label(["init.name", "init.std", "lr"], ["normal", 0.5, 1.0]) == "init=normal, init.std=0.5, lr=1"
