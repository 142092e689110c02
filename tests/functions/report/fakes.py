"""The ports of ``send_report`` in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from linkage.contracts.report import ReportDocument
from linkage.domain.errors import LedgerUnavailableError, LinkageError
from linkage.domain.facts import Window
from linkage.ports.mail import MailMessage, ReportPeriod


@dataclass
class FakeReader:
    """A ``LedgerReader`` with one report; None is a database that is down."""

    document: ReportDocument | None
    windows: list[Window] = field(default_factory=list)
    verdicts: list[bool] = field(default_factory=list)
    groupings: list[Sequence[str] | None] = field(default_factory=list)

    def rates(self, window: Window) -> Mapping[str, object]:
        """Not used by the use case."""
        raise NotImplementedError

    def report(
        self, window: Window, *, by: Sequence[str] | None = None, verdicts: bool = False
    ) -> Mapping[str, object]:
        """See ``ports.reader.LedgerReader``."""
        self.windows.append(window)
        self.verdicts.append(verdicts)
        self.groupings.append(by)
        if self.document is None:
            raise LedgerUnavailableError("the fake ledger is down")
        return self.document.model_dump(mode="json")

    def trace(self, identifier: str) -> Mapping[str, object] | None:
        """Not used by the use case."""
        raise NotImplementedError


@dataclass
class FakeMailer:
    """A ``Mailer`` that keeps what it sent; ``failures`` are raised, by recipient, once each."""

    sent: list[tuple[str, MailMessage]] = field(default_factory=list)
    failures: dict[str, LinkageError] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sent)

    @property
    def recipients(self) -> list[str]:
        """Who was mailed, in order."""
        return [recipient for recipient, _ in self.sent]

    def send(self, message: MailMessage, *, recipient: str) -> str:
        """See ``ports.mail.Mailer``."""
        failure = self.failures.pop(recipient, None)
        if failure is not None:
            raise failure
        self.sent.append((recipient, message))
        return f"message-{len(self.sent)}"


@dataclass
class FakeClaims:
    """``ReportClaims`` in a set."""

    claims: set[tuple[ReportPeriod, str]] = field(default_factory=set)

    def claim(self, period: ReportPeriod, recipient: str, *, at: datetime) -> bool:
        """See ``ports.mail.ReportClaims``."""
        if (period, recipient) in self.claims:
            return False
        self.claims.add((period, recipient))
        return True

    def release(self, period: ReportPeriod, recipient: str) -> None:
        """See ``ports.mail.ReportClaims``."""
        self.claims.discard((period, recipient))
