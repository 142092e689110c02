"""Each zip works with nothing but itself on the path, and is the same wherever it is made."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars
import pytest

from infra.cdk import bundles, zips
from infra.cdk.bundles import AWS_SERVICES, ENTRY_POINTS, ROOT, Bundle, Pins, bundles_of
from infra.cdk.zips import Target, build, bundle_hash, dependencies, host_target, lambda_target, pack
from linkage.runtime.settings import variable_name

UNZIPPED_LIMIT = 250_000_000
AARCH64 = 0xB7  # e_machine of ELF

# Nothing of this environment is on its path: only the standard library and the zip. It imports a handler,
# every other module of ours in the zip, and lets the handler take an event, far from any service. What no
# finder finds is noted, also where the error is caught.
BARE = """
import importlib, json, pathlib, sys
folder, handler, event, ours = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4].split()
sys.path[:0] = [folder]
sys.dont_write_bytecode = True
missing = []

class LastFinder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ours:
            missing.append(name)

sys.meta_path.append(LastFinder())
module, name = handler.rsplit(".", 1)
function = getattr(importlib.import_module(module), name)
try:
    outcome = repr(function(event, None))
except ImportError:
    raise
except Exception as error:
    outcome = type(error).__name__
for path in sorted(pathlib.Path(folder).rglob("*.py")):
    parts = path.relative_to(folder).with_suffix("").parts
    if parts[0] in ours and parts[0] != "migrations":
        importlib.import_module(".".join(parts).removesuffix(".__init__"))
outside = [
    name for name, module in sys.modules.items()
    if "site-packages" in (getattr(module, "__file__", None) or "")
]
print(json.dumps({"outside": sorted(outside), "missing": missing, "outcome": outcome}))
"""

# What each handler takes; the services behind it are not there.
EVENTS: dict[str, dict[str, object]] = {
    "run_strategy": {"scheduled_time": "2026-11-22T12:00:00Z"},
    "receive": json.loads((ROOT / "tests" / "events" / "http_api_signal.json").read_text()),
    "record_fills": json.loads((ROOT / "tests" / "events" / "sqs_fills.json").read_text()),
    "archive_signals": json.loads((ROOT / "tests" / "events" / "dynamodb_stream.json").read_text()),
    "sweep": {},
    "maintain": {},
    "redrive": {},
    "read_ledger": {"op": "rates", "start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z"},
    "query_ledger": {"sql": "SELECT 1"},
    "send_report": {"scheduled_time": "2026-11-22T12:00:00Z", "report": "daily", "hours": 24},
    "take_signals": json.loads((ROOT / "tests/functions/broker/events/stream.json").read_text()),
    "execute_orders": {"scheduled_time": "2026-11-22T12:00:00Z"},
    "migrate": {"op": "migrate"},
    "bootstrap": {},
}

# Settings that have to be more than some text.
VALUES = {
    "webhook_url": "http://127.0.0.1:9",
    "market": "simulation:1",
    "db_host": "127.0.0.1",
    "db_port": "9",
    "db_auth": "password",
    "db_password": "secret",
    "replay": "true",
    "recipients": "a@example.com",
    "sender": "b@example.com",
}
# The candles of a file.
READER = """
import json, pathlib, sys
sys.path[:0] = [sys.argv[1]]
sys.dont_write_bytecode = True
from linkage.adapters.markets.candle_files import read_candles
path = pathlib.Path(sys.argv[2])
series = read_candles(path.name, path.read_bytes())
print(json.dumps({"times": series.times.tolist(), "closes": series.values[3].tolist()}))
"""

# A bucket whose client could be made.
BUCKET = """
import json, sys
sys.path[:0] = [sys.argv[1]]
sys.dont_write_bytecode = True
from linkage.adapters.markets.selection import market_from
print(json.dumps({"market": type(market_from("s3://candles/spot")).__name__}))
"""

# The zips of a stage on a simulated market, by entry point, and those that another market changes.
STAGE_ZIPS = bundles_of()
EXCHANGE_ZIPS = bundles_of("ccxt:coinbase")
CANDLES_ZIPS = bundles_of("files:/candles")
READERS = {"sighook": "run_strategy", "broker": "execute_orders"}
ALL_ZIPS: dict[str, Bundle] = {
    **STAGE_ZIPS,
    **{f"{name} on an exchange": EXCHANGE_ZIPS[name] for name in READERS.values()},
    **{f"{name} on files": CANDLES_ZIPS[name] for name in READERS.values()},
}

each_zip = pytest.mark.parametrize("name", ALL_ZIPS)


def unpacked(target: Target, folder: Path) -> dict[str, Path]:
    """Build every zip; those that are the same only once."""
    folders = {
        bundle: folder / f"{number}-{bundle.name}" for number, bundle in enumerate(set(ALL_ZIPS.values()))
    }
    for bundle, output in folders.items():
        build(bundle, target, output)
    return {name: folders[bundle] for name, bundle in ALL_ZIPS.items()}


@pytest.fixture(scope="session")
def host_zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every zip for this machine, unpacked."""
    return unpacked(host_target(), tmp_path_factory.mktemp("host-zips"))


