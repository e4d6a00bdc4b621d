import pandas as pd

from xorlab.summary import summary


def table(**outcomes):
    """Runs of XOR: for each lr so many of each outcome."""
    rows = [
        {"lr": float(lr.replace("_", ".")), "seed": seed, "outcome": outcome, "epochs_to_converge": epochs}
        for lr, counts in outcomes.items()
        for outcome, times in counts.items()
        for seed, epochs in enumerate(times)
    ]
    return pd.DataFrame(rows).assign(**{"loss": "bce", "data.name": "xor", "status": "FINISHED"})


NONE = [None]


def test_summary_says_when_with_intervals_and_n():
    text = summary(
        table(**{"0_1": {"converged": [10, 20, 40], "stuck_ln2": NONE * 7}, "1_0": {"stuck_ln2": NONE * 10}})
    )
    assert "When does it converge?\n  In all 3 of 20 runs, 15 % (95 % interval 5 to 36 %)." in text
    assert "Most often with lr=0.1: 3 of 10 runs, 30 % (95 % interval 11 to 60 %)." in text
    assert "Least often with lr=1: 0 of 10 runs, 0 % (95 % interval 0 to 28 %)." in text
    assert "When does it get stuck at ln 2?\n  In all 17 of 20 runs, 85 % (95 % interval 64 to 95 %)." in text
    assert "These two intervals overlap" in text
    assert "lr=0.1: median 20 epochs, from 10 to 40 (n = 3)" in text
    assert "lr=0.1 10          3              7" in text


def test_summary_says_where_a_difference_is_sure_and_what_is_level():
    sure = {"0_1": {"converged": [5] * 20}, "1_0": {"stuck_ln2": NONE * 20}}
    assert "These two intervals do not overlap." in summary(table(**sure))
    level = {"0_1": {"converged": [5], "stuck_0.477": NONE}, "1_0": {"converged": [5], "stuck_0.477": NONE}}
    assert "As often in every setting." in summary(table(**level))
    assert "stuck at 0.477: 2 of 4 runs, 50 %" in summary(table(**level))


def test_summary_tells_what_it_does_not_count():
    runs = table(**{"0_1": {"converged": [5, 6]}})
    runs.loc[1, ["outcome", "status"]] = [None, "KILLED"]
    assert "Not counted, for they have no outcome:\n  1 KILLED" in summary(runs)
    assert "In all 1 of 1 runs" in summary(runs)


def test_summary_of_one_run_has_no_settings_to_compare():
    text = summary(table(**{"0_1": {"stuck_ln2": NONE}}))
    assert "In all 1 of 1 runs, 100 %" in text
    assert "Most often" not in text
