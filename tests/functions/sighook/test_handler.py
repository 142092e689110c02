"""The entry point of sighook, on the event that the schedule sends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.sighook import dependencies
from functions.sighook.handler import run_strategy
from linkage.domain.errors import ConfigurationError, InvalidInputError, RefusedError
from linkage.runtime.dependencies import reset
from tests.functions.sighook.test_service import World
from tests.support.counts import counted

EVENT: dict[str, Any] = json.loads((Path(__file__).parent / "events" / "schedule.json").read_text())
ENVIRONMENT = {
    "STAGE": "test",
    "WEBHOOK_URL": "http://127.0.0.1:9",
    "TABLE_NAME": "linkage-test",
    "SECRET_ID": "linkage/test",
    "PARAMETERS_NAME": "/linkage/test/parameters",
    "MARKET": "simulation:1",
    "SYMBOLS": "A-USD,B-USD",
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(f"LINKAGE_{name}", value)
    reset()
    world = World()
    monkeypatch.setattr(dependencies, "ports", lambda: world.ports)
    yield world
    monkeypatch.undo()
    reset()


def counts(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    return counted([json.loads(line) for line in capsys.readouterr().out.splitlines()])


def test_a_run_replies_logs_and_counts_what_it_did(
    world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    reply = run_strategy(EVENT, None)
    counts_of_run = counts(capsys)

    assert (reply["run"], reply["sent"], reply["repeated"], reply["symbols_seen"]) == ("completed", 2, 0, 2)
    assert set(reply["keys"]) == set(world.sink.bodies)
    assert caplog.messages == ["Run completed"]
    assert (counts_of_run["RunsCompleted"], counts_of_run["SignalsSent"]) == (1, 2)


def test_a_second_event_of_the_same_schedule_is_skipped(world: World) -> None:
    run_strategy(EVENT, None)

    assert run_strategy(EVENT, None)["reason"] == "repeated"


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ("rsi_bye = 30", "rsi_bye"),
        ('rsi_buy = "30"', "rsi_buy"),
        ("rsi_buy = 130", "rsi_buy"),
        ("[weights]\nrsi = -1", "weights.rsi"),
        ("[arms.main]\nshare = 0.5", "arms"),
    ],
)
def test_a_bad_document_is_logged_with_its_field_and_counted(
    world: World,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    document: str,
    field: str,
) -> None:
    world.parameters.text = document
    reply = run_strategy(EVENT, None)

    refused = next(record for record in caplog.records if record.message == "Parameters refused")
    assert reply["run"] == "completed"
    assert vars(refused)["field"] == field
    assert counts(capsys)["ParametersInvalid"] == 1


def test_a_refused_signal_fails_the_invocation_once(world: World) -> None:
    world.sink.refused = {"A-USD"}
    with pytest.raises(RefusedError):
        run_strategy(EVENT, None)

    assert run_strategy(EVENT, None)["reason"] == "repeated"
    assert len(world.sink) == 1


@pytest.mark.parametrize("event", [{}, {"scheduled_time": "<aws.scheduler.scheduled-time>"}])
def test_an_event_without_a_time_is_refused(world: World, event: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        run_strategy(event, None)


def test_the_dependencies_are_built_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENVIRONMENT, "REPLAY": "true"}.items():
        monkeypatch.setenv(f"LINKAGE_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    reset()

    assert dependencies.ports().market.symbols()
    assert dependencies.deployment().replay
    reset()
    monkeypatch.setenv("LINKAGE_PARAMETERS_OVERRIDE", "rsi_buy = ")
    with pytest.raises(ConfigurationError):
        dependencies.ports()
    reset()


def test_the_entry_point_imports_no_strategy_and_no_market() -> None:
    unwanted = {
        "numpy",
        "duckdb",
        "ccxt",
        "strategies.matrix.engine",
        "linkage.adapters.markets.candle_files",
    }
    code = "import sys, functions.sighook.handler\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not unwanted & set(done.stdout.split())
