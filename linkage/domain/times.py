"""Time is aware UTC, and has one spelling."""

from __future__ import annotations

from datetime import UTC, datetime


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
