"""The use case of ``send_report``: read, render, and mail each recipient once for each period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from functions.report.rendering.render import RenderedReport, render
from linkage.contracts.report import ReportDocument
from linkage.domain.errors import DeliveryError, NotSentError
from linkage.domain.facts import Window
from linkage.ports import Clock, LedgerReader, Mailer, MailMessage, ReportClaims, ReportPeriod

SCHEDULED = "linkage"
ON_DEMAND = "on-demand"


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What to report, and to whom.

    Attributes:
        name: of the report; a period is mailed once under each name.
        recipients: nobody gets a mail when it is empty.
        subject: instead of the report's own.
    """

    name: str
    window: Window
    recipients: Sequence[str] = ()
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """What became of a report.

    Attributes:
        sent: message ids.
        repeated: how many recipients had been mailed before.
        failed: why the others got none, one sentence each.
    """

    report: RenderedReport
    sent: Sequence[str] = ()
    repeated: int = 0
    failed: Sequence[str] = field(default_factory=tuple)


def send_report(
    request: ReportRequest,
    *,
    reader: LedgerReader,
    mailer: Mailer,
    claims: ReportClaims,
    clock: Clock,
    stage: str,
    zone: tzinfo = UTC,
) -> ReportOutcome:
    """Render the report of a window and mail it to those who do not have it yet.

    The claim comes before the mail, so a schedule that fires twice, or an attempt that died, cannot mail
    twice. It is given back only when the mail certainly did not leave.

    Raises:
        LedgerUnavailableError: the ledger could not be read; nobody was mailed.
        StoreUnavailableError: a claim could not be made; that recipient was not mailed.
    """
    document = ReportDocument.model_validate(reader.report(request.window))
    report = render(document, stage=stage, zone=zone, subject=request.subject)
    message = MailMessage(
        report.subject, report.html, report.text, _attachments(report.csv), list(report.images.items())
    )
    period = ReportPeriod(request.name, request.window.start, request.window.end)
    sent, failed, repeated = [], [], 0
    for recipient in dict.fromkeys(address.strip() for address in request.recipients):
        if not claims.claim(period, recipient, at=clock.now()):
            repeated += 1
            continue
        try:
            sent.append(mailer.send(message, recipient=recipient))
        except NotSentError as error:
            claims.release(period, recipient)
            failed.append(str(error))
        except DeliveryError as error:
            failed.append(str(error))
    return ReportOutcome(report, sent, repeated, failed)


def scheduled_window(now: datetime, hours: int) -> Window:
    """Return the last whole period of so many hours; 1, 2, 3, 4, 6, 8, 12 and 24 begin at midnight UTC.

    A schedule that fires late, or twice, means the same period.
    """
    length = hours * 3600
    end = int(now.timestamp()) // length * length
    return Window(datetime.fromtimestamp(end - length, UTC), datetime.fromtimestamp(end, UTC))


def _attachments(files: Mapping[str, str]) -> list[tuple[str, str, bytes]]:
    return [(name, "text/csv", text.encode()) for name, text in files.items()]
