"""Another user of this machine, as whom a test may run what an ordinary user runs."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from local.emulator import emulator_python
from local.preflight import roots_server_user

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class OtherUser:
    """A user who is not root, with an interpreter that he can run."""

    entry: pwd.struct_passwd
    python: str

    def runs_as(self) -> dict[str, Any]:
        """Return the arguments of ``Popen`` that make a child this user."""
        return {"user": self.entry.pw_uid, "group": self.entry.pw_gid, "extra_groups": []}


@cache
def other_user() -> OtherUser | None:
    """Return one that can read this checkout and its environments; None for those who are not root."""
    entry = roots_server_user()
    if os.geteuid() != 0 or entry is None:
        return None
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        user = OtherUser(entry, python)
        question = f"import psycopg, local.cloud; open({str(emulator_packages())!r} + '/ministack/app.py')"
        try:
            done = subprocess.run(
                [python, "-c", question], capture_output=True, check=False, cwd="/", **user.runs_as(),
                env={"PYTHONPATH": f"{ROOT}:{packages()}"},
            )  # fmt: skip
        except OSError:
            continue
        if done.returncode == 0:
            return user
    return None


def packages() -> Path:
    """Return where the packages of this environment are."""
    return Path(sysconfig.get_path("purelib"))


def emulator_packages() -> Path:
    """Return where the packages of the emulator's environment are."""
    return next(emulator_python().parents[1].glob("lib/python3*/site-packages"))


def interpreter(path: Path, python: str, *search: Path) -> Path:
    """Write a program that is an interpreter with these folders on its path."""
    shell = shutil.which("sh") or "/bin/sh"
    path.write_text(f'#!{shell}\nPYTHONPATH="{":".join(map(str, search))}" exec {python} "$@"\n')
    path.chmod(0o755)
    return path