@pytest.fixture(scope="session")
def lambda_zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every zip for Lambda, unpacked."""
    return unpacked(lambda_target(), tmp_path_factory.mktemp("lambda-zips"))


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_a_bare_interpreter_imports_the_zip_and_its_handler_takes_an_event(
    host_zips: dict[str, Path], entry_point: str
) -> None:
    function = ENTRY_POINTS[entry_point]
    fields = function.settings.model_fields
    values = {name: "x" for name, field in fields.items() if field.is_required()}
    values |= {name: value for name, value in VALUES.items() if name in fields}
    report = bare(
        host_zips[entry_point],
        BARE,
        [function.handler, json.dumps(EVENTS[entry_point]), "functions linkage migrations strategies"],
        {variable_name(name): value for name, value in values.items()},
    )
    assert (report["outside"], report["missing"]) == ([], [])
    assert report["outcome"] not in ("ConfigurationError", "InvalidInputError", "KeyError", "TypeError")


def bare(folder: Path, script: str, arguments: list[str], environment: dict[str, str]) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(folder), *arguments],
        cwd=folder,
        env={
            "PATH": os.defpath,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return report


@pytest.mark.parametrize("entry_point", READERS.values())
def test_an_exchange_is_reachable_from_the_zips_of_a_stage_that_trades_on_one(
    lambda_zips: dict[str, Path], entry_point: str
) -> None:
    assert (lambda_zips[f"{entry_point} on an exchange"] / "ccxt" / "coinbase.py").is_file()
    assert not (lambda_zips[entry_point] / "ccxt").exists()


@pytest.mark.parametrize("entry_point", READERS.values())
def test_candle_files_are_read_from_the_zips_of_a_stage_that_has_them(
    host_zips: dict[str, Path], lambda_zips: dict[str, Path], entry_point: str, tmp_path: Path
) -> None:
    assert (lambda_zips[f"{entry_point} on files"] / "duckdb" / "__init__.py").is_file()
    assert not any((lambda_zips[entry_point] / name).exists() for name in ("duckdb", "botocore/data/s3"))
    path = tmp_path / "A-USD_5m.parquet"
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), 2.0)
    polars.DataFrame({"time": [moment], **prices}).write_parquet(path)
    report = bare(host_zips[f"{entry_point} on files"], READER, [str(path)], {})
    assert report == {"times": [1767225600], "closes": [2.0]}


def test_a_bucket_is_read_from_the_zips_of_a_stage_whose_candles_are_in_one(tmp_path: Path) -> None:
    build(bundles_of("s3://candles/spot")["run_strategy"], host_target(), tmp_path / "zip")
    assert bare(tmp_path / "zip", BUCKET, [], {}) == {"market": "S3Market"}


def test_what_the_emulator_gets_is_the_zip_and_its_pins(host_zips: dict[str, Path], tmp_path: Path) -> None:
    pack(STAGE_ZIPS["query_ledger"], host_target(), tmp_path / "bundle.zip")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        names = set(archive.namelist())
    folder = host_zips["query_ledger"]
    assert names == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@each_zip
def test_native_libraries_are_built_for_lambda(lambda_zips: dict[str, Path], name: str) -> None:
    libraries = [path for path in lambda_zips[name].rglob("*.so*") if path.is_file()]
    assert libraries
    for path in libraries:
        header = path.read_bytes()[:20]
        assert header[:4] == b"\x7fELF", path
        assert int.from_bytes(header[18:20], "little") == AARCH64, path
        if path.suffix == ".so" and "cpython" in path.name:
            assert "cpython-313-aarch64" in path.name, path
        elif path.suffix == ".so" and ".libs" not in path.parent.name:
            assert "abi3" in path.name, path


@each_zip
def test_a_zip_is_within_lambdas_limit(lambda_zips: dict[str, Path], name: str) -> None:
    size = sum(path.stat().st_size for path in lambda_zips[name].rglob("*") if path.is_file())
    assert size < UNZIPPED_LIMIT


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
    assert called <= {
        *AWS_SERVICES,
        *(service for bundle in ALL_ZIPS.values() for service in bundle.pins.services),
    }
    models = (host_zips["receive"] / "botocore" / "data").iterdir()
    assert {path.name for path in models if path.is_dir()} == set(AWS_SERVICES)
    for name in READERS.values():
        assert (host_zips[f"{name} on files"] / "botocore" / "data" / "s3").is_dir()


def test_two_builds_give_the_same_bytes(host_zips: dict[str, Path], tmp_path: Path) -> None:
    build(STAGE_ZIPS["receive"], host_target(), tmp_path / "again")
    assert _digests(tmp_path / "again") == _digests(host_zips["receive"])


def test_the_target_is_a_part_of_the_hash() -> None:
    bundle = STAGE_ZIPS["receive"]
    assert bundle_hash(bundle, host_target()) != bundle_hash(bundle, lambda_target())


def test_a_changed_lock_replaces_the_tree_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(_pins: Pins, _target: Target, folder: Path) -> None:
        (folder / "botocore" / "data").mkdir(parents=True)

    pins, target = Pins("webhook"), Target("3.13", "somewhere", None)
    lock = tmp_path / "requirements" / "webhook.txt"
    lock.parent.mkdir()
    lock.write_text("boto3==1\n")
    monkeypatch.setattr(bundles, "ROOT", tmp_path)
    monkeypatch.setenv("LINKAGE_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setattr(zips, "_install", install)
    first = dependencies(pins, target)
    assert dependencies(pins, target) == first
    lock.write_text("boto3==2\n")
    second = dependencies(pins, target)
    assert second != first
    assert list((tmp_path / "local" / "bundles").iterdir()) == [second]


def test_code_for_lambda_is_compiled_where_its_python_is_installed(lambda_zips: dict[str, Path]) -> None:
    compiled = list((lambda_zips["receive"] / "linkage").rglob("*.pyc"))
    assert bool(compiled) is bool(lambda_target().compiler)
    for path in compiled:
        assert path.name.endswith(".cpython-313.pyc")
        # Hash-based and unchecked (PEP 552): the same bytes whatever the files' times.
        assert int.from_bytes(path.read_bytes()[4:8], "little") == 1


def test_host_code_is_compiled_for_the_interpreter_that_runs_it(host_zips: dict[str, Path]) -> None:
    compiled = Path(
        importlib.util.cache_from_source(str(host_zips["receive"] / "linkage" / "ports" / "clock.py"))
    )
    assert compiled.exists()


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
