"""Processes that never outlive their reason: free ports, groups that end together, and parents that die."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import psutil

from linkage.domain.errors import PermanentError

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class MissingToolError(PermanentError):
    """Something that the local cloud needs is not on this machine. The message says what to do."""


def free_port() -> int:
    """Return a TCP port on the loopback interface that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free_port(port: int) -> None:
    """Check a port that somebody chose.

    Raises:
        MissingToolError: it is in use.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise MissingToolError(
                f"port {port} is in use; choose another one, or none for a free one"
            ) from None


def dies_with_parent(number: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Return a ``preexec_fn`` that makes the kernel signal the child when its parent dies.

    Linux only; elsewhere it does nothing and the supervisor's pipe is what remains. The parent's death is
    that of the *thread* that started the child, so start children from a thread that lasts.
    """
    if sys.platform != "linux":
        return lambda: None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arrange() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)

    return arrange


def adopt_orphans() -> None:
    """Make grandchildren whose parent dies children of this process, so that it can end them."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def alive(pid: int) -> bool:
    """Tell whether a process exists and has not ended; one that nobody has waited for has ended."""
    try:
        return pid > 0 and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command_line(pid: int) -> str:
    """Return a process's command line, or an empty string where it cannot be read."""
    try:
        return " ".join(psutil.Process(pid).cmdline()) if pid > 0 else ""
    except psutil.Error:
        return ""


def descendants(pid: int) -> list[int]:
    """Return all living processes below a process."""
    try:
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end_group(process: subprocess.Popen[bytes], *, patience_seconds: float = 5.0) -> None:
    """End a process that leads its own group, and everybody in that group."""
    for number, patience in ((signal.SIGTERM, patience_seconds), (signal.SIGKILL, 2.0)):
        signal_group(process.pid, number)
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            continue
        signal_group(process.pid, signal.SIGKILL)
        return


def signal_group(group: int, number: signal.Signals) -> None:
    """Signal a process group; nothing happens when it is gone."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def wait_until_gone(pid: int, *, timeout_seconds: float) -> bool:
    """Wait for a process that is not a child of this one; False when it is still there."""
    deadline = time.monotonic() + timeout_seconds
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
