"""The local mailbox: what the functions sent by SES, as the emulator kept it.

The emulator keeps subject, text and HTML of a raw mail and drops its attachments, so the files here have
none; ``linkage report --out`` writes the same CSV files.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import urlsplit

from linkage.domain.errors import RetryableError
from local.state import LocalState


class MailboxError(RetryableError):
    """The emulator does not show its mail."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was sent. ``sent_at`` is aware UTC."""

    message_id: str
    sender: str
    recipients: Sequence[str]
    subject: str
    text: str
    html: str
    sent_at: datetime

    @classmethod
    def from_emulator(cls, record: Mapping[str, Any]) -> Self:
        """Read one record of the emulator's list."""
        return cls(
            message_id=str(record["MessageId"]),
            sender=str(record["Source"]),
            recipients=tuple(record.get("To") or ()),
            subject=str(record.get("Subject") or ""),
            text=str(record.get("BodyText") or ""),
            html=str(record.get("BodyHtml") or ""),
            sent_at=datetime.fromtimestamp(float(record["Timestamp"]), UTC),
        )

    def as_message(self, images: Mapping[str, bytes] = MappingProxyType({})) -> EmailMessage:
        """Return the mail as a message that any mail program opens.

        Args:
            images: PNG pictures that the HTML shows, by Content-ID; the emulator did not keep them.
        """
        message = EmailMessage(policy=SMTP)
        message["Subject"] = " ".join(self.subject.split())
        message["From"] = self.sender
        message["To"] = ", ".join(self.recipients)
        message["Date"] = format_datetime(self.sent_at)
        message["Message-ID"] = f"<{self.message_id}>"
        message.set_content(self.text)
        if self.html:
            message.add_alternative(self.html, subtype="html")
        page = message.get_body(("html",))
        if page is not None:
            for cid, png in images.items():
                page.add_related(
                    png, "image", "png", cid=f"<{cid}>", disposition="inline", filename=f"{cid}.png"
                )
        return message

    def save(self, folder: Path) -> list[Path]:
        """Write ``.eml``, ``.html`` and ``.txt`` files, named by time and subject, and return them."""
        folder.mkdir(parents=True, exist_ok=True)
        slug = re.sub(r"[^a-z0-9]+", "-", self.subject.lower()).strip("-")[:40].rstrip("-")
        start = f"{self.sent_at:%Y%m%dT%H%M%SZ}-{slug or 'mail'}-{self.message_id[:8]}"
        files = [
            (folder / f"{start}.eml", self.as_message().as_bytes()),
            (folder / f"{start}.html", self.html.encode()),
            (folder / f"{start}.txt", self.text.encode()),
        ]
        for path, content in files:
            path.write_bytes(content)
        return [path for path, _content in files]


def read_mailbox(state: LocalState) -> list[Mail]:
    """Return all mail that was sent, oldest first.

    Raises:
        MailboxError: the emulator does not answer.
    """
    address = urlsplit(state.plain_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    try:
        connection.request("GET", "/_ministack/ses/messages")
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != http.HTTPStatus.OK:
            raise MailboxError(f"the emulator answered {reply.status} instead of its mail")
        accounts = json.loads(body)["messages"]
        mails = [Mail.from_emulator(record) for records in accounts.values() for record in records]
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        raise MailboxError(f"the emulator's mail cannot be read: {error}") from error
    finally:
        connection.close()
    return sorted(mails, key=lambda mail: mail.sent_at)
