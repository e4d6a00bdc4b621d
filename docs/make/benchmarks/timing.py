"""Timing of contenders in turn, and numbers to significant digits."""

import time
from collections.abc import Callable, Mapping
from statistics import median

Contender = Callable[[], Callable[[], object]]
"""Prepares its work outside the timing, and returns the work to time."""


def medians(
    contenders: Mapping[str, Contender], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Return each contender's median time in seconds over several rounds; in each round all contenders run in turn.

    So whatever slows the machine for a while slows all of them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, contender in contenders.items():
            work = contender()
            start = clock()
            work()
            seconds[name].append(clock() - start)
    return {name: median(values) for name, values in seconds.items()}


def digits(number: float, count: int = 3) -> str:
    """Return a number rounded to `count` significant digits: 195,000 or 0.0123."""
    return f"{float(f'{number:.{count}g}'):,.12g}"
