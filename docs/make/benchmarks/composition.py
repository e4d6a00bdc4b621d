"""Composing the configurations of a multirun: xorlab and Hydra."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from benchmarks.timing import digits, medians
from markdown_table import table
from xorlab.cli.composition import Composer
from xorlab.spec.options import split

CONF = Path(__file__).resolve().parents[3] / "conf"


def measure(*, quick: bool) -> str:
    """Time the composition of similar jobs by Hydra, and by xorlab with and without the check of every value."""
    few, many, repeats = (2, 20, 1) if quick else (20, 10_000, 5)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [], RunMode.MULTIRUN)

        def hydra() -> None:
            for overrides in _jobs(few):
                loader.load_sweep_config(master, overrides)

        def ours(read: Callable[[dict[str, object]], object]) -> None:
            composer = Composer(loader, master)
            for number, overrides in enumerate(_jobs(many)):
                read(composer.plain(overrides, number))

        ways = {
            "Hydra's load_sweep_config": (hydra, few),
            "xorlab": (partial(ours, dict), many),
            "xorlab, every value checked": (partial(ours, split), many),
        }
        seconds = medians({name: lambda work=work: work for name, (work, _) in ways.items()}, repeats)
    each = {name: seconds[name] / count * 1e3 for name, (_, count) in ways.items()}
    slowest = max(each.values())
    rows = [[name, digits(value), f"{digits(slowest / value, 2)}x"] for name, value in each.items()]
    text = (
        f"Milliseconds per job. xorlab composes {many:,} jobs `arch=… lr=… seed=…` of six architectures, Hydra {few} "
        "of them. Hydra's own launcher would compose every job twice, configure its logging and write three files; "
        "here Hydra composes once."
    )
    return f"{text}\n\n{table(['', 'ms per job', 'times as fast'], rows, right=True)}"


def _jobs(count: int) -> list[list[str]]:
    """Return the overrides of `count` jobs, no two alike."""
    groups = ("2-2-1", "2-3-1", "2-4-1", "2-8-1", "2-2-2-2-2-1", "2-16-16-1")
    return [[f"arch={groups[job % 6]}", f"lr={0.01 * (1 + job % 7):.2f}", f"seed={job}"] for job in range(count)]
