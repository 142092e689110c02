"""How zips are made, without Docker.

Wheels are installed for the platform that runs them, binaries only, by hash. Installed trees are cached
under ``.local/bundles``, so that the next synth only copies files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.cdk.bundles import AWS_SERVICES, Bundle, Pins, add_to
from infra.folders import fetched

CACHE = "bundles"  # in the local directory
LAMBDA_PYTHON = "3.13"
LAMBDA_PLATFORM = "aarch64-manylinux_2_28"


class BundlingError(RuntimeError):
    """A zip cannot be made. The message says which, and shows the end of the installer's output."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a zip runs.

    Attributes:
        python: version of the interpreter, ``3.13``.
        platform: uv's name of the platform; None for this machine.
        compiler: an interpreter of that very version, to compile with; None when there is none here.
    """

    python: str
    platform: str | None
    compiler: str | None

    @property
    def name(self) -> str:
        """A name for folders and hashes."""
        compiled = "compiled" if self.compiler else "source"
        return f"{self.platform or 'host'}-{self.python}-{compiled}"


@cache
def lambda_target() -> Target:
    """Return the target in AWS."""
    return Target(LAMBDA_PYTHON, LAMBDA_PLATFORM, find_python(LAMBDA_PYTHON))


@cache
def host_target() -> Target:
    """Return the target on this machine, with the interpreter that runs this."""
    return Target(f"{sys.version_info.major}.{sys.version_info.minor}", None, sys.executable)


def bundle_hash(bundle: Bundle, target: Target) -> str:
    """Return a hash over exactly what goes into a zip: files by path and content, and the lock."""
    digest = hashlib.sha256(f"{bundle.pins.recipe}\n{target.name}\n".encode())
    for file in bundle.files:
        add_to(digest, file.path.as_posix(), file.source.read_bytes())
    add_to(digest, "requirements", bundle.pins.lock.read_bytes())
    return digest.hexdigest()


def build(bundle: Bundle, target: Target, output: Path) -> None:
    """Put the contents of a zip into an empty folder.

    Raises:
        BundlingError: a dependency has no wheel for the platform, or cannot be fetched.
    """
    shutil.copytree(dependencies(bundle.pins, target), output, dirs_exist_ok=True, copy_function=_link)
    _add_own_files(bundle, target, output)


def pack(bundle: Bundle, target: Target, archive: Path) -> None:
    """Write a zip for the emulator: what is installed, which is packed once and cached, and our own files.

    CDK would pack what is no zip yet, as small as it can, at each deployment: half a minute in all.
    """
    shutil.copyfile(packed_dependencies(bundle.pins, target), archive)
    with tempfile.TemporaryDirectory(prefix=f"{bundle.name}-") as scratch:
        _add_own_files(bundle, target, Path(scratch))
        _append(Path(scratch), archive)


def packed_dependencies(pins: Pins, target: Target) -> Path:
    """Return a zip of ``dependencies``, from the cache when it is there."""
    installed = dependencies(pins, target)
    packed = fetched(f"{CACHE}/{installed.name}.zip")
    if packed.exists():
        return packed
    packed.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=packed.parent, prefix=f".{pins.group}-") as scratch:
        draft = Path(scratch) / "tree.zip"
        _append(installed, draft)
        draft.replace(packed)
    for outdated in packed.parent.glob(f"{pins.group}-{target.name}-*.zip"):
        if outdated != packed:
            outdated.unlink(missing_ok=True)
    return packed


def _append(tree: Path, archive: Path) -> None:
    """Append a folder's files to a zip, with the same bytes whenever and wherever it is done."""
    with zipfile.ZipFile(archive, "a") as file:
        for path in sorted(tree.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(tree).as_posix())
                entry.external_attr = 0o644 << 16
                file.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)


