"""Training in processor time, thread for thread; other work on the machine changes it less than the time on a clock."""

import time

from baselines import BASELINES
from benchmarks.kernel import NETWORKS, compared, times

EPOCHS = {1: 2_000, 1_000: 100, 10_000: 25}
"""The epochs to train, by the number of runs; a baseline that trains one network at a time has those of one run."""
QUICK = {1: 50, 30: 20}


def measure(*, quick: bool) -> str:
    """Time xorlab and the installed baselines, the threads of each added up."""
    epochs, repeats = (QUICK, 1) if quick else (EPOCHS, 3)
    baselines = {name: baseline for name, baseline in BASELINES.items() if baseline.installed}
    parts = [
        "Nanoseconds of processor time per run and epoch, and the ratio to xorlab's. The threads of a contender are "
        "added up, so this compares thread for thread. Otherwise as above."
    ]
    for name in ("2-3-1", "2-16-16-1"):
        found = {}
        for R in (many := [*epochs][1:]):
            found |= times(NETWORKS[name], R, epochs, baselines, repeats, clock=time.process_time)
        parts.append(f"### {name}, processor time\n\n{compared(found, many)}")
    return "\n\n".join(parts)
