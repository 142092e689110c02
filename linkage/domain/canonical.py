"""One spelling for one meaning: canonical JSON, normalised numbers, and times, which are aware UTC.

Numbers and times from outside are bounded, so that whatever is accepted can always be computed. A time that
is a number is seconds, milliseconds, microseconds or nanoseconds since 1970, which its digits tell apart.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

MAX_DIGITS = 60
"""Digits of a parameter before, and after, the point."""

MAX_COMPUTED_DIGITS = 200
"""Digits of any number before, and after, the point: products, sums and ratios of inputs have fewer. Without
a bound, ``1e999999999`` would fill the memory."""

MAX_INTEGER_DIGITS = 30
MAX_DECIMALS = 18
"""Digits of a number from outside before, and after, the point."""

EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)
"""Nothing was traded at these venues before; an earlier time is a number of another kind."""

CLOCK_TOLERANCE = timedelta(days=1)

EXPIRY = "expiry"
"""The trigger of an order that the venue executed because its contract ended."""

_QUANTUM = Decimal(1).scaleb(-MAX_DECIMALS)
_ROUNDING = Context(prec=MAX_INTEGER_DIGITS + MAX_DECIMALS + 2, rounding=ROUND_HALF_EVEN)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECIMALS_OF_A_SECOND = {10: 0, 13: 3, 16: 6, 19: 9}
"""By the digits of a time that is a number: seconds, milli-, micro- and nanoseconds."""

_number = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch


def normalise_decimal(value: Decimal, *, max_digits: int = MAX_COMPUTED_DIGITS) -> str:
    """Return a decimal without exponent and trailing zeros: 1.50 is ``1.5``, 1E+2 is ``100``, -0 is ``0``.

    Raises:
        ValueError: the value is not finite, or has more than so many digits on either side of the point.
    """
    if not value.is_finite():
        raise ValueError(f"not a finite number: {value}")
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or exponent < -max_digits or len(digits) + exponent > max_digits:
        raise ValueError(f"a number beyond {max_digits} digits")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def trim(value: Decimal) -> Decimal:
    """Return a decimal without trailing zeros and exponent; raises as ``normalise_decimal``."""
    return Decimal(normalise_decimal(value))


def is_number_text(text: str) -> bool:
    """Tell whether a text spells a number; a date without dashes does."""
    return _number(text.strip()) is not None


def check_number_text(value: Any) -> Any:
    """Return a value that is no text, or spells a number.

    Raises:
        ValueError: Decimal would take it, as 1_000 or digits of other scripts, but no other language does.
    """
    if isinstance(value, str) and not is_number_text(value):
        raise ValueError("not a number")
    return value


def bounded(value: Decimal) -> Decimal:
    """Return a number with the digits that it may have; further ones after the point are rounded off.

    Raises:
        ValueError: not finite, too great, or nothing is left of it.
    """
    rounded = round_decimals(value)
    if not rounded and value:
        raise ValueError(f"the number rounds to 0 at {MAX_DECIMALS} digits after the point")
    return rounded


def round_decimals(value: Decimal) -> Decimal:
    """Return a number with at most 18 digits after the point.

    Raises:
        ValueError: not finite, or more than 30 digits before the point.
    """
    if not value.is_finite():
        raise ValueError("not a finite number")
    # Looked at before anything is computed: 1e999999999 would fill the memory.
    if value and value.adjusted() >= MAX_INTEGER_DIGITS:
        raise ValueError(f"a number of more than {MAX_INTEGER_DIGITS} digits before the point")
    if value.adjusted() < -MAX_DECIMALS - 1:
        return Decimal(0)
    rounded = value.quantize(_QUANTUM, context=_ROUNDING)
    if rounded and rounded.adjusted() >= MAX_INTEGER_DIGITS:
        raise ValueError(f"a number of more than {MAX_INTEGER_DIGITS} digits before the point")
    return rounded


def check_not_negative(value: Decimal) -> Decimal:
    """Return a number that is 0 or greater.

    Raises:
        ValueError: it is negative.
    """
    if value < 0:
        raise ValueError("the number is negative")
    return value


def check_price(price: Decimal | None, trigger: str | None) -> Decimal | None:
    """Return a price. Only what expires worthless has a price of 0.

    Raises:
        ValueError: the price is 0, and the trigger is not ``expiry``.
    """
    if price == 0 and trigger != EXPIRY:
        raise ValueError(f"a price of 0 needs the trigger {EXPIRY}")
    return price


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


def time_of_number(value: Decimal) -> datetime:
    """Return the time that a number of 10, 13, 16 or 19 digits is; nanoseconds are cut off.

    Raises:
        ValueError: it is no such number.
    """
    digits = value.adjusted() + 1 if value.is_finite() and value > 0 else 0
    if digits not in _DECIMALS_OF_A_SECOND:
        raise ValueError("a number that is no time in s (10 digits), ms (13), µs (16) or ns (19)")
    return _EPOCH + timedelta(microseconds=int(value.scaleb(6 - _DECIMALS_OF_A_SECOND[digits])))


def time_if_number(value: Any) -> Any:
    """Return the time that a number, or a text that spells one, is; anything else as it is.

    Raises:
        ValueError: it is a number, but no time.
    """
    if isinstance(value, str):
        value = value.strip()
        if "e" in value.lower() and is_number_text(value):
            raise ValueError("a number with an exponent, which has lost digits of its time")
        return time_of_number(Decimal(value)) if is_number_text(value) else value
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return time_of_number(Decimal(str(value)))
    return value


def check_not_before(moment: datetime) -> datetime:
    """Return a time that something can have happened at.

    Raises:
        ValueError: before 2009.
    """
    if moment < EARLIEST:
        raise ValueError("a time before 2009")
    return moment


def check_not_ahead(moment: datetime | None, now: datetime | None) -> datetime | None:
    """Return a time that has come.

    Args:
        moment: aware time, or none.
        now: of a clock; None leaves the end open.

    Raises:
        ValueError: more than a day ahead.
    """
    if moment is not None and now is not None and moment > now + CLOCK_TOLERANCE:
        raise ValueError("a time more than a day ahead")
    return moment


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
        return normalise_decimal(Decimal(repr(value)), max_digits=MAX_DIGITS)
    if isinstance(value, Decimal):
        return normalise_decimal(value, max_digits=MAX_DIGITS)
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
        return normalise_decimal(Decimal(text), max_digits=MAX_DIGITS)
    except (InvalidOperation, ValueError):
        return text
