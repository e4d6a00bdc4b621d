"""A Markdown table."""

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: bool = False) -> str:
    """Return a Markdown table; `right` aligns all columns but the first to the right."""
    rule = ["---", *["---:" if right else "---"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, rule, *rows])
