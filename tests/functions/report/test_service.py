from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from functions.report.service import (
    MEMORY,
    Ports,
    ReportOutcome,
    ReportRequest,
    scheduled_window,
    send_report,
)
from linkage.contracts.report import Period, ReportDocument
from linkage.domain.errors import DeliveryError, LedgerUnavailableError, NotSentError
from linkage.domain.facts import Window
from tests.functions.report.documents import END, START, busy_document, calm_document, empty_document
from tests.functions.report.fakes import FakeClaims, FakeMailer, FakeReader
from tests.functions.report.results import results_document
from tests.functions.sighook.fakes import FakeStates
from tests.support.clock import FrozenClock

WINDOW = Window(START, END)
BOTH = ("ada@example.com", "bob@example.com")


class Sender:
    """The use case with its dependencies."""

    def __init__(self) -> None:
        self.reader = FakeReader(busy_document())
        self.mailer = FakeMailer()
        self.claims = FakeClaims()
        self.memories = FakeStates()
        self.dead_letters = 0

    def __call__(
        self, *recipients: str, name: str = "linkage", window: Window = WINDOW, **more: Any
    ) -> ReportOutcome:
        return send_report(
            ReportRequest(name, window, recipients, **more),
            Ports(
                reader=self.reader,
                mailer=self.mailer,
                claims=self.claims,
                memories=self.memories,
                dead_letters=lambda: self.dead_letters,
                clock=FrozenClock(),
            ),
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


SENT_WHEN = [
    ("always", empty_document, 1), ("always", calm_document, 1), ("always", busy_document, 1),
    ("activity", empty_document, 0), ("activity", calm_document, 1), ("activity", busy_document, 1),
    ("problem", empty_document, 0), ("problem", calm_document, 0), ("problem", busy_document, 1),
]  # fmt: skip


@pytest.mark.parametrize(("send_when", "document", "mails"), SENT_WHEN)
def test_a_report_is_mailed_when_it_was_asked_to_be(
    send: Sender, send_when: str, document: Callable[[], ReportDocument], mails: int
) -> None:
    send.reader.document = document()
    outcome = send("ada@example.com", send_when=send_when)
    assert (len(send.mailer), outcome.withheld) == (mails, not mails)
    assert len(send.claims.claims) == mails


def test_only_a_report_that_asks_for_verdicts_gets_them(send: Sender) -> None:
    send("ada@example.com", name="daily")
    send("ada@example.com", name="weekly", verdicts=True)
    assert send.reader.verdicts == [False, True]


def test_the_tables_are_by_what_was_asked(send: Sender) -> None:
    send("ada@example.com")
    send("ada@example.com", name="on-demand", by=["arm", "symbol"])
    assert send.reader.groupings == [None, ["arm", "symbol"]]


def test_dead_letters_are_a_warning(send: Sender) -> None:
    send.reader.document, send.dead_letters = calm_document(), 2
    assert send("ada@example.com").report.subject == "ACT: 2 dead letters"


def at(document: ReportDocument, hours: int) -> ReportDocument:
    """Return the same report of a later period."""
    shift = timedelta(hours=hours)
    return document.model_copy(update={"period": Period(start=START + shift, end=END + shift)})


def test_a_warning_is_new_then_still_there_and_then_cleared(send: Sender) -> None:
    send.reader.document = busy_document()
    assert "1. [new] 2 orders lost" in send("ada@example.com").report.text
    send.reader.document = at(busy_document(), 50)
    assert "1. [still (day 3)] 2 orders lost" in send("ada@example.com").report.text
    send.reader.document = at(calm_document(), 56)
    text = send("ada@example.com").report.text
    assert "CLEARED SINCE THE LAST REPORT" in text
    assert "2 orders lost, and no more in this period" in text
    assert "since the last report: Expected orders linked (live); 96.9 % → 100 %" in text
    send.reader.document = at(calm_document(), 62)
    assert "CLEARED" not in send("ada@example.com").report.text


def test_a_problem_that_was_reported_is_reported_once_more_when_it_is_over(send: Sender) -> None:
    def mails_of(document: ReportDocument) -> int:
        send.reader.document = document
        window = Window(document.period.start, document.period.end)
        return len(send("ada@example.com", window=window, send_when="problem").sent)

    days = [calm_document(), busy_document(), calm_document(), calm_document()]
    assert [mails_of(at(day, 6 * index)) for index, day in enumerate(days)] == [0, 1, 1, 0]
    assert send.mailer.sent[1][1].subject.startswith("OK · ")
    assert "CLEARED SINCE THE LAST REPORT" in send.mailer.sent[1][1].text


def test_a_period_that_is_reported_again_reads_the_same(send: Sender) -> None:
    send.reader.document = busy_document()
    send("ada@example.com")
    send.reader.document = at(calm_document(), 6)
    first, again = send("ada@example.com").report, send("bob@example.com").report
    assert first.text == again.text
    assert "CLEARED" in again.text


def test_reports_of_two_names_remember_for_themselves_and_one_on_demand_remembers_nothing(
    send: Sender,
) -> None:
    send.reader.document = busy_document()
    send("ada@example.com")
    send.reader.document = at(busy_document(), 24)
    assert "[new]" in send("ada@example.com", name="daily").report.text
    kept = dict(send.memories.kept)
    assert "[" not in send("ada@example.com", name="on-demand").report.text
    assert send.memories.kept == kept


def test_a_memory_that_nobody_understands_is_as_none(send: Sender) -> None:
    send.memories.kept[(MEMORY, "linkage")] = ("{}", 4)
    assert "[new]" in send("ada@example.com").report.text
    assert send.memories.kept[(MEMORY, "linkage")][1] == 5


def test_the_memory_keeps_no_more_than_it_needs(send: Sender) -> None:
    send("ada@example.com")
    assert len(send.memories.kept[(MEMORY, "linkage")][0]) < 2000


@pytest.mark.parametrize("hours", [24, 168])
def test_days_and_weeks_begin_at_the_readers_midnight(hours: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    fired = datetime(2026, 10, 26, 6, 20, 3, tzinfo=UTC)  # the clocks went back the day before
    window = scheduled_window(fired, hours, zone)
    assert window.end == datetime(2026, 10, 25, 23, 0, tzinfo=UTC)
    assert window.end - window.start == timedelta(hours=hours + 1)
    assert scheduled_window(fired + timedelta(hours=5), hours, zone) == window


def test_nobody_draws_the_pictures_of_a_report_that_nobody_gets(
    send: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def draw(*_curve: object, **_more: object) -> bytes:
        drawn.append("one")
        return b"png"

    monkeypatch.setattr("functions.report.rendering.render.pnl_chart", draw)
    calm, results = calm_document(), results_document()
    first = calm.modes[0].model_copy(update={"money": results.modes[0].money})
    send.reader.document = calm.model_copy(update={"modes": [first, *calm.modes[1:]]})
    assert send("ada@example.com", send_when="problem").withheld
    assert drawn == []

    send("ada@example.com", name="daily")
    ((_, mail),) = send.mailer.sent
    assert [cid for cid, _ in mail.images] == ["pnl-1"]
    assert drawn == ["one"]
