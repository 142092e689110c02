"""Events of the fills queue become facts: one spelling, ids unique over all venues."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from linkage.contracts.events import EVENT, FillEvent, OrderEvent

FILL: dict[str, Any] = {
    "schema": "linkage.v1",
    "type": "fill",
    "venue": "binance",
    "account": "main",
    "order_id": "42",
    "client_order_id": "B042C0BB-6184-4D40-AA65-2F7C8D83A243",
    "symbol": "ETH-BTC",
    "side": "buy",
    "ingest_via": "poll",
    "fill_id": "7",
    "kind": "FILL",
    "price": "0.0500",
    "quantity": "1.50",
    "fee": "0.0001",
    "fee_currency": "BTC",
    "executed_at": "2026-01-02T05:05:00+02:00",
}
ORDER: dict[str, Any] = {
    "schema": "linkage.v1",
    "type": "order",
    "venue": "binance",
    "account": "main",
    "order_id": "42",
    "parent_order_id": "41",
    "symbol": "ETH-BTC",
    "side": "buy",
    "ingest_via": "stream",
    "status": "open",
    "updated_at": "2026-01-02T03:05:00Z",
}


def fill(**changes: Any) -> FillEvent:
    event = EVENT.validate_python({**FILL, **changes})
    assert isinstance(event, FillEvent)
    return event


def order(**changes: Any) -> OrderEvent:
    event = EVENT.validate_python({**ORDER, **changes})
    assert isinstance(event, OrderEvent)
    return event


def test_a_fact_has_trimmed_decimals_utc_times_and_a_normalised_key() -> None:
    fact = fill().fact()
    assert (fact["price"], fact["quantity"]) == ("0.05", "1.5")
    assert fact["executed_at"] == "2026-01-02T03:05:00Z"
    assert fact["client_order_id"] == "b042c0bb61844d40aa652f7c8d83a243"
    assert fact["key_is_ours"] is False


def test_native_ids_become_unique_over_all_venues() -> None:
    fact = order().fact()
    assert fact["order_id"] == "binance:main:ETH-BTC:42"
    assert fact["venue_order_id"] == "42"
    assert fact["parent_order_id"] == "binance:main:ETH-BTC:41"


def test_a_time_without_a_zone_is_refused_with_its_field() -> None:
    with pytest.raises(ValidationError) as caught:
        fill(executed_at="2026-01-02T03:05:00")
    assert caught.value.errors()[0]["loc"] == ("fill", "executed_at")


@pytest.mark.parametrize("missing", ["price", "quantity", "fill_id"])
def test_a_fill_without_its_economics_or_id_is_refused(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        fill(**{missing: None})


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1e99999", "ten", True])
def test_a_price_that_is_no_finite_number_is_refused(price: object) -> None:
    with pytest.raises(ValidationError):
        fill(price=price)


def test_a_cumulative_record_gets_its_id_from_quantity_price_fees_and_status() -> None:
    base = {"kind": "CUMULATIVE", "fill_id": None, "price": None, "quantity": None}
    first = fill(**base, cumulative_quantity="10", average_price="2", total_fees="0.1").fact()["fill_id"]
    same = fill(**base, cumulative_quantity="10.0", average_price="2.00", total_fees="0.10").fact()["fill_id"]
    revised = fill(**base, cumulative_quantity="10", average_price="2", total_fees="0.2").fact()["fill_id"]
    assert first == same
    assert first != revised


def test_an_order_event_is_known_by_its_meaning_not_by_its_raw_body() -> None:
    assert order(raw={"a": 1}).fact()["event_hash"] == order(raw={"b": 2}).fact()["event_hash"]
    assert order().fact()["event_hash"] != order(status="filled").fact()["event_hash"]


def test_a_field_that_nobody_declared_is_refused_rather_than_lost() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        fill(pirce="1")
