"""Where runs are kept: the address of a tracking store, its creation, its database and its pages."""

import functools
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock

from xorlab.errors import StoreError
from xorlab.tracking import provenance, schema, views
from xorlab.tracking.passwords import learn, redacted, shown
from xorlab.tracking.patience import SILENT, PatientConnection

DATABASES = ("sqlite", "postgresql")
"""The databases that xorlab reads and writes itself."""

UI = "http://127.0.0.1:5000"
"""Where a plain ``mlflow ui`` answers."""


def uri(explicit: str | None = None) -> str:
    """Return `explicit`, else MLFLOW_TRACKING_URI, else `default`."""
    found = explicit or os.environ.get("MLFLOW_TRACKING_URI") or default()
    learn(found)
    return found


def default(folder: Path | None = None) -> str:
    """Return mlflow.db in `folder`, beside `train.py` unless given: what a plain ``mlflow ui`` shows there."""
    return f"sqlite:///{(folder or provenance.checkout()).resolve() / 'mlflow.db'}"


def ready(uri: str) -> None:
    """Make the store usable: create its database where there is none, and connect once.

    Any number of processes may call this at once. Quick, and without MLflow, where the database is known.

    Raises
    ------
    StoreError
        Where the store can't be created or does not answer; one line.
    """
    with reported(uri):
        PREPARATIONS.get(_scheme(uri), _open)(uri)


def refuse_unusable(uri: str) -> None:
    """Refuse a store that can't be used, and write nothing.

    Raises
    ------
    StoreError
        Where it can't be reached, or nothing can be written there; one line.
    """
    with reported(uri):
        if check := CHECKS.get(_scheme(uri)):
            check(uri)


def experiment_id(uri: str, name: str) -> str:
    """Return the id of the experiment of this name; create or restore it where need be."""
    with reported(uri):
        database = engine(uri)
        found = None if database is None else active_experiment(database, name)
        return _made_experiment(uri, name) if found is None else found


def active_experiment(database: sa.Engine, name: str) -> str | None:
    """Return the id of the active experiment of this name; None where there is none."""
    columns = schema.EXPERIMENTS.c
    query = sa.select(columns.experiment_id).where(
        columns.name == name, columns.lifecycle_stage == "active", columns.workspace == "default"
    )
    with database.connect() as connection:
        found = connection.scalar(query)
    return None if found is None else str(found)


def add_views(uri: str, experiment_id: str) -> None:
    """Give an experiment that xorlab did not create the views that it lacks."""
    from mlflow.entities import ExperimentTag

    with reported(uri):
        store = _open(uri)
        present = store.get_experiment(experiment_id).tags
        for key in views.TAGS.keys() - present.keys():
            store.set_experiment_tag(experiment_id, ExperimentTag(key, views.TAGS[key]))


def engine(uri: str) -> sa.Engine | None:
    """Return connections to the database that holds the runs, or None where only MlflowClient may read and write it.

    None is for tracking servers, other kinds of store, and databases whose revision is not in `schema.REVISIONS`.

    Raises
    ------
    StoreError
        Where the database is not there.
    """
    if _scheme(uri) not in DATABASES:
        return None
    if _scheme(uri) == "sqlite" and not _is_made(_file(uri)):
        raise StoreError(f"tracking.uri must name a store that has runs; got {shown(uri)}, where there is none")
    with reported(uri):
        database = _engine(uri)
        return database if schema.revision(database) in schema.REVISIONS else None


@functools.cache
def _engine(uri: str) -> sa.Engine:
    url = _url(uri)
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    made = sa.create_engine(url, pool_pre_ping=True, connect_args={"factory": PatientConnection})
    sa.event.listen(made, "connect", _tune)
    return made


def page(uri: str, experiment_id: str, run_id: str | None = None) -> str:
    """Return the address of an experiment's runs, or of one run, in MLflow's UI.

    Without its query the UI opens on the empty pages of its GenAI half. An experiment must have its views.
    """
    root = uri.rstrip("/") if _scheme(uri) in ("http", "https") else UI
    run, view = (f"/{run_id}", "") if run_id else ("", f"&viewStateShareKey={views.FIRST}")
    return f"{root}/#/experiments/{experiment_id}/runs{run}?workflowType=machine_learning{view}"


def opening(uri: str, experiment_id: str, run_id: str) -> str:
    """Return what to do to see a run in MLflow's UI: open its address, and where no server has the store, start one."""
    address = f"open {page(uri, experiment_id, run_id)}"
    if _scheme(uri) in ("http", "https"):
        return address
    elsewhere = "" if uri == default() else f" --backend-store-uri '{shown(uri)}'"
    return f"run `mlflow ui{elsewhere}` in {provenance.checkout()} and {address}"


ADVICE = {
    "disk is full": "make room",
    "disk image is malformed": "restore a copy, or name another file",
    "file is not a database": "name another file",
    "database is locked": "end the program that holds it, or wait",
    "readonly database": "name one that can be written",
}
"""What to do where an error has these words."""


