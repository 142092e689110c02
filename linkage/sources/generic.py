"""Fills and order events in our own format, from anybody: ``/v1/fills/generic`` and ``/v1/orders``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from linkage.contracts.events import SCHEMA, FillEvent, FillIds, OrderEvent
from linkage.contracts.types import IngestVia
from linkage.contracts.validation import invalid_input
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import SignalKey
from linkage.domain.ids import FIRST_PARTY_BOT, BotId, ClientOrderId
from linkage.domain.instruments import normalise_symbol
from linkage.domain.keys import MAX_KEY_LENGTH, is_ours, is_placeholder, text_of_number, venue_key
from linkage.domain.strict_json import finite_only
from linkage.sources.canonical import complete, with_zone
from linkage.sources.sender import Sender

MAX_EVENTS = 1000
TIMES = ("executed_at", "created_at", "updated_at")
INGEST_VIA: IngestVia = "webhook"

_MODELS: dict[str, type[FillEvent] | type[OrderEvent]] = {"fill": FillEvent, "order": OrderEvent}
_NAMES = {
    kind: frozenset(field.alias or name for name, field in model.model_fields.items())
    for kind, model in _MODELS.items()
}


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """One event of an array that cannot be understood; ``body`` is as it came, completed."""

    index: int
    field: str
    detail: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body held."""

    events: Sequence[FillEvent | OrderEvent]
    refused: Sequence[RefusedEvent] = ()


def elements_of(document: Any) -> list[Mapping[str, Any]]:
    """Return the events of a body: one object, or an array of them.

    Raises:
        InvalidInputError: it is neither, empty, or too long.
    """
    elements = document if isinstance(document, list) else [document]
    if not elements:
        raise InvalidInputError("the array is empty", "body")
    if len(elements) > MAX_EVENTS:
        raise InvalidInputError(f"the array holds more than {MAX_EVENTS} events", "body")
    for index, element in enumerate(elements):
        if not isinstance(element, dict):
            field = str(index) if isinstance(document, list) else "body"
            raise InvalidInputError("an event has to be a JSON object", field)
    return elements


def signal_keys(elements: Sequence[Mapping[str, Any]], sender: Sender) -> list[SignalKey]:
    """Return the keys of the signals that symbol and side are taken from where an event has none."""
    keys: dict[SignalKey, None] = {}
    for element in elements:
        incomplete = element.get("symbol") is None or element.get("side") is None
        place = _place(element, sender) if incomplete else None
        if place is not None:
            keys[place] = None
    return list(keys)


def read_events(
    elements: Sequence[Mapping[str, Any]],
    sender: Sender,
    *,
    default_type: Literal["fill", "order"],
    signals: Mapping[SignalKey, Mapping[str, Any]],
    now: datetime,
) -> Reading:
    """Return the events of a body.

    Args:
        elements: of ``elements_of``.
        sender: fills in bot, venue and account.
        default_type: what an element without ``type`` is.
        signals: facts by key, for elements without symbol or side.
        now: aware UTC; a time more than a day later is refused.

    Raises:
        NotAllowedError: an element speaks for another bot, venue or account.
    """
    events: list[FillEvent | OrderEvent] = []
    refused: list[RefusedEvent] = []
    fill_ids = FillIds()
    for index, element in enumerate(elements):
        fields = _completed(element, sender, default_type, signals)
        try:
            event = _event(fields, now)
            events.append(fill_ids.complete(event) if isinstance(event, FillEvent) else event)
        except InvalidInputError as error:
            refused.append(RefusedEvent(index, error.field, str(error), fields))
    return Reading(events, refused)


def _completed(
    element: Mapping[str, Any],
    sender: Sender,
    default_type: str,
    signals: Mapping[SignalKey, Mapping[str, Any]],
) -> dict[str, Any]:
    given = {name: value for name, value in element.items() if value is not None}
    fields = {"schema": SCHEMA, "type": default_type, "ingest_via": INGEST_VIA, **complete(given, sender)}
    place = _place(fields, sender)
    signal = None if place is None else signals.get(place)
    if signal is not None:
        fields.setdefault("symbol", signal["symbol"])
        fields.setdefault("side", signal["side"])
    if isinstance(fields.get("symbol"), str):
        fields["symbol"] = normalise_symbol(fields["symbol"], str(fields.get("venue", ""))).symbol
    return with_zone(fields, sender, TIMES)


def _event(fields: Mapping[str, Any], now: datetime) -> FillEvent | OrderEvent:
    kind = fields["type"]
    if not isinstance(kind, str) or kind not in _MODELS:
        raise InvalidInputError("type has to be fill or order", "type")
    known = {name: value for name, value in fields.items() if name in _NAMES[kind]}
    unknown = {name: value for name, value in fields.items() if name not in _NAMES[kind]}
    if unknown:
        raw = known.get("raw", {})
        if not isinstance(raw, dict):
            raise InvalidInputError("raw has to be a JSON object", "raw")
        known["raw"] = {**raw, **unknown}
    if "raw" in known:
        # A number that is none costs the raw message that number, as it does on the queue.
        known["raw"] = finite_only(known["raw"], "raw", {})
    try:
        return _MODELS[kind].model_validate(known, context=now)
    except ValidationError as error:
        raise invalid_input(error) from None


def _place(fields: Mapping[str, Any], sender: Sender) -> SignalKey | None:
    """Return where the signal of an event's key lives, if it has one that can be a key.

    Keys of our own form are stored under our bot, whoever executes their orders.
    """
    key = text_of_number(fields.get("client_order_id"))
    if not isinstance(key, str) or len(key) > MAX_KEY_LENGTH or is_placeholder(key):
        return None
    key = venue_key(key, fields.get("venue") or sender.venue)
    bot = FIRST_PARTY_BOT if is_ours(key) else BotId(sender.bot_id)
    return SignalKey(bot, ClientOrderId(key))
