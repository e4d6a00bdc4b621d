"""What xorlab uses of MLflow beyond its documented API, tested with MLflow 3.17.

Importing this module imports MLflow, which takes seconds; a run in an existing database does without. Where another
MLflow has moved one of these names, the import fails and the command says so in one line.
"""

import logging
from typing import Any

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking._tracking_service.utils import _get_store
from mlflow.tracking.context.git_context import GitRunContext
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.uri import append_to_uri_path

logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # not every step of a migration


def open_store(uri: str, artifact_root: str | None) -> Any:
    """Return MLflow's store; a database that is empty gets MLflow's tables.

    MlflowClient takes no artifact root, and would put the artifacts of new experiments below the working folder.
    """
    return _get_store(uri, artifact_root)


def context_tags() -> dict[str, str]:
    """Return the tags by which MLflow records who started a run, and from what; without git."""
    return dict(resolve_tags(ignore=[GitRunContext]))  # type: ignore[list-item]


def artifact_uri(location: str, *path: str) -> str:
    """Return an address below an artifact location."""
    return str(append_to_uri_path(location, *path))


def artifact_repository(artifact_uri: str, tracking_uri: str) -> Any:
    """Return what uploads to and downloads from an artifact location."""
    return get_artifact_repository(artifact_uri, tracking_uri=tracking_uri)
