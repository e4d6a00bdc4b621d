"""A sweep as one HTML file: sentences, tables and pictures.

Here: which runs are meant, what a report says of them and how its page is laid out, and the pictures of how a single
run learned. Not here: the statistics (`statistics`) and figures (`figures`) that these are made of.
"""

from xorlab.report.answer import answer, caveats, summary
from xorlab.report.material import Material
from xorlab.report.pictures import PICTURES, Picture
from xorlab.report.tables import TABLES, Table
from xorlab.report.writing import PAGE_FILE, write, write_one

__all__ = [
    "PAGE_FILE",
    "PICTURES",
    "TABLES",
    "Material",
    "Picture",
    "Table",
    "answer",
    "caveats",
    "summary",
    "write",
    "write_one",
]
