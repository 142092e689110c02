"""The period of a command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli.cloud import CommandError
from linkage.domain.canonical import iso_utc

HoursOption = Annotated[
    float | None, typer.Option("--hours", help="Period: the last so many hours. Default: 6.")
]
FromOption = Annotated[
    datetime | None, typer.Option("--from", help="Start of the period, e.g. 2026-11-22T12:00 (UTC).")
]
UntilOption = Annotated[
    datetime | None, typer.Option("--until", help="End of the period (UTC). Default: now.")
]

DEFAULT_HOURS = 6.0


def period_of(
    hours: float | None, since: datetime | None, until: datetime | None, *, now: datetime
) -> dict[str, str]:
    """Return start and end as the functions take them.

    Raises:
        CommandError: they contradict each other, or there is no such period.
    """
    if hours is not None and since is not None:
        raise CommandError("--hours and --from exclude each other")
    if hours is not None and not hours > 0:
        raise CommandError("--hours must be more than 0")
    end = now if until is None else utc(until)
    try:
        start = end - timedelta(hours=DEFAULT_HOURS if hours is None else hours)
    except OverflowError:
        raise CommandError("--hours is out of range") from None
    if since is not None:
        start = utc(since)
    if start >= end:
        raise CommandError("the period must start before it ends")
    return {"start": iso_utc(start), "end": iso_utc(end)}


def utc(moment: datetime) -> datetime:
    """Return an aware time: without a time zone it is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
