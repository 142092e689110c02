"""The local cloud's processes end with whoever started them, however he ends. Nothing is deployed here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from local.cloud import LocalCloud, LocalCloudError, is_up, stop
from local.mailbox import read_mailbox
from local.processes import alive, descendants, signal_group, wait_until_gone
from local.state import LocalState

DEADLINE_SECONDS = 60.0

OWNER = """
import signal, sys, time
from pathlib import Path
from local.cloud import LocalCloud
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
with LocalCloud.up(Path(sys.argv[1]), deploy=False) as cloud:
    print("up", flush=True)
    time.sleep(600)
"""

# Its processes have ended, and it is still removing files when the patience for processes is over.
SLOW_TO_TIDY = """
import signal, sys
from pathlib import Path
def stop(number, frame):
    Path(sys.argv[2]).unlink()
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
sys.stdin.readline()
"""


def until(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not check():
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS:.0f} s: {what}"
        time.sleep(0.05)


def processes_of(state: LocalState) -> list[int]:
    return [state.supervisor_pid, *descendants(state.supervisor_pid)]


def assert_nothing_left(directory: Path, processes: list[int]) -> None:
    for pid in processes:
        assert wait_until_gone(pid, timeout_seconds=DEADLINE_SECONDS)
    assert not (directory / "state.json").exists()
    assert not (directory / "cloud").exists()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that owns a local cloud; it is starting, and says ``up`` when it is up."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout:
        yield process
        signal_group(process.pid, signal.SIGKILL)
        process.wait()


def test_a_killed_owner_takes_everything_with_it(owner: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    state = LocalState.load(tmp_path)
    assert state is not None
    processes = processes_of(state)
    assert len(processes) > 3  # the supervisor, the emulator, PostgreSQL and its workers
    owner.kill()
    assert_nothing_left(tmp_path, processes)


def test_ctrl_c_while_it_starts_leaves_nothing(owner: subprocess.Popen[bytes], tmp_path: Path) -> None:
    until(lambda: (tmp_path / "cloud" / "postgres").exists(), "the beginning of a database")
    processes = [owner.pid, *descendants(owner.pid)]
    os.killpg(owner.pid, signal.SIGINT)
    owner.wait(timeout=DEADLINE_SECONDS)
    assert owner.returncode != 0
    assert_nothing_left(tmp_path, processes)


def test_it_outlives_its_owner_only_when_told_to(tmp_path: Path) -> None:
    with LocalCloud.up(tmp_path, deploy=False) as cloud:
        cloud.detach()
    state = cloud.state
    assert is_up(tmp_path)
    assert read_mailbox(LocalCloud.attach(tmp_path).state) == []
    with pytest.raises(LocalCloudError, match="is up"):
        LocalCloud.up(tmp_path, deploy=False)

    refused = psycopg.conninfo.make_conninfo(
        host="127.0.0.1", port=state.postgres_port, dbname="linkage", user="reader",
        password=state.postgres_passwords["reader"], sslmode="disable", connect_timeout=5,
    )  # fmt: skip
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(refused)
    verified = psycopg.conninfo.make_conninfo(
        refused, sslmode="verify-full", sslrootcert=state.postgres_ca_file
    )
    with psycopg.connect(verified) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("reader",)
    assert "postgres" not in state.postgres_passwords

    processes = processes_of(state)
    assert stop(tmp_path)
    assert_nothing_left(tmp_path, processes)
    assert not stop(tmp_path)
    with pytest.raises(LocalCloudError, match="not up"):
        LocalCloud.attach(tmp_path)


def test_a_killed_supervisor_takes_its_processes_with_it(tmp_path: Path) -> None:
    with LocalCloud.up(tmp_path, deploy=False) as cloud:
        cloud.detach()
    processes = processes_of(cloud.state)
    os.kill(cloud.state.supervisor_pid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in processes), "the end of all processes")
    assert not is_up(tmp_path)
    assert stop(tmp_path)
    assert_nothing_left(tmp_path, [])


def test_what_it_does_is_told_to_its_end(tmp_path: Path) -> None:
    told: list[str] = []
    with LocalCloud.up(tmp_path, deploy=False, progress=told.append):
        pass
    assert told == ["starting the emulator and PostgreSQL", "stopping everything, and removing its files"]


def test_files_that_take_long_to_remove_do_not_make_a_stop_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.cloud.STOP_SECONDS", 1.0)
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SLOW_TO_TIDY, "local.supervisor", str(tmp_path / "state.json")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    with supervisor.stdin, supervisor.stdout:
        supervisor.stdout.readline()
        LocalState(str(tmp_path), "http://127.0.0.1:1", "us-east-1", "a", "b",
                   supervisor_pid=supervisor.pid).save()  # fmt: skip
        tidied = threading.Timer(3.0, supervisor.stdin.close)
        tidied.start()
        assert stop(tmp_path)
        assert supervisor.stdin.closed
    supervisor.wait()


def test_what_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKAGE_EMULATOR_PYTHON", str(tmp_path / "nothing"))
    with pytest.raises(LocalCloudError, match="make setup"):
        LocalCloud.up(tmp_path, deploy=False)
    assert_nothing_left(tmp_path, [])
    assert json.dumps([path.name for path in tmp_path.iterdir() if path.is_dir()]) == '["logs"]'
