"""The use case of ``send_report``: read, render, and mail each recipient once for each period."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from functions.report.rendering.render import RenderedReport, render
from functions.report.rendering.verdict import Level
from linkage.contracts.performance import By
from linkage.contracts.report import ReportDocument
from linkage.domain.errors import DeliveryError, NotSentError, StateChangedError
from linkage.domain.facts import Window
from linkage.ports.clock import Clock
from linkage.ports.mail import Mailer, MailMessage, ReportClaims, ReportPeriod
from linkage.ports.reader import LedgerReader
from linkage.ports.state import StateStore

SCHEDULED = "linkage"
ON_DEMAND = "on-demand"
MEMORY = "@report"
"""Where memories are among the states of strategies; no strategy has such a name."""

SendWhen = Literal["always", "activity", "problem"]
_MAILED_LEVELS: Mapping[SendWhen, Collection[Level]] = {
    "always": ("act", "look", "ok", "quiet"),
    "activity": ("act", "look", "ok"),
    "problem": ("act", "look"),
}


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What to report, and to whom.

    Attributes:
        name: of the report; a period is mailed once under each name.
        recipients: nobody gets a mail when it is empty.
        subject: instead of the report's own.
        send_when: ``always``, ``activity`` (not in a quiet period) or ``problem`` (something to do or to
            look at). A warning that is over is mailed once more.
        verdicts: also compare parameter sets, which takes longer.
        by: what the tables of results are by; None for the mail's own.
    """

    name: str
    window: Window
    recipients: Sequence[str] = ()
    subject: str | None = None
    send_when: SendWhen = "always"
    verdicts: bool = False
    by: Sequence[By] | None = None


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """What became of a report.

    Attributes:
        sent: message ids.
        repeated: how many recipients had been mailed before.
        failed: why the others got none, one sentence each.
        withheld: nobody was to be mailed: nothing happened that the report is mailed for.
    """

    report: RenderedReport
    sent: Sequence[str] = ()
    repeated: int = 0
    failed: Sequence[str] = field(default_factory=tuple)
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Ports:
    """What the use case works with.

    Attributes:
        memories: what reports remember of each other; a report on demand remembers nothing.
        dead_letters: counts the messages in the dead-letter queue of fills.
    """

    reader: LedgerReader
    mailer: Mailer
    claims: ReportClaims
    memories: StateStore
    dead_letters: Callable[[], int]
    clock: Clock


def send_report(request: ReportRequest, ports: Ports, *, stage: str, zone: tzinfo = UTC) -> ReportOutcome:
    """Render the report of a window and mail it to those who do not have it yet.

    The claim comes before the mail, so a schedule that fires twice, or an attempt that died, cannot mail
    twice. It is given back only when the mail certainly did not leave. The memory of warnings is kept after
    the mails; a second report of the same period reads the same from it.

    Raises:
        LedgerUnavailableError: the ledger could not be read; nobody was mailed.
        StoreUnavailableError: a claim could not be made; that recipient was not mailed.
        DeliveryError: the dead letters could not be counted; nobody was mailed.
    """
    read = ports.reader.report(request.window, by=request.by, verdicts=request.verdicts)
    document = ReportDocument.model_validate(read)
    memories = ports.memories if request.name != ON_DEMAND else None
    remembered, version = memories.load(MEMORY, request.name) if memories else (None, 0)
    report = render(
        document,
        stage=stage,
        zone=zone,
        subject=request.subject,
        dead_letters=ports.dead_letters(),
        remembers=memories is not None,
        remembered=remembered,
    )
    outcome = _mail(request, report, ports)
    if memories and report.memory is not None and report.memory != remembered:
        # The same report, fired twice at once: the other one remembers the same.
        with suppress(StateChangedError):
            memories.save(
                MEMORY, request.name, body=report.memory, version=version, saved_at=ports.clock.now()
            )
    return outcome


def _mail(request: ReportRequest, report: RenderedReport, ports: Ports) -> ReportOutcome:
    if report.level not in _MAILED_LEVELS[request.send_when] and not report.all_clear:
        return ReportOutcome(report, withheld=True)
    message = MailMessage(
        subject=report.subject,
        html=report.html,
        text=report.text,
        attachments=_attachments(report.csv),
        images=list(report.images.items()),
    )
    period = ReportPeriod(request.name, request.window.start, request.window.end)
    sent, failed, repeated = [], [], 0
    for recipient in dict.fromkeys(address.strip() for address in request.recipients):
        if not ports.claims.claim(period, recipient, at=ports.clock.now()):
            repeated += 1
            continue
        try:
            sent.append(ports.mailer.send(message, recipient=recipient))
        except NotSentError as error:
            ports.claims.release(period, recipient)
            failed.append(str(error))
        except DeliveryError as error:
            failed.append(str(error))
    return ReportOutcome(report, sent, repeated, failed)


def scheduled_window(now: datetime, hours: int, zone: tzinfo = UTC) -> Window:
    """Return the last whole period of so many hours; 1, 2, 3, 4, 6, 8 and 12 begin at midnight UTC.

    Whole days begin at midnight of the reader's zone; a week is the last seven of them. A schedule that fires
    late, or twice, means the same period.
    """
    if hours % 24 == 0:
        midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        first = midnight - timedelta(days=hours // 24)  # on the clock of the zone: a day may have 23 hours
        return Window(first.astimezone(UTC), midnight.astimezone(UTC))
    length = hours * 3600
    end = int(now.timestamp()) // length * length
    return Window(datetime.fromtimestamp(end - length, UTC), datetime.fromtimestamp(end, UTC))


def _attachments(files: Mapping[str, str]) -> list[tuple[str, str, bytes]]:
    return [(name, "text/csv", text.encode()) for name, text in files.items()]
