"""Processes end with their reason."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import pytest

from local.processes import (
    MissingToolError,
    alive,
    end_group,
    free_port,
    require_free_port,
    wait_until_gone,
)

LINUX = sys.platform == "linux"
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
DEADLINE_SECONDS = 10


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", free_port()))


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MissingToolError, match=str(port)):
            require_free_port(port)
    require_free_port(port)


def test_ending_a_group_ends_those_that_its_leader_started() -> None:
    script = "import subprocess, sys; p = subprocess.Popen(sys.argv[1:]); print(p.pid, flush=True); p.wait()"
    leader = subprocess.Popen(
        [sys.executable, "-c", script, *SLEEP], stdout=subprocess.PIPE, start_new_session=True
    )
    assert leader.stdout is not None
    with leader.stdout:
        follower = int(leader.stdout.readline())
    assert alive(follower)
    end_group(leader)
    assert not alive(leader.pid)
    assert wait_until_gone(follower, timeout_seconds=DEADLINE_SECONDS)


def test_a_leader_that_ignores_the_polite_signal_ends_all_the_same() -> None:
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(1, flush=True); time.sleep(600)"
    )
    stubborn = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True
    )
    assert stubborn.stdout is not None
    with stubborn.stdout:
        stubborn.stdout.readline()
    end_group(stubborn, patience_seconds=0.1)
    assert stubborn.returncode == -signal.SIGKILL


def test_a_process_that_nobody_has_waited_for_counts_as_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + DEADLINE_SECONDS
    while alive(process.pid) and LINUX:
        assert time.monotonic() < deadline
    process.wait()
    assert not alive(process.pid)
    assert not alive(0)
