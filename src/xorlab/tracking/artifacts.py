"""The files of a run: read and written directly where they lie in a folder, by MLflow where they lie elsewhere."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


def join(location: str, *path: str) -> str:
    """Return the address of `path` below an artifact location, as MLflow spells it."""
    if not _is_remote(location):
        return "/".join([location.rstrip("/"), *path])
    from xorlab.tracking import mlflow_internals

    return mlflow_internals.artifact_uri(location, *path)


def write(uri: str, files: Mapping[str, bytes], *, tracking_uri: str) -> None:
    """Write files, by their paths below the artifacts' address.

    Parameters
    ----------
    tracking_uri
        The store of the run, which may be a server that takes the files.
    """
    if not files:
        return
    folder = _folder(uri)
    if folder is not None:
        _write(folder, files)
        return
    from xorlab.tracking import mlflow_internals

    with tempfile.TemporaryDirectory() as draft:
        _write(Path(draft), files)
        mlflow_internals.artifact_repository(uri, tracking_uri).log_artifacts(draft)


def read(uri: str, name: str, *, tracking_uri: str) -> bytes | None:
    """Read a file at the top of a run's artifacts; None where there is none of this name."""
    folder = _folder(uri)
    if folder is not None:
        path = folder / name
        return path.read_bytes() if path.is_file() else None
    from xorlab.tracking import mlflow_internals

    repository = mlflow_internals.artifact_repository(uri, tracking_uri)
    if name not in {file.path for file in repository.list_artifacts()}:
        return None
    with tempfile.TemporaryDirectory() as draft:
        return Path(repository.download_artifacts(name, draft)).read_bytes()


def _is_remote(uri: str) -> bool:
    return re.match("[a-z][a-z0-9+.-]+:", uri) is not None


def _folder(uri: str) -> Path | None:
    """Return the folder that an artifact address names; None for any other kind of address."""
    if uri.startswith("file:"):
        return Path(url2pathname(urlsplit(uri).path))
    return None if _is_remote(uri) else Path(uri)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
