"""The bytes of a picture's file, the same each time."""

import io
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from xorlab.figures.palette import STYLE


def png(figure: Figure, *, dpi: int = 200) -> bytes:
    """Render a figure to the bytes of a PNG file."""
    return _render(figure, format="png", dpi=dpi)


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
