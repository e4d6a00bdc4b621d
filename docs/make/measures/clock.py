"""Contenders timed turn by turn, and tables of what they took."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

Contender = Callable[[], Callable[[], object]]
"""Makes ready, off the clock, and returns the work to time."""


def medians(contenders: Mapping[str, Contender], repeats: int) -> dict[str, float]:
    """Return the seconds of each contender: the median over rounds in which each has its turn.

    What slows the machine for a while slows all of them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, contender in contenders.items():
            work = contender()
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


def digits(number: float, count: int = 3) -> str:
    """Return a number with so many digits that count: 195,000 or 0.0123."""
    return f"{float(f'{number:.{count}g}'):,.12g}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, its first column to the left and the others to the right."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
