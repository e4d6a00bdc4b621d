"""The page: what a report holds, and the one HTML file that Jinja makes of it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import pandas as pd

from xorlab.report.tables import Table, heading

PAGE_ROWS = 500
"""Rows of a table that the page shows; the rest is in its .csv."""


@dataclass(frozen=True)
class Drawn:
    """A picture on the page: two .png files, for wide screens and paper and for narrow ones."""

    name: str
    question: str
    caption: str
    wide: bytes
    narrow: bytes


@dataclass(frozen=True)
class Cell:
    """A cell's text, and what it is sorted by: a number, a text, or nothing where there is no value."""

    text: str
    key: str
    number: bool


@dataclass(frozen=True)
class Shown:
    """A table on the page, its first rows as cells."""

    name: str
    title: str
    note: str
    frame: pd.DataFrame
    numbers: Sequence[bool]
    rows: Sequence[Sequence[Cell]]
    left_out: int


@dataclass(frozen=True)
class Report:
    """All that the page says.

    Attributes
    ----------
    question, about, made_by : its heading, which runs these are, and the command that made them
    answer, caveats : sentences
    pictures, tables : in their order
    glossary : the names of causes, and what each means
    command : what makes the report again
    origin : where the numbers come from: values by name
    diff : what was not committed, as a patch
    made : when
    """

    question: str
    about: str
    made_by: str
    answer: Sequence[str]
    caveats: Sequence[str]
    pictures: Sequence[Drawn]
    tables: Sequence[Shown]
    glossary: Mapping[str, str]
    command: str
    origin: Mapping[str, Sequence[str]]
    diff: str
    made: str


def shown(table: Table) -> Shown:
    """Make a table ready for the page."""
    top = table.head(PAGE_ROWS)
    frame, written = top.shown, top.written()
    rows = [
        [_cell(text, value) for text, value in zip(texts, values, strict=True)]
        for texts, values in zip(
            written.itertuples(index=False, name=None), frame.itertuples(index=False, name=None), strict=True
        )
    ]
    numbers = [kind.kind in "iuf" for kind in frame.dtypes]
    return Shown(table.name, table.title, table.note, frame, numbers, rows, len(table.frame) - len(frame))


def _cell(text: str, value: Any) -> Cell:
    if isinstance(value, str):
        return Cell(text, text, number=False)
    return Cell(text, "" if pd.isna(value) else str(value), number=not isinstance(value, bool))


def render(report: Report) -> str:
    """Make the page: HTML that needs no other file and no network."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("xorlab.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    templates.filters |= {
        "heading": heading,
        "data_uri": lambda png: f"data:image/png;base64,{base64.b64encode(png).decode()}",
    }
    templates.globals["zip"] = zip
    return templates.get_template("report.html.j2").render(report=report)
