"""Fills and order events in our own words: completed from the registration and the stored signal."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from linkage.contracts.events import FillEvent, OrderEvent
from linkage.domain.errors import ConfigurationError, InvalidInputError, NotAllowedError
from linkage.domain.facts import SignalKey
from linkage.domain.ids import FIRST_PARTY_BOT, BotId, ClientOrderId
from linkage.sources.generic import Reading, elements_of, read_events, signal_keys
from linkage.sources.sender import Sender
from tests.support.events import NOW, our_key

SENDER = Sender("grid", venue="coinbase", account="main")
FILL: dict[str, Any] = {
    "order_id": "42",
    "fill_id": "7",
    "symbol": "AVNT/USD",
    "side": "buy",
    "price": "0.43",
    "quantity": "46.5",
    "executed_at": "2026-01-02T03:04:05Z",
}


def _read(
    *elements: dict[str, Any],
    sender: Sender = SENDER,
    kind: Literal["fill", "order"] = "fill",
    signals: dict[SignalKey, dict[str, Any]] | None = None,
) -> Reading:
    return read_events(elements, sender, default_type=kind, signals=signals or {}, now=NOW)


def test_a_fill_takes_venue_account_and_bot_from_the_registration() -> None:
    (event,) = _read(FILL).events
    assert isinstance(event, FillEvent)
    assert (event.bot_id, event.venue, event.account) == ("grid", "coinbase", "main")
    assert (event.symbol, event.ingest_via, event.kind) == ("AVNT-USD", "webhook", "FILL")


def test_fields_that_nobody_knows_are_kept_beside_the_raw_message() -> None:
    (event,) = _read({**FILL, "raw": {"a": 1}, "colour": "red"}).events
    assert event.raw == {"a": 1, "colour": "red"}


def test_an_order_that_names_its_key_only_takes_symbol_and_side_from_the_signal() -> None:
    key = SignalKey(BotId("grid"), ClientOrderId("entry-1"))
    element = {"order_id": "42", "client_order_id": "entry-1"}
    assert signal_keys([element], SENDER) == [key]
    reading = _read(element, kind="order", signals={key: {"symbol": "AVNT-USD", "side": "buy"}})
    (event,) = reading.events
    assert isinstance(event, OrderEvent)
    assert (event.symbol, event.side, event.status) == ("AVNT-USD", "buy", None)


def test_a_key_of_ours_is_looked_up_under_our_bot_whoever_executes_its_order() -> None:
    key = ClientOrderId(our_key(1))
    assert signal_keys([{"client_order_id": key}], SENDER) == [SignalKey(FIRST_PARTY_BOT, key)]


@pytest.mark.parametrize("key", ["", "x" * 129, " null ", "{{strategy.order.id}}", 1.5, True, None])
def test_what_can_be_no_key_is_not_looked_up(key: object) -> None:
    assert signal_keys([{"client_order_id": key}], SENDER) == []


@pytest.mark.parametrize("field", ["bot_id", "venue", "account"])
def test_a_bot_speaks_for_itself_only(field: str) -> None:
    with pytest.raises(NotAllowedError) as caught:
        _read({**FILL, field: "somebody else"})
    assert caught.value.field == field


def test_our_own_signed_messages_may_speak_for_any_account() -> None:
    (event,) = _read(
        {**FILL, "account": "other"}, sender=Sender("sighook", first_party=True, venue="paper")
    ).events
    assert (event.account, event.venue, event.bot_id) == ("other", "paper", "sighook")


def test_one_bad_event_does_not_hold_up_its_neighbours() -> None:
    reading = _read(FILL, {**FILL, "side": "hold"}, {**FILL, "fill_id": "8"})
    assert [event.fill_id for event in reading.events if isinstance(event, FillEvent)] == ["7", "8"]
    (refused,) = reading.refused
    assert (refused.index, refused.field) == (1, "side")
    assert refused.body["side"] == "hold"


def test_a_time_without_a_zone_is_refused_unless_the_bot_has_one() -> None:
    naive = {**FILL, "executed_at": "2026-01-02T03:04:05"}
    assert _read(naive).refused[0].field == "executed_at"
    berlin = Sender("grid", venue="coinbase", account="main", time_zone="Europe/Berlin")
    (event,) = _read(naive, sender=berlin).events
    assert isinstance(event, FillEvent)
    assert event.executed_at.isoformat() == "2026-01-02T02:04:05+00:00"


def test_a_zone_that_does_not_exist_is_a_defect_of_the_registration() -> None:
    nowhere = Sender("grid", venue="coinbase", account="main", time_zone="Mars/Base")
    with pytest.raises(ConfigurationError):
        _read({**FILL, "executed_at": "2026-01-02T03:04:05"}, sender=nowhere)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "gift"}, "type"),
        ({"type": ["fill"]}, "type"),
        ({"raw": 5, "x": 1}, "raw"),
        ({"fill_id": None}, "fill_id"),
    ],
)
def test_a_refusal_names_its_field(change: dict[str, Any], field: str) -> None:
    assert _read({**FILL, **change}).refused[0].field == field


@pytest.mark.parametrize(
    "document", [[], 5, "text", None, [1], [FILL] * 1001], ids=lambda value: repr(value)[:12]
)
def test_a_body_is_one_event_or_an_array_of_up_to_a_thousand(document: object) -> None:
    with pytest.raises(InvalidInputError):
        elements_of(document)
