"""Each zip has what its function imports and nothing besides: what it has not can change without it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from infra.cdk.bundles import ENTRY_POINTS, MARKETS, ROOT, Bundle, Market, bundles_of, migrations_digest
from infra.cdk.stages import load_stage
from infra.cdk.statements import statements_of
from infra.cdk.values import MARKET_ADDRESSES
from tests.infra.assembly import Assembly
from tests.infra.assertions.functions import SETTINGS
from tests.infra.checkout import Checkout
from tests.infra.imports import closure, modules_below, path_of

ADDRESSES = {
    "simulation": "simulation:1",
    "files": "files:/candles",
    "s3": "s3://candles/spot",
    "ccxt": "ccxt:coinbase",
}
RECORDER = {"record_fills", "archive_signals", "sweep", "maintain"}
BROKER = {"take_signals", "execute_orders"}

# An edit of a file to the functions that it deploys again, where the market is simulated.
EDITS = {
    "linkage/adapters/http/forwarder.py": {"receive"},
    "linkage/adapters/aws/ses_mailer.py": {"send_report"},
    "linkage/adapters/dynamodb/reports.py": {"send_report"},
    "linkage/adapters/postgres/read/queries.py": {"query_ledger"},
    "linkage/adapters/postgres/read/sql/spells.sql": {"read_ledger"},
    "linkage/adapters/postgres/lots/sql/insert_episodes.sql": {*RECORDER, "read_ledger"},
    "linkage/adapters/postgres/lots/sql/differing_episodes.sql": {"read_ledger"},
    "linkage/adapters/postgres/connection.py": {*RECORDER, "read_ledger", "query_ledger", "migrate"},
    "linkage/adapters/markets/simulated.py": {"run_strategy", *BROKER},
    "linkage/adapters/markets/exchange.py": set(),
    "strategies/matrix/scoring.py": {"run_strategy"},
    "functions/report/rendering/templates/style.css": {"send_report"},
    "requirements/webhook.txt": {"receive"},
    "infra/cdk/rds-ca.pem": {*RECORDER, "read_ledger", "query_ledger", "migrate"},
    "infra/cdk/stacks/service.py": set(),
}

STATEMENT = re.compile(r'statement\(__file__, "(\w+)"\)')

EMPTY_MIGRATION = """
revision = "9999"
down_revision = "0010"


def upgrade() -> None:
    pass
"""


bundles_on = cache(bundles_of)


def paths(bundle: Bundle) -> set[str]:
    return {file.path.as_posix() for file in bundle.files}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A second checkout with the content of this one."""
    return Checkout(Path(tmp_path_factory.mktemp("checkout")))


@pytest.fixture(scope="module")
def unchanged(checkout: Checkout) -> dict[str, str]:
    """Its hashes."""
    return checkout.hashes()


def test_every_function_has_a_zip() -> None:
    assert {entry_point.handler: entry_point.settings for entry_point in ENTRY_POINTS.values()} == SETTINGS
    assert bundles_on().keys() == ENTRY_POINTS.keys()


def test_every_market_that_a_stage_may_name_has_its_adapter() -> None:
    assert MARKETS.keys() == MARKET_ADDRESSES.keys() == ADDRESSES.keys()


@pytest.mark.parametrize("scheme", ADDRESSES)
@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_a_zip_has_exactly_the_code_that_its_function_imports(entry_point: str, scheme: str) -> None:
    function = ENTRY_POINTS[entry_point]
    start = {function.module}
    if "market" in function.settings.model_fields:
        start.add(MARKETS[scheme].module)
    if "strategy" in function.settings.model_fields:
        start |= modules_below("strategies.matrix")
    for folder in function.folders:
        start |= modules_below(folder)
    others = {market.module for name, market in MARKETS.items() if name != scheme}
    imported = {str(path_of(module)) for module in closure(start, without=others)}
    bundle = bundles_on(ADDRESSES[scheme])[entry_point]
    assert {path for path in paths(bundle) if path.endswith(".py")} == imported


def test_a_market_that_is_loaded_by_its_name_is_where_candles_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(MARKETS, "simulation", Market("linkage.inference.sharpe"))
    holders = {
        name for name, bundle in bundles_of().items() if "linkage/inference/sharpe.py" in paths(bundle)
    }
    read_ledger = {"read_ledger"}  # which imports it anyway
    assert holders - read_ledger == {"run_strategy", *BROKER}


def test_the_webhook_has_less_than_half_of_the_product() -> None:
    webhook = {path for path in paths(bundles_on()["receive"]) if path.startswith("linkage/")}
    everything = [path for path in (ROOT / "linkage").rglob("*.py") if path.name != "__init__.py"]
    modules = [path for path in webhook if not path.endswith("__init__.py")]
    assert len(modules) < 0.4 * len(everything)
    for part in ("adapters/postgres", "adapters/markets", "strategy", "inference"):
        assert not any(path.startswith(f"linkage/{part}/") for path in webhook), part


