"""What a person at a terminal sees: progress bars during the work, a table at its end."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.table import Table as Grid

from xorlab.sweeps.tables import Table, short

WIDE = 200
"""Columns of a table where the output is no terminal, so that lines of a log do not wrap."""


class Bars(Progress):
    """Bars for training and recording, with the outcomes so far: on stderr where that is a terminal, or in a notebook.

    Parameters
    ----------
    epochs : over all runs, that are to be trained
    runs : that are to be recorded
    """

    def __init__(self, *, epochs: int, runs: int = 0) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description:9}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        super().__init__(
            *columns,
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._counts: Counter[str] = Counter()
        self._training = self.add_task("training", total=epochs, note=f"{runs:,} runs" if runs else "")
        self._recording = self.add_task("recording", total=runs, note="", visible=runs > 0)
        self._cell = Cell() if console.is_jupyter else None

    def trained(self, epochs: int) -> None:
        """Count epochs, over all runs, as trained."""
        self.advance(self._training, epochs)
        self._show()

    def recorded(self, outcomes: Iterable[str]) -> None:
        """Count runs, by their outcomes, as recorded."""
        before = self._counts.total()
        self._counts.update(outcomes)
        note = ", ".join(f"{number:,} {short(outcome)}" for outcome, number in self._counts.most_common())
        self.update(self._recording, advance=self._counts.total() - before, note=note)
        self._show()

    def stop(self) -> None:
        """Take the bars away."""
        super().stop()
        if self._cell is not None:
            self._cell.update("")

    def _show(self) -> None:
        if self._cell is not None:
            training, recording = self.tasks
            self._cell.show(
                training.completed / (training.total or 1.0), f"{training.percentage:.0f} % {recording.fields['note']}"
            )


def busy(doing: str) -> Status:
    """Say on stderr what is being done for as long as it lasts, where that is a terminal."""
    return Console(stderr=True).status(doing)


class Cell:
    """A bar in a notebook's output, in plain HTML: it needs no widgets."""

    def __init__(self) -> None:
        from IPython.display import DisplayHandle

        self._handle = DisplayHandle()  # type: ignore[no-untyped-call]
        self._handle.display(_html(""))  # type: ignore[no-untyped-call]
        self._next = 0.0

    def show(self, percent: float, note: str) -> None:
        """Draw the bar, at most ten times a second."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.1
            self.update(f"<progress max=100 value={percent:.1f}></progress> {percent:.0f} % {note}")

    def update(self, html: str) -> None:
        """Put `html` in the place of what was there."""
        self._handle.update(_html(html))  # type: ignore[no-untyped-call]


def _html(text: str) -> Any:
    from IPython import display

    return display.HTML(text)  # type: ignore[no-untyped-call]


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
