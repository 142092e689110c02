"""Each zip has all that it needs and nothing of anybody else's, and is the same wherever it is made."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars
import pytest

from infra.cdk import bundling
from infra.cdk.bundling import (
    AWS_SERVICES,
    BUNDLES,
    CANDLES_BUNDLES,
    EXCHANGE_BUNDLES,
    ROOT,
    Bundle,
    Target,
    build,
    bundle_hash,
    dependencies,
    host_target,
    lambda_target,
)
from tests.infra.assertions import SETTINGS

UNZIPPED_LIMIT = 250_000_000
AARCH64 = 0xB7  # e_machine of ELF

# Handler to the group whose zip it runs in.
GROUPS = {
    "functions.sighook.handler.run_strategy": "sighook",
    "functions.webhook.handler.receive": "webhook",
    "functions.recorder.handler.record_fills": "recorder",
    "functions.recorder.handler.archive_signals": "recorder",
    "functions.recorder.handler.sweep": "recorder",
    "functions.recorder.handler.maintain": "recorder",
    "functions.recorder.redrive.redrive": "recorder",
    "functions.report.handler.send_report": "report",
    "functions.report.read.read_ledger": "ledger",
    "functions.report.query.query_ledger": "ledger",
    "functions.broker.handler.take_signals": "broker",
    "functions.broker.handler.execute_orders": "broker",
    "functions.migrate.handler.migrate": "migrate",
    "functions.migrate.bootstrap.bootstrap": "migrate",
}

# Nothing of this environment is on its path: only the standard library and the zip.
BARE = """
import importlib, json, sys
sys.path[:0] = [sys.argv[1]]
sys.dont_write_bytecode = True
module, name = sys.argv[2].rsplit(".", 1)
assert callable(getattr(importlib.import_module(module), name))
outside = [
    name for name, each in sys.modules.items()
    if "site-packages" in (getattr(each, "__file__", None) or "")
]
print(json.dumps(sorted(outside)))
"""

# The candles of a file, and the address of a bucket whose client could be made.
READER = """
import json, pathlib, sys
sys.path[:0] = [sys.argv[1]]
sys.dont_write_bytecode = True
from linkage.adapters.markets.candle_files import read_candles
from linkage.adapters.markets.selection import market_from
path = pathlib.Path(sys.argv[2])
series = read_candles(path.name, path.read_bytes())
market_from("s3://candles/spot")
print(json.dumps([["s3://candles/spot"], series.times.tolist(), series.values[3].tolist()]))
"""

ALL_BUNDLES = (*BUNDLES.values(), *EXCHANGE_BUNDLES.values(), *CANDLES_BUNDLES.values())
bundles = pytest.mark.parametrize("bundle", ALL_BUNDLES, ids=lambda bundle: bundle.group)


@pytest.fixture(scope="session")
def host_zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every zip for this machine, unpacked."""
    folder = Path(tmp_path_factory.mktemp("host-zips"))
    for bundle in ALL_BUNDLES:
        build(bundle, host_target(), folder / bundle.group)
    return {bundle.group: folder / bundle.group for bundle in ALL_BUNDLES}


