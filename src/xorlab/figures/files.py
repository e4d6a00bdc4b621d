"""The bytes of a picture's file, the same each time."""

import io
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from xorlab.figures.palette import STYLE


def png(figure: Figure, *, dpi: int = 200) -> bytes:
    """Render a figure to the bytes of a PNG file."""
    layout, before = figure.get_layout_engine(), figure.dpi
    if layout is None:
        return _render(figure, format="png", dpi=dpi)
    # Matplotlib would draw the whole figure an extra time to lay it out.
    figure.set_dpi(dpi)
    with matplotlib.rc_context(STYLE):
        layout.execute(figure)
    figure.set_layout_engine("none")
    try:
        return _render(figure, format="png", dpi=dpi)
    finally:
        figure.set_layout_engine(layout)
        figure.set_dpi(before)


def svg(figure: Figure) -> bytes:
    """Render a figure to the bytes of an SVG file; its words stay words."""
    return _render(figure, format="svg", dpi=200, metadata={"Date": None})


def pdf(figure: Figure) -> bytes:
    """Render a figure to the bytes of a PDF file, with its fonts embedded as TrueType."""
    return _render(figure, format="pdf", dpi=300, metadata={"CreationDate": None})


def _render(figure: Figure, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, **options)
    return buffer.getvalue()
