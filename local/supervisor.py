"""The process that owns the emulator and the database, and ends them.

It runs in a session of its own. The command that started it holds the other end of its standard input:
when that command dies, however it dies, the pipe closes and everything here is stopped. ``detach`` on the
pipe turns it into a background process that ends on SIGTERM. If the supervisor itself is killed, the
kernel ends its children (``dies_with_parent``).

Lines understood: ``group N`` (end process group N as well, should the owner die), ``ungroup N``, ``detach``.
One line of JSON is written to standard output: ``{"ready": state}`` or ``{"error": message}``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import typer

from linkage.domain.errors import LinkageError
from local.emulator import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Emulator
from local.postgres import SUPERUSER, PostgresServer
from local.postgres_home import remove_server
from local.processes import MissingToolError, adopt_orphans, alive, descendants, signal_group
from local.state import LOG_FOLDER, POSTGRES_FOLDER, RUN_FOLDER, LocalState

DATABASE = "linkage"
START_SECONDS = 60.0
UP, ENDING = "up", "ending"  # marks on the lock


class _Stop(Exception):  # noqa: N818 - not an error: the way out of every wait
    """Somebody asked for the end."""


class Supervisor:
    """Starts, watches and ends the processes of one local cloud.

    Args:
        directory: of the local cloud; what a run writes is in its ``cloud`` folder and goes with it.
        emulator_port, plain_port, postgres_port: on the loopback interface.
    """

    def __init__(self, directory: Path, *, emulator_port: int, plain_port: int, postgres_port: int) -> None:
        self.directory = directory
        self.folder = directory / RUN_FOLDER
        self.emulator = Emulator(
            self.folder,
            directory / LOG_FOLDER / "emulator.log",
            port=emulator_port,
            plain_port=plain_port,
        )
        self.postgres = PostgresServer(self.folder / POSTGRES_FOLDER, port=postgres_port)
        self.groups: set[int] = set()
        self.state: LocalState | None = None

    def start(self) -> LocalState:
        """Start both, wait until both answer, and write the state file."""
        self.emulator.start()
        self.postgres.start()
        self.postgres.create_database(DATABASE)
        deadline = time.monotonic() + START_SECONDS
        while not self.emulator.ready():
            if time.monotonic() > deadline:
                raise MissingToolError(f"the emulator did not answer within {START_SECONDS:.0f} s")
            time.sleep(0.02)
        self.state = LocalState(
            directory=str(self.directory),
            endpoint_url=self.emulator.url,
            plain_url=self.emulator.plain_url,
            ca_file=str(self.emulator.ca_file),
            region=REGION,
            access_key_id=ACCESS_KEY_ID,
            secret_access_key=SECRET_ACCESS_KEY,
            emulator_pid=self.emulator.pid,
            supervisor_pid=os.getpid(),
            postgres_port=self.postgres.port,
            postgres_ca_file=str(self.postgres.ca_file),
            postgres_passwords={
                login: word for login, word in self.postgres.passwords.items() if login != SUPERUSER
            },
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self.state.save()
        return self.state

    def watch(self) -> None:
        """Return when the owner is gone, when SIGTERM comes, or when the emulator has ended."""
        attached, pending = True, b""
        while self.emulator.running():
            readable = [sys.stdin.buffer] if attached else []
            if not select.select(readable, [], [], 0.5)[0]:
                continue
            chunk = os.read(sys.stdin.fileno(), 4096)
            if not chunk:
                return
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                attached = self._obey(line.decode()) and attached

    def stop(self) -> None:
        """End every process and remove what the run wrote."""
        for group in self.groups:
            signal_group(group, signal.SIGTERM)
        self.emulator.stop()
        self.postgres.remove()
        for group in self.groups:
            signal_group(group, signal.SIGKILL)
        for pid in descendants(os.getpid()):
            _kill(pid)
        current = LocalState.load(self.directory)
        if current is not None and current.supervisor_pid == os.getpid():
            current.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _obey(self, line: str) -> bool:
        """Do what a line says; False when the owner lets go."""
        word, _, number = line.partition(" ")
        if word == "group":
            self.groups.add(int(number))
        elif word == "ungroup":
            self.groups.discard(int(number))
        return word != "detach"


def supervise(directory: Path, *, emulator_port: int, plain_port: int, postgres_port: int) -> None:
    """Run one local cloud until its end."""
    adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _raise_stop)
    supervisor = Supervisor(
        directory, emulator_port=emulator_port, plain_port=plain_port, postgres_port=postgres_port
    )
    try:
        with _only_one(directory) as mark:
            try:
                # Of one that was killed:
                remove_server(supervisor.postgres.folder)
                shutil.rmtree(supervisor.folder, ignore_errors=True)
                supervisor.folder.mkdir(parents=True)
                _say({"ready": asdict(supervisor.start())})
                mark(UP)
                supervisor.watch()
            finally:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                mark(ENDING)
                supervisor.stop()
    except _Stop:
        pass
    except (LinkageError, OSError) as error:
        with contextlib.suppress(_Stop):
            _say({"error": str(error)})


@contextmanager
def _only_one(directory: Path) -> Iterator[Callable[[str], None]]:
    """Hold the folder's lock, and give a way to mark it; wait for one that is just ending there."""
    deadline = time.monotonic() + START_SECONDS
    with (directory / "lock").open("a+") as lock:

        def mark(text: str) -> None:
            lock.truncate(0)
            lock.write(text)
            lock.flush()

        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                lock.seek(0)
                if time.monotonic() > deadline or lock.read() == UP:
                    raise MissingToolError(f"another local cloud is up in {directory}") from None
                time.sleep(0.05)
        mark("")
        yield mark


def _say(message: object) -> None:
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise _Stop from None


def _raise_stop(_number: int, _frame: object) -> NoReturn:
    raise _Stop


def _kill(pid: int) -> None:
    if alive(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def main(directory: Path, emulator_port: int, plain_port: int, postgres_port: int) -> None:
    """Command line of the supervisor."""
    supervise(directory, emulator_port=emulator_port, plain_port=plain_port, postgres_port=postgres_port)


if __name__ == "__main__":
    typer.run(main)
