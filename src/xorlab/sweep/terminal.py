"""What a person at a terminal sees: progress while work is under way, a table when it is done."""

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid

from xorlab.sweep.tables import Table, short

WIDE = 200
"""Columns where the output is no terminal: a table in a log is not folded."""


class Bars(Progress):
    """Bars for training and for tracking, and counts by outcome; they show on a terminal only, on stderr."""

    def __init__(self, *, runs: int, epochs: int) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description:9}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        super().__init__(
            *columns,
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._runs = runs
        self._counts: Counter[str] = Counter()
        self._training = self.add_task("training", total=epochs, note=f"{runs:,} runs")
        self._tracking = self.add_task("tracking", total=runs, note="")

    def trained(self, epochs: int) -> None:
        """Count epochs, over all runs, as trained."""
        self.advance(self._training, epochs)

    def tracked(self, outcomes: Iterable[str]) -> None:
        """Count runs as tracked."""
        before = self._counts.total()
        self._counts.update(outcomes)
        note = ", ".join(f"{number:,} {short(outcome)}" for outcome, number in self._counts.most_common())
        self.update(self._tracking, advance=self._counts.total() - before, note=note)


def show(table: Table) -> None:
    """Print a table, folded to the terminal's width where there is one."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    grid = Grid(*table.head, box=None, pad_edge=False, header_style="bold")
    for row in table.rows:
        grid.add_row(*row)
    console.print(grid)
    console.print()
