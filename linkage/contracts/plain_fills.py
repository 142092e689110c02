"""A short cut for fills that are already spelt the way the ledger keeps them.

Parsing and printing an event through its model costs more than writing it to PostgreSQL. Nearly all
fills are plain: ASCII ids, decimal strings, times in UTC. For those the fact can be put together from the
event's own text; whatever is not obviously plain is left to the model, which alone says what is valid.
The fields that a venue repeats in every fill are validated by the model once per combination.

A test holds the two against each other over generated events.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from linkage.contracts.events import FillEvent
from linkage.domain.canonical import EARLIEST, iso_utc
from linkage.domain.keys import PLACEHOLDER_IDS, VENUE_KEY_PREFIXES, has_our_form

_REPEATED = (
    "schema", "venue", "account", "bot_id", "symbol", "side", "position_side", "origin", "ingest_via",
    "fee_currency", "liquidity", "kind", "quantity_unit",
)  # fmt: skip
_WITH_DEFAULT = ("kind", "quantity_unit")
_VARYING = (
    "order_id",
    "client_order_id",
    "parent_order_id",
    "fill_id",
    "price",
    "quantity",
    "fee",
    "executed_at",
)
_KNOWN = frozenset((*_REPEATED, *_VARYING, "type", "raw"))
_SAMPLE = {
    "order_id": "1",
    "fill_id": "2",
    "price": "1",
    "quantity": "1",
    "executed_at": "2026-01-01T00:00:00Z",
}
_ADDED = frozenset((*_VARYING, "venue_order_id", "key_is_ours"))

_placeholders = "|".join(sorted(text for text in PLACEHOLDER_IDS if text))
_plain_id = re.compile(rf"(?!(?i:{_placeholders})$)[A-Za-z0-9][A-Za-z0-9._:/+=@#-]{{0,127}}").fullmatch
_uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_hex32 = re.compile(r"[0-9a-f]{32}").fullmatch
_trimmed = re.compile(r"0|-?(?:[1-9][0-9]{0,29}(?:\.[0-9]{0,17}[1-9])?|0\.[0-9]{0,17}[1-9])").fullmatch
_untrimmed = re.compile(r"-?(?:[1-9][0-9]{0,29}|0)\.[0-9]{1,18}").fullmatch
_utc = re.compile(
    r"2[0-9]{3}-[01][0-9]-[0-3][0-9]T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.(?!000)[0-9]{3}(?:[0-9]{3})?)?Z"
).fullmatch

_EARLIEST_TEXT = iso_utc(EARLIEST)
_MOST_COMBINATIONS = 4096
_combinations: dict[tuple[Any, ...], tuple[str, str, str | None] | None] = {}


def plain_fill_fact(event: Any, latest: str) -> str | None:
    """Return the fact of a plain fill as JSON text; None when the model has to decide.

    Args:
        event: a parsed JSON value whose strings hold no lone surrogates.
        latest: the end of what can have happened, as ISO 8601 in UTC that stops at the seconds.
    """
    try:
        if event["type"] != "fill" or not event.keys() <= _KNOWN:
            return None
        get = event.get
        repeated = (
            get("schema"), get("venue"), get("account"), get("bot_id"), get("symbol"), get("side"),
            get("position_side"), get("origin"), get("ingest_via"), get("fee_currency"), get("liquidity"),
            get("kind", "FILL"), get("quantity_unit", "base"),
        )  # fmt: skip
        combination = _combinations[repeated] if repeated in _combinations else _remember(repeated)
        if combination is None:
            return None
        head, order_prefix, key_prefix = combination
        native = event["order_id"]
        order_id = _global_id(native, order_prefix)
        fill_id = event["fill_id"]
        price, quantity, fee = _number(event["price"]), _number(event["quantity"]), get("fee")
        executed_at = _time(event["executed_at"], latest)
        if not (order_id and _plain_id(fill_id) and price and quantity and executed_at):
            return None
        if fill_id == native or price[0] == "-" or quantity[0] == "-" or price == "0":
            return None
        tail = ""
        if fee is not None:
            fee = _number(fee)
            if fee is None:
                return None
            tail = f',"fee":"{fee}"'
        key, ours = get("client_order_id"), "false"
        if key is not None:
            key = _key(key, key_prefix)
            if key is None:
                return None
            ours = "true" if key[12:13] == "8" and has_our_form(key) else "false"
            tail += f',"client_order_id":"{key}"'
        parent = get("parent_order_id")
        if parent is not None:
            parent = _global_id(parent, order_prefix)
            if parent is None:
                return None
            tail += f',"parent_order_id":"{parent}"'
        raw = get("raw")
        if raw is not None:
            text = _raw(raw)
            if text is None:
                return None
            tail += f',"raw":{text}'
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return (
        f'{head},"order_id":"{order_id}","venue_order_id":"{native}","key_is_ours":{ours},"fill_id":"{fill_id}"'
        f',"price":"{price}","quantity":"{quantity}","executed_at":"{executed_at}"{tail}}}'
    )


def _remember(repeated: tuple[Any, ...]) -> tuple[str, str, str | None] | None:
    """Return how the fact, its ids and the venue's keys begin, for one combination of the repeated fields."""
    given = {
        name: value
        for name, value in zip(_REPEATED, repeated, strict=True)
        if value is not None or name in _WITH_DEFAULT
    }
    combination: tuple[str, str, str | None] | None = None
    try:
        event = FillEvent.model_validate({**given, **_SAMPLE, "type": "fill"})
    except ValidationError:
        pass
    else:
        fact = {name: value for name, value in event.fact().items() if name not in _ADDED}
        text = json.dumps(fact, separators=(",", ":"))
        prefix = json.dumps(event.global_id("1"))[1:-2]
        if event.kind != "CUMULATIVE" and "\\u0000" not in text:
            combination = (text[:-1], prefix, VENUE_KEY_PREFIXES.get(event.venue.lower()))
    if len(_combinations) >= _MOST_COMBINATIONS:
        _combinations.clear()
    _combinations[repeated] = combination
    return combination


def _global_id(native: str, prefix: str) -> str | None:
    if _uuid(native):
        return native
    # A text this long may be some other spelling of a UUID.
    return prefix + native if _plain_id(native) and not 32 <= len(native) <= 38 else None


def _key(text: str, venue_prefix: str | None) -> str | None:
    if venue_prefix is not None and text.startswith(venue_prefix):
        return None
    if _hex32(text):
        return text
    if _uuid(text):
        return text.replace("-", "")
    return text if _plain_id(text) and not 32 <= len(text) <= 38 else None


def _raw(message: Any) -> str | None:
    if type(message) is not dict:
        return None
    text = to_json(message).decode()
    return None if "\\u0000" in text or "NaN" in text or "Infinity" in text else text


def _number(text: str) -> str | None:
    if _trimmed(text):
        return text
    if _untrimmed(text):
        short = text.rstrip("0").rstrip(".")
        return None if short == "-0" else short
    return None


def _time(text: str, latest: str) -> str | None:
    if not _utc(text) or not _EARLIEST_TEXT <= text < latest:
        return None
    datetime.fromisoformat(text)  # refuses the 30th of February
    return text[:-1] + "000Z" if len(text) == 24 else text
