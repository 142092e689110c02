"""Keys of signals and orders: how they are made, recognised and spelt.

Our own ``client_order_id`` is a UUIDv8 (RFC 9562, section 5.8) written as 32 lower-case hexadecimal
digits, the one form that is legal at Coinbase, Binance, Kraken, Alpaca, Bybit and OKX at once. Of its
122 free bits the first 32 are the bar's time, so that keys follow time and the newest lie side by side in
every index; 58 are a hash of what the order is for; 32 are a checksum over the rest, so whether a key is
ours is seen from the key alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from linkage.domain.canonical import iso_utc
from linkage.domain.ids import ClientOrderId, OrderId

_UUID = re.compile(
    r"\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?", re.IGNORECASE
)
_CHECKSUM_BITS = 32
_CHECKSUM_MASK = (1 << _CHECKSUM_BITS) - 1
_VERSION = 8 << 76
_VARIANT = 2 << 62
_PERSON = b"linkage:key:v1"

MAX_KEY_LENGTH = 128

PLACEHOLDER_IDS = frozenset(["", "0", "unknown", "none", "null", "nan", "undefined"])
"""Ids that say that there is none, in lower case."""

VENUE_KEY_PREFIXES: Mapping[str, str] = {"gate": "t-", "gateio": "t-"}
"""What a venue puts before a client order id, and gives back with it.

Gate takes a client id only with ``t-`` before it (Gate API v4, ``text``), so clients add it and its answers
carry it (ccxt/ccxt#11120).
"""

_EXACT_IN_A_FLOAT = 2**53
"""From here on a float that is a whole number may be another one than was meant."""

_unresolved = re.compile(r"\{\{.*\}\}", re.DOTALL).search


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """What one order is for. Two equal intents are one order, so a retry has the same key.

    Attributes:
        deployment: name of the deployment (stage), so that two deployments never collide.
        bar_time: start of the decision's bar, aware UTC.
        leg: which order of the decision, ``entry``, ``exit``, ``stop``…
        attempt: counts deliberate new orders after a refusal; a retry keeps its number.
    """

    deployment: str
    account: str
    strategy: str
    snapshot_id: UUID
    symbol: str
    side: str
    bar_time: datetime
    leg: str = "entry"
    attempt: int = 0


def make_client_order_id(intent: OrderIntent) -> ClientOrderId:
    """Return the key of an intent: 32 lower-case hex digits of a UUIDv8."""
    parts = (
        intent.deployment, intent.account, intent.strategy, str(intent.snapshot_id), intent.symbol,
        intent.side, iso_utc(intent.bar_time), intent.leg, str(intent.attempt),
    )  # fmt: skip
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    payload = int.from_bytes(digest[:8], "big") >> 6  # 58 bits
    seconds = int(intent.bar_time.timestamp()) & 0xFFFFFFFF
    high16, mid12, low30 = payload >> 42, (payload >> 30) & 0xFFF, payload & 0x3FFFFFFF
    body = (seconds << 96) | (high16 << 80) | _VERSION | (mid12 << 64) | _VARIANT | (low30 << _CHECKSUM_BITS)
    return ClientOrderId(f"{body | _checksum(body):032x}")


def is_ours(key: str | None) -> bool:
    """Tell whether a key has our own form, by its version, variant and checksum; no look-up."""
    return key is not None and has_our_form(normalise_key(key))


def has_our_form(text: str) -> bool:
    """Tell whether a normalised key has our own form."""
    if len(text) != 32:
        return False
    try:
        value = int(text, 16)
    except ValueError:
        return False
    if (value >> 76) & 0xF != 8 or (value >> 62) & 0x3 != 2:
        return False
    return value & _CHECKSUM_MASK == _checksum(value & ~_CHECKSUM_MASK)


def normalise_key(text: str) -> str:
    """Return every spelling of one UUID as the same 32 lower-case hex digits; other text, stripped."""
    stripped = text.strip()
    match = _UUID.fullmatch(stripped)
    return "".join(match.groups()).lower() if match else stripped


def venue_key(text: str, venue: str | None) -> str:
    """Return a normalised key as its bot chose it, without what the venue put before it."""
    return normalise_key(without_venue_prefix(text.strip(), venue))


def without_venue_prefix(key: str, venue: str | None) -> str:
    """Return a client order id without what its venue puts before it."""
    prefix = VENUE_KEY_PREFIXES.get((venue or "").lower())
    return key[len(prefix) :] if prefix and key.startswith(prefix) and len(key) > len(prefix) else key


def is_placeholder(text: str) -> bool:
    """Tell whether an id says that there is none: empty, ``null``, a template that nobody filled in."""
    return text.strip().lower() in PLACEHOLDER_IDS or _unresolved(text) is not None


def check_no_placeholder(text: str) -> str:
    """Return an id that is one.

    Raises:
        ValueError: it only fills its place.
    """
    if is_placeholder(text):
        raise ValueError("the id is a placeholder")
    return text


def none_if_placeholder(value: Any) -> Any:
    """Return an id as text, None where it only fills its place, and what can be no id as it is."""
    value = text_of_number(value)
    return None if isinstance(value, str) and is_placeholder(value) else value


def text_of_number(value: Any) -> Any:
    """Return an id that is a whole number as text, anything else as it is."""
    if isinstance(value, (float, Decimal)):
        number = Decimal(value)
        whole = number.is_finite() and abs(number) < _EXACT_IN_A_FLOAT and number == int(number)
        return str(int(number)) if whole else value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def global_order_id(venue: str, account: str, symbol: str, native: str) -> OrderId:
    """Return an order's id over all venues: a native UUID as it is, else ``venue:account:symbol:native``."""
    match = _UUID.fullmatch(native.strip())
    if match:
        return OrderId("-".join(match.groups()).lower())
    return OrderId(f"{venue}:{account}:{symbol}:{native.strip()}")


def _checksum(body: int) -> int:
    digest = hashlib.sha256(_PERSON + body.to_bytes(16, "big")).digest()
    return int.from_bytes(digest[:4], "big")
