"""The film of the zoom: its frames, and the page of their commands."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

import zoom
from xorlab.diagnosis.fates import fate
from xorlab.diagnosis.verdict import diagnose
from xorlab.figures.fate_map import fate_colour
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, InitSpec, RunSpec

FATES = Path(__file__).resolve().parents[2] / "docs" / "fates"
COMMAND = r"(?:(\d+)% new: )?`xorlab fates --width 64 --centre ([\d.]+),([\d.]+) --span (\S+) arch.activation=tanh`"


def test_every_frame_has_half_the_span_and_is_new():
    found = re.findall(COMMAND, (FATES / "zoom.md").read_text())
    spans = [float(span) for *_, span in found]
    assert len(found) == 31
    assert len({(lr, std) for _, lr, std, _ in found}) == 1
    assert all(wide == 2.0 * narrow for wide, narrow in pairwise(spans))
    assert min(int(share) for share, *_ in found[1:]) > 25
    with Image.open(FATES / "zoom.gif") as film:
        frames = [np.asarray(frame.convert("RGB"))[::6, ::6] for frame in ImageSequence.Iterator(film)]
    assert len(frames) == 31
    for (share, *_), (before, after) in zip(found[1:], pairwise(frames), strict=True):
        assert abs(100.0 * (before != after).any(axis=-1).mean() - int(share)) <= 3


def test_a_frame_shows_the_runs_of_its_command():
    """Four runs of a frame, trained alone, have its colours; those that converge have a blue of their own."""
    image = np.asarray(zoom.frame(2, (1.0, 1.0), 1.0))[::6, ::6].astype(int)
    seen = set()
    for row, std in enumerate((10.0**0.5, 10.0**-0.5)):
        for column, lr in enumerate((10.0**-0.5, 10.0**0.5)):
            arch = ArchSpec(activation="tanh")
            spec = RunSpec(arch=arch, init=InitSpec(std=std), lr=lr, seed=1, epochs=1000, target_loss=0.05)
            (verdict,) = diagnose(train([spec]))
            name = fate(verdict.outcome, verdict.cause)
            red, green, blue = image[row, column].tolist()
            assert blue - red > 50 if name == "converged" else f"#{red:02x}{green:02x}{blue:02x}" == fate_colour(name)
            seen.add(name)
    assert {"converged"} < seen
