"""The plugin: Hydra's contract for any task, and one call for a task that takes all jobs at once."""

import time
from pathlib import Path

import pytest
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.test_utils.launcher_common_tests import LauncherTestSuite

from xorlab.cli.overrides import OverrideError
from xorlab.errors import SpecError, XorlabError
from xorlab.sweeps.jobs import JobResult

CONF = Path(__file__).parents[2] / "conf"


# The suite is written for Hydra 1.1's working folder, and 1.3 warns of it.
@pytest.mark.filterwarnings("ignore:.*change working directory at job runtime:UserWarning")
@pytest.mark.parametrize("launcher_name", ["xorlab"])
@pytest.mark.parametrize("overrides", [[]])
class TestContract(LauncherTestSuite):
    """Hydra's own suite: a task function that is not ours is treated as Hydra treats it."""


class Task:
    """A task that takes many jobs at once, keeps what it was given, and fails where the seed is 13."""

    def __init__(self):
        self.calls = []

    def __call__(self, _):
        raise AssertionError("a multirun is one call")

    def many(self, jobs, options):
        self.calls.append((jobs, options))
        return [
            JobResult(run_id="r", outcome="o", final_loss=job.spec.lr, error="unlucky" if job.spec.seed == 13 else None)
            for job in jobs
        ]


@pytest.fixture
def multirun(hydra_restore_singletons, tmp_path, monkeypatch):
    """Run a multirun of a task over the project's configuration; returns what Hydra gets."""
    monkeypatch.chdir(tmp_path)
    version.setbase("1.3")

    def run(task, *overrides):
        app = Hydra.create_main_hydra2("app", create_config_search_path(str(CONF)))
        try:
            return app.multirun("config", task, list(overrides), with_log_configuration=False)
        finally:
            GlobalHydra.instance().clear()

    return run


def test_all_jobs_are_one_call_in_order(multirun, tmp_path):
    task = Task()
    [returns] = multirun(task, "lr=0.01,0.1", "seed=0..2", "log_every=5", "arch=2-4-1")
    [(jobs, options)] = task.calls
    expected = [(f"lr={lr}", f"seed={seed}", "log_every=5", "arch=2-4-1") for lr in (0.01, 0.1) for seed in range(3)]
    assert [(job.spec.lr, job.spec.seed) for job in jobs] == [(lr, seed) for lr in (0.01, 0.1) for seed in range(3)]
    assert {job.spec.arch.hidden for job in jobs} == {(4,)}
    assert options.log_every == 5
    assert [job.swept for job in jobs] == [
        {"lr": str(lr), "seed": str(seed)} for lr in (0.01, 0.1) for seed in range(3)
    ]
    assert [list(job) for job in expected] == [result.overrides for result in returns]
    assert [result.return_value for result in returns] == [job.spec.lr for job in jobs]
    assert list(tmp_path.iterdir()) == []


def test_a_return_tells_what_hydras_own_launcher_tells(multirun):
    [ours] = multirun(Task(), "lr=0.01,0.1", "arch=2-4-1")
    [hydras] = multirun(lambda config: config.lr, "lr=0.01,0.1", "arch=2-4-1", "hydra/launcher=basic")
    for mine, its in zip(ours, hydras, strict=True):
        assert mine.cfg == its.cfg
        assert mine.overrides == its.overrides
        assert (mine.status, mine.task_name, mine.working_dir) == (its.status, its.task_name, its.working_dir)
        assert mine.hydra_cfg.hydra.overrides.task == its.hydra_cfg.hydra.overrides.task
        assert mine.hydra_cfg.hydra.job.num == its.hydra_cfg.hydra.job.num


def test_a_failed_job_is_named_and_the_others_finish(multirun, capsys):
    task = Task()
    with pytest.raises(SystemExit, match="1"):
        multirun(task, "seed=12..14", "lr=1,2")
    assert len(task.calls[0][0]) == 6
    assert capsys.readouterr().err.splitlines() == ["failed: seed=13 lr=1: unlucky", "failed: seed=13 lr=2: unlucky"]


def test_a_failed_return_raises_with_its_overrides(multirun):
    with pytest.raises(XorlabError, match="seed=13: unlucky"):
        multirun(Task(), "seed=12,13", "hydra/sweeper=basic")


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["lr=1,-1", "seed=0..3"], SpecError, "lr=-1 seed=0: lr must be positive; got -1"),
        (["lrr=1,2"], SpecError, "lrr=1: lrr is not a key"),
        (["init=normal,nope"], SpecError, "init=nope: init must be one of constant, .*; got nope"),
        (["log_every=1,2"], SpecError, "log_every belongs to the whole sweep and can't be swept; got 1 and 2"),
        (["seed=1,1"], OverrideError, "seed=1,1 repeats 1;"),
        (["seed=0", "seed=1"], OverrideError, "seed is given 2 times"),
        (["seed=range(3,3)"], OverrideError, "is empty"),
    ],
)
def test_one_bad_job_refuses_the_sweep_and_nothing_is_written(multirun, tmp_path, overrides, error, message):
    task = Task()
    with pytest.raises(error, match=message):
        multirun(task, *overrides)
    assert task.calls == []
    assert list(tmp_path.iterdir()) == []


def test_swept_keys_stand_in_the_order_typed(multirun):
    task = Task()
    multirun(task, "seed=0,1", "arch=2-2-1,2-3-1", "epochs=7", "init.std=0.1,1", "++lr=1,2")
    [(jobs, _)] = task.calls
    assert list(jobs[-1].swept.items()) == [("seed", "1"), ("arch", "2-3-1"), ("init.std", "1"), ("lr", "2")]


def test_ten_thousand_jobs_take_seconds(multirun):
    task = Task()
    start = time.process_time()
    [returns] = multirun(task, "seed=100..10099")
    assert time.process_time() - start < 10
    assert [job.spec.seed for job in task.calls[0][0]] == list(range(100, 10_100))
    assert len(returns) == 10_000
