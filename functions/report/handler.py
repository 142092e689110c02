"""Entry point of ``send_report``: on a schedule, or for ``linkage report``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from functions.report import service
from functions.report.rendering.pictures import encoded
from functions.report.settings import SendReportSettings
from linkage.adapters.dynamodb_reports import DynamoReportClaims
from linkage.adapters.dynamodb_state import DynamoStateStore
from linkage.adapters.lambda_ledger import LambdaLedgerReader
from linkage.adapters.ses_mailer import SesMailer
from linkage.adapters.sqs_events import queue_depth
from linkage.contracts.performance import By
from linkage.domain.errors import ConfigurationError, DeliveryError, InvalidInputError
from linkage.domain.facts import Window
from linkage.runtime import aws
from linkage.runtime.observability import SystemClock, emit_counts, make_logger, make_metrics

SERVICE = "report"
READ_TIMEOUT_SECONDS = 60.0
"""Longer than ``read_ledger`` may take."""


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


def send_report(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Mail the report of a period, or with ``"send": false`` only return it.

    Every failure is raised: a report that is missing must alarm, and a retry mails only who is missing.
    """
    asked = _parsed(event)
    settings, clock = _settings(), SystemClock()
    request = _request(asked, settings, clock)
    outcome = service.send_report(
        request,
        reader=LambdaLedgerReader(
            settings.read_ledger_function,
            aws.client("lambda", read_timeout=READ_TIMEOUT_SECONDS, max_attempts=2),
        ),
        mailer=SesMailer(
            aws.client("sesv2", read_timeout=10.0, max_attempts=1),
            sender=settings.sender,
            configuration_set=settings.configuration_set,
            clock=clock,
        ),
        claims=DynamoReportClaims(settings.table_name, aws.client("dynamodb")),
        clock=clock,
        stage=settings.stage,
        zone=_zone(settings.report_timezone),
        memories=DynamoStateStore(settings.table_name, aws.client("dynamodb")),
        dead_letters=lambda: queue_depth(aws.client("sqs"), settings.fills_dlq_url),
    )
    logger = make_logger(SERVICE, level=settings.log_level, stage=settings.stage)
    logger.info(
        "Report rendered",
        report=request.name,
        period_start=request.window.start.isoformat(),
        period_end=request.window.end.isoformat(),
        mails_sent=len(outcome.sent),
        mails_repeated=outcome.repeated,
        mails_failed=len(outcome.failed),
        withheld=outcome.withheld,
        html_bytes=len(outcome.report.html.encode()),
    )
    if asked.send:
        # A report that nobody had to get was made in time all the same: it is not missing.
        emit_counts(make_metrics(SERVICE), {"ReportsSent": len(outcome.sent) or int(outcome.withheld)})
    if outcome.failed:
        raise DeliveryError(f"{len(outcome.failed)} mails were not sent: {outcome.failed[0]}")
    reply: dict[str, Any] = {
        "sent": list(outcome.sent),
        "already_sent": outcome.repeated,
        "subject": outcome.report.subject,
        "level": outcome.report.level,
    }
    if asked.return_bodies or not asked.send:
        reply.update(html=outcome.report.html, text=outcome.report.text, csv=dict(outcome.report.csv))
        if asked.images:
            reply["images"] = encoded(outcome.report.images)
    return reply


def _parsed(event: Mapping[str, Any]) -> SendReportEvent:
    try:
        asked = SendReportEvent.model_validate(dict(event))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InvalidInputError(f"{field}: {first['msg']}", field) from None
    if (asked.start is None) != (asked.end is None):
        raise InvalidInputError("start and end go together", "end" if asked.end is None else "start")
    return asked


def _request(
    asked: SendReportEvent, settings: SendReportSettings, clock: SystemClock
) -> service.ReportRequest:
    if asked.start is not None and asked.end is not None:
        name, window = service.ON_DEMAND, Window(asked.start, asked.end)
        if window.start >= window.end:
            raise InvalidInputError("start must be before end", "start")
    else:
        name = asked.report
        window = service.scheduled_window(
            asked.scheduled_time or clock.now(),
            asked.hours or settings.window_hours,
            _zone(settings.report_timezone),
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


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigurationError(f"unknown time zone {name!r}", "report_timezone") from None


@cache
def _settings() -> SendReportSettings:
    return SendReportSettings.load()


def forget() -> None:
    """Drop what was built from the settings, so that the next call reads them again."""
    _settings.cache_clear()
