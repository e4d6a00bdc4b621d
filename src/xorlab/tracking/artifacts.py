"""The files of a run: read and written directly where they lie in a folder, by MLflow where they lie elsewhere."""

import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit


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
    """Read a file among a run's artifacts; None where there is none of this name."""
    folder = _folder(uri)
    if folder is not None:
        path = folder / name
        return path.read_bytes() if path.is_file() else None
    from xorlab.tracking import mlflow_internals

    repository = mlflow_internals.artifact_repository(uri, tracking_uri)
    if name not in {file.path for file in repository.list_artifacts(posixpath.dirname(name) or None)}:
        return None
    with tempfile.TemporaryDirectory() as draft:
        return Path(repository.download_artifacts(name, draft)).read_bytes()


def names(uri: str, folder: str, *, tracking_uri: str) -> list[str]:
    """Return the files in a folder among a run's artifacts, each with the folder."""
    place = _folder(uri)
    if place is not None:
        return sorted(f"{folder}/{path.name}" for path in (place / folder).glob("*") if not path.name.startswith("."))
    from xorlab.tracking import mlflow_internals

    repository = mlflow_internals.artifact_repository(uri, tracking_uri)
    return sorted(file.path for file in repository.list_artifacts(folder))


def path(uri: str, name: str, draft: Path, *, tracking_uri: str) -> Path:
    """Return the path of a file among a run's artifacts, below `draft` after a download where it lies elsewhere."""
    place = _folder(uri)
    if place is not None:
        return place / name
    from xorlab.tracking import mlflow_internals

    return Path(mlflow_internals.artifact_repository(uri, tracking_uri).download_artifacts(name, str(draft)))


def remove(uri: str, folder: str, *, tracking_uri: str) -> None:
    """Remove a folder among a run's artifacts, if it is there."""
    place = _folder(uri)
    if place is not None:
        shutil.rmtree(place / folder, ignore_errors=True)
    elif names(uri, folder, tracking_uri=tracking_uri):
        from xorlab.tracking import mlflow_internals

        mlflow_internals.artifact_repository(uri, tracking_uri).delete_artifacts(folder)


def _is_remote(uri: str) -> bool:
    return re.match("[a-z][a-z0-9+.-]+:", uri) is not None


def _folder(uri: str) -> Path | None:
    """Return the folder that an artifact address names; None for any other kind of address."""
    if uri.startswith("file:"):
        from urllib.request import url2pathname  # imports Python's whole web client

        return Path(url2pathname(urlsplit(uri).path))
    return None if _is_remote(uri) else Path(uri)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed into place, so that whoever finds the file finds it whole.
        draft = path.with_name(f".{path.name}-{os.getpid()}")
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
