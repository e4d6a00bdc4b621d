"""A password in the address of the store reaches no output and no record."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy

import servers
from commands import call
from xorlab.errors import StoreError
from xorlab.tracking import passwords, store

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


SPELLINGS = {
    "postgresql://me:hush%40hush@host/db": ["hush@hush", "hush%40hush", "postgresql://me:hush@hush@host"],
    "tracking.uri=postgresql://me:hush@hush@host": ["hush@hush", "hush%40hush"],
    "--uri=postgresql://host/db?user=me&password=hush+it%27s": [
        "hush it's",
        "hush\n  it's",
        "hush it''s",
        "hush+it%27s",
    ],
    "tracking.uri='http://me:hush\\'s@a','http://me:hushed@b'": ["hush's", "hush\\'s", "hushed", "hush'\"'\"'s"],
}
"""Words of a command, and how their passwords may come back in what libraries print."""


@pytest.mark.parametrize("word", SPELLINGS)
def test_a_password_that_was_typed_is_hidden_however_it_is_spelt(word, monkeypatch):
    monkeypatch.setattr(passwords, "_known", {})
    said = "\n".join([word, *(f"error: <{text}>" for text in SPELLINGS[word])])
    assert "hush" in passwords.redacted(said)
    passwords.learn(word)
    assert "hush" not in passwords.redacted(said)


def test_addresses_lose_their_passwords_and_nothing_else(monkeypatch):
    monkeypatch.setattr(passwords, "_known", {})
    message = "can't read postgresql://me:secret@host/db, nor 'http://host/db?a=b&pwd=secret'; see"
    links = "http://127.0.0.1:5000/#/runs?workflowType=machine_learning&viewStateShareKey=runs for me@host"
    kept = "can't read postgresql://me:***@host/db, nor 'http://host/db?a=b&pwd=***'; see"
    assert passwords.redacted(f"{message} {links}") == f"{kept} {links}"


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
def test_commands_neither_print_nor_record_a_password(tmp_path, monkeypatch):
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL is installed")
    word = secrets.token_hex(6)  # one that no file of this tree contains
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", word + "ed")
    said = ""

    def told(script, *words, uri=None) -> str:
        nonlocal said
        done = call(script, *words, folder=tmp_path, uri=uri)
        said += done.stdout + done.stderr
        return done.stdout + done.stderr

    with servers.postgres() as uri:
        user = uri.replace("me@", f"me:{word}%40{word}@")
        query = uri.replace("me@", "") + f"?user=me&password={word}%40{word}"
        for address in (user, query):
            given = f"tracking.uri='{address}'"
            assert "postgresql" in told("train.py", given, "--cfg", "job")
            assert "postgresql" in told("train.py", given, "--info", "all")
            assert "postgresql" in told("train.py", given, f"{given}.")
            assert "unrecognized arguments" in told("train.py", "--foo", given)
            assert "unrecognized arguments" in told("scripts/sweeps.py", "one", "--uri", address, f"two={address}")
        assert "${oc.env" not in told(
            "train.py", "++name=${oc.env:MLFLOW_TRACKING_PASSWORD}", "--cfg", "job", "--resolve"
        )
        assert "Run " in told("train.py", "-m", f"tracking.uri={user}", "seed=0,1", "epochs=20")
        assert "2 runs" in told("train.py", "-m", f"tracking.uri='{query}'", "seed=0,1", "epochs=20", "plan=true")
        assert "Run " in told("train.py", "epochs=20", uri=query)
        assert "can't be swept" in told("train.py", "-m", f"tracking.uri='{query}','{user}'", "epochs=20")
        assert "Written" in told("scripts/analyze.py", "--uri", query)
        assert "must have an @" in told("train.py", "epochs=20", uri=user.replace("%40", "@"))
        kept = everything(uri, tmp_path)
    command = [sys.executable, ROOT / "train.py", f"tracking.uri='{user}"]
    full = os.environ | {"HYDRA_FULL_ERROR": "1", "MLFLOW_TRACKING_URI": query}
    done = subprocess.run(command, env=full, cwd=tmp_path, capture_output=True, text=True, check=False)
    said += done.stderr
    assert "Traceback" in done.stderr
    assert word not in said
    assert b"postgresql://" in kept  # the command, the configurations and the report
    assert word.encode() not in kept
