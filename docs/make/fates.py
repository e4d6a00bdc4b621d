"""Compare the sentences of docs/fates.md with a recorded map of fates.

    python train.py -m experiment=fates
    python docs/make/fates.py

It fails if the page lacks a sentence that the record's numbers give.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xorlab.report import fates
from xorlab.report.fates import FateMap

PAGE = Path(__file__).resolve().parents[1] / "fates.md"
WORDS = {8: "eight", 9: "nine", 10: "ten", 11: "eleven"}


def main(arguments: list[str] | None = None) -> int:
    """Compare; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweep", default="latest", help="the recorded map (%(default)s)")
    parser.add_argument("--uri", help="the tracking store (MLFLOW_TRACKING_URI, else mlflow.db beside train.py)")
    options = parser.parse_args(arguments)
    text = PAGE.read_text()
    missing = [sentence for sentence in sentences(fates.read(options.sweep, options.uri)) if sentence not in text]
    for sentence in missing:
        print(f"not in {PAGE.name}: {sentence}", file=sys.stderr)
    return int(bool(missing))


def sentences(found: FateMap) -> list[str]:
    """Write what the page says of a map, with the map's own numbers."""
    lr, std = (np.array(axis.columns[axis.key], dtype=float) for axis in (found.x, found.y))
    names = np.array(found.names)[found.codes]
    middle = share(names[std < 1.0][:, (lr > 0.2) & (lr < 1.8)] == "converged")
    large = names[:, lr > 8.0] == "oscillating"
    border, calm = (unlike(names, (lr > low) & (lr < high)) for low, high in ((3.0, 5.0), (0.2, 1.8)))
    return [
        f"Only the size of their initial weights and their learning rate differ, and yet they end in "
        f"{WORDS.get(len(found.names), len(found.names))} different ways.",
        f"almost every network converges** whose weights start below 1: {middle} of these runs.",
        "no network comes to rest.** "
        + ("All of these runs oscillate." if large.all() else f"{share(large)} of these runs oscillate."),
        f"neighbours end differently.** {border} of the pairs of pixels side by side have different fates there, and "
        f"{calm} between learning rates of 0.2 and 1.8.",
    ]


def unlike(names: NDArray[np.str_], columns: NDArray[np.bool_]) -> str:
    """Return the share of pixels in some neighbouring columns whose right neighbour has another fate."""
    own = names[:, columns]
    return share(own[:, 1:] != own[:, :-1])


def share(holds: NDArray[np.bool_] | Sequence[bool]) -> str:
    """Write a share in percent; a coarse map may have nothing to share."""
    return f"{100.0 * np.mean(holds):.1f} %" if np.size(holds) else "–"


if __name__ == "__main__":
    sys.exit(main())
