"""Measure how the processor time of each part of a report grows with the runs, on simulated sweeps."""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.timing import digits
from markdown_table import table
from xorlab import figures, report
from xorlab.report import PICTURES, TABLES, Material
from xorlab.report.page import shown
from xorlab.spec import NUMERICS, RunSpec

SHAPES: dict[str, Callable[[int], dict[str, list[object]]]] = {
    "grid of settings and seeds": lambda n: {
        "lr": [0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
        "arch.hidden": ["[2]", "[3]", "[4]", "[8]", "[16]"],
        "seed": list(range(n // 40)),
    },
    "many settings, ten seeds": lambda n: {"lr": np.geomspace(1e-4, 10.0, n // 10).tolist(), "seed": list(range(10))},
    "two factors of many settings, two seeds": lambda n: {
        "lr": np.geomspace(1e-4, 10.0, math.isqrt(n // 2)).tolist(),
        "epochs": [1000 + place for place in range(math.isqrt(n // 2))],
        "seed": [0, 1],
    },
    "one setting, many seeds": lambda n: {"seed": list(range(n))},
}
"""The factors of a sweep of about n runs, and their values."""

POINTS = 20
"""Epochs that a curve has here."""

SLOPE = 1.15
"""The power of the runs from which on a part counts as growing faster than linear."""

NOTICED = 0.5
"""Seconds below which a part's growth is noise."""


def simulate(shape: str, runs: int) -> pd.DataFrame:
    """Make a table as `xorlab.runs.load` does, of about so many runs; outcomes depend on the setting and on chance."""
    values = SHAPES[shape](runs)
    grid = pd.MultiIndex.from_product(values.values(), names=list(values)).to_frame(index=False)
    plain = {key: str(value) if key == "arch.hidden" else value for key, value in RunSpec().parameters().items()}
    plain["arch.hidden"] = "[2]"
    frame = grid.assign(**{key: value for key, value in plain.items() if key not in grid})
    rng = np.random.RandomState(0)
    score = rng.rand(len(frame)) - 0.1 * np.log10(frame["lr"].to_numpy())
    kinds = np.array(["converged", "descending", "stuck_0.347", "stuck_0.477", "stuck_ln2"])
    frame["outcome"] = kinds[np.digitize(score, [0.5, 0.6, 0.7, 0.8])]
    ends = {"converged": 0.01, "descending": 0.1, "stuck_0.347": 0.3466, "stuck_0.477": 0.4774, "stuck_ln2": 0.6931}
    frame["final_loss"] = frame["outcome"].map(ends) * (1.0 + 1e-3 * rng.rand(len(frame)))
    converged = frame["outcome"] == "converged"
    frame["epochs_to_converge"] = np.where(converged, np.floor(10.0 ** (1.0 + 2.0 * rng.rand(len(frame)))), np.nan)
    frame["epochs_run"] = frame["epochs"]
    causes = np.array(["affine_collapse", "all_dead", "tied_inputs", "slow"])
    frame["cause"] = pd.Series(causes[rng.randint(4, size=len(frame))]).where(~converged)
    frame["run_id"] = [f"{number:032x}" for number in range(len(frame))]
    return frame.assign(status="FINISHED", numerics_version=str(NUMERICS), spec=frame["run_id"], sweep="5" * 32)


def curves(runs: pd.DataFrame) -> pd.DataFrame:
    """Make curves that fall from ln 2 to where each run ends, as `xorlab.runs.curves` reads them."""
    epochs = np.unique(np.geomspace(1, 1000, POINTS).astype(int)) - 1
    share = np.exp(-epochs / 100.0)
    losses = share * math.log(2.0) + (1.0 - share) * runs["final_loss"].to_numpy()[:, None]
    ids = np.repeat(runs["run_id"].to_numpy(), len(epochs))
    return pd.DataFrame({"run_id": ids, "epoch": np.tile(epochs, len(runs)), "loss": losses.ravel()})


def material(shape: str, runs: int) -> Material:
    """Make what a report is made of: a sweep with its plan, and another one to compare it with."""
    frame = simulate(shape, runs)
    other = simulate(shape, runs).assign(outcome=np.resize(["converged", "stuck_ln2"], len(frame)))
    return Material(frame, curves, plan=frame[list(SHAPES[shape](runs))], against=other)


def parts(made: Material, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield each part of a report with what computes it, those that others rest on first."""
    for name in [name for name in vars(Material) if hasattr(getattr(Material, name), "func")]:
        yield f"Material.{name}", lambda name=name: getattr(made, name)
    yield "answer", lambda: report.answer(made)
    yield "caveats", lambda: report.caveats(made)
    yield "summary", lambda: report.summary(made)
    for name, build in TABLES.items():
        yield f"table {name}", lambda build=build: _lay_out(build(made), folder)
    for name, draw in PICTURES.items():
        for width in (figures.PAGE, figures.COLUMN):
            yield f"picture {name}, {width:g} inches", lambda draw=draw, width=width: _render(draw(made, width))


def _lay_out(built: report.Table | None, folder: Path) -> None:
    if built is not None:
        built.frame.to_csv(folder / f"{built.name}.csv", index=False)
        built.text()
        shown(built)


def _render(picture: report.Picture | None) -> None:
    if picture is not None:
        figures.png(picture.figure)


def measure(shape: str, sizes: list[int], *, report_parts: Callable[[str], bool] = lambda _: True) -> str:
    """Time every part of a report of each size, and lay out the seconds and the power of the runs they grow by."""
    seconds: dict[str, list[float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            for name, compute in parts(material(shape, size), Path(folder)):
                if not report_parts(name):
                    continue
                start = time.process_time()
                compute()
                seconds.setdefault(name, []).append(time.process_time() - start)
                print(f"{shape}, {size:,} runs, {name}: {seconds[name][-1]:.3g} s", file=sys.stderr, flush=True)
    seconds["all"] = [sum(times) for times in zip(*seconds.values(), strict=True)]
    rows = [[name, *(digits(each, 2) for each in times), _growth(sizes, times)] for name, times in seconds.items()]
    return f"## {shape}\n\n{table(['', *(f'{size:,} runs' for size in sizes), 'grows as'], rows, right=True)}\n"


def _growth(sizes: list[int], times: list[float]) -> str:
    """Return the power of the runs by which the last size took longer than the one before it."""
    power = math.log(times[-1] / times[-2]) / math.log(sizes[-1] / sizes[-2])
    return f"n^{power:.2f}{' !' if power > SLOPE and times[-1] > NOTICED else ''}"


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="runs (%(default)s)")
    parser.add_argument(
        "--shape",
        type=int,
        choices=range(len(SHAPES)),
        help=f"the number of one shape, from 0 on: {', '.join(SHAPES)} (all)",
    )
    parser.add_argument("--part", default="", help="only parts whose names contain this")
    options = parser.parse_args()
    shapes = list(SHAPES) if options.shape is None else [list(SHAPES)[options.shape]]
    for shape in shapes:
        print(measure(shape, options.sizes, report_parts=lambda name: options.part in name), flush=True)


if __name__ == "__main__":
    main()
