"""What only POSIX or Linux has is used behind a guard, so that the package works on Windows and macOS as well."""

import ast
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from xorlab.sweeps import pool, workers
from xorlab.tracking import drivers

ROOT = Path(__file__).resolve().parents[1]
FILES = [ROOT / "train.py", *sorted((ROOT / "scripts").glob("*.py")), *sorted((ROOT / "src").rglob("*.py"))]

MODULES = {
    "crypt",
    "curses",
    "fcntl",
    "grp",
    "nis",
    "posix",
    "pty",
    "pwd",
    "readline",
    "resource",
    "spwd",
    "syslog",
    "termios",
    "tty",
}
NAMES = {
    "os": {
        "chown",
        "chroot",
        "fchmod",
        "fchown",
        "fork",
        "forkpty",
        "getegid",
        "geteuid",
        "getgid",
        "getgroups",
        "getloadavg",
        "getpgid",
        "getpgrp",
        "getsid",
        "getuid",
        "killpg",
        "kill",
        "lchown",
        "mkfifo",
        "mknod",
        "nice",
        "posix_spawn",
        "sched_getaffinity",
        "sched_setaffinity",
        "setgid",
        "setpgid",
        "setpriority",
        "setsid",
        "setuid",
        "statvfs",
        "sync",
        "sysconf",
        "uname",
        "wait",
        "wait3",
        "wait4",
        "waitpid",
        "WIFEXITED",
        "WIFSIGNALED",
        "pread",
        "pwrite",
        "register_at_fork",
        "openpty",
        "ttyname",
    },
    "signal": {
        "SIGALRM",
        "SIGBUS",
        "SIGCHLD",
        "SIGCONT",
        "SIGHUP",
        "SIGIO",
        "SIGKILL",
        "SIGPIPE",
        "SIGQUIT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGUSR1",
        "SIGUSR2",
        "alarm",
        "getitimer",
        "pause",
        "pthread_kill",
        "pthread_sigmask",
        "setitimer",
        "siginterrupt",
        "sigpending",
        "sigwait",
    },
    "time": {"tzset", "pthread_getcpuclockid"},
    "socket": {"AF_UNIX"},
}
"""What Windows or macOS lacks or does otherwise: `os.kill` ends the process there, whatever the signal."""

FOLDERS = ("/proc/", "/dev/", "/tmp/", "/sys/", "/etc/", "/bin/", "/usr/")

GUARDED = {
    ("drivers.py", "os.kill"): 'if sys.platform == "win32"',
    ("drivers.py", "/proc/sys/kernel/random/boot_id"): "with contextlib.suppress(OSError)",
    ("drivers.py", "/proc/self/ns/pid"): "with contextlib.suppress(OSError)",
    ("drivers.py", "/proc/"): "with contextlib.suppress(OSError)",
    ("pool.py", "os.sched_getaffinity"): 'if hasattr(os, "sched_getaffinity")',
    ("provenance.py", "/proc/cpuinfo"): "if cpuinfo.exists()",
    ("server.py", "os.killpg"): 'if sys.platform == "win32"',
}
"""The uses that there are, each with its guard, which stands in the same function."""


def uses(tree):
    """Yield the name and the line of each use in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else [str(node.module)]
            yield from ((name, node.lineno) for name in names if name.partition(".")[0] in MODULES)
            if isinstance(node, ast.ImportFrom):
                own = NAMES.get(str(node.module), set())
                yield from ((f"{node.module}.{each.name}", node.lineno) for each in node.names if each.name in own)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in NAMES.get(node.value.id, set()):
                yield f"{node.value.id}.{node.attr}", node.lineno
        elif isinstance(node, ast.Constant) and str(node.value).startswith(FOLDERS):
            yield node.value, node.lineno


def test_what_only_some_platforms_have_is_guarded():
    found = {}
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        for name, line in uses(tree):
            around = [each for each in functions if each.lineno <= line <= each.end_lineno]
            found[path.name, name] = "\n".join(str(ast.get_source_segment(text, each)) for each in around)
    assert set(found) == set(GUARDED)
    assert [key for key, guard in GUARDED.items() if guard not in found[key]] == []


@pytest.mark.parametrize(
    "code",
    ["import fcntl", "from os import fork", "import os\nos.getuid()", "import signal\nsignal.SIGKILL", "'/dev/null'"],
)
def test_a_use_is_found(code):
    assert list(uses(ast.parse(code)))


def test_on_windows_a_heartbeat_tells_who_lives(monkeypatch):
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(drivers, "this_process", lambda: driver)
    monkeypatch.setattr(os, "kill", lambda *given: pytest.fail("os.kill ends a process on Windows"))
    driver = drivers.Driver("here", "1", drivers.UNKNOWN, drivers.UNKNOWN)
    assert driver.is_alive(drivers.DEAD)
    assert not driver.is_alive(drivers.DEAD + 1)


def test_without_sigkill_a_workers_end_has_a_name(monkeypatch):
    monkeypatch.delattr(signal, "SIGKILL")
    worker = SimpleNamespace(_process=SimpleNamespace(exitcode=-signal.SIGTERM))
    assert workers._Worker._ending(worker) == "killed by SIGTERM"


def test_without_affinity_all_cores_count(monkeypatch):
    for name in ("process_cpu_count", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    assert pool.cores() == os.cpu_count()
