"""Mail, and who was sent which report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class MailMessage:
    """A mail, ready to be sent.

    Attributes:
        attachments: (file name, MIME type, bytes).
        images: PNG pictures that the HTML shows as ``cid:…``: (Content-ID, bytes).
    """

    subject: str
    html: str
    text: str
    attachments: Sequence[tuple[str, str, bytes]] = ()
    images: Sequence[tuple[str, bytes]] = ()


class Mailer(Protocol):
    """Sends mail."""

    def send(self, message: MailMessage, *, recipient: str) -> str:
        """Send to one recipient and return the provider's message id.

        Raises:
            NotSentError: it was refused, or never reached the provider.
            DeliveryError: it may or may not be on its way.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """What a report is mailed once for: its name, and a half-open interval of time."""

    name: str
    start: datetime
    end: datetime


class ReportClaims(Protocol):
    """Who was mailed which report.

    Both methods raise ``StoreUnavailableError`` when the store is unavailable.
    """

    def claim(self, period: ReportPeriod, recipient: str, *, at: datetime) -> bool:
        """Claim the right to mail; False when somebody has claimed it before."""
        ...

    def release(self, period: ReportPeriod, recipient: str) -> None:
        """Give a claim back, after a mail that certainly was not sent."""
        ...
