"""Reading MLflow into pandas: the table of runs, their loss curves, their sweeps, and a single run.

Here: everything that is read. Not here: anything computed from it (`statistics`).
"""

from xorlab.runs.table import COMMIT, KIND, PARENT, curves, diff, load, plan, sweeps

__all__ = ["COMMIT", "KIND", "PARENT", "curves", "diff", "load", "plan", "sweeps"]
