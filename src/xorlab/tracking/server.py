"""MLflow's own UI, served from this machine to this machine only."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress

from xorlab.errors import XorlabError
from xorlab.tracking import provenance

HOST = "127.0.0.1"
START_SECONDS = 120
"""How long the server may take to start."""

SETTINGS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # its job processes are of no use to xorlab
    "PYTHONWARNINGS": "ignore",  # warnings for MLflow's own authors
}


def serve(uri: str, *, port: int, started: Callable[[str], object]) -> int:
    """Serve MLflow's UI for a store until Ctrl-C, SIGTERM or SIGHUP.

    Parameters
    ----------
    uri : the store
    port : where it answers
    started : called with the server's address once it answers

    Returns
    -------
    The server's exit status, where it ends by itself.

    Raises
    ------
    KeyboardInterrupt
        Where it was told to end; the server has ended then.
    XorlabError
        Where it does not answer in time.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level warning"]
    environment = {**os.environ, **SETTINGS, "MLFLOW_BACKEND_STORE_URI": uri}
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    # In a session of its own, so that Ctrl-C reaches this process only, which then ends the server and its workers.
    with subprocess.Popen(command, cwd=provenance.checkout(), env=environment, start_new_session=True) as server:
        try:
            if _answers(server, port):
                started(f"http://{HOST}:{port}")
            return server.wait()
        finally:
            _end(server)
            server.wait()


def without_user(uri: str) -> str:
    """Return the address of a tracking server without user and password, which urllib takes in no address."""
    return re.sub("(?<=://)[^/]*@", "", uri).rstrip("/")


def check_port(port: int) -> None:
    """Refuse a port that is taken.

    Raises
    ------
    XorlabError
        Where something listens there already.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise XorlabError(
                f"port must be free; {port} is taken, perhaps by a UI that is still running. Choose another one, "
                f"as in --port {port + 1} or `make ui PORT={port + 1}`"
            ) from error


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server answers; return False where it ended instead."""
    for _ in range(10 * START_SECONDS):
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=5).close()
        except OSError:
            if server.poll() is not None:
                return False
            time.sleep(0.1)
        else:
            return True
    raise XorlabError(f"MLflow's server must answer within {START_SECONDS} s; it did not")


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server with its worker processes."""
    if sys.platform == "win32":
        server.terminate()
    else:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