@contextmanager
def reported(uri: str) -> Iterator[None]:
    """Turn what MLflow, the database or the disk raises inside into a StoreError of one line."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, _kinds_of_failure()):
            raise
        learn(uri)
        reason = redacted(str(error).strip().partition("\n")[0])
        if "out-of-date database schema" in reason:  # MLflow says so of a newer one too
            reason = (
                "its schema is of another MLflow; install the one that made it, or run `mlflow db upgrade` if it is old"
            )
        advice = next((f"; {what}" for words, what in ADVICE.items() if reason.endswith(words)), "")
        raise StoreError(f"tracking.uri must name a store that works; got {shown(uri)}: {reason}{advice}") from error


def _kinds_of_failure() -> tuple[type[Exception], ...]:
    """Return the exceptions of a store that fails; those of MLflow and psycopg only where they are imported."""
    others = {"mlflow.exceptions": "MlflowException", "psycopg": "Error"}
    imported = (getattr(sys.modules[module], name) for module, name in others.items() if module in sys.modules)
    return (sa.exc.SQLAlchemyError, OSError, ImportError, *imported)


def _scheme(uri: str) -> str:
    """``postgresql+psycopg://…`` is ``postgresql``."""
    return re.split(r"[:+]", uri, maxsplit=1)[0]


def _url(uri: str) -> sa.URL:
    try:
        url = sa.make_url(uri)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise StoreError(f"tracking.uri must be the address of a database; got {shown(uri)}") from error
    if "@" in (url.host or ""):
        raise StoreError(f"tracking.uri must have an @ in its password as %40; got {shown(uri)}")
    return url


def _file(uri: str) -> Path:
    database = _url(uri).database
    if database in (None, "", ":memory:"):
        raise StoreError(f"tracking.uri must name a file; got {shown(uri)}")
    return Path(str(database)).absolute()


def _is_made(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _open(uri: str) -> Any:
    """Return MLflow's store; a SQLite file has its artifacts beside it, wherever the working folder is."""
    from xorlab.tracking import mlflow_internals

    root = str(_file(uri).parent / "mlruns") if _scheme(uri) == "sqlite" else None
    return mlflow_internals.open_store(uri, root)


def _check_file(uri: str) -> None:
    path = _file(uri)
    if not path.parent.is_dir():
        raise StoreError(f"tracking.uri must lie in a folder that exists; got {shown(uri)}")
    # SQLite writes a journal beside the file, and the runs' files lie there.
    for place in (path.parent, path):
        if place.exists() and not os.access(place, os.W_OK):
            raise StoreError(f"tracking.uri must lie where files can be written; got {shown(uri)}: {place} can't be")
    if _is_made(path) and engine(uri) is None:
        _refuse_strangers(uri)


def _prepare_file(uri: str) -> None:
    _check_file(uri)
    path = _file(uri)
    if not _is_made(path):
        # The folder comes first: where nothing can be written, a lock would wait without end.
        with (
            tempfile.TemporaryDirectory(dir=path.parent, prefix=".mlflow-") as folder,
            FileLock(f"{path}.lock"),
        ):
            if not _is_made(path):
                from xorlab.tracking import mlflow_internals

                # Made under another name and renamed, so that whoever finds it finds it whole.
                draft = Path(folder) / "mlflow.db"
                mlflow_internals.open_store(f"sqlite:///{draft}", str(path.parent / "mlruns")).engine.dispose()
                draft.replace(path)
    if engine(uri) is None:
        _open(uri)


def _refuse_strangers(uri: str) -> None:
    """Refuse a database that has tables and none of MLflow's: adding them is for its owner to decide."""
    database = _engine(uri)
    tables = sa.inspect(database).get_table_names()
    if tables and schema.revision(database) is None:
        raise StoreError(
            f"tracking.uri must name a store of MLflow's; got {shown(uri)}, which holds another program's tables "
            f"({', '.join(sorted(tables)[:3])}). Name another one, or add MLflow's with `mlflow db upgrade`"
        )


def _check_database(uri: str) -> None:
    # MLflow itself would try ten times, for two minutes, where nothing answers.
    with _engine(uri).connect():
        pass


def _prepare_database(uri: str) -> None:
    _check_database(uri)
    if engine(uri) is None:
        name = hashlib.sha256(uri.encode()).hexdigest()[:16]
        with FileLock(Path(tempfile.gettempdir()) / f"xorlab-{name}.lock"):
            _refuse_strangers(uri)
            _open(uri)


def _check_server(uri: str) -> None:
    import urllib.error
    import urllib.request

    from xorlab.tracking.server import without_user

    # MLflow itself would try eight times, for minutes and in silence; `Patience` says so. Its timeout of 120 s stays:
    # a server waits up to 30 s for each connection to its database, and a call that it still works on must not be
    # made again.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    try:
        urllib.request.urlopen(f"{without_user(uri)}/health", timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()  # an answer all the same, such as a demand for a password


CHECKS: dict[str, Callable[[str], None]] = {
    "sqlite": _check_file,
    "postgresql": _check_database,
    "mysql": _check_database,
    "mssql": _check_database,
    "http": _check_server,
    "https": _check_server,
}

PREPARATIONS: dict[str, Callable[[str], Any]] = {
    "sqlite": _prepare_file,
    "postgresql": _prepare_database,
    "mysql": _prepare_database,
    "mssql": _prepare_database,
    "http": _check_server,
    "https": _check_server,
}


def _made_experiment(uri: str, name: str) -> str:
    """Create the experiment with its views, or restore it, through MLflow."""
    from mlflow.entities import ExperimentTag
    from mlflow.exceptions import MlflowException

    store = _open(uri)
    found = store.get_experiment_by_name(name)
    if found is None:
        try:
            return str(store.create_experiment(name, tags=[ExperimentTag(*tag) for tag in views.TAGS.items()]))
        except MlflowException:
            # Another process may have been faster.
            found = store.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        store.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _tune(connection: Any, _: Any) -> None:
    """Wait for other writers before anything is said of them, and keep a transaction's pages in memory (100 MB)."""
    connection.execute(f"PRAGMA busy_timeout = {1000 * SILENT:.0f}")
    connection.execute("PRAGMA cache_size = -100000")
