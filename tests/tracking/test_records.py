import numpy as np
import pytest

from samples import sample


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"losses": np.zeros(4)}, "epochs must match losses"),
        ({"losses": np.full(5, np.inf)}, "must be finite"),
        ({"metrics": {"final_loss": float("nan")}}, "must be finite"),
    ],
)
def test_a_record_that_mlflow_would_distort_is_refused(changes, rule):
    with pytest.raises(ValueError, match=rule):
        sample("one", **changes)


def test_a_curves_times_run_from_start_to_end():
    times = [time for _, _, time, _ in sample("one", start=1_000, end=5_000).curve()]
    assert times == [1_000, 2_000, 3_000, 4_000, 5_000]


def test_the_other_metrics_stand_at_the_end():
    assert sample("one", end=1_700_000_009_500).values() == [
        ("final_loss", 0.25, 1_700_000_009_500, 4),
        ("accuracy", 1.0, 1_700_000_009_500, 4),
    ]