def test_data_files_come_with_the_code_beside_them() -> None:
    bundles = bundles_on()
    data = {
        name: {path for path in paths(bundle) if not path.endswith((".py", ".sql"))}
        for name, bundle in bundles.items()
    }
    rendering = ROOT / "functions" / "report" / "rendering"
    templates = {
        path.relative_to(ROOT).as_posix()
        for folder in (rendering / "templates", rendering / "sections")
        for path in folder.iterdir()
        if path.is_file() and path.suffix != ".py"
    }
    assert data.pop("send_report") == templates
    authorities = {name for name, files in data.items() if files == {"rds-ca.pem"}}
    assert authorities == {*RECORDER, "read_ledger", "query_ledger", "migrate"}
    assert all(not files for name, files in data.items() if name not in authorities)


def test_statements_come_with_the_modules_that_run_them() -> None:
    for bundle in bundles_on().values():
        held = {path for path in paths(bundle) if not path.startswith("migrations/")}
        run = {
            (Path(path).parent / "sql" / f"{name}.sql").as_posix()
            for path in held
            if path.endswith(".py")
            for name in STATEMENT.findall((ROOT / path).read_text())
        }
        assert {path for path in held if path.endswith(".sql")} == run, bundle.name


def test_a_function_has_no_statement_that_it_does_not_run() -> None:
    query_ledger = paths(bundles_on()["query_ledger"])
    assert "linkage/adapters/postgres/read/queries.py" in query_ledger
    assert not [path for path in query_ledger if path.endswith(".sql")]
    lots = {Path(path).stem for path in paths(bundles_on()["record_fills"]) if "/lots/sql/" in path}
    assert "insert_episodes" in lots
    assert not [name for name in lots if name.startswith("differing_")]


def test_a_statement_that_is_not_named_by_a_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    module = tmp_path / "module.py"
    module.write_text('ORDERS = statement(__file__, "orders")\nOTHERS = statement(__file__, ORDERS)\n')
    with pytest.raises(ValueError, match=r"module\.py:2: a statement is named by a text"):
        list(statements_of(module))


def test_the_migrations_are_where_they_run_and_where_they_are_started() -> None:
    migrations = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "migrations").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for name, bundle in bundles_on().items():
        held = {path for path in paths(bundle) if path.startswith("migrations/")}
        assert held == (migrations if name in ("migrate", "bootstrap") else set()), name


def test_a_strategy_is_in_its_zip_with_all_its_files_because_its_version_covers_them() -> None:
    held = {path for path in paths(bundles_on()["run_strategy"]) if path.startswith("strategies/matrix/")}
    folder = ROOT / "strategies" / "matrix"
    assert held == {
        path.relative_to(ROOT).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("path", EDITS)
def test_an_edit_deploys_the_functions_again_that_hold_the_file_and_no_other(
    checkout: Checkout, unchanged: dict[str, str], path: str
) -> None:
    edited = checkout.folder / path
    content = edited.read_bytes()
    edited.write_bytes(content + b"# a comment\n")
    try:
        hashes = checkout.hashes()
    finally:
        edited.write_bytes(content)
    assert {name for name, digest in hashes.items() if digest != unchanged[name]} == EDITS[path]


def test_another_checkout_with_touched_files_has_the_same_hashes(
    tmp_path: Path, unchanged: dict[str, str]
) -> None:
    other = Checkout(tmp_path / "deeper" / "elsewhere")
    for path in other.folder.rglob("*.py"):
        os.utime(path, (1, 1))
    compiled = other.folder / "linkage" / "__pycache__" / "outdated.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"not code")
    assert other.hashes() == unchanged


def test_a_new_migration_runs_at_the_next_deployment(
    assemblies: Callable[[str], Assembly], tmp_path: Path
) -> None:
    before = assemblies("dev")
    assert before.one("Custom::Trigger")["MigrationsDigest"] == migrations_digest()

    checkout = Checkout(tmp_path / "checkout")
    (checkout.folder / "migrations" / "versions" / "v9999_empty.py").write_text(EMPTY_MIGRATION)
    folder = checkout.synthesise("dev", tmp_path / "synth")
    after = Assembly.read(load_stage({"stage": "dev"}.get), folder)

    assert after.one("Custom::Trigger")["MigrationsDigest"] != migrations_digest()
    changed = {
        name
        for name, function in after.functions().items()
        if function["Code"] != before.functions()[name]["Code"]
    }
    assert changed == {"migrate", "bootstrap"}
    shutil.rmtree(folder)
