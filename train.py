"""Train small networks on XOR: ``python train.py [-m] key=value …``; ``python train.py --help`` lists the keys."""

import shlex
import sys
from collections.abc import Sequence
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xorlab.cli.overrides import check_single
from xorlab.cli.refusals import answer, refusals
from xorlab.spec.options import Options, split
from xorlab.sweep.jobs import Job, JobResult


def train(config: DictConfig) -> float | None:
    """Train one run and return its final loss."""
    with refusals():
        check_single(HydraConfig.get().overrides.task)
        plain: Any = OmegaConf.to_container(config, resolve=True)
        spec, options = split(plain)

        from xorlab.sweep.runner import run_one

        return run_one(Job(plain, spec), options).final_loss


def train_many(jobs: Sequence[Job], options: Options) -> list[JobResult]:
    """Train the runs of a sweep together."""
    from xorlab.sweep.runner import run_many

    return run_many(jobs, options, command=shlex.join(["python", *sys.argv]))


# The launcher calls this attribute with all the jobs of a multirun.
train.many = train_many  # type: ignore[attr-defined]

if __name__ == "__main__":
    answer(hydra.main(version_base="1.3", config_path="conf", config_name="config")(train))
