"""The recorder's entry points on real events: what they reply, log and count."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.recorder import dependencies, handler
from functions.recorder.service import Ports
from functions.recorder.settings import RecorderSettings
from linkage.domain.errors import LedgerUnavailableError, SchemaMismatchError
from linkage.domain.facts import (
    FactBatch,
    LedgerHealth,
    LinkMade,
    LotsMatched,
    MissingSignal,
    Recorded,
    Resolved,
    Touched,
)
from linkage.domain.ids import OrderId
from linkage.runtime.dependencies import reset
from tests.proofs.counting import tally
from tests.support.clock import FrozenClock
from tests.support.counts import counted
from tests.support.events import NOW, SNAPSHOT_A, fill, native_id, our_key, signal, sqs_event
from tests.support.fakes import FakeLedger, FakeSignalStore, FakeSwitchboard

EVENTS = Path(__file__).parents[2] / "events"
ORDER = OrderId(native_id(1))


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return loaded


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger(touched=Touched(frozenset({ORDER})))


@pytest.fixture
def store() -> FakeSignalStore:
    return FakeSignalStore(FrozenClock(NOW))


@pytest.fixture(autouse=True)
def recorder(ledger: FakeLedger, store: FakeSignalStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    reset()
    settings = RecorderSettings(stage="test", table_name="t", db_host="h", db_user="recorder", sweep_hours=2)
    ports = Ports(ledger, store, FakeSwitchboard(), FrozenClock(NOW))
    monkeypatch.setattr(dependencies, "settings", lambda: settings)
    monkeypatch.setattr(dependencies, "ledger", lambda: ledger)
    monkeypatch.setattr(dependencies, "clock", lambda: ports.clock)
    monkeypatch.setattr(dependencies, "ports", lambda: ports)
    yield
    logging.disable(logging.NOTSET)
    reset()


@pytest.fixture
def lines(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[], list[dict[str, Any]]]:
    """What was logged, and the metric lines that were printed, one dictionary for each."""

    def read() -> list[dict[str, Any]]:
        logged = [{**vars(record), "message": record.getMessage()} for record in caplog.records]
        return logged + [
            json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line
        ]

    return read


def test_a_batch_of_fills_is_recorded_and_nothing_is_redelivered(
    ledger: FakeLedger, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    ledger.answers = [
        Resolved(made=[LinkMade(ORDER, signal(our_key())[0].client_order_id, SNAPSHOT_A, "key")])
    ]
    assert handler.record_fills(event("sqs_fills.json"), None) == {"batchItemFailures": []}
    (facts,) = ledger.recorded
    assert (len(facts.fills), len(facts.order_events), len(facts.quarantined)) == (2, 1, 2)
    written = lines()
    (created,) = [line for line in written if line.get("message") == "STRATEGY_LINK created"]
    assert created["client_order_ids"] == [our_key()]
    (quarantined,) = [line for line in written if line.get("message") == "Events quarantined"]
    assert quarantined["events"] == 2
    assert counted(written) == {"FillsRecorded": 3, "EventsQuarantined": 2, "LinksCreated": 1}


def test_fills_whose_signal_is_not_there_are_named_in_one_line(
    ledger: FakeLedger, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    keys = [signal(our_key(number))[0] for number in range(3)]
    ledger.answers = [Resolved(missing=[MissingSignal(ORDER, key.client_order_id, (key,)) for key in keys])]
    handler.record_fills(event("sqs_fills.json"), None)
    (line,) = [line for line in lines() if line.get("message") == "No metadata cached"]
    assert line["client_order_ids"] == [key.client_order_id for key in keys]


def test_the_stream_is_archived_and_its_poison_does_not_stop_it(
    ledger: FakeLedger, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    assert handler.archive_signals(event("dynamodb_stream.json"), None) == {"batchItemFailures": []}
    (facts,) = ledger.recorded
    assert (len(facts.signals), len(facts.runs), len(facts.quarantined)) == (2, 1, 1)
    assert counted(lines()) == {"EventsQuarantined": 1}


@pytest.mark.parametrize("step", [0, 1])
def test_while_the_ledger_is_unavailable_every_message_is_redelivered(ledger: FakeLedger, step: int) -> None:
    ledger.failures = [None] * step + [LedgerUnavailableError("away")]
    delivered = event("sqs_fills.json")
    failed = handler.record_fills(delivered, None)["batchItemFailures"]
    assert [item["itemIdentifier"] for item in failed] == [
        record["messageId"] for record in delivered["Records"]
    ]


def test_while_schema_and_code_differ_every_message_is_redelivered_and_it_is_counted(
    ledger: FakeLedger, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    ledger.failures = [SchemaMismatchError("42703")] * 2
    assert len(handler.record_fills(event("sqs_fills.json"), None)["batchItemFailures"]) == 3
    # One of its six records is a removal, which nobody archives.
    assert len(handler.archive_signals(event("dynamodb_stream.json"), None)["batchItemFailures"]) == 5
    assert ledger.recorded == []
    written = lines()
    assert [line["levelname"] for line in written if line.get("message") == "Schema mismatch"] == [
        "ERROR"
    ] * 2
    assert [line["SchemaMismatch"] for line in written if "SchemaMismatch" in line] == [[1.0]] * 2


def test_while_the_ledger_is_unavailable_the_stream_is_redelivered_from_its_first_record(
    ledger: FakeLedger,
) -> None:
    ledger.failures = [LedgerUnavailableError("away")]
    delivered = event("dynamodb_stream.json")
    failed = handler.archive_signals(delivered, None)["batchItemFailures"]
    assert failed[0] == {"itemIdentifier": delivered["Records"][0]["dynamodb"]["SequenceNumber"]}


class Stumbling(FakeLedger):
    """A ledger with a defect: it stumbles over certain facts."""

    def __init__(self, stones: Sequence[str]) -> None:
        super().__init__()
        self.stones = stones

    def record(self, facts: FactBatch) -> Recorded:
        if any(stone in text for stone in self.stones for text in (*facts.fills, *facts.signals)):
            raise KeyError("stone")
        return super().record(facts)


def test_the_failures_reported_are_exactly_those_that_failed_for_all_outcomes_of_ten(
    store: FakeSignalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    logging.disable(logging.CRITICAL)  # five thousand stack traces
    size = 10
    orders = [native_id(number) for number in range(size)]
    delivered = sqs_event(*(fill(order_id) for order_id in orders))
    for outcome in itertools.product((False, True), repeat=size):
        ledger = Stumbling([order_id for order_id, fails in zip(orders, outcome, strict=True) if fails])
        ports = Ports(ledger, store, FakeSwitchboard(), FrozenClock(NOW))
        monkeypatch.setattr(dependencies, "ports", lambda ports=ports: ports)
        failed = {
            item["itemIdentifier"] for item in handler.record_fills(delivered, None)["batchItemFailures"]
        }
        assert failed == {f"message-{number}" for number in range(size) if outcome[number]}
        recorded = {json.loads(text)["order_id"] for facts in ledger.recorded for text in facts.fills}
        assert recorded == {order_id for order_id, fails in zip(orders, outcome, strict=True) if not fails}
    tally("batch outcomes", outcomes=2**size)


def test_a_stream_record_that_brings_out_a_defect_is_quarantined(
    store: FakeSignalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Stumbling([our_key()])
    ports = Ports(ledger, store, FakeSwitchboard(), FrozenClock(NOW))
    monkeypatch.setattr(dependencies, "ports", lambda: ports)
    assert handler.archive_signals(event("dynamodb_stream.json"), None) == {"batchItemFailures": []}
    assert sum(len(facts.runs) for facts in ledger.recorded) == 1
    reasons = [bad.reason for facts in ledger.recorded for bad in facts.quarantined]
    assert sum("unexpected KeyError" in reason for reason in reasons) == 2


def test_a_sweep_reports_how_old_the_oldest_unarchived_item_was(
    ledger: FakeLedger, store: FakeSignalStore, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    key, stored = signal(our_key())
    store.put_signal(key, fact=stored.fact_text(), meaning="m", disposition="sent", received_at=NOW)
    reply = handler.sweep({}, None)
    assert (reply["archived"], reply["linked"]) == (1, 0)
    assert counted(lines()) == {"OldestUnarchivedSeconds": 0}


def test_a_sweep_brings_lots_up_to_date_and_names_the_books_that_could_not_be_matched(
    ledger: FakeLedger, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    ledger.lots = LotsMatched(orders=3, books=2, failed=["grid/x"])
    matched = {"orders": 3, "books": 2, "further": False, "failed": ["grid/x"]}
    assert handler.sweep({}, None)["lots"] == matched
    assert handler.sweep({"match_lots": True}, None) == {"lots": matched}
    named = [line["books"] for line in lines() if line.get("message") == "Books not matched"]
    assert named == [["grid/x"], ["grid/x"]]


def test_relinking_lets_lots_be_matched_from_the_same_moment_once(ledger: FakeLedger) -> None:
    handler.sweep({"relink_since": "2026-11-01T00:00:00Z"}, None)
    assert ledger.lots_since == datetime(2026, 11, 1, tzinfo=UTC)
    ledger.lots_since = None
    handler.sweep({"relink_since": "2026-11-01T00:00:00Z", "after": ORDER}, None)
    assert ledger.lots_since is None


def test_maintenance_publishes_what_the_alarms_read(
    ledger: FakeLedger, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    ledger.health = LedgerHealth({"linked": 19, "lost": 1}, linkage_rate=0.95, executed_linkage_rate=0.95)
    assert handler.maintain({}, None)["dispositions"] == {"linked": 19, "lost": 1}
    assert counted(lines()) == {
        "OrdersLost": 1, "OrdersConflict": 0, "OrdersPending": 0, "ExpectedOrders": 20, "ExecutedOrders": 20,
        "LinkageRatePercent": 95.0, "ExecutedLinkagePercent": 95.0,
    }  # fmt: skip


def test_a_batch_writes_few_lines_however_large_it_is(lines: Callable[[], list[dict[str, Any]]]) -> None:
    handler.record_fills(sqs_event(*(fill(native_id(number)) for number in range(200))), None)
    assert len(lines()) <= 4
