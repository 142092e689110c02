"""What a machine lacks is said in one sentence, before anything takes long."""

from __future__ import annotations

import ast
import os
import pwd
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import preflight

ROOT = Path(__file__).resolve().parents[2]


def test_this_machine_has_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert preflight.main() == 0
    assert capsys.readouterr().err == ""


def test_the_first_thing_that_is_missing_is_said_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    monkeypatch.setattr("platform.libc_ver", lambda: ("glibc", "2.31"))
    assert preflight.main() == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Python 3.11 or newer is needed")
    assert "3.10.4" in lines[0]


def test_an_environment_that_is_ready_needs_no_room_and_may_be_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "ROOT", tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot be written" in preflight.setup_lacks()
    for name in (".venv", ".venv-emulator"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".ready").touch()
    assert preflight.setup_lacks() == ""


def test_an_old_interpreter_can_read_what_tells_it_that_it_is_old() -> None:
    ast.parse((ROOT / "local" / "preflight.py").read_text(), feature_version=(3, 6))


def test_it_uses_nothing_that_has_to_be_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "local.preflight"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interpreter_that_cannot_make_environments_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert "-venv" in preflight.python_lacks()


@pytest.mark.parametrize(("found", "named"), [(("glibc", "2.31"), "2.31"), (("", ""), "another C library")])
def test_a_c_library_that_is_too_old_is_named(
    monkeypatch: pytest.MonkeyPatch, found: tuple[str, str], named: str
) -> None:
    monkeypatch.setattr("platform.libc_ver", lambda: found)
    monkeypatch.setattr(sys, "platform", "linux")
    assert named in preflight.c_library_lacks()


def test_a_system_without_time_zones_is_told_which_package_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "TIME_ZONE", tmp_path / "UTC")
    monkeypatch.setattr(sys, "platform", "linux")
    assert "install tzdata" in preflight.database_lacks()


def no_such_user(_name: object) -> Any:
    raise KeyError


def test_a_user_that_the_system_does_not_know_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr(pwd, "getpwuid", no_such_user)
    assert "4711" in preflight.user_lacks()


def test_root_without_anybody_to_run_the_database_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", no_such_user)
    assert "nobody" in preflight.user_lacks()


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file" / "below") in preflight.directory_lacks(tmp_path / "file" / "below", 1)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot be written" in preflight.directory_lacks(tmp_path, 1)


def test_a_full_disk_is_named_with_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert preflight.directory_lacks(tmp_path / "not" / "there", 1) == ""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1_000_000_000))
    sentence = preflight.directory_lacks(tmp_path / "not" / "there", 2_000_000_000)
    assert "1.0 GB free; 2 GB are needed" in sentence


def test_a_machine_without_a_free_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(_self: object, _address: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket, "socket", lambda: SimpleNamespace(bind=lambda a: bind(None, a), close=int))
    assert "Address already in use" in preflight.ports_lack()


def test_root_is_told_when_its_database_could_enter_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "shared_directories", lambda: [tmp_path / "temporary"])
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_more: SimpleNamespace(returncode=2))
    sentence = preflight.root_lacks(tmp_path / "local")
    assert str(tmp_path / "temporary") in sentence
    assert "TMPDIR" in sentence
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_more: SimpleNamespace(returncode=0))
    assert preflight.root_lacks(tmp_path / "local") == ""
