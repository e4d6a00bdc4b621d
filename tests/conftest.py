"""What many tests need: an MLflow store of their own."""

import os
import shutil
from pathlib import Path

import pytest

# Before any test imports MLflow.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


@pytest.fixture(autouse=True)
def _own_store(monkeypatch):
    """The caller's own MLflow is out of reach."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="session")
def ready_store(tmp_path_factory) -> Path:
    """A store made once, for others to copy: making one takes seconds."""
    from xorlab.tracking import store

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    store.ready(f"sqlite:///{path}")
    return path


@pytest.fixture
def store_uri(ready_store, tmp_path) -> str:
    """The tracking URI of an empty store that is ready, in the test's own folder."""
    shutil.copy(ready_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"
