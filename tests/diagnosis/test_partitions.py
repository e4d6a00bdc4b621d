import numpy as np
import pytest

import partitions as oracle
from networks import seen
from xorlab.diagnosis import partitions
from xorlab.numerics.training import train
from xorlab.spec import DataSpec, RunSpec
from xorlab.spec.components import datasets


@pytest.mark.parametrize(
    ("logits", "text"),
    [
        ([0, 0, 0, 0], "{00,01,10,11}"),
        ([-1, -1, -1, 9], "{00,01,10}|{11}"),
        ([-9, 0, 0, 9], "{01,10}|{00}|{11}"),
        ([-9, 9, 9, -9], "{00,11}|{01,10}"),
        ([0.0, 0.3, 0.6, 9], "{00,01,10}|{11}"),  # p = 0.5, 0.574, 0.646: tied through one another
        ([-9, -1, 1, 9], "{00}|{01}|{10}|{11}"),
    ],
)
def test_partitions_are_written_out(logits, text):
    (found,) = partitions.partitions(1.0 / (1.0 + np.exp(-np.array([logits], dtype=float))))
    assert partitions.text(DataSpec(), found) == text


@pytest.mark.parametrize("loss", ["bce", "mse"])
@pytest.mark.parametrize("data", [DataSpec(), DataSpec(name="and"), DataSpec(name="parity", bits=3)])
def test_every_partition_has_the_level_of_its_groups(data, loss):
    """All 15 of four points; of eight points every 40th."""
    _, y = datasets.load(data)
    N = len(y)
    every = list(oracle.partitions(list(range(N))))
    for groups in every[:: 1 if N == 4 else 40]:
        expected = sum(oracle.best(y[group], loss) for group in groups) / N
        outputs = np.empty(N)
        for group, p in zip(groups, (np.arange(len(groups)) + 0.5) / N, strict=True):
            outputs[group] = p
        (found,) = partitions.partitions(outputs[None])
        assert sorted(map(sorted, found)) == sorted(map(sorted, groups))
        assert partitions.level(data, loss, found) == pytest.approx(expected, abs=1e-12)


def test_many_points_have_no_partition():
    spec = RunSpec(data=DataSpec(name="noisy_xor"), epochs=3)
    found = seen(train([spec]))
    assert found.partition is None
    assert list(found.epochs_at) == ["ln2"]
