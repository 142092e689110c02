"""The strategy of docs/your-own-strategy.md is run as it stands there: by sighook, and from its zip."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from functions.sighook.runs import Completed, Deployment
from functions.sighook.service import Ports, run
from infra.cdk import strategies
from infra.cdk.bundles import ROOT, Bundle, bundles_of
from infra.cdk.stages import StageError, load_stage
from infra.cdk.zips import build, bundle_hash, host_target
from linkage.domain.errors import ConfigurationError
from linkage.strategy.code_version import code_version
from linkage.strategy.plugin import load_strategy
from tests.functions.sighook.fakes import NOON, ArrayMarket, FakeParameters, FakeSink, FakeStates, later, wave
from tests.support.clock import FrozenClock
from tests.support.fakes import FakeSignalStore

PAGE = Path(__file__).resolve().parents[2] / "docs" / "your-own-strategy.md"
PATH = "mean_cross:STRATEGY"
CODE, TRIAL = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

# Nothing of this environment is on its path: only the standard library and the zip.
BARE = """
import sys
sys.path[:0] = [sys.argv[1]]
sys.dont_write_bytecode = True
import functions.sighook.handler
from linkage.strategy.plugin import load_strategy
print(load_strategy(sys.argv[2]).code_version)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's package, installed: importable, and not in the repository."""
    folder = tmp_path / "mean_cross"
    folder.mkdir()
    (folder / "__init__.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    sys.modules.pop("mean_cross", None)
    forget()


def sighook_zip() -> Bundle:
    return bundles_of(strategy=PATH)["run_strategy"]


def forget() -> None:
    importlib.invalidate_caches()
    code_version.cache_clear()
    strategies.check_strategy.cache_clear()


def world(text: str | None, symbols: int = 2) -> tuple[Deployment, Ports, FakeSink, ArrayMarket]:
    clock = FrozenClock(NOON + timedelta(seconds=2))
    market = ArrayMarket({f"{name}-USD": wave(name=name) for name in "AB"[:symbols]})
    sink = FakeSink()
    ports = Ports(market, FakeSignalStore(clock), sink, FakeStates(), FakeParameters(text), clock)
    return Deployment("test", "paper", "paper", load_strategy(PATH), replay=True), ports, sink, market


def test_the_page_holds_no_more_than_it_says(package: Path) -> None:
    code_lines = [line for line in CODE.splitlines() if line.strip() and not line.startswith(("from", '"""'))]
    assert len(code_lines) <= 45


def test_sighook_runs_it_and_its_snapshot_has_its_parameters_and_its_own_version(package: Path) -> None:
    deployment, ports, sink, _ = world("margin = 0.005\nnotional = 50\n")
    completed = run(NOON, deployment, ports)

    assert isinstance(completed, Completed)
    assert completed.count("stored") == 2
    assert {(body["strategy"], body["side"]) for body in sink.bodies.values()} == {("mean_cross", "sell")}
    snapshot = completed.snapshot
    assert (snapshot.strategy, snapshot.code_version) == ("mean_cross", code_version("mean_cross"))
    assert set(snapshot.parameters) == {
        "interval_seconds", "bars", "clean_bars", "max_bridged", "mean_bars", "margin", "notional",
        "strategy", "code_version", "symbols",
    }  # fmt: skip
    assert snapshot.parameters["margin"] == 0.005


def test_each_of_its_decisions_comes_out_again_from_its_snapshot(package: Path) -> None:
    deployment, ports, sink, market = world(None)
    completed = run(NOON, deployment, ports)

    assert isinstance(completed, Completed)
    assert sink.bodies
    candles = market.candles(market.symbols(), as_of=NOON, bars=120, interval_seconds=300)
    for posted in completed.posted:
        signal = sink.bodies[posted.client_order_id]
        again = deployment.strategy.recompute(signal, completed.snapshot.parameters, candles)
        assert again == replace(posted.decision, guardrail=None)


def test_it_does_not_repeat_a_side(package: Path) -> None:
    deployment, ports, _, market = world(None)
    run(NOON, deployment, ports)
    ports = replace(ports, clock=FrozenClock(later(1)))
    market.end = later(1)
    market.closes = {name: [*closes, closes[-1]] for name, closes in market.closes.items()}
    completed = run(later(1), deployment, ports)

    assert isinstance(completed, Completed)
    assert completed.suppressed == {"same_side": 2}


def test_a_bad_document_leaves_its_defaults_in_force_and_names_the_field(package: Path) -> None:
    deployment, ports, _, _ = world("rsi_buy = 30\n")
    completed = run(NOON, deployment, ports)

    assert isinstance(completed, Completed)
    assert completed.invalid_parameters is not None
    assert completed.invalid_parameters.field == "rsi_buy"


def test_a_document_that_asks_for_more_bars_than_are_read_is_refused_when_it_is_written(
    package: Path,
) -> None:
    strategy = load_strategy(PATH)
    with pytest.raises(ConfigurationError, match="bars must be at least 150 for these periods"):
        strategy.parse("mean_bars = 150\nbars = 80\n")

    assert strategy.parse("mean_bars = 150\nbars = 150\n").bars == 150


def test_the_trial_at_the_end_of_the_page_runs(package: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRIAL],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), str(package.parent)]), "PATH": os.defpath},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.split()[-1] == code_version("mean_cross")


