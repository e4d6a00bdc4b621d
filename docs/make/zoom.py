"""Film a zoom into the map of fates of tanh: halve the span in every frame, round a rough point.

    python docs/make/zoom.py

It writes docs/fates/zoom.gif, and docs/fates/zoom.md with the command of each frame and how much of the picture is
new. A frame's runs are those of its command, trained here without a record.
"""

import argparse
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dimension import labels, zooms
from xorlab.cli.fates import grid
from xorlab.diagnosis import fates
from xorlab.diagnosis.verdict import Verdict, diagnose
from xorlab.figures.fate_map import pixels
from xorlab.numerics import training
from xorlab.spec import ArchSpec, InitSpec, RunSpec

FOLDER = Path(__file__).resolve().parents[1] / "fates"
ACTIVATION, SEED = "tanh", 1
LENGTH = 1000


def main() -> None:
    """Write the film and the page of its commands."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=31, help="each of half the span of the one before (%(default)s)")
    parser.add_argument("--side", type=int, default=64, help="networks across and upwards (%(default)s)")
    options = parser.parse_args()
    solved = labels.label(labels.VARIANTS[labels.BASE], ACTIVATION, SEED)
    points, _ = zooms.roughest(solved, SEED, level=8)
    lr, std = (10.0 ** points[zooms.STEPS // 2]).tolist()
    spans = [3.0 / 2.0**frame for frame in range(options.frames)]
    images = [frame(options.side, (lr, std), span) for span in spans]
    FOLDER.mkdir(exist_ok=True)
    last = [200] * (len(images) - 1) + [2000]
    images[0].save(FOLDER / "zoom.gif", save_all=True, append_images=images[1:], duration=last, loop=0)
    (FOLDER / "zoom.md").write_text(commands(options.side, (lr, std), spans, images))


def commands(side: int, centre: tuple[float, float], spans: list[float], images: list[Image.Image]) -> str:
    """Return the page of the frames' commands, and of how many pixels differ from the frame before."""
    typed = [
        f"xorlab fates --width {side} --centre {centre[0]!r},{centre[1]!r} --span {span!r} arch.activation={ACTIVATION}"
        for span in spans
    ]
    new = [f"{np.any(np.asarray(b) != np.asarray(a), axis=-1).mean():.0%} new: " for a, b in pairwise(images)]
    lines = [f"{n}. {share}`{line}`" for n, (share, line) in enumerate(zip(["", *new], typed, strict=True), start=1)]
    said = (
        "`python docs/make/zoom.py` writes this page. *New* is the share of a frame's pixels that have another colour "
        "than in the frame before."
    )
    return "\n".join(["# The frames of the zoom", "", said, "", *lines, ""])


def frame(side: int, centre: tuple[float, float], span: float) -> Image.Image:
    """Train the runs of a frame and colour them."""
    shown = coloured(side, centre, span, activation=ACTIVATION)
    return Image.fromarray(shown).resize((6 * side, 6 * side), Image.Resampling.NEAREST)


def coloured(side: int, centre: tuple[float, float], span: float, **settings: Any) -> np.ndarray:
    """Train the runs of a map, and return its colours (side, side, 3), the top row first."""
    scales, rates = (np.geomspace(*ends(line), side) for line in grid(side, side, centre, span))
    verdicts = judged(rates, scales, **settings)
    became = [fates.fate(verdict.outcome, verdict.cause) for verdict in verdicts]
    names = fates.ordered(became)
    codes = np.array([names.index(name) for name in became], dtype=np.uint8).reshape(side, side)
    found = [np.nan if verdict.epochs_to_converge is None else verdict.epochs_to_converge for verdict in verdicts]
    return pixels(codes, names, np.array(found).reshape(side, side), length=LENGTH)[::-1]


def ends(line: str) -> tuple[float, float]:
    """Return the ends of an axis as it is typed."""
    low, high, _ = line.partition("(")[2].rstrip(")").split(",")
    return float(low), float(high)


def judged(rates: np.ndarray, scales: np.ndarray | list[float], *, seed: int = 1, **arch: Any) -> list[Verdict]:
    """Train every combination, learning rate fastest, with the settings of experiment=fates unless others are given."""
    inits = [InitSpec(std=float(std)) for std in scales]
    specs = [
        RunSpec(arch=ArchSpec(**arch), init=init, lr=float(lr), seed=seed, epochs=LENGTH, target_loss=0.05)
        for init in inits
        for lr in rates
    ]
    size = training.chunk(specs[0])
    return [
        verdict
        for start in range(0, len(specs), size)
        for verdict in diagnose(training.train(specs[start : start + size]))
    ]


if __name__ == "__main__":
    main()
