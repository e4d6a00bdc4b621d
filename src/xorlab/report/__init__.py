"""One HTML file that tells what came of a sweep: answer, caveats, pictures, tables, and where they come from."""

from xorlab.report.answer import answer, caveats, summary
from xorlab.report.material import Material
from xorlab.report.pictures import PICTURES, Picture
from xorlab.report.tables import TABLES, Table
from xorlab.report.writing import PAGE, write, write_one

__all__ = [
    "PAGE",
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
