"""Chunks on a real Dask scheduler and on an executor that is not ours: the same runs, the same bits."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import pytest

import servers
from xorlab.errors import XorlabError
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, RunSpec
from xorlab.spec.options import EngineSettings
from xorlab.sweeps import engines, pool

distributed = pytest.importorskip("distributed", reason="Dask is not installed")
dask_config = pytest.importorskip("dask.config", reason="Dask is not installed")

SPECS = [RunSpec(arch=ArchSpec(hidden=((3,), (2,), (4, 4))[seed % 3]), seed=seed, epochs=300) for seed in range(60)]


def losses(specs: list[RunSpec], engine: EngineSettings, **more) -> dict[int, bytes]:
    found = {}
    with engines.start(engine, workers=2) as started:
        for chunk in pool.stream(specs, converged_below=0.1, log_every=1, workers=2, engine=started, **more):
            assert chunk.error is None
            for index, place in enumerate(chunk.places):
                assert place not in found
                found[place] = chunk.trained.losses[index, : specs[place].epochs].tobytes()
    return found


@pytest.fixture(scope="module")
def alone() -> dict[int, bytes]:
    return {place: train([spec]).losses[0].tobytes() for place, spec in enumerate(SPECS)}


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a task of every five runs."""
    monkeypatch.setattr(pool.training, "chunk", lambda spec: 5)
    monkeypatch.setattr(pool, "POINTS", 1)


def test_a_killed_worker_costs_its_chunks_only_and_a_late_one_joins(tmp_path, alone, small_tasks):
    with servers.dask_scheduler(tmp_path) as (_, settings), servers.dask_worker(settings) as first:
        killed = threading.Event()

        def kill(epochs: int) -> None:
            if not killed.is_set():
                first.kill()
                killed.set()

        with closing_late(settings, killed):
            assert losses(SPECS, settings, progress=kill) == alone
        assert first.wait(10) == -9


@contextmanager
def closing_late(settings: EngineSettings, when: threading.Event) -> Iterator[None]:
    """Start another worker after an event, and end it on leaving."""
    done = threading.Event()

    def serve() -> None:
        when.wait()
        with servers.dask_worker(settings):
            done.wait()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        when.set()
        done.set()
        thread.join()


def test_another_version_of_the_numerics_is_refused_by_name():
    with pytest.raises(XorlabError, match=r"the worker on \S+ has version \d+ of xorlab's numerics, this command ver"):
        engines.checked(len, -1, [])


def test_a_scheduler_that_is_not_there_is_one_line(monkeypatch):
    settings = EngineSettings(name="dask", address="tcp://127.0.0.1:1")
    with pytest.raises(XorlabError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        losses(SPECS[:1], settings)


def test_an_executor_that_is_not_ours(alone, monkeypatch):
    """As docs/engines.md shows it."""

    @contextmanager
    def processes(settings: EngineSettings, workers: int) -> Iterator[engines.Engine]:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
            submit = executor.submit
            monkeypatch.setattr(executor, "submit", lambda *task: submitted.append(task) or submit(*task))
            yield engines.Engine(executor, lambda: workers)

    submitted = []
    monkeypatch.setitem(engines.ENGINES, "processes", processes)
    assert losses(SPECS, EngineSettings(name="processes")) == alone
    assert len(submitted) >= 4  # small as they are, both workers get some
    with pytest.raises(XorlabError, match=r"engine\.name must be one of local, dask, slurm, processes; got 'other'"):
        losses(SPECS, EngineSettings(name="other"))


@pytest.mark.skipif(not servers.SLURM, reason="no SLURM is installed, or its daemons may not run")
def test_jobs_of_a_real_slurm_give_the_same_bits_and_are_replaced_where_they_end(
    tmp_path, alone, small_tasks, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pool, "RECOUNT", 1.0)
    ended = threading.Event()

    def end_jobs(epochs: int) -> None:
        """As the limit of their wall time would, all at once."""
        if not ended.is_set():
            subprocess.run(["scancel", "--full", "--signal=KILL", "--user=root"], check=True)
            ended.set()

    with servers.slurm() as configuration, dask_config.set({"distributed.deploy.lost-worker-timeout": "1s"}):
        monkeypatch.setenv("SLURM_CONF", configuration)
        settings = EngineSettings(name="slurm", interface="lo", memory="1GB", walltime="00:05:00")
        handler = signal.getsignal(signal.SIGINT)
        assert losses(SPECS, settings, progress=end_jobs) == alone
        assert ended.is_set()
        assert signal.getsignal(signal.SIGINT) is handler
