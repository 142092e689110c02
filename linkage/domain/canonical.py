"""One spelling for one meaning: canonical JSON, normalised numbers, and times, which are aware UTC."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

MAX_DIGITS = 60
"""Digits before, and after, the point. Without a bound, ``1e999999999`` would fill the memory."""


def normalise_decimal(value: Decimal) -> str:
    """Return a decimal without exponent and trailing zeros: 1.50 is ``1.5``, 1E+2 is ``100``, -0 is ``0``.

    Raises:
        ValueError: the value is not finite, or beyond 60 digits on either side of the point.
    """
    if not value.is_finite():
        raise ValueError(f"not a finite number: {value}")
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or exponent < -MAX_DIGITS or len(digits) + exponent > MAX_DIGITS:
        raise ValueError("a number beyond 60 digits")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def trim(value: Decimal) -> Decimal:
    """Return a decimal without trailing zeros and exponent; raises as ``normalise_decimal``."""
    return Decimal(normalise_decimal(value))


def iso_utc(moment: datetime) -> str:
    """Return ISO 8601 in UTC with a ``Z``, microseconds only where there are any.

    Raises:
        ValueError: the time has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment.isoformat()}")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def as_utc(moment: datetime) -> datetime:
    """Return an aware time in UTC.

    Raises:
        ValueError: UTC has no such time: it is less than a day from an end of the calendar.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time beyond the calendar") from None


def parse_utc(text: str) -> datetime:
    """Return an aware UTC time from ISO 8601 text.

    Raises:
        ValueError: not a time, or one without a zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text}")
    return moment.astimezone(UTC)


def canonical(value: object) -> object:
    """Return a JSON value in which 0.10, "0.1" and 1e-1 are one and the same string.

    Numbers, and strings that spell a plain number, become normalised decimal strings. Booleans, null
    and all other strings stay.

    Raises:
        TypeError: a value has no JSON form.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return normalise_decimal(Decimal(repr(value)))
    if isinstance(value, Decimal):
        return normalise_decimal(value)
    if isinstance(value, str):
        return _number_or_text(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [canonical(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((canonical(item) for item in value), key=repr)
    raise TypeError(f"no canonical JSON for {type(value).__name__}")


def canonical_json(value: object) -> str:
    """Return canonical JSON: sorted keys, no white space, numbers as normalised decimal strings."""
    return json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_hex(text: str) -> str:
    """Return the SHA-256 of a text, 64 lower-case hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _number_or_text(text: str) -> str:
    if not text or text[0] not in "+-.0123456789" or not text[-1].isdigit() or len(text) > 64:
        return text
    if any(character not in "+-.0123456789eE" for character in text):
        return text
    try:
        return normalise_decimal(Decimal(text))
    except (InvalidOperation, ValueError):
        return text
