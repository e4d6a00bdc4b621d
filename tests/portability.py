"""Does this computer train portable runs with the bits that are on record?

Train the specifications of tests/numerics/portable.json and compare a hash of each with the file's. It needs
NumPy and xorlab's source only:

    PYTHONPATH=src python tests/portability.py

--dispatch does so again with NumPy's functions for wider vectors switched off in every way that NumPy allows here, and
says how many of the same specifications come out otherwise with numerics=native. --write adds runs of components that
the file does not hold.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np

from xorlab.numerics.trained import Trained
from xorlab.numerics.training import train
from xorlab.spec import RunSpec

RECORD = Path(__file__).parent / "numerics" / "portable.json"
WEIGHTS = Path(__file__).parent / "numerics" / "start.npz"
COUNT, EPOCHS = 1_000, 60
DIGITS = 16
"""Hexadecimal digits of a hash that are kept."""


def main() -> int:
    """Compare this computer with the record; return 1 where a hash differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dispatch", action="store_true", help="restrict NumPy in every way, in other processes")
    parser.add_argument("--write", action="store_true", help="write the record")
    parser.add_argument("--hashes", choices=("native", "portable"), help="print the hashes, nothing else")
    parser.add_argument("--first", type=int, metavar="N", help="only the first N runs")
    options = parser.parse_args()
    if options.write:
        write()
    rows = json.loads(RECORD.read_text())[: options.first]
    if options.hashes:
        print(json.dumps([digest(row["spec"], options.hashes) for row in rows]))
        return 0
    print(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    recorded = [row["hash"] for row in rows]
    found = [digest(row["spec"], "portable") for row in rows]
    print(f"{agreeing(found, recorded):,} of {len(rows):,} portable runs are as on record")
    same = found == recorded
    if options.dispatch:
        usual = here("native", "", len(rows))
        for off in restrictions():
            portable, native = (here(name, off, len(rows)) for name in ("portable", "native"))
            print(f"Without {off}: {agreeing(portable, recorded):,} of {len(rows):,} portable runs are as on record;")
            print(f"  {agreeing(native, usual):,} of {len(rows):,} native runs are as with it")
            same = same and portable == recorded
    return int(not same)


def agreeing(found: list[str], recorded: list[str]) -> int:
    """Count the hashes that are the same."""
    return sum(a == b for a, b in zip(found, recorded, strict=True))


def digest(nested: dict, numerics: str) -> str:
    """Train one specification of the record and return the hash of its numbers."""
    init = nested["init"] | ({"path": str(WEIGHTS)} if nested["init"]["name"] == "file" else {})
    return hashed(train([RunSpec.from_mapping(nested | {"init": init, "numerics": numerics})]))


def hashed(trained: Trained) -> str:
    """Return a hash of all numbers of some runs. NaN counts as one number: its sign has no meaning, and differs."""
    arrays = [trained.losses, trained.epochs, trained.final_loss, trained.logits]
    arrays += [parameters[name] for parameters in (trained.initial, trained.final) for name in sorted(parameters)]
    content = hashlib.sha256("".join(trained.stopped).encode())
    for array in arrays:
        content.update(np.where(np.isnan(array), np.nan, array).astype("<f8").tobytes())
    return content.hexdigest()[:DIGITS]


def here(numerics: str, off: str, count: int) -> list[str]:
    """Return the hashes of the record's first runs, from a process without some of NumPy's features."""
    command = [sys.executable, __file__, "--hashes", numerics, "--first", str(count)]
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": off}
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def restrictions() -> list[str]:
    """Return what can be switched off here: each feature that NumPy has functions for, and each with all after it."""
    from numpy._core import _multiarray_umath as core

    features = [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]
    return list(dict.fromkeys([*features, *(" ".join(features[start:]) for start in range(len(features)))]))


def write() -> None:
    """Add specifications with components that the record does not hold, and their hashes; delete it to begin anew."""
    from numerics.test_frozen import components, drawn

    rows = json.loads(RECORD.read_text()) if RECORD.exists() else []
    held = {component for row in rows for component in components(row["spec"])}
    new = [nested | {"epochs": EPOCHS} for nested in drawn(COUNT) if not components(nested) <= held]
    rows += [{"hash": digest(nested, "portable"), "spec": nested} for nested in new]
    RECORD.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


if __name__ == "__main__":
    sys.exit(main())