def test_the_command_finds_it_where_it_is_called(package: Path) -> None:
    program = str(Path(sys.executable).with_name("linkage"))
    command = [program, "backtest", "--candles", "nowhere", "--strategy", PATH]
    here, elsewhere = (
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        for folder in (package.parent, package)
    )

    assert here.stderr == "linkage: --candles: nowhere is no folder\n"
    assert "No module named 'mean_cross'" in elsewhere.stderr


def version_in(zipped: Path, path: str) -> str:
    """The code version of a strategy, where there is nothing but sighook's zip."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", BARE, str(zipped), path],
        env={"PATH": os.defpath, "AWS_DEFAULT_REGION": "eu-central-1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_its_package_is_in_sighooks_zip_and_has_the_same_version_there(package: Path, tmp_path: Path) -> None:
    zipped = tmp_path / "zip"
    build(sighook_zip(), host_target(), zipped)

    assert version_in(zipped, PATH) == code_version("mean_cross")
    assert (zipped / "mean_cross" / "__init__.py").read_text(encoding="utf-8") == CODE


def test_the_reference_strategy_has_the_same_version_in_sighooks_zip(tmp_path: Path) -> None:
    zipped = tmp_path / "zip"
    build(bundles_of()["run_strategy"], host_target(), zipped)

    assert version_in(zipped, "strategies.matrix.strategy:MATRIX") == code_version("strategies.matrix")


def test_a_change_of_its_code_changes_its_version_and_the_zips_hash_and_nothing_else(package: Path) -> None:
    def state() -> tuple[str, str, str]:
        forget()
        bundle = sighook_zip()
        own, reference = code_version("mean_cross"), code_version("strategies.matrix")
        return own, bundle_hash(bundle, host_target()), reference

    before = state()
    (package / "table.json").write_text("[1]")
    after = state()
    (package / "__pycache__").mkdir(exist_ok=True)
    (package / "__pycache__" / "x.pyc").write_bytes(b"")

    assert (before[0] != after[0], before[1] != after[1], before[2] == after[2]) == (True, True, True)
    assert state() == after


def test_a_stage_takes_it_by_its_import_path(package: Path) -> None:
    assert load_stage({"strategy": PATH}.get).strategy == PATH


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("mean_cros:STRATEGY", CODE, "No module named 'mean_cros'"),
        ("mean_cross", CODE, "is no import path like package.module:OBJECT"),
        ("mean_cross:STRATEGIES", CODE, "has no such object"),
        ("mean_cross:Parameters", CODE, "no Strategy"),
        (PATH, CODE.replace("margin: Annotated[float, Field(ge=0, le=1)] = 0.002", "margin: float"),
         "the parameters of mean_cross have no valid defaults: margin: Field required"),
        (PATH, CODE.replace("= 120", "= 12"), "no valid defaults: bars"),
        (PATH, CODE.replace("= 20\n", "= 150\n"), "bars must be at least 150 for these periods"),
        (PATH, CODE.replace('name="mean_cross"', 'name="Mean Cross"'), "is no name"),
        (PATH, CODE.replace("(StrategyParameters)", ""), "not a subclass of StrategyParameters"),
        (PATH, CODE.replace("package=__name__", 'package="json"'), "not inside its package 'json'"),
        (PATH, CODE.replace("import Field", "import Feld"), "cannot import name 'Feld'"),
        (PATH, CODE + "\n)", "unmatched ')'"),
    ],
)  # fmt: skip
def test_a_bad_one_ends_the_function_with_the_reason(
    package: Path, path: str, code: str, reason: str
) -> None:
    (package / "__init__.py").write_text(code, encoding="utf-8")
    forget()

    with pytest.raises(ConfigurationError, match=re.escape(reason)) as raised:
        load_strategy(path)
    assert raised.value.field == "strategy"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            CODE.replace("Field(ge=0, le=1)] = 0.002", "Field(ge=0, le=1)]"),
            "defaults: margin: Field required",
        ),
        ("raise RuntimeError('not today')", "RuntimeError: not today"),
    ],
)
def test_a_bad_one_ends_the_deployment_before_it_begins(package: Path, code: str, reason: str) -> None:
    (package / "__init__.py").write_text(code, encoding="utf-8")
    forget()

    with pytest.raises(StageError, match=re.escape(reason)):
        load_stage({"strategy": PATH}.get)


def test_a_package_with_native_code_is_for_this_machine_only_and_refused(package: Path) -> None:
    (package / "fast.so").write_bytes(b"")

    with pytest.raises(strategies.StrategyError, match=r"native code \(fast.so\)"):
        bundle_hash(sighook_zip(), host_target())


def test_a_module_without_a_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "alone.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    forget()

    with pytest.raises(ConfigurationError, match="'alone' is no package"):
        load_strategy("alone:STRATEGY")
    with pytest.raises(strategies.StrategyError, match="no package"):
        strategies.package_folder("alone")
