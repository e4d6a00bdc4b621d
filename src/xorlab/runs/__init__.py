"""Reading MLflow into pandas: the table of runs, their loss curves, their sweeps, and a single run.

Here: everything that is read. Not here: anything computed from it (`statistics`).
"""

from xorlab.runs.parts import KIND
from xorlab.runs.tables import curves, diff, load, plan, sweeps
from xorlab.tracking.provenance import COMMIT
from xorlab.tracking.records import PARENT

__all__ = ["COMMIT", "KIND", "PARENT", "curves", "diff", "load", "plan", "sweeps"]
