"""What ``send_report`` is asked for: a schedule's report, or a period of somebody's own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from functions.report import service
from functions.report.settings import SendReportSettings
from linkage.contracts.performance import By
from linkage.domain.errors import ConfigurationError, InvalidInputError
from linkage.domain.facts import Window
from linkage.domain.problems import first_problem


class SendReportEvent(BaseModel):
    """What ``send_report`` is invoked with.

    Attributes:
        report: name of the schedule's report; a period is mailed once under each.
        hours: length of its period, which ends at the last boundary before ``scheduled_time``.
        start, end: a period of one's own instead.
        by: what the tables of results are by, instead of the mail's own.
        images: whether the pictures are wanted with the bodies; drawing them takes seconds.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    report: str = Field(default=service.SCHEDULED, pattern=r"^[a-z][a-z0-9-]{0,30}$")
    hours: int | None = Field(default=None, ge=1, le=24 * 366)
    send_when: service.SendWhen = "always"
    verdicts: bool = False
    scheduled_time: AwareDatetime | None = Field(default=None, strict=False)
    start: AwareDatetime | None = Field(default=None, strict=False)
    end: AwareDatetime | None = Field(default=None, strict=False)
    by: list[By] | None = None
    recipients: list[str] | None = None
    subject: str | None = None
    send: bool = True
    return_bodies: bool = False
    images: bool = True


def parsed(event: Mapping[str, Any]) -> SendReportEvent:
    """Return the event as a model.

    Raises:
        InvalidInputError: it makes no sense; names the field.
    """
    try:
        asked = SendReportEvent.model_validate(dict(event))
    except ValidationError as error:
        field, message = first_problem(error)
        raise InvalidInputError(f"{field}: {message}", field) from None
    if (asked.start is None) != (asked.end is None):
        raise InvalidInputError("start and end go together", "end" if asked.end is None else "start")
    return asked


def request_of(asked: SendReportEvent, settings: SendReportSettings, now: datetime) -> service.ReportRequest:
    """Return which report is wanted, and for whom; what the event leaves open is the stage's own.

    Raises:
        InvalidInputError: the period ends before it begins, or an address is none.
    """
    if asked.start is not None and asked.end is not None:
        name, window = service.ON_DEMAND, Window(asked.start, asked.end)
        if window.start >= window.end:
            raise InvalidInputError("start must be before end", "start")
    else:
        name = asked.report
        window = service.scheduled_window(
            asked.scheduled_time or now,
            asked.hours or settings.window_hours,
            zone_of(settings.report_timezone),
        )
    recipients = settings.recipients.split(",") if asked.recipients is None else asked.recipients
    return service.ReportRequest(
        name=name,
        window=window,
        recipients=_addresses(recipients) if asked.send else (),
        subject=asked.subject,
        send_when=asked.send_when,
        verdicts=asked.verdicts,
        by=asked.by,
    )


def _addresses(recipients: list[str]) -> list[str]:
    addresses = [address.strip() for address in recipients if address.strip()]
    for address in addresses:
        local, at, domain = address.rpartition("@")
        if not (at and local and domain) or any(c.isspace() or c in ",;<>\x00" for c in address):
            raise InvalidInputError(f"not a mail address: {address!r}", "recipients")
    if not addresses:
        raise InvalidInputError("there is nobody to mail", "recipients")
    return addresses


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its IANA name."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigurationError(f"unknown time zone {name!r}", "report_timezone") from None
