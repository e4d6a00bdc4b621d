"""A report's files: the page, its tables and pictures, and the runs that it is made of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from matplotlib.figure import Figure

from xorlab import figures
from xorlab.errors import XorlabError
from xorlab.report.answer import answer, caveats, glossary
from xorlab.report.material import Material
from xorlab.report.page import Drawn, Report, render, shown
from xorlab.report.pictures import PICTURES
from xorlab.report.tables import TABLES

PAGE_FILE = "report.html"
"""The page among the files."""


def write(
    material: Material,
    out: Path,
    *,
    about: str,
    made_by: str,
    command: str,
    origin: Mapping[str, Sequence[str]],
    diff: str = "",
) -> Path:
    """Write the page with all its tables (.csv) and pictures (.png, .svg, .pdf), and the runs (.csv, .parquet).

    Parameters
    ----------
    material : the runs
    out : the folder, made where there is none
    about : which runs they are, in a line
    made_by : the command that made them, where it is one
    command : what writes the same again
    origin : where the numbers come from: values by name
    diff : what was not committed when the runs were made, as a patch

    Returns
    -------
    The page's file.
    """
    out.mkdir(parents=True, exist_ok=True)
    material.runs.to_csv(out / "runs.csv", index=False)
    material.runs.to_parquet(out / "runs.parquet", index=False)
    tables = [table for build in TABLES.values() if (table := build(material)) is not None]
    for table in tables:
        table.frame.to_csv(out / f"{table.name}.csv", index=False)
    pictures = [drawn for name in PICTURES if (drawn := _draw(name, material, out)) is not None]
    report = Report(
        question=material.question,
        about=about,
        made_by=made_by,
        answer=answer(material),
        caveats=caveats(material),
        pictures=pictures,
        tables=[shown(table) for table in tables],
        glossary=glossary(material),
        command=command,
        origin=origin,
        diff=diff,
        made=f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
    )
    page = out / PAGE_FILE
    page.write_text(render(report), encoding="utf-8")
    return page


def write_one(name: str, material: Material, out: Path) -> str:
    """Write one picture or table, and return what to print of it.

    Raises
    ------
    XorlabError
        Where there is none of this name, or it would say nothing of these runs.
    """
    if name not in {**PICTURES, **TABLES}:
        names = ", ".join(dict.fromkeys([*PICTURES, *TABLES]))
        raise XorlabError(f"only must be a picture or a table of the report ({names}); got {name}")
    picture = PICTURES[name](material, figures.PAGE) if name in PICTURES else None
    table = TABLES[name](material) if name in TABLES else None
    if picture is None and table is None:
        raise XorlabError(f"only must be what these runs have something to show for; got {name}")
    out.mkdir(parents=True, exist_ok=True)
    said = []
    if picture is not None:
        _write_picture(name, picture.figure, out)
        said.append(f"{picture.question}\n{picture.caption}")
    if table is not None:
        table.frame.to_csv(out / f"{table.name}.csv", index=False)
        said.append(table.text())
    return "\n\n".join(said)


def _draw(name: str, material: Material, out: Path) -> Drawn | None:
    """Draw a picture, as wide as a page for its files, and for the page on a phone as wide as a column."""
    draw = PICTURES[name]
    picture, narrow = (draw(material, width) for width in (figures.PAGE, figures.COLUMN))
    if picture is None or narrow is None:
        return None
    return Drawn(
        name,
        picture.question,
        picture.caption,
        wide=_write_picture(name, picture.figure, out),
        narrow=figures.png(narrow.figure),
    )


def _write_picture(name: str, figure: Figure, out: Path) -> bytes:
    """Write a picture's three files; return the PNG."""
    (out / f"{name}.svg").write_bytes(figures.svg(figure))
    (out / f"{name}.pdf").write_bytes(figures.pdf(figure))
    drawn = figures.png(figure)
    (out / f"{name}.png").write_bytes(drawn)
    return drawn
