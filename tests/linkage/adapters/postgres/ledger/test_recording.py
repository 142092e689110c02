"""Batches: what cannot be recorded is put aside, what is recorded twice is not, runs become activations."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from linkage.contracts.signals import RunRecord, SnapshotDescription
from linkage.domain.canonical import iso_utc
from linkage.domain.facts import FactBatch, QuarantinedEvent
from linkage.domain.snapshots import make_run_id, make_snapshot
from linkage.ports.store import HotItem
from tests.support.events import NOW, SNAPSHOT_A, SNAPSHOT_B, fill, native_id, order, our_key, signal
from tests.support.ledger import ToldLedger, a_bot, batch_of

A = native_id(1)


def run(minutes: int, snapshot: UUID, arm: str = "main") -> str:
    at = NOW + timedelta(minutes=minutes)
    return RunRecord(
        run_id=uuid5(make_run_id("matrix", at), arm), bot_id="sighook", strategy="matrix", arm=arm,
        snapshot_id=snapshot, scheduled_at=at, started_at=at, duration_ms=5, symbols_seen=3, signals_sent=1,
    ).fact_text()  # fmt: skip


def activations(told: ToldLedger) -> list[tuple[object, ...]]:
    return told.database.rows(
        "SELECT snapshot_id, extract(epoch FROM activated_at - %s)::integer / 60,"
        " extract(epoch FROM deactivated_at - %s)::integer / 60"
        " FROM strategy_activations ORDER BY activated_at",
        NOW,
        NOW,
    )


def test_only_the_guilty_event_is_put_aside_and_its_neighbours_are_recorded(told: ToldLedger) -> None:
    batch = batch_of(*(fill(native_id(number), client_order_id=f"k{number}") for number in range(1, 8)))
    fills = list(batch.fills)
    fills[3] = fills[3].replace('"price":"100"', '"price":"a hundred"')
    fills[5] = fills[5].replace('"symbol":"BTC-USD"', '"symbol":"\\u0000"')
    recorded = told.ledger.record(FactBatch(fills=fills, quarantined=[QuarantinedEvent("fills", "no", "{")]))
    assert recorded.new_facts == 5
    assert len(recorded.quarantined) == 2
    assert told.database.rows("SELECT count(*) FROM trade_records") == [(5,)]
    reasons = told.database.rows("SELECT reason FROM quarantine ORDER BY quarantine_id")
    assert sorted(str(reason)[:6] for (reason,) in reasons) == ["22P02:", "22P05:", "no"]


def test_a_poisonous_event_that_comes_again_is_put_aside_once(told: ToldLedger) -> None:
    poison = FactBatch(fills=['{"order_id": "x"}'])
    told.ledger.record(poison)
    told.ledger.record(poison)
    assert told.database.rows("SELECT count(*) FROM quarantine") == [(1,)]


def test_new_and_repeated_facts_are_counted(told: ToldLedger) -> None:
    facts = batch_of(fill(A), order(A), signal(our_key(1))[1])
    first, second = told.ledger.record(facts), told.ledger.record(facts)
    assert (first.new_facts, first.repeated_facts) == (3, 0)
    assert (second.new_facts, second.repeated_facts) == (0, 3)
    assert second.touched == first.touched


def test_an_empty_batch_costs_nothing(told: ToldLedger) -> None:
    told.ledger.record(FactBatch())
    assert told.ledger.connection.round_trips == 0


def test_a_to_b_to_a_is_two_snapshots_and_three_activations(told: ToldLedger) -> None:
    runs = [run(0, SNAPSHOT_A), run(5, SNAPSHOT_A), run(10, SNAPSHOT_B), run(15, SNAPSHOT_A)]
    for one in (runs[3], runs[0], runs[2], runs[1], runs[2]):
        told.ledger.record(FactBatch(runs=[one]))
    assert activations(told) == [(SNAPSHOT_A, 0, 10), (SNAPSHOT_B, 10, 15), (SNAPSHOT_A, 15, None)]
    assert told.database.rows("SELECT count(*) FROM strategy_snapshots") == [(2,)]


def test_two_runs_of_one_moment_are_one_activation(told: ToldLedger) -> None:
    told.ledger.record(FactBatch(runs=[run(0, SNAPSHOT_A), run(0, SNAPSHOT_A)]))
    assert activations(told) == [(SNAPSHOT_A, 0, None)]


def test_arms_have_activations_of_their_own(told: ToldLedger) -> None:
    told.ledger.record(FactBatch(runs=[run(0, SNAPSHOT_A), run(0, SNAPSHOT_B, arm="bold")]))
    assert len(activations(told)) == 2


def test_a_snapshot_is_described_whether_its_signal_comes_before_or_after(told: ToldLedger) -> None:
    parameters = {"strategy": "matrix", "rsi": {"length": 14}}
    snapshot = make_snapshot(parameters)
    text = SnapshotDescription(strategy="matrix", parameters=parameters).fact_text(
        snapshot, "sighook", iso_utc(NOW)
    )
    told.tell(signal(our_key(1), snapshot=snapshot.snapshot_id)[1])
    told.ledger.record(FactBatch(snapshots=[text, text]))
    told.ledger.record(FactBatch(snapshots=[text]))
    assert told.database.rows("SELECT snapshot_id, strategy, parameters FROM strategy_snapshots") == [
        (snapshot.snapshot_id, "matrix", {"strategy": "matrix", "rsi": {"length": "14"}})
    ]


def test_the_sweep_is_told_which_hot_items_are_not_in_the_ledger(told: ToldLedger) -> None:
    stored, absent = signal(our_key(1))[1], signal(our_key(2))[1]
    bot = a_bot("grid1")
    told.tell(stored, bot)
    told.ledger.record(FactBatch(runs=[run(0, SNAPSHOT_A)]))
    items = [
        HotItem("signal", stored.fact_text(), NOW),
        HotItem("signal", absent.fact_text(), NOW),
        HotItem("bot", bot.fact_text(), NOW),
        HotItem("run", run(0, SNAPSHOT_A), NOW),
        HotItem("run", run(5, SNAPSHOT_A), NOW),
        HotItem("switch", json.dumps({"enabled": True, "changed_at": iso_utc(NOW)}), NOW),
        HotItem("snapshot", json.dumps({"snapshot_id": str(SNAPSHOT_A), "config_hash": "0"}), NOW),
    ]
    assert told.ledger.missing_facts(items) == [items[1], items[4], items[5], items[6]]
    assert told.ledger.missing_facts([]) == []


@pytest.mark.parametrize(
    "body",
    ["no JSON", "[]", "{}", '{"snapshot_id": "no UUID", "config_hash": "0"}',
     '{"snapshot_id": "\\u0000", "config_hash": "0"}'],
)  # fmt: skip
def test_a_hot_item_that_cannot_be_looked_for_is_missing_and_hides_no_other(
    told: ToldLedger, body: str
) -> None:
    stored, absent = signal(our_key(1))[1], signal(our_key(2))[1]
    told.tell(stored)
    items = [
        HotItem("signal", stored.fact_text(), NOW),
        HotItem("snapshot", body, NOW),
        HotItem("signal", absent.fact_text(), NOW),
    ]
    assert told.ledger.missing_facts(items) == items[1:]


def test_a_replay_changes_no_row(told: ToldLedger) -> None:
    facts: list[Any] = [
        signal(our_key(1))[1],
        fill(A, "t1", client_order_id=our_key(1)),
        fill(A, "t1", client_order_id=our_key(1), quantity="2"),
        order(A, "filled", client_order_id=our_key(1)),
        fill(native_id(2), parent_order_id=A),
        order(native_id(2), parent_order_id=A),
        fill(native_id(3), client_order_id=our_key(1), side="sell"),
    ]
    told.tell(*facts)
    before = every_row(told)
    told.tell(*facts)
    told.tell_each(*reversed(facts))
    assert every_row(told) == before
    assert len(before) > 10


def every_row(told: ToldLedger) -> set[tuple[object, ...]]:
    """Where each row of each table is, and which transaction wrote it."""
    tables = told.database.rows("SELECT relname FROM pg_stat_user_tables")
    return {
        (table, *row) for (table,) in tables for row in told.database.rows(f"SELECT ctid, xmin FROM {table}")
    }
