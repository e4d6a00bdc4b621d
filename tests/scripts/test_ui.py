"""The command that serves MLflow's UI, before it serves."""

import socket

import pytest

from xorlab.cli.ui import main


@pytest.fixture
def ui(tmp_path, monkeypatch, capsys):
    """The command, with a store in a folder of its own: words -> status, what it printed, its errors."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")

    def call(*words):
        status = main(list(words))
        return (status, *capsys.readouterr())

    return call


def test_a_port_that_is_taken_is_said_before_anything_is_made(ui, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, printed, errors = ui("--port", str(port))
    assert (status, printed) == (2, "")
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
    assert (status, printed) == (2, "")
    assert "tracking.uri must name a store that works" in errors
