"""What a run is: every value that decides its numbers, checked once, and how it is written and read as text.

Here: the specification and its parts, their identity, the options beside it, and the one way from a specification to
text and back. Not here: training anything (`numerics`), or Hydra's configurations (`cli`).
"""

from xorlab.spec.runspec import NUMERICS, ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec

__all__ = ["NUMERICS", "ArchSpec", "DataSpec", "InitSpec", "OptimizerSpec", "RunSpec"]