def _add_own_files(bundle: Bundle, target: Target, output: Path) -> None:
    # A package that is pinned as a dependency is there already.
    pinned = dependencies(bundle.pins, target)
    files = [file for file in bundle.files if not (pinned / file.path.parts[0]).exists()]
    for file in files:
        destination = output / file.path
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.source, destination)
    if target.compiler:
        folders = sorted({file.path.parts[0] for file in files if file.path.suffix == ".py"})
        _compile(target.compiler, output, folders)


def dependencies(pins: Pins, target: Target) -> Path:
    """Return a folder with the installed pins of a zip, from the cache when it is there.

    Raises:
        BundlingError: as in ``build``.
    """
    digest = hashlib.sha256(f"{pins.recipe}\n{target.name}\n".encode() + pins.lock.read_bytes())
    key = digest.hexdigest()[:16]
    folder = fetched(f"{CACHE}/{pins.group}-{target.name}-{key}")
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{pins.group}-") as scratch:
        draft = Path(scratch) / "tree"
        _install(pins, target, draft)
        _tidy(draft, {*AWS_SERVICES, *pins.services})
        if target.compiler:
            _compile(target.compiler, draft, ["."])
        try:
            draft.rename(folder)
        except OSError:
            # Another synth was faster. Its tree has the same key, so it is the same tree.
            if not folder.is_dir():
                raise
    for outdated in folder.parent.glob(f"{pins.group}-{target.name}-*"):
        if outdated != folder and outdated.is_dir():
            shutil.rmtree(outdated, ignore_errors=True)
    return folder


def _install(pins: Pins, target: Target, folder: Path) -> None:
    command = [
        *_uv(),
        "pip",
        "install",
        "--quiet",
        "--target",
        str(folder),
        "--no-deps",
        "--link-mode",
        "copy",
    ]
    command += ["--require-hashes", "--only-binary", ":all:", "--requirements", str(pins.lock)]
    if target.platform is None:
        command += ["--python", sys.executable]
    else:
        command += ["--python-platform", target.platform, "--python-version", target.python]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BundlingError(f"zip {pins.group} for {target.name}: {done.stderr.strip()[-2000:]}")


def _tidy(folder: Path, services: set[str]) -> None:
    """Remove what no function uses, and what differs from one installation to the next."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for name in ("__pycache__", "tests"):
        for unused in sorted(folder.rglob(name)):
            shutil.rmtree(unused, ignore_errors=True)
    for pattern in ("*.pyi", "*.a"):
        for unused in sorted(folder.rglob(pattern)):
            unused.unlink()
    for service in (folder / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in services:
            shutil.rmtree(service)
    for metadata in folder.glob("*.dist-info"):
        for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"):
            (metadata / name).unlink(missing_ok=True)


def _link(source: str, destination: str) -> str:
    """Put a file of the cache into a folder, without a copy where the disk allows it."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copyfile(source, destination)
    return destination


def _compile(compiler: str, folder: Path, parts: list[str]) -> None:
    """Compile to .pyc files that are checked against nothing: a zip does not change once it is made."""
    command = [compiler, "-I", "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"]
    # The prefix makes tracebacks, and therefore the bytes, independent of this folder's name.
    command += ["-s", str(folder), "-p", "/var/task", *(str(folder / part) for part in parts)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONHASHSEED": "0"}
    )
    if done.returncode not in (0, 1):  # 1: a file for another Python version (a template, a test) failed
        raise BundlingError(f"compiling in {folder.name}: {done.stderr.strip()[-2000:]}")


def _uv() -> list[str]:
    beside = Path(sys.executable).with_name("uv")
    return [str(beside)] if beside.exists() else ["uv"]


def find_python(version: str) -> str | None:
    """Return an interpreter of a version that runs here: on the path, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [
        shutil.which(f"python{version}"),
        *sorted(pyenv.glob(f"versions/{version}*/bin/python{version}")),
    ]
    question = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"
    for candidate in candidates:
        if candidate is None:
            continue
        command = [str(candidate), "-I", "-c", question]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.split() == [version, "cpython"]:
            return str(candidate)
    return None
