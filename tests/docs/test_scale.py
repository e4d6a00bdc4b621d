import numpy as np
import pytest

import scale
from scaling import model
from scaling.model import Sweep

KNOWN = {
    "driver_cpu": {"start": 3.0, "run": 1e-3, "row": 1e-5, "curve": 0.0},
    "workers_cpu": {"worker": 1.5, "run": 2e-4, "row": 0.0, "epoch": 1e-7},
    "memory": {"start": 2e8, "run": 1e3, "row": 8.0, "curve": 0.0},
    "store": {"start": 1e6, "run": 9e3, "row": 100.0},
    "rows": {"start": 50.0, "run": 70.0, "row": 1.0},
}


def test_a_loss_is_a_row_and_the_last_is_always_recorded():
    assert Sweep("runs", 10, 100, 50).sizes()["row"] == 10 * 3  # epochs 0, 50 and 99
    assert Sweep("runs", 10, 100, 1_000).sizes()["row"] == 10 * 2
    assert [Sweep("runs", 10, 100, 50, workers).sizes()["worker"] for workers in (1, 2, 7)] == [0, 2, 7]
    assert [Sweep(track, 10_000, 100, 50).sizes()["curve"] for track in ("runs", "sweep")] == [0, 2_000 * 3]


def test_known_constants_are_found_again_and_predict_other_sweeps():
    measured = [each._asdict() | model.predicted(KNOWN, each) for each in model.FITTED]
    found = model.fitted(measured)
    for cost, terms in KNOWN.items():
        assert found[cost] == pytest.approx(terms, rel=1e-6, abs=1e-12), cost
    costs = model.predicted(found, Sweep("runs", 1_000, 1_000, 10, 1))
    assert costs["driver_cpu"] == pytest.approx(3.0 + 1.0 + 101 * 1_000 * 1e-5)
    assert costs["workers_cpu"] == pytest.approx(0.2 + 0.1)
    assert costs["rows"] == pytest.approx(50 + 70_000 + 101_000)


def test_constants_are_never_negative():
    noise = np.random.default_rng(0)
    measured = [
        each._asdict() | {cost: value * noise.uniform(0.7, 1.3) for cost, value in model.predicted(KNOWN, each).items()}
        for each in model.FITTED
    ]
    assert min(value for terms in model.fitted(measured).values() for value in terms.values()) >= 0


def test_the_limit_moves_from_the_workers_to_the_driver():
    few, many = (Sweep("sweep", 10**9, 1_000, 1_000, workers) for workers in (1, 10_000))
    costs = {"workers_cpu": 3.6e6, "driver_cpu": 3.6e4, "rows": 7e4}
    alone = model.hours(costs, few, task=1e-3)
    assert alone == pytest.approx(
        {"workers": 1_000, "driver": 10, "scheduler": 1e9 / 8_192 * 1e-3 / 3_600, "database": 1 / 3_600}
    )
    assert model.hours(costs, many, task=1e-3)["workers"] == pytest.approx(0.1)


def test_a_loss_comes_back_as_a_float64():
    moved = scale.transfer(runs=20)
    assert moved["row"] == pytest.approx(8, rel=0.1)
    assert moved["sent"] > 0
    assert moved["returned"] > 100


def test_the_page_agrees_with_the_measurements(capsys):
    assert scale.main(["check"]) == 0, capsys.readouterr().out
