"""A password in the address of the store reaches no output and no record."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy

import servers
from xorlab.errors import StoreError
from xorlab.tracking import passwords, store
from xorlab.tracking.passwords import without_passwords

ROOT = Path(__file__).resolve().parents[2]

ADDRESSES = {
    "postgresql://me:secret@host:5432/db": "postgresql://me:***@host:5432/db",
    "postgresql+psycopg://me:sec@ret/s?e:cret@host/db": "postgresql+psycopg://me:***@host/db",
    "postgresql://me:two secrets@host/db": "postgresql://me:***@host/db",
    "postgresql://:secret@host/db": "postgresql://:***@host/db",
    "postgresql://host/db?user=me&password=secret&sslmode=disable": "postgresql://host/db?user=me&password=***&sslmode=disable",
    "mysql://host/db?PASSWD=secret secret": "mysql://host/db?PASSWD=***",
    "http://me:secret@host:5000/path": "http://me:***@host:5000/path",
    "tracking.uri=postgresql://me:secret@host/db": "tracking.uri=postgresql://me:***@host/db",
    "postgresql://me@host:5432/db": "postgresql://me@host:5432/db",
    "sqlite:////home/me:x@work/mlflow.db": "sqlite:////home/me:x@work/mlflow.db",
    "http://127.0.0.1:5000/#/experiments": "http://127.0.0.1:5000/#/experiments",
}  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_shown_without_its_password(address):
    assert passwords.shown(address) == ADDRESSES[address]


def test_a_message_is_freed_of_the_passwords_that_were_typed(monkeypatch):
    word = "tracking.uri='postgresql://me:two secrets@host/db'"
    message = "can't read postgresql://me:two secrets@host/db, nor http://me:another@host"
    assert without_passwords(message, [word]).startswith("can't read postgresql://me:***@host/db, nor")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:another@host")
    assert without_passwords(message, [word]).endswith("nor http://me:***@host")


@pytest.mark.parametrize(
    ("uri", "reason"),
    {
        "postgresql://me:sec@ret@127.0.0.1:1/db": "must have an @ in its password as %40",
        "postgresql://me:secret@127.0.0.1:port/db": "must be the address of a database",
        "postgresql://127.0.0.1:1/db?password=secret": "refused|No module named",
        "sqlite:///:memory:?password=secret": "must name a file",
        "sqlite:////no/such/folder/mlflow.db?password=secret": "must lie in a folder that exists",
        "nope://me:secret@somewhere": "unsupported URI",
        "http://me:secret@127.0.0.1:1": "refused",
    }.items(),
)
def test_a_store_that_fails_is_named_without_its_password(uri, reason):
    with pytest.raises(StoreError, match=reason) as caught:
        store.ready(uri)
    assert "sec" not in str(caught.value)
    assert "ret" not in str(caught.value)


def everything(uri: str, folder: Path) -> bytes:
    """All values of a database, and all files of a folder."""
    engine = sqlalchemy.create_engine(uri)
    tables = sqlalchemy.MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = [connection.execute(table.select()).all() for table in tables.tables.values()]
    engine.dispose()
    return repr(rows).encode() + b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.skipif(servers.POSTGRES is None, reason="no PostgreSQL server is installed")
def test_commands_neither_print_nor_record_a_password(tmp_path):
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL is installed")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_TRACKING")}

    def call(script, *words) -> bytes:
        command = [sys.executable, ROOT / script, *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
        return done.stdout + done.stderr

    with servers.postgres() as uri:
        user = uri.replace("me@", "me:hush%40hush@")
        query = uri.replace("me@", "") + "?user=me&password=hush%40hush"
        said = call("train.py", "-m", f"tracking.uri={user}", "seed=0,1", "epochs=20")
        assert b"Run " in said
        said += call("train.py", f"tracking.uri='{query}'", "epochs=20")
        said += call("train.py", "-m", f"tracking.uri='{query}','{user}'", "epochs=20")
        assert b"can't be swept" in said
        said += call("scripts/analyze.py", "--uri", query)
        kept = everything(uri, tmp_path)
    assert b"hush" not in said
    assert b"postgresql://" in kept  # the command, the configurations and the report
    assert b"hush" not in kept
