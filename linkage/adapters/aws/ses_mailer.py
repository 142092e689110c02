"""Mail by SES v2, as a raw message: HTML with its pictures and text as alternatives, files attached."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import quote

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)

from linkage.domain.errors import DeliveryError, NotSentError
from linkage.ports.clock import Clock
from linkage.ports.mail import MailMessage

_NEVER_LEFT = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError)


class SesMailer:
    """A ``Mailer``.

    Args:
        client: a boto3 sesv2 client that does not retry: SES cannot tell a repeated mail from a new one.
        sender: address, or ``Name <address>``.
        configuration_set: handles bounces and complaints.
        clock: dates the mail.
    """

    def __init__(self, client: Any, *, sender: str, configuration_set: str, clock: Clock) -> None:
        self._client = client
        self._sender = sender
        self._configuration_set = configuration_set
        self._clock = clock

    def send(self, message: MailMessage, *, recipient: str) -> str:
        """Send to one recipient and return SES's message id; see ``ports.mail.Mailer``."""
        raw = self._raw(message, recipient)
        try:
            reply = self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [recipient]},
                Content={"Raw": {"Data": raw}},
                ConfigurationSetName=self._configuration_set,
            )
        except ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
            code = error.response.get("Error", {}).get("Code")
            if status < 500:
                raise NotSentError(f"SES refused the mail: {code}") from error
            raise DeliveryError(f"SES failed: {code}") from error
        except _NEVER_LEFT as error:
            raise NotSentError(f"SES cannot be reached: {type(error).__name__}") from error
        except BotoCoreError as error:
            raise DeliveryError(f"SES gave no answer: {type(error).__name__}") from error
        return str(reply["MessageId"])

    def _raw(self, message: MailMessage, recipient: str) -> bytes:
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._sender
        mail["To"] = recipient
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(self._clock.now())
        address = parseaddr(self._sender)[1]
        mail["List-Unsubscribe"] = f"<mailto:{quote(address, safe='@')}?subject=unsubscribe>"
        # Answering machines stay silent, and mail programs may group the reports.
        mail["Auto-Submitted"] = "auto-generated"
        mail["List-Id"] = f"linkage reports <linkage.{address.rpartition('@')[2] or 'invalid'}>"
        mail.set_content(message.text, cte="quoted-printable")
        mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
        page = mail.get_body(("html",))
        if page is not None:
            # The pictures belong to the HTML alone: related to it, inside the alternative.
            for cid, png in message.images:
                page.add_related(
                    png, "image", "png", cid=f"<{cid}>", disposition="inline", filename=f"{cid}.png"
                )
        for name, kind, content in message.attachments:
            main, _, sub = kind.partition("/")
            charset = {"charset": "utf-8"} if main == "text" else {}
            mail.add_attachment(content, maintype=main, subtype=sub, filename=name, params=charset)
        return mail.as_bytes()
