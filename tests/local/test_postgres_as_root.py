"""Root's PostgreSQL runs as another user, wherever root's own files are. Collected for root only."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from local import postgres_home
from local.postgres import PostgresServer
from local.postgres_home import HOME, PREFIX, PostgresError, remove_abandoned
from local.preflight import roots_server_user
from local.processes import alive

KILLED = """
import os, sys
from pathlib import Path
from local.postgres import PostgresServer
server = PostgresServer(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Path]:
    """A folder that only root may enter, under the strictest umask."""
    folder = tmp_path / "root's own"
    folder.mkdir(mode=0o700)
    with umask(0o077):
        yield folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_runs_for_a_folder_that_only_root_may_enter_and_leaves_nothing(private: Path) -> None:
    server = PostgresServer(private / "postgres")
    server.start()
    home = (private / "postgres" / HOME).resolve()
    try:
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        owner = Path(f"/proc/{server.pid}").stat().st_uid
        user = roots_server_user()
        assert user is not None
        assert owner == user.pw_uid

        assert not home.is_relative_to(private)
        assert (mode(home), home.stat().st_uid) == (0o711, 0)
        assert (mode(home / "data"), mode(home / "tls" / "server.key")) == (0o700, 0o600)
        assert mode(private / "postgres" / "passwords.json") == 0o600
        assert not (home / "superuser").exists()
        for path in home.rglob("*"):
            assert not mode(path) & (stat.S_IWGRP | stat.S_IWOTH), path
    finally:
        server.remove()
    assert not home.exists()
    assert list(private.iterdir()) == []


def test_a_stopped_server_starts_again_with_what_is_there(private: Path) -> None:
    server = PostgresServer(private / "postgres")
    server.start()
    server.create_database("kept")
    server.stop()
    again = PostgresServer(private / "postgres")
    again.start()
    try:
        with psycopg.connect(again.dsn(database="kept")):
            pass
    finally:
        again.remove()


def test_a_folder_that_everybody_may_enter_has_all_of_it() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name, umask(0o022):
        folder = Path(name)
        folder.chmod(0o755)
        server = PostgresServer(folder / "postgres")
        server.start()
        home = (folder / "postgres" / HOME).resolve()
        server.remove()
        assert home.parent == folder / "postgres"
        assert list(folder.iterdir()) == []


def test_what_a_killed_process_left_behind_goes_when_the_next_one_starts(private: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(private / "killed")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        server = int(process.stdout.readline())
        home = (private / "killed" / HOME).resolve()
        remove_abandoned()
        assert (home / "data" / "PG_VERSION").exists()  # somebody uses it
        process.kill()
    remove_abandoned()
    assert not home.exists()
    assert not alive(server)


def test_a_directory_where_others_may_rename_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setattr(postgres_home, "shared_directories", lambda: [tmp_path])
    with pytest.raises(PostgresError, match="others may replace"):
        PostgresServer(tmp_path / "postgres").start()


def test_where_no_directory_will_do_each_is_named_with_its_reason(
    private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = private / "full"
    full.mkdir()
    monkeypatch.setattr(postgres_home, "shared_directories", lambda: [private, full])
    with pytest.raises(PostgresError, match=f"{full}: .*denied.*|set TMPDIR") as caught:
        PostgresServer(private / "postgres").start()
    assert str(private / "postgres") in str(caught.value)
    assert not list(private.rglob(f"{PREFIX}*"))
