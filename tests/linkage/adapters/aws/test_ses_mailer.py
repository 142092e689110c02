from __future__ import annotations

import email
from dataclasses import replace
from email import policy
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import ANY, Stubber

from functions.report.rendering.render import render
from linkage.adapters.aws.ses_mailer import SesMailer
from linkage.domain.errors import DeliveryError, NotSentError
from linkage.ports.mail import MailMessage
from tests.functions.report.documents import HOSTILE, calm_document
from tests.support.clock import FrozenClock

MESSAGE = MailMessage(
    subject="OK · 23/23 linked",
    html="<p>All 23 — linked</p>" + "x" * 2000,
    text="All 23 — linked",
    attachments=[("rates.csv", "text/csv", b"mode,rate\r\n")],
)


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "sesv2", region_name="eu-central-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20


def mailer_of(client: Any) -> SesMailer:
    return SesMailer(
        client, sender="Linkage <bot@example.com>", configuration_set="linkage-test", clock=FrozenClock()
    )


def sent_raw(
    client: Any, recipient: str = "ada@example.com", message: MailMessage = MESSAGE
) -> email.message.EmailMessage:
    seen: list[bytes] = []
    client.meta.events.register(
        "provide-client-params.sesv2.SendEmail",
        lambda params, **_: seen.append(params["Content"]["Raw"]["Data"]),
    )
    with Stubber(client) as stub:
        stub.add_response(
            "send_email",
            {"MessageId": "m-1"},
            {
                "FromEmailAddress": "Linkage <bot@example.com>",
                "Destination": {"ToAddresses": [recipient]},
                "Content": {"Raw": {"Data": ANY}},
                "ConfigurationSetName": "linkage-test",
            },
        )
        assert mailer_of(client).send(message, recipient=recipient) == "m-1"
    return email.message_from_bytes(seen[0], policy=policy.default)


def test_a_mail_has_text_html_and_files_in_the_right_places(client: Any) -> None:
    mail = sent_raw(client)
    assert mail.get_content_type() == "multipart/mixed"
    body, attachment = mail.iter_parts()
    assert [part.get_content_type() for part in body.iter_parts()] == ["text/plain", "text/html"]
    assert mail.get_body(("plain",)).get_content().strip() == MESSAGE.text  # type: ignore[union-attr]
    assert mail.get_body(("html",)).get_content().strip() == MESSAGE.html  # type: ignore[union-attr]
    assert (attachment.get_filename(), attachment.get_content_type()) == ("rates.csv", "text/csv")
    assert attachment.get_content_charset() == "utf-8"


def test_a_picture_is_related_to_the_html_and_shown_inside_it(client: Any) -> None:
    mail = sent_raw(client, message=replace(MESSAGE, images=[("pnl-1", PNG)]))
    assert mail.get_content_type() == "multipart/mixed"
    body, attachment = mail.iter_parts()
    assert body.get_content_type() == "multipart/alternative"
    text, page = body.iter_parts()
    assert (text.get_content_type(), page.get_content_type()) == ("text/plain", "multipart/related")
    html, picture = page.iter_parts()
    assert html.get_content_type() == "text/html"
    assert (picture["Content-ID"], picture.get_content_type()) == ("<pnl-1>", "image/png")
    assert picture.get_content_disposition() == "inline"
    assert picture.get_content() == PNG
    assert attachment.get_content_disposition() == "attachment"
    boundaries = [part.get_boundary() for part in mail.walk() if part.is_multipart()]
    assert len(set(boundaries)) == 3


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_in_a_subject_becomes_a_header(client: Any, name: str) -> None:
    report = render(calm_document(), stage="prod", subject=name)
    mail = sent_raw(client, message=replace(MESSAGE, subject=report.subject))
    assert mail["Bcc"] is None
    assert mail["Subject"] == report.subject
    assert mail.defects == []


def test_a_mail_names_one_recipient_and_a_way_out(client: Any) -> None:
    mail = sent_raw(client)
    assert mail["To"] == "ada@example.com"
    assert mail["Subject"] == "OK · 23/23 linked"
    assert mail["List-Unsubscribe"] == "<mailto:bot@example.com?subject=unsubscribe>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Sun, 22 Nov 2026 18:00:00 +0000"


def test_no_line_is_longer_than_mail_servers_take(client: Any) -> None:
    assert all(len(line) <= 998 for line in sent_raw(client).as_bytes().splitlines())


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("MessageRejected", 400, NotSentError),
        ("TooManyRequestsException", 429, NotSentError),
        ("InternalFailure", 500, DeliveryError),
    ],
)
def test_a_refusal_is_told_from_a_doubt(
    client: Any, code: str, status: int, error: type[DeliveryError]
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("send_email", service_error_code=code, http_status_code=status)
        with pytest.raises(DeliveryError) as raised:
            mailer_of(client).send(MESSAGE, recipient="ada@example.com")
    assert type(raised.value) is error


def test_no_answer_in_time_is_a_doubt() -> None:
    class Silent:
        def send_email(self, **_: object) -> None:
            raise ReadTimeoutError(endpoint_url="https://email.example.com")

    with pytest.raises(DeliveryError) as raised:
        mailer_of(Silent()).send(MESSAGE, recipient="ada@example.com")
    assert type(raised.value) is DeliveryError
