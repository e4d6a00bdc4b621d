"""Train one run, or with -m a sweep: Hydra's command, with the configuration of this checkout or of the package."""

import os
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xorlab.cli.internals import compose_once
from xorlab.cli.overrides import check_single
from xorlab.cli.refusals import answer, refusals
from xorlab.errors import SpecError, XorlabError
from xorlab.spec.options import Options, split
from xorlab.spec.product import Product
from xorlab.spec.text import PROGRAM
from xorlab.sweeps.jobs import Job, JobResult, check_files


def main(words: list[str] | None = None, *, prog: str | None = None, conf: Path | None = None) -> int:
    """Train; return the exit status, unless a mistake or a failed run ends the process first.

    Parameters
    ----------
    words : the arguments; None for those of this process
    prog : unused; Hydra's help says how the command is typed, see `text.program`
    conf : the folder of the configuration; `configuration` unless given
    """
    if words is not None:
        sys.argv[1:] = words
    folder = conf or configuration()
    command = hydra.main(version_base="1.3", config_path=str(folder), config_name="config")(train)
    answer(partial(compose_once, command, folder))
    return 0


def configuration() -> Path:
    """Return the folder of the configuration: inside an installed package, else beside the package's checkout."""
    package = Path(__file__).resolve().parents[1]
    return package / "conf" if (package / "conf").is_dir() else package.parents[1] / "conf"


def train(config: DictConfig) -> float | None:
    """Train one run and return its final loss."""
    with refusals():
        check_single(HydraConfig.get().overrides.task)
        plain: Any = OmegaConf.to_container(config, resolve=True)
        spec, options = split(plain)
        if options.track == "sweep":
            raise SpecError("track=sweep is about a sweep; add -m")
        if (options.sweep, options.retry, options.plan, options.reuse) != ("new", None, False, False):
            raise SpecError("sweep, retry, plan and reuse are about a sweep; add -m")

        job = Job(plain, spec)
        check_files([job])
        from xorlab.sweeps.runner import run_one

        return run_one(job, options).final_loss


def train_many(jobs: Sequence[Job] | Product | None, options: Options) -> list[JobResult]:
    """Train the runs of a sweep together; those of a product, or of a sweep of one that is continued, have no jobs."""
    program = os.environ[PROGRAM].split() if PROGRAM in os.environ else ["python", sys.argv[0]]
    command = shlex.join([*program, *sys.argv[1:]])
    if jobs is None or isinstance(jobs, Product):
        from xorlab.sweeps import parts

        if failed := parts.run(jobs, options, command=command).failed:
            raise XorlabError(f"{failed:,} runs failed; their column error says why")
        return []
    from xorlab.sweeps.runner import run_many

    return run_many(jobs, options, command=command)


# The launcher calls this attribute with all the jobs of a multirun.
train.many = train_many  # type: ignore[attr-defined]
