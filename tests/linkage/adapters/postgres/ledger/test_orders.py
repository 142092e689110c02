"""An order is a function of its facts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.support.events import fill, native_id, order, our_key, signal
from tests.support.ledger import ToldLedger

A = native_id(1)


def test_partial_fills_are_one_order_with_their_sums(told: ToldLedger) -> None:
    told.tell_each(
        fill(A, "t1", price="100", quantity="0.4", fee="0.04", executed_at="2026-11-22T18:07:00Z"),
        fill(A, "t2", price="110", quantity="0.6", fee="0.06", executed_at="2026-11-22T18:01:00Z"),
    )
    row = told.order(A)
    assert (row["filled_quantity"], row["notional"], row["fee"]) == (1, 106, Decimal("0.1"))
    assert row["average_price"] == 106
    assert row["order_time"] == datetime(2026, 11, 22, 18, 1, tzinfo=UTC)
    assert (row["fill_count"], row["status"], row["fee_currency"]) == (2, "filled", "USD")


def test_a_fill_that_is_told_twice_counts_once(told: ToldLedger) -> None:
    told.tell(fill(A), fill(A))
    told.tell(fill(A, price="100.00", quantity="1.0"))
    assert told.order(A)["filled_quantity"] == 1
    assert told.database.rows("SELECT count(*) FROM fills") == [(1,)]


def test_one_fill_told_over_two_channels_is_one_fill_with_two_receipts(told: ToldLedger) -> None:
    told.tell(fill(A, ingest_via="poll"))
    told.tell(fill(A, ingest_via="stream", client_order_id=our_key(1)))
    assert told.database.rows("SELECT count(*) FROM fills") == [(1,)]
    assert told.database.rows("SELECT count(*) FROM fill_receipts") == [(2,)]
    assert (told.order(A)["ingest_via"], told.order(A)["client_order_id"]) == ("stream", our_key(1))


def test_of_two_versions_of_a_fill_the_greatest_counts_and_the_conflict_is_counted(told: ToldLedger) -> None:
    told.tell_each(fill(A, quantity="2"), fill(A, quantity="3"), fill(A, quantity="1"))
    assert told.order(A)["filled_quantity"] == 3
    assert told.database.rows("SELECT fill_id, versions FROM fill_conflicts") == [("t1", 3)]


def test_one_trade_id_on_two_orders_is_two_fills(told: ToldLedger) -> None:
    told.tell(fill(A, "77"), fill(native_id(2), "77", side="sell"))
    assert told.order(A)["side"] == "buy"
    assert told.order(native_id(2))["side"] == "sell"


@pytest.mark.parametrize("first", [0, 1])
def test_a_reversal_undoes_its_fill_whichever_comes_first(told: ToldLedger, first: int) -> None:
    facts = [
        fill(A, "t1", quantity="2", fee="0.2"),
        fill(A, "t2", kind="REVERSAL", refers_to="t1", quantity="2", fee="0.2"),
    ]
    told.tell(facts[first])
    if first == 1:
        assert told.order(A)["filled_quantity"] == -2
    told.tell(facts[1 - first])
    row = told.order(A)
    assert (row["filled_quantity"], row["notional"], row["fee"], row["average_price"]) == (0, 0, 0, None)


def test_corrections_and_synthetic_fills_count_as_fills(told: ToldLedger) -> None:
    told.tell(
        fill(A, "t1", quantity="1"),
        fill(A, "t2", kind="SYNTHETIC", quantity="2"),
        fill(A, "t3", kind="CORRECTION", refers_to="t1", quantity="0.5"),
    )
    assert told.order(A)["filled_quantity"] == Decimal("3.5")


def cumulative(quantity: str, **fields: str) -> dict[str, object]:
    return {
        "schema": "linkage.v1", "type": "fill", "kind": "CUMULATIVE", "venue": "coinbase", "account": "main",
        "order_id": A, "symbol": "BTC-USD", "side": "buy", "ingest_via": "stream",
        "cumulative_quantity": quantity, "average_price": "100", "total_fees": "1", "fee_currency": "USD",
        "executed_at": "2026-11-22T18:00:09Z", **fields,
    }  # fmt: skip


def test_a_cumulative_record_is_never_added_to_the_fills(told: ToldLedger) -> None:
    told.tell(cumulative("10"), fill(A, "t1", quantity="4", price="99"))
    row = told.order(A)
    assert (row["filled_quantity"], row["average_price"], row["fee"]) == (10, 100, 1)
    told.tell(fill(A, "t2", quantity="6", price="101", fee="0.3"))
    row = told.order(A)
    assert (row["filled_quantity"], row["fee"]) == (10, Decimal("0.4"))
    assert row["average_price"] == Decimal("100.2")


def test_of_cumulative_records_the_furthest_counts_and_a_later_fee_wins(told: ToldLedger) -> None:
    told.tell_each(
        cumulative("10", total_fees="2", executed_at="2026-11-22T18:00:09Z"),
        cumulative("10", total_fees="1.5", executed_at="2026-11-22T18:01:00Z"),
        cumulative("7", total_fees="9", executed_at="2026-11-22T18:02:00Z"),
    )
    assert (told.order(A)["filled_quantity"], told.order(A)["fee"]) == (10, Decimal("1.5"))


def test_quantities_in_quote_units_keep_their_unit_and_their_price(told: ToldLedger) -> None:
    told.tell(fill(A, price="50", quantity="100", quantity_unit="quote"))
    row = told.order(A)
    assert (row["filled_quantity"], row["quantity_unit"]) == (100, "quote")
    assert (row["notional"], row["average_price"]) == (100, 50)


def test_fills_in_base_and_quote_units_add_up_in_the_base_currency(told: ToldLedger) -> None:
    told.tell(
        fill(A, "t1", price="50", quantity="100", quantity_unit="quote"),
        fill(A, "t2", price="50", quantity="1"),
    )
    row = told.order(A)
    assert (row["filled_quantity"], row["quantity_unit"], row["notional"]) == (3, "base", 150)


def test_contracts_have_a_price_and_no_notional(told: ToldLedger) -> None:
    told.tell(fill(A, price="50", quantity="3", quantity_unit="contracts"))
    row = told.order(A)
    assert (row["filled_quantity"], row["quantity_unit"], row["notional"]) == (3, "contracts", None)
    assert row["average_price"] == 50


def test_fees_in_two_currencies_are_told_apart(told: ToldLedger) -> None:
    told.tell(
        fill(A, "t1", fee="0.1"), fill(A, "t2", fee="0.001", fee_currency="BNB"), fill(A, "t3", fee="1")
    )
    row = told.order(A)
    assert (row["fee"], row["fee_currency"]) == (None, None)
    assert row["fees"] == {"USD": 1.1, "BNB": 0.001}


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([order(A)], "open"),
        ([order(A), fill(A)], "open"),
        ([fill(A)], "filled"),
        ([order(A, None)], "open"),
        ([order(A, None), fill(A)], "filled"),
        ([order(A, None), order(A, "open"), fill(A)], "open"),
        ([order(A, size="1"), fill(A)], "filled"),
        ([order(A, size="2"), fill(A)], "open"),
        ([order(A, "filled"), order(A, "open")], "filled"),
        ([order(A, "cancelled"), fill(A)], "done"),
        ([order(A, "cancelled", size="1"), fill(A)], "filled"),
        ([order(A, "expired")], "expired"),
        ([order(A, "rejected")], "rejected"),
        ([order(A, "cancelled")], "cancelled"),
        ([order(A, "done")], "done"),
        ([cumulative("1", status="open")], "open"),
        ([cumulative("1", status="filled")], "filled"),
        ([fill(A, origin="test")], "test"),
    ],
)
def test_the_status_follows_from_all_events(
    told: ToldLedger, events: list[dict[str, object]], status: str
) -> None:
    told.tell(*events)
    assert told.order(A)["status"] == status


def test_the_venues_own_words_of_the_latest_event_are_kept(told: ToldLedger) -> None:
    told.tell_each(
        order(A, "cancelled", venue_status="CANCELED", size="2", updated_at="2026-11-22T18:09:00Z"),
        order(A, "open", venue_status="NEW", size="3", updated_at="2026-11-22T18:00:03Z"),
    )
    row = told.order(A)
    assert (row["venue_status"], row["size"]) == ("CANCELED", 2)
    assert row["placed_at"] == datetime(2026, 11, 22, 18, 0, 2, tzinfo=UTC)
    assert row["ended_at"] == datetime(2026, 11, 22, 18, 9, tzinfo=UTC)


def test_the_least_key_counts_ours_first_then_the_earliest_then_by_text(told: ToldLedger) -> None:
    told.tell(order(A, client_order_id="b", updated_at="2026-11-22T18:00:05Z"))
    told.tell(order(A, client_order_id="c", updated_at="2026-11-22T18:00:04Z"))
    assert told.order(A)["client_order_id"] == "c"
    told.tell(order(A, client_order_id="a", updated_at="2026-11-22T18:00:04Z"))
    assert told.order(A)["client_order_id"] == "a"
    told.tell(order(A, client_order_id=our_key(9), updated_at="2026-11-22T18:30:00Z"))
    assert (told.order(A)["client_order_id"], told.order(A)["key_is_ours"]) == (our_key(9), True)


def test_origin_is_the_signals_then_the_order_events_then_the_fills_and_never_unknown(
    told: ToldLedger,
) -> None:
    key, stored = signal(our_key(1), origin="SIGHOOK")
    told.tell(fill(A, origin="fill-says", client_order_id=key.client_order_id))
    assert told.order(A)["origin"] == "fill-says"
    told.tell(order(A, origin="unknown"))
    assert told.order(A)["origin"] == "fill-says"
    told.tell(order(A, origin="manual", trigger="stop_loss"))
    assert (told.order(A)["origin"], told.order(A)["trigger_type"]) == ("manual", "stop_loss")
    told.tell(stored)
    assert (told.order(A)["origin"], told.order(A)["trigger_type"]) == ("SIGHOOK", "roc_momo")


def test_an_order_type_is_never_a_trigger(told: ToldLedger) -> None:
    told.tell(order(A, order_type="stop_limit"))
    assert told.order(A)["trigger_type"] is None


def test_recording_nothing_new_changes_no_row(told: ToldLedger) -> None:
    facts = [order(A), fill(A), fill(native_id(2), client_order_id="x")]
    told.tell(*facts)
    before = told.database.rows("SELECT xmin, ctid, * FROM trade_records ORDER BY order_id")
    told.tell(*reversed(facts))
    assert told.database.rows("SELECT xmin, ctid, * FROM trade_records ORDER BY order_id") == before
