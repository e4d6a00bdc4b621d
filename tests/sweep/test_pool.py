import os
from collections import deque
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, InitSpec, RunSpec
from xorlab.sweep import pool


def specs(*, runs: int, epochs: int = 30) -> list[RunSpec]:
    """Runs of three shapes, one after the other in turn."""
    archs = [ArchSpec(hidden=hidden) for hidden in ((3,), (2,), (4, 4))]
    return [RunSpec(arch=archs[seed % 3], seed=seed, epochs=epochs) for seed in range(runs)]


def stream(wanted: list[RunSpec], **options: Any) -> list[pool.Chunk]:
    return list(pool.stream(wanted, **{"converged_below": 0.1, "log_every": 1, "workers": 1, **options}))


def losses(chunks: list[pool.Chunk]) -> dict[int, bytes]:
    assert all(chunk.trained is not None for chunk in chunks)
    return {
        place: chunk.trained.losses[index].tobytes()  # type: ignore[union-attr]
        for chunk in chunks
        for index, place in enumerate(chunk.places)
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_every_run_comes_once_with_the_bits_it_has_alone(workers: int) -> None:
    wanted = specs(runs=20)
    found = losses(stream(wanted, workers=workers))
    assert found == {place: train([spec]).losses[0].tobytes() for place, spec in enumerate(wanted)}


def test_a_chunk_holds_one_shape_and_fits_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool.training, "chunk", lambda spec: 8)
    chunks = stream(specs(runs=60))
    assert all(len(chunk.places) <= 8 for chunk in chunks)
    assert all(len({place % 3 for place in chunk.places}) == 1 for chunk in chunks)


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_counts_every_epoch(workers: int) -> None:
    counted: list[int] = []
    stream(specs(runs=9, epochs=300), workers=workers, progress=counted.append)
    assert sum(counted) == 9 * 300


def test_a_run_that_fails_is_alone_and_the_others_finish(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    np.savez(good, W1=np.ones((2, 3)), W2=np.ones((3, 1)))
    np.savez(bad, W1=np.ones((2, 2)), W2=np.ones((2, 1)))
    inits = [InitSpec(), InitSpec(name="file", path=str(bad)), InitSpec(name="file", path=str(good)), InitSpec()]
    chunks = stream([RunSpec(init=init, epochs=5) for init in inits])
    assert {place for chunk in chunks if chunk.error is None for place in chunk.places} == {0, 2, 3}
    (failed,) = (chunk for chunk in chunks if chunk.error is not None)
    assert failed.places == (1,)
    assert "W1" in str(failed.error)
    assert "(2, 3); got (2, 2)" in str(failed.error)


def test_thinned_losses_keep_every_nth_and_each_run_s_last() -> None:
    wanted = [RunSpec(seed=seed, epochs=epochs) for seed, epochs in enumerate((25, 30, 7))]
    (chunk,) = stream(wanted, log_every=10)
    assert chunk.kept.tolist() == [0, 6, 10, 20, 24, 29]
    whole = train(wanted).losses
    assert chunk.trained is not None
    assert chunk.trained.losses.tobytes() == whole[:, chunk.kept].tobytes()


def dies_in_a_worker(task: pool.Task) -> list[pool.Chunk]:
    if parent_process() is not None:
        os._exit(9)
    return []


def test_tasks_of_a_killed_worker_go_back_to_the_plan() -> None:
    tasks = [((place,), [RunSpec()]) for place in range(5)]
    plan = deque(tasks)
    assert list(pool._by_workers(plan, dies_in_a_worker, 2, lambda epochs: None)) == []
    assert sorted(plan, key=lambda task: task[0]) == tasks


def test_chunks_of_a_group_keep_all_workers_busy_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool.training, "chunk", lambda spec: 8)
    sizes = [len(places) for places, _ in pool._tasks([RunSpec(seed=seed) for seed in range(20)], workers=2)]
    assert len(sizes) == 4
    assert sum(sizes) == 20
    assert max(sizes) - min(sizes) <= 1
