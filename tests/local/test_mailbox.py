"""The mailbox: the emulator's records become mails that any mail program opens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.mailbox import Mail, MailboxError, read_mailbox
from local.processes import free_port
from local.state import LocalState


def a_record(**changes: object) -> Mapping[str, Any]:
    """One record, as the emulator's /_ministack/ses/messages shows it."""
    return {
        "MessageId": "0a4ec9f4-50e0-4746-be9e-2365d6e0c241@email.amazonses.com",
        "Source": "reports@example.com",
        "To": ["trader@example.com"],
        "CC": [],
        "BCC": [],
        "Subject": "Linkage 100 % – März",
        "BodyText": "plain ü\n",
        "BodyHtml": "<p>hi ü</p>\n",
        "Timestamp": 1795374962.0126185,
        "Type": "v2.SendEmail",
        **changes,
    }


@pytest.fixture
def emulator() -> Iterator[tuple[LocalState, dict[str, Any]]]:
    """A server in the emulator's place; the second value is what it answers."""
    answer: dict[str, Any] = {"status": 200, "body": {"messages": {}}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer["status"] if self.path == "/_ministack/ses/messages" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answer["body"]).encode())

        def log_message(self, format: str, *_arguments: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield a_state(server.server_port), answer
        server.shutdown()
        thread.join()


def a_state(port: int) -> LocalState:
    return LocalState("/nowhere", "", "us-east-1", "test", "test", plain_url=f"http://127.0.0.1:{port}")


def test_mail_of_all_accounts_is_listed_oldest_first(emulator: tuple[LocalState, dict[str, Any]]) -> None:
    state, answer = emulator
    answer["body"] = {
        "messages": {
            "000000000000": [
                a_record(Subject="later", Timestamp=20.0),
                a_record(Subject="first", Timestamp=1),
            ],
            "111111111111": [a_record(Subject="between", Timestamp=10.5)],
        }
    }
    assert [mail.subject for mail in read_mailbox(state)] == ["first", "between", "later"]


def test_an_empty_mailbox_is_an_empty_list(emulator: tuple[LocalState, dict[str, Any]]) -> None:
    assert read_mailbox(emulator[0]) == []


@pytest.mark.parametrize(("status", "body"), [(500, {}), (200, {}), (200, {"messages": {"a": [{}]}})])
def test_an_answer_that_is_no_mailbox_is_an_error(
    emulator: tuple[LocalState, dict[str, Any]], status: int, body: object
) -> None:
    state, answer = emulator
    answer |= {"status": status, "body": body}
    with pytest.raises(MailboxError):
        read_mailbox(state)


def test_an_emulator_that_is_gone_is_an_error() -> None:
    with pytest.raises(MailboxError):
        read_mailbox(a_state(free_port()))


def test_a_saved_mail_opens_with_both_bodies(tmp_path: Path) -> None:
    eml, html, text = Mail.from_emulator(a_record()).save(tmp_path / "mail")
    message = message_from_bytes(eml.read_bytes(), policy=default)
    assert message["Subject"] == "Linkage 100 % – März"
    assert message["To"] == "trader@example.com"
    assert message["Date"] == "Sun, 22 Nov 2026 19:16:02 +0000"
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert plain.get_content().strip() == text.read_text().strip() == "plain ü"
    assert rich.get_content().strip() == html.read_text().strip() == "<p>hi ü</p>"


def test_file_names_are_made_of_time_and_subject_only(tmp_path: Path) -> None:
    files = Mail.from_emulator(a_record(Subject="../../etc: 6 h / 100 %")).save(tmp_path)
    assert [path.name for path in files] == [
        f"20261122T191602Z-etc-6-h-100-0a4ec9f4.{suffix}" for suffix in ("eml", "html", "txt")
    ]
    assert {path.parent for path in files} == {tmp_path}


def test_a_subject_with_a_line_break_cannot_add_a_header() -> None:
    message = Mail.from_emulator(a_record(Subject="a\r\nBcc: x@example.com")).as_message()
    assert message["Bcc"] is None
    assert message["Subject"] == "a Bcc: x@example.com"


def test_a_mail_without_html_has_one_body() -> None:
    message = Mail.from_emulator(a_record(BodyHtml=None)).as_message()
    assert message.get_content_type() == "text/plain"


def test_pictures_that_the_emulator_dropped_go_back_to_the_html() -> None:
    message = Mail.from_emulator(a_record(BodyHtml='<img src="cid:pnl-1">')).as_message({"pnl-1": b"png"})
    (picture,) = (part for part in message.walk() if part.get_content_type() == "image/png")
    assert (picture["Content-ID"], picture.get_payload(decode=True)) == ("<pnl-1>", b"png")
    kinds = [part.get_content_type() for part in message.walk() if part.is_multipart()]
    assert kinds == ["multipart/alternative", "multipart/related"]
