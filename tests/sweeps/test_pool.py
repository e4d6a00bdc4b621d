import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, InitSpec, RunSpec
from xorlab.sweeps import pool


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
    assert "got W1 (2, 2)" in str(failed.error)


def test_thinned_losses_keep_every_nth_and_each_run_s_last() -> None:
    wanted = [RunSpec(seed=seed, epochs=epochs) for seed, epochs in enumerate((25, 30, 7))]
    (chunk,) = stream(wanted, log_every=10)
    assert chunk.kept.tolist() == [0, 6, 10, 20, 24, 29]
    whole = train(wanted).losses
    assert chunk.trained is not None
    assert chunk.trained.losses.tobytes() == whole[:, chunk.kept].tobytes()


KILLING = """
import os, signal
from multiprocessing import parent_process
from xorlab.numerics import training

whole = training.train

def train(specs, **options):
    if parent_process() is not None and any(spec.seed in (7, 30) for spec in specs):
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(specs, **options)

training.train = train
"""
"""Python imports this in every process, for it is called sitecustomize. Workers do not import the user's script."""

KILLED = """
from xorlab.spec import RunSpec
from xorlab.sweeps import pool

specs = [RunSpec(seed=seed, epochs=20) for seed in range(40)]
counted = []
for chunk in pool.stream(specs, converged_below=0.1, log_every=1, workers=2, progress=counted.append):
    for index, place in enumerate(chunk.places):
        print(place, chunk.error or chunk.trained.losses[index].tobytes().hex())
print(sum(counted))
"""


def test_a_run_that_kills_its_worker_fails_alone_and_the_others_have_their_bits(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(KILLING)
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, counted = done.stdout.splitlines()
    found = {int(place): rest for place, _, rest in (line.partition(" ") for line in lines)}
    dead = "its worker process died (killed by SIGKILL, perhaps because memory ran out)"
    alone = {seed: train([RunSpec(seed=seed, epochs=20)]).losses[0].tobytes().hex() for seed in range(40)}
    assert found == alone | {7: dead, 30: dead}
    assert len(lines) == 40
    assert counted == str(40 * 20)
    halved = re.compile(r"a worker died \(killed by SIGKILL, .*\); halving its chunk of \d+ runs")
    assert all(halved.fullmatch(line) for line in done.stderr.splitlines())


LONG = """
from xorlab.spec import RunSpec
from xorlab.sweeps import pool

if __name__ == "__main__":
    specs = [RunSpec(seed=seed, epochs=10**8) for seed in range(4)]
    list(pool.stream(specs, converged_below=0.1, log_every=10**8, workers=2))
"""


LEAVING = """
import sys
from contextlib import closing
from xorlab.spec import RunSpec
from xorlab.sweeps import pool

if __name__ == "__main__":
    specs = [RunSpec(seed=seed, epochs=1 if seed < 3 else 10**8, shuffle=seed < 3) for seed in range(6)]
    with closing(pool.stream(specs, converged_below=0.1, log_every=10**8, workers=2)) as chunks:
        next(chunks)
        sys.exit(3)
"""


def test_who_leaves_a_stream_does_not_wait_for_its_workers(tmp_path: Path) -> None:
    script = tmp_path / "leaving.py"
    script.write_text(LEAVING)
    done = subprocess.run([sys.executable, str(script)], env=os.environ, check=False, timeout=60)
    assert done.returncode == 3


def descendants(pid: int) -> set[int]:
    """The processes below one, those that have ended but for their parent's notice left out."""
    children: dict[int, set[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                children.setdefault(int(parent), set()).add(int(path.parent.name))
    found = set(children.get(pid, set()))
    return found.union(*(descendants(child) for child in found))


def cpu(pid: int) -> int:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_outlives_its_driver(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "long.py"
    script.write_text(LONG)
    driver = subprocess.Popen([sys.executable, str(script)], env=os.environ, stderr=subprocess.DEVNULL)
    # Two workers in the midst of their training, and the resource tracker.
    wait_until(lambda: sorted(map(cpu, descendants(driver.pid)))[1:2] > [300])
    below = descendants(driver.pid)
    assert len(below) == 3
    driver.send_signal(number)
    driver.wait(60)
    wait_until(lambda: not any(alive(pid) for pid in below))


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_worker_that_cannot_start_is_an_error_and_not_a_failed_run(tmp_path: Path) -> None:
    script = tmp_path / "failing.py"
    script.write_text(f"import multiprocessing\nmultiprocessing.set_executable({shutil.which('false')!r})\n{LONG}")
    done = subprocess.run([sys.executable, str(script)], env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("worker processes can't start (exit status 1); set workers=1")


@pytest.mark.parametrize("missing", [[], ["process_cpu_count"], ["process_cpu_count", "sched_getaffinity"]])
def test_cores_are_counted_by_what_the_platform_offers(monkeypatch: pytest.MonkeyPatch, missing: list[str]) -> None:
    for name in missing:
        monkeypatch.delattr(os, name, raising=False)
    assert 1 <= pool.cores() <= (os.cpu_count() or 1)


def test_chunks_of_a_group_keep_all_workers_busy_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool.training, "chunk", lambda spec: 8)
    sizes = [len(places) for places, _ in pool._groups([RunSpec(seed=seed) for seed in range(20)], slots=2)]
    assert len(sizes) == 4
    assert sum(sizes) == 20
    assert max(sizes) - min(sizes) <= 1
