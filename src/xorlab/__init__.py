"""xorlab: why a small network will not learn XOR."""

import os

__version__ = "0.1.0"

# MLflow reads these when it is imported, which happens below this package only.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
