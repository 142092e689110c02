from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from functions.report.service import ReportOutcome, ReportRequest, scheduled_window, send_report
from linkage.domain.errors import DeliveryError, LedgerUnavailableError, NotSentError
from linkage.domain.facts import Window
from tests.functions.report.documents import END, START, busy_document, empty_document
from tests.functions.report.fakes import FakeClaims, FakeMailer, FakeReader
from tests.support.clock import FrozenClock

WINDOW = Window(START, END)
BOTH = ("ada@example.com", "bob@example.com")


class Sender:
    """The use case with its collaborators."""

    def __init__(self) -> None:
        self.reader = FakeReader(busy_document())
        self.mailer = FakeMailer()
        self.claims = FakeClaims()

    def __call__(self, *recipients: str, name: str = "linkage", window: Window = WINDOW) -> ReportOutcome:
        return send_report(
            ReportRequest(name, window, recipients),
            reader=self.reader,
            mailer=self.mailer,
            claims=self.claims,
            clock=FrozenClock(),
            stage="prod",
        )


@pytest.fixture
def send() -> Sender:
    return Sender()


def test_each_recipient_gets_a_mail_of_its_own(send: Sender) -> None:
    outcome = send(*BOTH)
    assert send.mailer.recipients == list(BOTH)
    assert outcome.sent == ["message-1", "message-2"]


def test_a_recipient_named_twice_gets_one_mail(send: Sender) -> None:
    send("ada@example.com", " ada@example.com ")
    assert len(send.mailer) == 1


def test_a_period_is_mailed_once_however_often_the_schedule_fires(send: Sender) -> None:
    repeated = [send(*BOTH).repeated for _ in range(3)]
    assert repeated == [0, 2, 2]
    assert len(send.mailer) == 2


def test_another_period_and_another_report_are_mailed_again(send: Sender) -> None:
    send("ada@example.com")
    send("ada@example.com", name="on-demand")
    send("ada@example.com", window=Window(END, END + timedelta(hours=6)))
    assert len(send.mailer) == 3


def test_one_refused_recipient_does_not_hold_up_the_others_and_can_be_tried_again(send: Sender) -> None:
    send.mailer.failures["ada@example.com"] = NotSentError("the address is not verified")
    outcome = send(*BOTH)
    assert send.mailer.recipients == ["bob@example.com"]
    assert outcome.failed == ["the address is not verified"]
    send(*BOTH)
    assert send.mailer.recipients == ["bob@example.com", "ada@example.com"]


def test_a_mail_that_may_be_on_its_way_is_reported_and_not_sent_again(send: Sender) -> None:
    send.mailer.failures["ada@example.com"] = DeliveryError("no answer")
    assert send("ada@example.com").failed == ["no answer"]
    assert send("ada@example.com").repeated == 1
    assert len(send.mailer) == 0


def test_a_ledger_that_cannot_be_read_mails_nobody_and_claims_nothing(send: Sender) -> None:
    send.reader.document = None
    with pytest.raises(LedgerUnavailableError):
        send(*BOTH)
    assert (len(send.mailer), send.claims.claims) == (0, set())


def test_without_recipients_the_report_is_only_rendered(send: Sender) -> None:
    outcome = send()
    assert outcome.report.subject.startswith("ACT")
    assert send.claims.claims == set()


def test_an_empty_period_is_mailed_as_such(send: Sender) -> None:
    send.reader.document = empty_document()
    send("ada@example.com")
    assert send.mailer.sent[0][1].subject == "QUIET · no orders 12:00 to 18:00"


def test_the_mail_carries_the_csv_files(send: Sender) -> None:
    send("ada@example.com")
    names = [name for name, kind, _ in send.mailer.sent[0][1].attachments if kind == "text/csv"]
    assert names == ["rates.csv", "orders.csv", "parameter_sets.csv", "results.csv"]


@pytest.mark.parametrize("seconds", [0, 5, 21_599])
def test_a_schedule_that_fires_late_means_the_same_period(seconds: int) -> None:
    fired = datetime(2026, 11, 22, 18, 0, tzinfo=UTC) + timedelta(seconds=seconds)
    assert scheduled_window(fired, 6) == WINDOW
