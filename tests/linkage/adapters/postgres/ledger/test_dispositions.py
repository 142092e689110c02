"""Every executed order has one disposition, with its reason where that matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from linkage.domain.facts import FactBatch, Window
from tests.support.events import SNAPSHOT_A, fill, native_id, order, our_key, signal
from tests.support.ledger import LedgerDatabase, ToldLedger, a_bot, batch_of

A, B = native_id(1), native_id(2)
OURS = a_bot("sighook", source="sighook", expects_signals="mixed")


def switch(enabled: bool, at: datetime) -> FactBatch:
    return FactBatch(
        switches=[
            f'{{"enabled": {str(enabled).lower()}, "changed_at": "{at.isoformat()}", "changed_by": "me"}}'
        ]
    )


def test_an_expected_order_is_pending_for_a_quarter_of_an_hour_and_then_lost(told: ToldLedger) -> None:
    told.tell(OURS, fill(A, client_order_id=our_key(1)))
    assert told.disposition(A) == ("pending", "no_signal")
    told.grow_older(14)
    assert told.disposition(A) == ("pending", "no_signal")
    told.grow_older(2)
    assert told.disposition(A) == ("lost", "no_signal")


def test_an_order_without_a_key_is_lost_when_its_bot_declares_signals(told: ToldLedger) -> None:
    told.tell(a_bot("grid1"), fill(A), fill(B, client_order_id="venue-made"))
    told.grow_older(16)
    assert told.disposition(A) == ("lost", "no_key")
    assert told.disposition(B) == ("lost", "unknown_key")


def test_a_manual_order_beside_a_mixed_bot_is_external(told: ToldLedger) -> None:
    told.tell(OURS, fill(A), fill(B, client_order_id="5f0c1b7e-8c1d-4a57-9a55-0d3a4e8f1b11"))
    told.grow_older(16)
    assert told.disposition(A) == ("external", None)
    assert told.disposition(B) == ("external", None)


def test_an_order_of_nobody_we_know_is_external(told: ToldLedger) -> None:
    told.tell(fill(A))
    assert told.disposition(A) == ("external", None)


def test_an_order_of_a_bot_that_declares_no_signals_is_unsignalled(told: ToldLedger) -> None:
    told.tell(a_bot("dca", expects_signals="no"), fill(A))
    assert told.disposition(A) == ("unsignalled", None)


def test_the_pattern_of_a_mixed_bots_keys_tells_its_orders_from_others(told: ToldLedger) -> None:
    told.tell(a_bot("grid1", expects_signals="mixed", client_id_pattern="^g1-"))
    told.tell(fill(A, client_order_id="g1-7"), fill(B, client_order_id="mine"))
    assert told.disposition(A) == ("pending", "unknown_key")
    assert told.disposition(B) == ("external", None)


def test_a_mistyped_pattern_matches_nothing_and_breaks_nothing(told: ToldLedger) -> None:
    told.tell(a_bot("grid1", expects_signals="mixed", client_id_pattern="g1-("))
    told.tell(fill(A, client_order_id="g1-7"))
    assert told.disposition(A) == ("external", None)


def test_an_order_recorded_while_linking_was_off_is_disabled_until_it_links(told: ToldLedger) -> None:
    now = datetime.now(UTC)
    told.ledger.record(switch(False, now - timedelta(hours=1)))
    told.tell(OURS)
    told.ledger.record(FactBatch(fills=_facts(fill(A, client_order_id=our_key(1)))))
    told.grow_older(16)
    assert told.disposition(A) == ("disabled", None)
    told.ledger.record(switch(True, now + timedelta(seconds=1)))
    told.tell(signal(our_key(1))[1])
    assert told.disposition(A) == ("linked", None)


def test_imported_history_from_before_the_bot_was_linked_is_before_linkage(told: ToldLedger) -> None:
    told.tell(a_bot("grid1", linked_since="2026-12-01T00:00:00Z"))
    told.tell(fill(A, ingest_via="import"), fill(B))
    assert told.disposition(A) == ("before_linkage", None)
    assert told.disposition(B) == ("pending", "no_key")


def test_an_order_that_has_not_executed_has_no_disposition(told: ToldLedger) -> None:
    told.tell(OURS, order(A, client_order_id=our_key(1)))
    assert told.disposition(A) == (None, None)


def test_the_sweep_finds_what_is_without_a_link(told: ToldLedger) -> None:
    told.tell(OURS, signal(our_key(1))[1])
    told.ledger.record(FactBatch(fills=_facts(fill(A, client_order_id=our_key(1)), fill(B))))
    backlog = told.ledger.unresolved(limit=10)
    assert backlog.order_ids == {A}
    assert [made.order_id for made in told.ledger.resolve(backlog).made] == [A]
    assert not told.ledger.unresolved(limit=10)


def test_orders_that_are_lost_for_good_keep_no_other_from_its_turn(told: ToldLedger) -> None:
    told.tell(OURS)
    hours = {native_id(hour): f"2026-11-22T{hour:02}:00:00Z" for hour in range(10)}
    told.ledger.record(
        FactBatch(
            fills=_facts(
                *(
                    fill(order_id, client_order_id=our_key(number), executed_at=time)
                    for number, (order_id, time) in enumerate(hours.items())
                )
            )
        )
    )
    newest = {native_id(9), native_id(8)}
    turns = [told.ledger.unresolved(limit=4).order_ids for _ in range(100)]
    assert all(len(turn) == 4 and newest <= turn for turn in turns)
    assert frozenset().union(*turns) == hours.keys()


def test_maintenance_counts_the_executed_orders_of_a_window(told: ToldLedger) -> None:
    told.tell(OURS, signal(our_key(1))[1], fill(A, client_order_id=our_key(1)))
    told.tell(fill(B, client_order_id=our_key(2)), fill(native_id(3)), fill(native_id(4), origin="test"))
    told.grow_older(16)
    start = datetime(2026, 11, 22, 18, tzinfo=UTC)
    health = told.ledger.maintain(Window(start, start + timedelta(hours=1)))
    assert health.counts == {"linked": 1, "lost": 1, "external": 1}
    assert (health.linkage_rate, health.executed_linkage_rate) == (0.5, 1 / 3)
    assert told.ledger.maintain(Window(start + timedelta(hours=1), start + timedelta(hours=2))).counts == {}


def test_the_operators_two_queries_run_as_they_stand(
    told: ToldLedger, ledger_database: LedgerDatabase
) -> None:
    now = datetime.now(UTC).isoformat()
    told.tell(signal(our_key(1))[1], fill(A, client_order_id=our_key(1), executed_at=now))
    told.tell(fill(B, executed_at=now))
    operator = ledger_database.connect("sql_reader")
    rates = operator.execute("""
        SELECT COUNT(*) AS total_trades, COUNT(tsl.order_id) AS linked_trades,
               ROUND(COUNT(tsl.order_id)::numeric / NULLIF(COUNT(*), 0) * 100, 1) AS linkage_pct
        FROM trade_records tr LEFT JOIN trade_strategy_link tsl ON tr.order_id = tsl.order_id
        WHERE tr.order_time >= NOW() - INTERVAL '6 hours' AND tr.status IN ('filled', 'done');
    """).fetchall()
    assert rates == [(2, 1, 50)]
    latest = operator.execute("""
        SELECT tr.symbol, tr.side, tr.order_time, tsl.buy_score, tsl.sell_score, tsl.trigger_type,
               SUBSTRING(tsl.snapshot_id::text, 1, 8) AS snapshot_id
        FROM trade_records tr INNER JOIN trade_strategy_link tsl ON tr.order_id = tsl.order_id
        ORDER BY tr.order_time DESC LIMIT 5;
    """).fetchall()
    assert [(row[0], row[1], row[5], row[6]) for row in latest] == [
        ("BTC-USD", "buy", "roc_momo", str(SNAPSHOT_A)[:8])
    ]


def _facts(*events: dict[str, object]) -> list[str]:
    return list(batch_of(*events).fills)
