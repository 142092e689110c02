"""What this machine lacks, in one sentence, before anything takes long: `make setup` runs this first.

Standard library only, and nothing that Python 3.6 cannot read: an old interpreter has to be able to say that
it is old. Each check returns a sentence, or an empty string when all is well.
"""

import os
import platform
import pwd
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHON = (3, 11)
GLIBC = (2, 34)
SETUP_BYTES = 3_000_000_000
LOCAL_BYTES = 2_000_000_000
PORTS = 3
TIME_ZONE = Path("/usr/share/zoneinfo/UTC")
# PostgreSQL refuses to run as root: the first of these that is a user here runs it.
ROOTS_SERVER_USERS = ("nobody", "daemon")


def main() -> int:
    """Print what is missing to set this checkout up; return 0 when nothing is."""
    chosen = os.environ.get("LINKAGE_LOCAL_DIR")
    sentence = setup_lacks() or local_cloud_lacks(Path(chosen) if chosen else ROOT / ".local")
    if sentence:
        sys.stderr.write(f"{sentence}\n")
    return 1 if sentence else 0


def setup_lacks() -> str:
    """Check what the environments need; those that are ready need nothing."""
    if all((ROOT / name / ".ready").exists() for name in (".venv", ".venv-emulator")):
        return ""
    return python_lacks() or directory_lacks(ROOT, SETUP_BYTES)


def local_cloud_lacks(directory: Path) -> str:
    """Check what a local cloud in a directory needs."""
    directory_lack = directory_lacks(directory, LOCAL_BYTES)
    return database_lacks() or directory_lack or ports_lack() or root_lacks(directory)


def database_lacks() -> str:
    """Check what PostgreSQL needs of the system."""
    return c_library_lacks() or time_zones_lack() or user_lacks()


def python_lacks() -> str:
    """Check the interpreter that runs this."""
    if sys.version_info[:2] < PYTHON:
        have = ".".join(map(str, sys.version_info[:3]))
        wanted = _dotted(PYTHON)
        return f"Python {wanted} or newer is needed, and {sys.executable} is {have}: make demo PYTHON=..."
    try:
        __import__("ensurepip")
        __import__("venv")
    except ImportError as error:
        package = f"python{_dotted(sys.version_info[:2])}-venv"
        return f"{sys.executable} cannot make environments ({error}); install {package}"
    return ""


def c_library_lacks() -> str:
    """Check the C library: the database's programs need a recent one."""
    if sys.platform != "linux":
        return ""
    library, version = platform.libc_ver()
    if library == "glibc" and tuple(map(int, version.split(".")[:2])) >= GLIBC:
        return ""
    found = f"{library} {version}".strip() or "another C library"
    return f"the local database needs glibc {_dotted(GLIBC)} or newer; this machine has {found}"


def time_zones_lack() -> str:
    """Check the system's time zones: the database's programs do not start without."""
    if sys.platform != "linux" or TIME_ZONE.exists():
        return ""
    return f"the local database needs the system's time zones, and there is no {TIME_ZONE}: install tzdata"


def user_lacks() -> str:
    """Check that the database's programs have a user to run as."""
    if os.geteuid() == 0:
        wanted = " or ".join(ROOTS_SERVER_USERS)
        missing = f"PostgreSQL refuses to run as root, and there is no user {wanted} to run it"
        return "" if roots_server_user() else missing
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return f"PostgreSQL runs for known users only, and user {os.geteuid()} is not in /etc/passwd"
    return ""


def roots_server_user() -> "pwd.struct_passwd | None":
    """Return whom PostgreSQL runs as where root starts it; None when this machine has nobody for it."""
    for name in ROOTS_SERVER_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def directory_lacks(directory: Path, need_bytes: int) -> str:
    """Check that a directory can be written and has room; it need not exist yet."""
    existing = nearest(directory)
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return f"{directory} cannot be written by user {os.geteuid()}"
    free = shutil.disk_usage(existing).free
    if free < need_bytes:
        return f"{directory} has {free / 1e9:.1f} GB free; {need_bytes / 1e9:.0f} GB are needed"
    return ""


def ports_lack() -> str:
    """Check that there are free ports on the loopback interface."""
    probes = [socket.socket() for _ in range(PORTS)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
    except OSError as error:
        return f"{PORTS} free ports on 127.0.0.1 are needed, and there are none ({error.strerror})"
    finally:
        for probe in probes:
            probe.close()
    return ""


def root_lacks(directory: Path) -> str:
    """Check that root's database, which runs as somebody else, has a directory that both can use."""
    user = roots_server_user()
    if os.geteuid() != 0 or user is None:
        return ""
    tried = [nearest(directory), *shared_directories()]
    for parent in tried:
        command = ["/bin/sh", "-c", 'cd "$1"', "sh", str(parent)]
        runs_as: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        try:
            entered = subprocess.run(command, stderr=subprocess.DEVNULL, check=False, cwd="/", **runs_as)
        except OSError as error:
            return f"root cannot run programs as {user.pw_name} ({error.strerror}): use another user"
        if entered.returncode == 0:
            return ""
    places = ", ".join(map(str, tried))
    return f"root's PostgreSQL runs as {user.pw_name}, who can enter none of {places}: set TMPDIR to another"


def shared_directories() -> "list[Path]":
    """Return where a directory for two users can be made, best first: each is tried before it is used."""
    usual = ("/var/tmp", "/tmp", "/dev/shm")  # noqa: S108 - only mkdtemp makes anything there
    chosen = os.environ.get("TMPDIR")
    return [path for path in map(Path, (chosen, *usual) if chosen else usual) if path.is_dir()]


def nearest(directory: Path) -> Path:
    """Return a directory, or the one above it in which it can be made."""
    existing = directory.absolute()
    while not existing.exists():
        existing = existing.parent
    return existing


def _dotted(version: "tuple[int, ...]") -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    raise SystemExit(main())