@pytest.fixture(scope="session")
def lambda_zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every zip for Lambda, unpacked."""
    folder = Path(tmp_path_factory.mktemp("lambda-zips"))
    for bundle in ALL_BUNDLES:
        build(bundle, lambda_target(), folder / bundle.group)
    return {bundle.group: folder / bundle.group for bundle in ALL_BUNDLES}


def test_every_handler_has_a_zip() -> None:
    assert GROUPS.keys() == SETTINGS.keys()
    assert set(GROUPS.values()) == BUNDLES.keys()


@pytest.mark.parametrize("handler", GROUPS)
def test_a_bare_interpreter_imports_the_handler_from_its_zip_alone(
    host_zips: dict[str, Path], handler: str
) -> None:
    zip_folder = host_zips[GROUPS[handler]]
    command = [sys.executable, "-I", "-S", "-c", BARE, str(zip_folder), handler]
    environment = {"PATH": os.defpath, "AWS_DEFAULT_REGION": "eu-central-1"}
    done = subprocess.run(
        command, cwd=zip_folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("group", EXCHANGE_BUNDLES)
def test_an_exchange_is_reachable_from_the_zips_of_a_stage_that_trades_on_one(
    lambda_zips: dict[str, Path], group: str
) -> None:
    assert (lambda_zips[f"{group}-exchange"] / "ccxt" / "coinbase.py").is_file()
    assert not (lambda_zips[group] / "ccxt").exists()


@pytest.mark.parametrize("group", CANDLES_BUNDLES)
def test_candle_files_are_read_from_the_zips_of_a_stage_that_has_them(
    host_zips: dict[str, Path], lambda_zips: dict[str, Path], group: str, tmp_path: Path
) -> None:
    assert (lambda_zips[f"{group}-candles"] / "duckdb" / "__init__.py").is_file()
    assert not any((lambda_zips[group] / name).exists() for name in ("duckdb", "botocore/data/s3"))
    path = tmp_path / "A-USD_5m.parquet"
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), 2.0)
    polars.DataFrame({"time": [moment], **prices}).write_parquet(path)
    zip_folder = host_zips[f"{group}-candles"]
    command = [sys.executable, "-I", "-S", "-c", READER, str(zip_folder), str(path)]
    environment = {"PATH": os.defpath, "AWS_DEFAULT_REGION": "eu-central-1"}
    done = subprocess.run(
        command, cwd=zip_folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["s3://candles/spot"], [1767225600], [2.0]]


@bundles
def test_a_zip_has_its_own_function_and_no_other(host_zips: dict[str, Path], bundle: Bundle) -> None:
    functions = {each.name for each in (host_zips[bundle.group] / "functions").iterdir() if each.is_dir()}
    assert functions - {"__pycache__"} == {bundle.function}
    assert (host_zips[bundle.group] / "migrations").is_dir() is (bundle.group == "migrate")
    for tooling in ("infra", "local", "cli", "tests", "bench"):
        assert not (host_zips[bundle.group] / tooling).exists()


@bundles
def test_native_libraries_are_built_for_lambda(lambda_zips: dict[str, Path], bundle: Bundle) -> None:
    libraries = [path for path in lambda_zips[bundle.group].rglob("*.so*") if path.is_file()]
    assert libraries
    for path in libraries:
        header = path.read_bytes()[:20]
        assert header[:4] == b"\x7fELF", path
        assert int.from_bytes(header[18:20], "little") == AARCH64, path
        if path.suffix == ".so" and "cpython" in path.name:
            assert "cpython-313-aarch64" in path.name, path
        elif path.suffix == ".so" and ".libs" not in path.parent.name:
            assert "abi3" in path.name, path


@bundles
def test_a_zip_is_within_lambdas_limit(lambda_zips: dict[str, Path], bundle: Bundle) -> None:
    size = sum(path.stat().st_size for path in lambda_zips[bundle.group].rglob("*") if path.is_file())
    assert size < UNZIPPED_LIMIT


@bundles
def test_only_zips_that_reach_postgresql_carry_the_authorities_of_rds(
    lambda_zips: dict[str, Path], bundle: Bundle
) -> None:
    assert (lambda_zips[bundle.group] / "rds-ca.pem").exists() is bundle.database


def test_every_service_that_the_code_calls_is_in_the_zips(host_zips: dict[str, Path]) -> None:
    called = set()
    for path in [*ROOT.glob("linkage/**/*.py"), *ROOT.glob("functions/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in ("client", "resource"):
                called.add(node.args[0].value)
    assert called
    assert called <= {*AWS_SERVICES, *(name for each in ALL_BUNDLES for name in each.services)}
    kept = {each.name for each in (host_zips["webhook"] / "botocore" / "data").iterdir() if each.is_dir()}
    assert kept == set(AWS_SERVICES)
    for bundle in CANDLES_BUNDLES.values():
        assert (host_zips[bundle.group] / "botocore" / "data" / "s3").is_dir()


def test_two_checkouts_with_touched_files_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, target = BUNDLES["webhook"], host_target()
    one = _checkout(bundle, tmp_path / "one")
    two = shutil.copytree(one, tmp_path / "two" / "deeper")
    for path in two.rglob("*.py"):
        os.utime(path, (1, 1))
    stale = two / "linkage" / "__pycache__" / "stale.cpython-311.pyc"
    stale.parent.mkdir()
    stale.write_bytes(b"not code")

    hashes = []
    for name, checkout in {"zip-one": one, "zip-two": two}.items():
        monkeypatch.setattr(bundling, "ROOT", checkout)
        hashes.append(bundle_hash(bundle, target))
        build(bundle, target, tmp_path / name)
    assert hashes[0] == hashes[1]
    assert _digests(tmp_path / "zip-one") == _digests(tmp_path / "zip-two")


@pytest.mark.parametrize(
    "changed", ["linkage/ports/clock.py", "requirements/webhook.txt", "functions/webhook/http.py"]
)
def test_a_changed_file_changes_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    bundle, target = BUNDLES["webhook"], host_target()
    monkeypatch.setattr(bundling, "ROOT", _checkout(bundle, tmp_path))
    before = bundle_hash(bundle, target)
    with (tmp_path / changed).open("a") as file:
        file.write("# changed\n")
    assert bundle_hash(bundle, target) != before


def test_a_changed_lock_replaces_the_tree_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(_bundle: Bundle, _target: Target, folder: Path) -> None:
        (folder / "botocore" / "data").mkdir(parents=True)

    bundle, target = BUNDLES["webhook"], Target("3.13", "somewhere", None)
    monkeypatch.setattr(bundling, "ROOT", _checkout(bundle, tmp_path / "checkout"))
    monkeypatch.setenv("LINKAGE_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setattr(bundling, "_install", install)
    first = dependencies(bundle, target)
    assert dependencies(bundle, target) == first
    with bundle.lock.open("a") as lock:
        lock.write("# changed\n")
    second = dependencies(bundle, target)
    assert second != first
    assert list((tmp_path / "local" / "bundles").iterdir()) == [second]


def test_code_for_lambda_is_compiled_where_its_python_is_installed(lambda_zips: dict[str, Path]) -> None:
    compiled = list((lambda_zips["webhook"] / "linkage").rglob("*.pyc"))
    assert bool(compiled) is bool(lambda_target().compiler)
    for path in compiled:
        assert path.name.endswith(".cpython-313.pyc")
        # Hash-based and unchecked (PEP 552): the same bytes whatever the files' times.
        assert int.from_bytes(path.read_bytes()[4:8], "little") == 1


def test_host_code_is_compiled_for_the_interpreter_that_runs_it(host_zips: dict[str, Path]) -> None:
    compiled = Path(
        importlib.util.cache_from_source(str(host_zips["webhook"] / "linkage" / "ports" / "clock.py"))
    )
    assert compiled.exists()


def _checkout(bundle: Bundle, folder: Path) -> Path:
    """Copy the part of the repository that a zip is made of."""
    for relative in [*bundling.source_files(bundle), bundle.lock.relative_to(ROOT)]:
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / relative, folder / relative)
    return folder


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
