"""What a person at a terminal sees: progress bars during the work, a table at its end."""

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid

from xorlab.sweeps.tables import Table, short

WIDE = 200
"""Columns of a table where the output is no terminal, so that lines of a log do not wrap."""


class Bars(Progress):
    """Bars for training and recording, with the outcomes so far; on stderr, and only where that is a terminal."""

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
        self._recording = self.add_task("recording", total=runs, note="")

    def trained(self, epochs: int) -> None:
        """Count epochs, over all runs, as trained."""
        self.advance(self._training, epochs)

    def recorded(self, outcomes: Iterable[str]) -> None:
        """Count runs, by their outcomes, as recorded."""
        before = self._counts.total()
        self._counts.update(outcomes)
        note = ", ".join(f"{number:,} {short(outcome)}" for outcome, number in self._counts.most_common())
        self.update(self._recording, advance=self._counts.total() - before, note=note)


def show(table: Table) -> None:
    """Print a table, as wide as the terminal where there is one."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    grid = Grid(*table.head, box=None, pad_edge=False, header_style="bold")
    for row in table.rows:
        grid.add_row(*row)
    console.print(grid)
    console.print()
