"""Serve MLflow's UI on this machine only, and say the address that shows the runs."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from xorlab.errors import XorlabError

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
PATIENCE = 120
"""Seconds that the server may take to start."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C; return 0 where nothing failed, else 1."""
    options = _parser().parse_args(arguments)
    try:
        return _serve(options)
    except XorlabError as error:
        print(f"ui.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=port, default=5000, help="where it answers (%(default)s)")
    parser.add_argument("--uri", help="the tracking store (MLFLOW_TRACKING_URI, else mlflow.db beside train.py)")
    parser.add_argument("--experiment", default="xorlab", help="the experiment to open at (%(default)s)")
    return parser


def port(text: str) -> int:
    """Read a port's number."""
    if not 0 < int(text) < 2**16:
        raise ValueError
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    from xorlab.tracking import store

    uri = store.uri(options.uri)
    if not uri.startswith("http"):
        _check(options.port)
    store.ready(uri)
    experiment = store.experiment_id(uri, options.experiment)
    store.add_views(uri, experiment)
    if uri.startswith("http"):
        print(f"Open {store.page(uri, experiment)}")
        return 0
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(options.port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level warning"]
    # No processes for jobs that xorlab has not, and no warnings of MLflow to its own authors.
    settled = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
    environment = {**os.environ, **settled, "MLFLOW_BACKEND_STORE_URI": uri}
    address = f"http://{HOST}:{options.port}"
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    # In a session of its own, so that Ctrl-C ends it in good order.
    with subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True) as server:
        try:
            if _answers(address, server):
                print(f"{store.shown(uri)} is served on this machine only, until Ctrl-C")
                print(f"Open {store.page(address, experiment)}", flush=True)
            return server.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def _check(port: int) -> None:
    """Refuse a port that is taken before anything is made or started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise XorlabError(
                f"port must be free; {port} is taken, perhaps by a UI that still runs: choose another, "
                f"as in `make ui PORT={port + 1}`"
            ) from error


def _answers(address: str, server: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers; False where it ended instead."""
    for _ in range(10 * PATIENCE):
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
        except OSError:
            if server.poll() is not None:
                return False
            time.sleep(0.1)
        else:
            return True
    raise XorlabError(f"MLflow's server must answer within {PATIENCE} s; it did not")


if __name__ == "__main__":
    sys.exit(main())
