"""Which epochs of a loss history are kept."""

from itertools import pairwise

import numpy as np
import pytest

from xorlab.numerics.thinning import log_spaced, logged


@pytest.mark.parametrize("every", [1, 2, 7, 30, 100])
def test_every_nth_epoch_and_the_last_of_each_run_are_logged(every: int) -> None:
    lengths = [30, 0, 1, 25, 29]
    wanted = {t for t in range(30) if t % every == 0} | {length - 1 for length in lengths if length}
    assert logged(np.array(lengths), every).tolist() == sorted(wanted)


@pytest.mark.parametrize(("length", "every", "wanted"), [(7, 3, [0, 3, 6]), (8, 3, [0, 3, 6, 7]), (0, 1, [])])
def test_of_one_run_too(length: int, every: int, wanted: list[int]) -> None:
    assert logged(length, every).tolist() == wanted


@pytest.mark.parametrize("every", [10, "log"])
def test_what_one_run_logs_is_kept_where_it_is_trained_with_others(every: int | str) -> None:
    lengths = np.array([12, 100, 57])
    kept = logged(lengths, every)
    for length in lengths.tolist():
        assert set(logged(length, every)) <= set(kept)


def test_logarithmic_epochs_are_close_together_early_and_even_late() -> None:
    kept = logged(10_000, "log")
    assert 180 <= len(kept) <= 220
    assert kept[:25].tolist() == list(range(25))
    assert kept[-1] == 9_999
    late = (kept[kept >= 100] + 1.0).tolist()
    assert all(after / before < 1.06 for before, after in pairwise(late))
    assert [len(logged(epochs, "log")) for epochs in (0, 1, 2)] == [0, 1, 2]


def test_points_are_even_on_a_log_scale() -> None:
    assert log_spaced(np.arange(7), 7).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert log_spaced(np.arange(1024), 11).tolist() == [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023]


def test_points_are_places_among_the_epochs_that_there_are() -> None:
    epochs = np.arange(0, 1000, 10)
    places = log_spaced(epochs, 20)
    assert len(places) <= 20
    assert (places[0], places[-1]) == (0, 99)
    assert log_spaced(epochs[:0], 20).tolist() == []
