"""Real servers, of a test's own, on ports that were free."""

import http.client
import http.server
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import yaml

from xorlab.spec.options import EngineSettings

ROOT = Path(__file__).resolve().parents[1]
SLURM = os.name == "posix" and os.geteuid() == 0 and all(map(shutil.which, ("munged", "slurmctld", "slurmd", "sbatch")))
POSTGRES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextmanager
def postgres(*names: str, **options) -> Iterator[str]:
    """Serve an empty PostgreSQL database; yield its URI."""
    with postgres_that_stops(*names, **options) as (uri, _):
        yield uri


@contextmanager
def postgres_that_stops(
    user: str = "me",
    database: str = "postgres",
    *,
    password: str = "",
    port: str | None = None,
    flags: tuple[str, ...] = (),
) -> Iterator[tuple[str, Callable[[float], None]]]:
    """Serve an empty PostgreSQL database, which asks for a password where one is given.

    Yields
    ------
    Its URI, and what stops the server now and starts it seconds later.
    """
    with tempfile.TemporaryDirectory() as folder:
        # The server refuses to run as root.
        owner = "postgres" if os.geteuid() == 0 else None
        if owner:
            shutil.chown(folder, owner)
        data, port = f"{folder}/data", port or str(free_port())
        Path(folder, "password").write_text(password)
        asks = ["-A", "scram-sha-256", f"--pwfile={folder}/password"] if password else ["-A", "trust"]
        quiet = {"user": owner, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([POSTGRES / "initdb", "-D", data, *asks, "-U", user, "--no-sync"], check=True, **quiet)
        command = [POSTGRES / "postgres", "-D", data, "-p", port, "-k", folder, "-F", *flags]
        servers = [subprocess.Popen(command, **quiet)]
        starters = []

        def restart(seconds: float) -> None:
            servers[-1].send_signal(signal.SIGINT)
            servers[-1].wait()
            starters.append(threading.Timer(seconds, lambda: servers.append(subprocess.Popen(command, **quiet))))
            starters[-1].start()

        try:
            asked = [POSTGRES / "pg_isready", "-h", "127.0.0.1", "-p", port]
            wait_for(lambda: subprocess.run(asked, check=True, **quiet))
            if database != "postgres":
                made = [POSTGRES / "createdb", "-h", "127.0.0.1", "-p", port, "-U", user, database]
                subprocess.run(made, check=True, env={**os.environ, "PGPASSWORD": password}, **quiet)
            yield f"postgresql://{user}{':' if password else ''}{password}@127.0.0.1:{port}/{database}", restart
        finally:
            for starter in starters:
                starter.join()
            servers[-1].send_signal(signal.SIGINT)
            servers[-1].wait()


class Line(http.server.ThreadingHTTPServer):
    """A line to a server. It can be cut, and may lose the answers to requests that the server has heard.

    Attributes
    ----------
    cut : whether nothing is passed on
    loses : every how many answers one is lost; 0 for none
    lost : the requests whose answers were lost; no answer to the same request is lost twice
    """

    cut, loses, heard = False, 0, 0

    def __init__(self, address: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.lost: set[tuple[str, bytes]] = set()
        self.server_to = address.removeprefix("http://")
        self.address = f"http://127.0.0.1:{self.server_port}"


class _Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        line = self.server
        self.close_connection = True
        if line.cut:
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(line.server_to, timeout=30)
        connection.request(self.command, self.path, body, {**self.headers, "Host": line.server_to})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        line.heard += 1
        if line.loses and line.heard % line.loses == 0 and (self.path, body) not in line.lost:
            line.lost.add((self.path, body))
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(content)))
        # Without it, a client that writes before it sees the connection close loses a request besides those of `loses`.
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815, the server's own names

    def log_message(self, *_) -> None:
        pass


@contextmanager
def line(address: str) -> Iterator[Line]:
    """Lead a line to a server."""
    with Line(address) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def compose(folder: Path, password: str) -> Iterator[dict[str, str]]:
    """Start the services of compose.yaml as processes, each with its command and environment, and its log in a folder.

    Addresses become this machine's. The tracking server has one process instead of four, to start in less time.

    Yields
    ------
    The addresses of the database, the tracking server and the scheduler, by the names of the services.
    """
    ports = {port: str(free_port()) for port in ("5432", "5000", "8786", "8787")}
    text = re.sub(r"\$\{POSTGRES_PASSWORD:\?[^}]*\}", password, (ROOT / "compose.yaml").read_text())
    text = re.sub(r"0\.0\.0\.0|(?<=@)postgres(?=:)|(?<=//)scheduler(?=:)", "127.0.0.1", text)
    text = re.sub("|".join(ports), lambda found: ports[found[0]], text)
    text = text.replace("--workers 4", "--workers 1").replace("destination /", f"destination {folder}/")
    services = yaml.safe_load(text)["services"]
    made = services.pop("postgres")
    user, database = made["environment"]["POSTGRES_USER"], made["environment"]["POSTGRES_DB"]
    flags = tuple(shlex.split(made["command"])[1:])
    with ExitStack() as stack:
        uri = stack.enter_context(postgres(user, database, password=password, port=ports["5432"], flags=flags))
        for name, service in services.items():
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            command = [sys.executable, "-m", *shlex.split(service["command"])]
            environment = {**os.environ, **service.get("environment", {})}
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
            stack.callback(process.wait)
            stack.callback(os.killpg, process.pid, signal.SIGTERM)
        address = f"http://127.0.0.1:{ports['5000']}"
        wait_for(lambda: urllib.request.urlopen(f"{address}/health", timeout=5).close(), seconds=180)
        yield {"postgres": uri, "mlflow": address, "scheduler": f"tcp://127.0.0.1:{ports['8786']}"}


