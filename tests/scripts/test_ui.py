"""The script that serves MLflow's UI, before it serves."""

import runpy
import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ui(tmp_path, monkeypatch, capsys):
    """The script's main, with a store in a folder of its own: words -> status, what it printed, its errors."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    script = runpy.run_path(str(ROOT / "scripts" / "ui.py"))

    def call(*words):
        status = script["main"](list(words))
        return (status, *capsys.readouterr())

    return call


def test_a_port_that_is_taken_is_said_before_anything_is_made(ui, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, printed, errors = ui("--port", str(port))
    assert (status, printed) == (1, "")
    assert f"port must be free; {port} is taken" in errors
    assert f"make ui PORT={port + 1}" in errors
    assert errors.count("\n") == 1
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("port", ["-1", "65536", "80.5"])
def test_a_port_that_is_none_is_refused(ui, port):
    with pytest.raises(SystemExit, match="2"):
        ui("--port", port)


def test_a_store_that_does_not_answer_is_said(ui):
    status, printed, errors = ui("--uri", "http://127.0.0.1:1")
    assert (status, printed) == (1, "")
    assert "tracking.uri must name a store that works" in errors
