"""Entry point of ``send_report``: on a schedule, or for ``linkage report``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.report import dependencies, service
from functions.report.rendering.images import encoded
from functions.report.request import SendReportEvent, parsed, request_of, zone_of
from linkage.domain.errors import DeliveryError
from linkage.runtime.observability import emit_counts


def send_report(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Mail the report of a period, or with ``"send": false`` only return it.

    Every failure is raised: a report that is missing must alarm, and a retry mails only who is missing.
    """
    asked, settings, ports = parsed(event), dependencies.settings(), dependencies.ports()
    request = request_of(asked, settings, ports.clock.now())
    zone = zone_of(settings.report_timezone)
    outcome = service.send_report(request, ports, stage=settings.stage, zone=zone)
    dependencies.logger().info(
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
        emit_counts(dependencies.metrics(), {"ReportsSent": len(outcome.sent) or int(outcome.withheld)})
    if outcome.failed:
        raise DeliveryError(f"{len(outcome.failed)} mails were not sent: {outcome.failed[0]}")
    return _reply(asked, outcome)


def _reply(asked: SendReportEvent, outcome: service.ReportOutcome) -> dict[str, Any]:
    report = outcome.report
    reply: dict[str, Any] = {
        "sent": list(outcome.sent),
        "already_sent": outcome.repeated,
        "subject": report.subject,
        "level": report.level,
    }
    if asked.return_bodies or not asked.send:
        reply.update(html=report.html, text=report.text, csv=dict(report.csv))
        if asked.images:
            reply["images"] = encoded(report.images)
    return reply