@contextmanager
def mlflow_server(uri: str, folder: Path) -> Iterator[str]:
    """Serve a store from a working folder; yield the server's address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--port", str(port)]
    spare = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    address = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--workers", "1"], cwd=folder, stdout=log, stderr=log, start_new_session=True, env=spare
        )
    try:
        wait_for(lambda: urllib.request.urlopen(f"{address}/health", timeout=5).close())
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextmanager
def interface(uri: str) -> Iterator[str]:
    """Serve MLflow's UI by the project's script; yield the address that it says to open."""
    command = [sys.executable, str(ROOT / "scripts" / "ui.py"), "--port", str(free_port())]
    environment = os.environ | {"MLFLOW_TRACKING_URI": uri}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as script:
        try:
            yield next(line.removeprefix("Open ").strip() for line in script.stdout if line.startswith("Open "))
        finally:
            script.send_signal(signal.SIGINT)


@contextmanager
def dask_scheduler(folder: Path) -> Iterator[tuple[subprocess.Popen, EngineSettings]]:
    """Run a Dask scheduler; yield its process, and the settings of the engine that joins it."""
    file = folder / "scheduler.json"
    with _dask("scheduler", "--port=0", "--host=127.0.0.1", "--no-dashboard", f"--scheduler-file={file}") as process:
        yield process, EngineSettings(name="dask", scheduler_file=str(file))


def dask_worker(settings: EngineSettings) -> AbstractContextManager[subprocess.Popen]:
    """Run a worker of a scheduler."""
    flags = ("--no-nanny", "--nthreads=1", "--no-dashboard", f"--scheduler-file={settings.scheduler_file}")
    return _dask("worker", *flags)


@contextmanager
def _dask(*words: str) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen([sys.executable, "-m", "dask", *words], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def slurm() -> Iterator[str]:
    """Run a SLURM cluster of this machine alone; yield the path of its configuration, for SLURM_CONF."""
    name = socket.gethostname().partition(".")[0]
    with tempfile.TemporaryDirectory() as folder, socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        settings = {
            "ClusterName": "test",
            "SlurmctldHost": f"{name}(127.0.0.1)",
            "SlurmctldPort": one.getsockname()[1],
            "SlurmdPort": two.getsockname()[1],
            "SlurmUser": "root",
            "SlurmdUser": "root",
            "AuthType": "auth/munge",
            "ProctrackType": "proctrack/linuxproc",
            "TaskPlugin": "task/none",
            "SelectType": "select/cons_tres",
            "SelectTypeParameters": "CR_CPU_Memory",
            "ReturnToService": 2,
            "StateSaveLocation": f"{folder}/state",
            "SlurmdSpoolDir": f"{folder}/spool",
            "SlurmctldPidFile": f"{folder}/slurmctld.pid",
            "SlurmdPidFile": f"{folder}/slurmd.pid",
            "SlurmctldLogFile": f"{folder}/slurmctld.log",
            "SlurmdLogFile": f"{folder}/slurmd.log",
        }
        lines = [f"{key}={value}" for key, value in settings.items()]
        lines.append(f"NodeName={name} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory=4000 State=UNKNOWN")
        lines.append(f"PartitionName=all Nodes={name} Default=YES MaxTime=INFINITE State=UP")
        configuration = Path(folder, "slurm.conf")
        configuration.write_text("\n".join(lines) + "\n")
        one.close()
        two.close()
        for path in ("/run/munge", "/var/log/munge", "/var/lib/munge"):
            Path(path).mkdir(exist_ok=True)
            shutil.chown(path, "munge", "munge")
        commands = {
            "munge": ["munged", "--force", "--foreground"],
            "root": ["slurmctld", "-D", "-f", configuration],
            None: ["slurmd", "-D", "-f", configuration],
        }
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        daemons = [subprocess.Popen(command, user=user, **quiet) for user, command in commands.items()]
        environment = os.environ | {"SLURM_CONF": str(configuration)}
        try:
            idle = "sinfo --noheader --states=idle | grep --quiet ."
            wait_for(lambda: subprocess.run(idle, shell=True, check=True, env=environment, **quiet))
            yield str(configuration)
        finally:
            ended = "scancel --full --signal=KILL --user=root; ! squeue --noheader | grep --quiet ."
            wait_for(lambda: subprocess.run(ended, shell=True, check=True, env=environment, **quiet))
            for daemon in reversed(daemons):
                daemon.kill()
                daemon.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(attempt, *, seconds=180) -> None:
    """Try until `attempt` succeeds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            attempt()
        except (OSError, subprocess.CalledProcessError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
