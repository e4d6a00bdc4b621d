"""What `import xorlab` offers in Python: train a sweep or a run, load recorded ones, and ask them.

Here: keys as Python's arguments, and the objects `Study` and `Run`, which put a friendly face on the other packages.
Not here: anything computed, drawn or recorded; the command line and these objects call the same functions.
"""

from xorlab.api.study import Run, Study, load, sweep, train

__all__ = ["Run", "Study", "load", "sweep", "train"]
