"""What a run is: every value that decides its numbers, validated once, and its forms as text.

Here: the specification and its parts, its identity, the options that do not change the numbers, the conversion between
specifications and text, and in `components` the activations, losses and optimizers that a specification can name.
Not here: training anything (`numerics`), or Hydra's configurations (`cli`).
"""

from xorlab.spec.runspec import NUMERICS, PORTABLE, ArchSpec, DataSpec, InitSpec, OptimizerSpec, RunSpec

__all__ = ["NUMERICS", "PORTABLE", "ArchSpec", "DataSpec", "InitSpec", "OptimizerSpec", "RunSpec"]
