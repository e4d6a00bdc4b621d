"""Tidy frames of runs into what they say, with its uncertainty: frames in, frames out.

Here: rates, paired tests, survival, coverage, models, and the settings that runs share. Not here: reading runs
(`runs`), or drawing them (`figures`). SciPy and statsmodels do the mathematics; every interval is at 95 %.
"""

from xorlab.statistics.comparison import compare
from xorlab.statistics.coverage import coverage
from xorlab.statistics.design import REPLICATE, bounds, factors, levels
from xorlab.statistics.model import Model, model
from xorlab.statistics.rates import CONFIDENCE, causes, distinct, more_seeds, rates, sentence, wilson
from xorlab.statistics.survival import logrank, medians, survival

__all__ = [
    "CONFIDENCE",
    "REPLICATE",
    "Model",
    "bounds",
    "causes",
    "compare",
    "coverage",
    "distinct",
    "factors",
    "levels",
    "logrank",
    "medians",
    "model",
    "more_seeds",
    "rates",
    "sentence",
    "survival",
    "wilson",
]
