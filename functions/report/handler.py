"""Entry point of ``send_report``: on a schedule, or for ``linkage report``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from functions.report import service
from functions.report.rendering.images import encoded
from functions.report.request import parsed, request_of, zone_of
from functions.report.settings import SendReportSettings
from linkage.adapters.aws.ledger_client import LambdaLedgerReader
from linkage.adapters.aws.ses_mailer import SesMailer
from linkage.adapters.aws.sqs_events import queue_depth
from linkage.adapters.dynamodb.reports import DynamoReportClaims
from linkage.adapters.dynamodb.state import DynamoStateStore
from linkage.domain.errors import DeliveryError
from linkage.runtime import aws
from linkage.runtime.observability import SystemClock, emit_counts, make_logger, make_metrics

SERVICE = "report"
READ_TIMEOUT_SECONDS = 60.0
"""Longer than ``read_ledger`` may take."""


def send_report(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Mail the report of a period, or with ``"send": false`` only return it.

    Every failure is raised: a report that is missing must alarm, and a retry mails only who is missing.
    """
    asked = parsed(event)
    settings, clock = _settings(), SystemClock()
    request = request_of(asked, settings, clock.now())
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
        zone=zone_of(settings.report_timezone),
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


@cache
def _settings() -> SendReportSettings:
    return SendReportSettings.load()


def forget() -> None:
    """Drop what was built from the settings, so that the next call reads them again."""
    _settings.cache_clear()
