"""Drivers: real processes that die, and the runs that they leave behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import sqlalchemy as sa

from xorlab.errors import StoreError
from xorlab.tracking import store
from xorlab.tracking.drivers import BEAT, DEAD, DRIVER, HEARTBEAT, this_process
from xorlab.tracking.records import Record
from xorlab.tracking.tracker import Tracker

DRIVING = """
import sys, time
from pathlib import Path
from xorlab.tracking.records import Record
from xorlab.tracking.tracker import Tracker

tracker = Tracker(sys.argv[1], "xorlab", folder=Path(sys.argv[1].removeprefix("sqlite:///")).parent)
with tracker.running(Record(name="driven")) as run_id:
    print(run_id, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def tracker(store_uri, tmp_path):
    return Tracker(store_uri, "xorlab", folder=tmp_path)


@pytest.fixture
def driven(store_uri):
    """A process that drives a run, and the run's id."""
    with subprocess.Popen([sys.executable, "-c", DRIVING, store_uri], stdout=subprocess.PIPE, text=True) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


def one(uri, query, **values):
    with store.engine(uri).connect() as connection:
        return connection.execute(sa.text(query), values).one()


def status(uri, run_id):
    return tuple(one(uri, "SELECT status, end_time FROM runs WHERE run_uuid = :run", run=run_id))


def tag(uri, run_id, key):
    return one(uri, "SELECT value FROM tags WHERE run_uuid = :run AND key = :key", run=run_id, key=key)[0]


def set_tag(uri, run_id, key, value):
    with store.engine(uri).begin() as connection:
        query = sa.text("UPDATE tags SET value = :value WHERE run_uuid = :run AND key = :key")
        assert connection.execute(query, {"value": value, "run": run_id, "key": key}).rowcount == 1


def test_a_killed_driver_s_run_is_ended_and_said_so(tracker, store_uri, driven, capsys):
    process, run_id = driven
    tracker.end_dead()
    assert status(store_uri, run_id) == ("RUNNING", None)
    process.send_signal(signal.SIGSTOP)  # not dead, however long its heart stands still
    set_tag(store_uri, run_id, HEARTBEAT, "0")
    tracker.end_dead()
    assert status(store_uri, run_id) == ("RUNNING", None)
    beat = int(time.time()) - 5
    set_tag(store_uri, run_id, HEARTBEAT, str(beat))
    process.kill()
    process.wait()
    tracker.end_dead()
    assert status(store_uri, run_id) == ("KILLED", 1000 * beat)
    host = this_process().host
    words = f"driven ({run_id[:8]}) ended with process {process.pid} on {host}, which has died; it is now KILLED\n"
    assert capsys.readouterr().err == words
    tracker.end_dead()
    assert capsys.readouterr().err == ""


def test_a_driver_that_was_killed_but_not_yet_reaped_is_dead(tracker, store_uri, driven):
    process, run_id = driven
    os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while status(store_uri, run_id)[0] == "RUNNING":
        assert time.monotonic() < deadline
        tracker.end_dead()


@pytest.mark.parametrize(("age", "expected"), [(DEAD - BEAT, "RUNNING"), (DEAD + BEAT, "KILLED")])
def test_a_driver_elsewhere_is_judged_by_its_heartbeat(tracker, store_uri, age, expected):
    with tracker.running(Record(name="elsewhere")) as run_id:
        other = replace(this_process(), host="another")
        set_tag(store_uri, run_id, DRIVER, other.text)
        set_tag(store_uri, run_id, HEARTBEAT, str(int(time.time()) - age))
        tracker.end_dead()
        assert status(store_uri, run_id)[0] == expected
        tracker.close(run_id, Record(name="elsewhere"))


def test_an_id_that_another_process_has_got_is_not_the_driver():
    here = this_process()
    assert here.is_alive(10**9)
    assert not replace(here, started="1").is_alive(0)


def test_a_run_that_ended_goes_on_under_one_driver(tracker, store_uri, driven):
    process, run_id = driven
    with (
        pytest.raises(StoreError, match=rf"is being trained by process {process.pid} on "),
        tracker.running(Record(name="driven"), run_id=run_id),
    ):
        pass
    assert status(store_uri, run_id) == ("RUNNING", None)
    process.kill()
    process.wait()
    with tracker.running(Record(name="driven"), run_id=run_id) as same:
        assert same == run_id
        assert tag(store_uri, run_id, DRIVER) == this_process().text
        tracker.close(run_id, Record(name="driven", metrics={"runs": 1.0}))
    with tracker.running(Record(name="driven"), run_id=run_id):
        assert status(store_uri, run_id) == ("RUNNING", None)
        tracker.close(run_id, Record(name="driven", metrics={"runs": 2.0}))
    assert status(store_uri, run_id)[0] == "FINISHED"
    for table in ("metrics", "latest_metrics"):
        assert one(store_uri, f"SELECT value FROM {table} WHERE run_uuid = :run", run=run_id) == (2.0,)


CLAIMING = """
import sys
from pathlib import Path
from xorlab.errors import StoreError
from xorlab.tracking.tracker import Tracker

uri, run_id = sys.argv[1:]
tracker = Tracker(uri, "xorlab", folder=Path(uri.removeprefix("sqlite:///")).parent)
print("ready", flush=True)
sys.stdin.readline()
try:
    tracker.claims.claim(run_id)
except StoreError as error:
    print(error, flush=True)
else:
    print("mine", flush=True)
sys.stdin.readline()
"""


def test_of_commands_that_claim_a_run_at_once_one_gets_it(tracker, store_uri):
    with tracker.running(Record(name="wanted")) as run_id:
        tracker.close(run_id, Record(name="wanted"))
    words = [sys.executable, "-c", CLAIMING, store_uri, run_id]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    rivals = [subprocess.Popen(words, **pipes) for _ in range(4)]
    for rival in rivals:
        assert rival.stdout.readline() == "ready\n"
    for rival in rivals:
        rival.stdin.write("now\n")
        rival.stdin.flush()
    answers = [rival.stdout.readline() for rival in rivals]
    assert answers.count("mine\n") == 1
    assert sum("is being trained by" in answer for answer in answers) == 3
    for rival in rivals:
        rival.communicate("", timeout=60)
