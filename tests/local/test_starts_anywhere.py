"""The local cloud's services start in any folder that their caller can write to. Nothing is deployed here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.processes import wait_until_gone
from tests.support.users import emulator_packages, interpreter, other_user, packages

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("cli", "functions", "infra", "linkage", "local", "migrations")
DEADLINE_SECONDS = 30.0

# Up, one query, down; it prints what was there, for the test to see that it is gone.
STORY = """
import json, os, sys
import psycopg
from local.cloud import LocalCloud, LocalCloudError
from local.processes import MissingToolError, descendants
from local.state import local_directory
os.umask(0o077)
try:
    with LocalCloud.up(deploy=False) as cloud:
        state = cloud.state
        connection = psycopg.connect(
            host="127.0.0.1", port=state.postgres_port, dbname="linkage", user="reader",
            password=state.postgres_passwords["reader"], sslmode="verify-full",
            sslrootcert=state.postgres_ca_file,
        )
        with connection:
            (user,) = connection.execute("SELECT current_user").fetchone()
        pids = [state.supervisor_pid, *descendants(state.supervisor_pid)]
        home = os.path.realpath(os.path.join(state.directory, "cloud", "postgres", "home"))
        print(json.dumps({"user": user, "pids": pids, "home": home}), flush=True)
        if len(sys.argv) > 1:
            sys.stdin.readline()
except (LocalCloudError, MissingToolError) as error:
    print(json.dumps({"error": str(error)}))
left = os.listdir(local_directory()) if local_directory().exists() else []
print(json.dumps(sorted(left)))
"""


def story(directory: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the story with nothing in its environment but what is named."""
    return subprocess.Popen(
        [sys.executable, "-c", STORY, *arguments], cwd=ROOT, text=True,
        env={"PATH": os.defpath, "LINKAGE_LOCAL_DIR": str(directory), **environment},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def end_of(process: subprocess.Popen[str]) -> list[Any]:
    """Let a story end; return what it printed."""
    out, err = process.communicate("\n", timeout=120)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


def assert_started_and_left_nothing(printed: list[Any]) -> None:
    there, left = printed
    assert there.get("user") == "reader", there
    assert left == ["lock", "logs"]
    assert not Path(there["home"]).exists()
    for pid in there["pids"]:
        assert wait_until_gone(pid, timeout_seconds=DEADLINE_SECONDS)


def test_a_private_folder_with_spaces_and_umlauts_in_the_plainest_environment(tmp_path: Path) -> None:
    folder = tmp_path / "Größe 1 – mein Büro"
    folder.mkdir(mode=0o700)
    temporary = folder / "temporary files"
    temporary.mkdir(mode=0o700)
    assert_started_and_left_nothing(end_of(story(folder / "local", LC_ALL="C", TMPDIR=str(temporary))))
    assert list(temporary.iterdir()) == []


def test_a_temporary_directory_that_is_not_there_does_no_harm(tmp_path: Path) -> None:
    assert_started_and_left_nothing(end_of(story(tmp_path / "local", TMPDIR="/not/there", HOME="/not/there")))


def test_two_start_beside_each_other(tmp_path: Path) -> None:
    both = [story(tmp_path / name) for name in ("one", "two")]
    for printed in [end_of(process) for process in both]:
        assert_started_and_left_nothing(printed)


def test_of_two_that_start_in_one_folder_the_second_is_refused_in_one_sentence(tmp_path: Path) -> None:
    both = [story(tmp_path, "wait") for _ in range(2)]
    first_lines = [json.loads(process.stdout.readline()) for process in both if process.stdout]
    refused = [line["error"] for line in first_lines if "error" in line]
    assert len(refused) == 1
    assert "another local cloud is up" in refused[0] or "a local cloud is up" in refused[0]
    for process, line in zip(both, first_lines, strict=True):
        _, err = process.communicate("\n", timeout=120)
        assert process.returncode == 0, err
        for pid in line.get("pids", []):
            assert wait_until_gone(pid, timeout_seconds=DEADLINE_SECONDS)


def test_a_folder_that_cannot_be_written_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (error, left) = end_of(story(tmp_path / "file" / "local"))
    assert error["error"].count("\n") == 0
    assert "cannot be written" in error["error"]
    assert left == []


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that every user can enter."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp")).resolve()
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


def read_only_checkout(folder: Path) -> Path:
    """Copy the product, and take away the right to change the copy."""
    for name in PRODUCT:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


def test_a_checkout_that_its_user_can_only_read_runs_beside_a_local_directory(shared: Path) -> None:
    """Root can write to everything: there another user runs it, if he can read the environments."""
    user = other_user()
    writable = shared / "local"
    writable.mkdir(mode=0o700)
    checkout = read_only_checkout(shared / "checkout")
    python = user.python if user else sys.executable
    emulator = interpreter(shared / "emulator", python, emulator_packages())
    runs_as: Mapping[str, Any] = user.runs_as() if user else {}
    if user:
        os.chown(writable, user.entry.pw_uid, user.entry.pw_gid)
    environment = {
        "PATH": os.defpath, "PYTHONPATH": f"{checkout}:{packages()}", "LINKAGE_LOCAL_DIR": str(writable),
        "LINKAGE_EMULATOR_PYTHON": str(emulator),
    }  # fmt: skip
    process = subprocess.Popen(
        [python, "-c", STORY], cwd=checkout, env=environment, text=True, **runs_as,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert_started_and_left_nothing(end_of(process))
    assert sorted(path.name for path in checkout.iterdir()) == sorted(PRODUCT)
