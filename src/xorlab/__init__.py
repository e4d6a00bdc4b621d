"""xorlab: why a small network will not learn XOR. `docs/python.md` shows how to use it from Python."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xorlab.api import Run, Study, load, sweep, train
    from xorlab.spec.components.functions import activation, data, initializer, loss, optimizer

__all__ = ["Run", "Study", "activation", "data", "initializer", "load", "loss", "optimizer", "sweep", "train"]

__version__ = "0.1.0"

# OpenBLAS reads this when NumPy is imported. The last bits of the eigenvalues of a large Hessian depend on its threads,
# and workers fill the cores already.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# MLflow reads these when it is imported, which happens below this package only.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")


if not TYPE_CHECKING:  # so that a wrong name is an error to type checkers

    def __getattr__(name: str) -> Any:
        """Import the names of `__all__` when they are first used: `import xorlab` alone takes no time."""
        if name not in __all__:
            raise AttributeError(f"module 'xorlab' has no attribute {name!r}")
        from importlib import import_module

        own = ("activation", "data", "initializer", "loss", "optimizer")
        home = "xorlab.spec.components.functions" if name in own else "xorlab.api"
        globals()[name] = getattr(import_module(home), name)
        return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
