"""Does this computer train portable runs with the bits that are on record?

Train the specifications of tests/numerics/portable.json and compare a hash of each with the file's. It needs
xorlab's source and NumPy only, and SciPy for verdicts:

    PYTHONPATH=src python tests/portability.py

--dispatch does so again with NumPy's functions for wider vectors switched off in every way that NumPy allows here, and
says how many native runs and how many verdicts come out otherwise. --verdicts FILE compares verdicts with those of
another computer. --write adds runs of components that the file does not hold, and hashes all runs anew after
`xorlab.spec.PORTABLE` was raised.
"""

import argparse
import hashlib
import json
import os
import platform
import random
import subprocess
import sys
from pathlib import Path

import numpy as np

from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics.trained import Trained
from xorlab.numerics.training import train
from xorlab.spec import PORTABLE, RunSpec
from xorlab.spec.components.measures import MEASURES

RECORD = Path(__file__).parent / "numerics" / "portable.json"
WEIGHTS = Path(__file__).parent / "numerics" / "start.npz"
COUNT, EPOCHS = 1_000, 60
TARGETS = {"target_rmse": [0.48, 0.4, 0.2], "target_max_error": [0.6, 0.5, 0.3], "target_accuracy": [0.75, 1.0]}
"""Where runs of the record stop by a measure."""
STOPPING = 90
"""So many of them."""
SEVERAL = 80
"""So many runs of the record have several outputs."""
DIGITS = 16
"""Hexadecimal digits of a hash that are kept."""


def main() -> int:
    """Compare this computer with the record; return 1 where a hash differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dispatch", action="store_true", help="restrict NumPy in every way, in other processes")
    parser.add_argument("--write", action="store_true", help="write the record")
    parser.add_argument("--results", choices=("native", "portable"), help="print hashes and verdicts, nothing else")
    parser.add_argument("--verdicts", type=Path, metavar="FILE", help="compare verdicts with FILE, or write it")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only one of every K runs")
    options = parser.parse_args()
    if options.write:
        write()
    rows = recorded()[:: options.every]
    if options.results:
        print(json.dumps(results(rows, options.results, judge=True)))
        return 0
    print(f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver()) or 'another C library'}, ", end="")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}")
    expected = [row["hash"] for row in rows]
    found, verdicts = results(rows, "portable", judge=bool(options.dispatch or options.verdicts))
    print(f"{agreeing(found, expected):,} of {len(rows):,} portable runs are as on record", flush=True)
    same = found == expected
    if options.verdicts and options.verdicts.exists():
        others = json.loads(options.verdicts.read_text())[:: options.every]
        print(f"{agreeing(verdicts, others):,} of {len(others):,} verdicts are as in {options.verdicts}")
    elif options.verdicts:
        options.verdicts.write_text(json.dumps(verdicts))
    if options.dispatch:
        usual, _ = here("native", "", options.every)
        for off in restrictions():
            (portable, judged), (native, _) = (here(name, off, options.every) for name in ("portable", "native"))
            print(f"Without {off}: {agreeing(portable, expected):,} of {len(rows):,} portable runs are as on record;")
            print(f"  {agreeing(native, usual):,} of {len(rows):,} native runs are as with it;", flush=True)
            print(f"  {agreeing(judged, verdicts):,} of {len(rows):,} verdicts on portable runs are as with it")
            same = same and portable == expected
    return int(not same)


def recorded() -> list[dict]:
    """Read the specifications on record, with the hash of each."""
    return json.loads(RECORD.read_text())["runs"]


def results(rows: list[dict], numerics: str, *, judge: bool) -> tuple[list[str], list[str]]:
    """Train the specifications of some rows; return the hash of each, and its outcome and cause if asked to judge."""
    trained = [train([build(row["spec"], numerics)]) for row in rows]
    verdicts = [diagnose(each)[0] for each in trained if judge]
    return [hashed(each) for each in trained], [f"{verdict.outcome}, {verdict.cause}" for verdict in verdicts]


def build(nested: dict, numerics: str) -> RunSpec:
    """Return a specification of the record, with the path of the committed weights where it starts from a file."""
    init = nested["init"] | ({"path": str(WEIGHTS)} if nested["init"]["name"] == "file" else {})
    return RunSpec.from_mapping(nested | {"init": init, "numerics": numerics})


def agreeing(found: list[str], recorded: list[str]) -> int:
    """Count the hashes that are the same."""
    return sum(a == b for a, b in zip(found, recorded, strict=True))


def hashed(trained: Trained) -> str:
    """Return a hash of all numbers of some runs. NaN counts as one number: its sign has no meaning, and differs."""
    arrays = [trained.losses, trained.epochs, trained.final_loss, trained.logits]
    arrays += [parameters[name] for parameters in (trained.initial, trained.final) for name in sorted(parameters)]
    content = hashlib.sha256("".join(trained.stopped).encode())
    for array in arrays:
        content.update(np.where(np.isnan(array), np.nan, array).astype("<f8").tobytes())
    return content.hexdigest()[:DIGITS]


def here(numerics: str, off: str, every: int) -> tuple[list[str], list[str]]:
    """Return the results of one of `every` runs, from a process without some of NumPy's features."""
    command = [sys.executable, __file__, "--results", numerics, "--every", str(every)]
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": off}
    hashes, verdicts = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
    return hashes, verdicts


def restrictions() -> list[str]:
    """Return what can be switched off here: each feature that NumPy has functions for, and each with all after it."""
    from numpy._core import _multiarray_umath as core

    features = [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]
    return list(dict.fromkeys([*features, *(" ".join(features[start:]) for start in range(len(features)))]))


def write() -> None:
    """Add specifications with components or measures that the record does not hold, and write their hashes."""
    from numerics.test_frozen import components, drawn

    old = json.loads(RECORD.read_text())
    specs = [row["spec"] for row in old["runs"]]
    held = {component for nested in specs for component in components(nested)}
    new = [nested | {"epochs": EPOCHS} for nested in drawn(COUNT) if not components(nested) <= held]
    if not any(name in nested for nested in specs for name in MEASURES):
        new += stopping(specs)
    if not any(nested["data"].get("classes") for nested in specs):
        new += several(specs)
    rows = old["runs"] if old["portable"] == PORTABLE else []
    specs = specs[len(rows) :] + new
    rows += [{"hash": hashed(train([build(nested, "portable")])), "spec": nested} for nested in specs]
    text = ",\n".join(map(json.dumps, rows))
    RECORD.write_text(f'{{"portable": {PORTABLE}, "runs": [\n{text}\n]}}\n')


def stopping(specs: list[dict]) -> list[dict]:
    """Return some of these specifications with a measure at which they stop."""
    rng = random.Random(20261125)
    chosen = rng.sample(specs, STOPPING)
    names = [rng.choice(list(TARGETS)) for _ in chosen]
    return [nested | {name: rng.choice(TARGETS[name])} for nested, name in zip(chosen, names, strict=True)]


def several(specs: list[dict]) -> list[dict]:
    """Return some of these specifications with an output for each class."""
    rng = random.Random(20261126)
    ways = [("cross_entropy", "softmax"), ("cross_entropy", "softmax"), ("bce", "sigmoid"), ("mse", "tanh")]
    found = []
    for nested in rng.sample([nested for nested in specs if nested["init"]["name"] != "file"], SEVERAL):
        loss, output = rng.choice(ways)
        data = nested["data"] | {"classes": True, "targets": "binary"}
        found.append(nested | {"data": data, "arch": nested["arch"] | {"output": output}, "loss": loss})
    return found


if __name__ == "__main__":
    sys.exit(main())
