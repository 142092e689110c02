"""The scenarios of the report: the real handlers, a real PostgreSQL, and a mailbox in moto."""

from __future__ import annotations

import email
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import policy
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from functions.read_ledger.handler import read_ledger
from functions.report import handler
from linkage.domain.errors import LedgerUnavailableError
from linkage.runtime import aws
from linkage.runtime.dependencies import reset
from tests.scenarios.world import World
from tests.support.dynamodb import REGION, replace_client
from tests.support.events import SNAPSHOT_A, fill, native_id, our_key

RECIPIENTS = ("ada@example.com", "bob@example.com", "eve@example.com")
WINDOW = {"start": "2026-11-22T18:00:00Z", "end": "2026-11-23T00:00:00Z"}
FIRED = {"scheduled_time": "2026-11-23T00:00:03Z"}


@dataclass(frozen=True)
class InProcessLambda:
    """Lambda's ``Invoke``, with ``read_ledger`` behind it, which has a login of its own."""

    login: Mapping[str, str]

    def invoke(self, **call: Any) -> dict[str, Any]:
        """Answer as Lambda does, errors of the function included."""
        assert call["FunctionName"] == "read-ledger"
        try:
            with pytest.MonkeyPatch.context() as environment:
                for name, value in self.login.items():
                    environment.setenv(name, value)
                body, failed = read_ledger(json.loads(call["Payload"]), None), False
        except Exception as error:  # noqa: BLE001 - Lambda turns everything that a function raises into a reply
            body, failed = {"errorType": type(error).__name__, "errorMessage": str(error)}, True
        reply = {"Payload": io.BytesIO(json.dumps(body).encode())}
        return {**reply, "FunctionError": "Unhandled"} if failed else reply


class Post:
    """The mailbox of everybody."""

    def __len__(self) -> int:
        return len(self._messages())

    def _messages(self) -> list[Any]:
        return list(ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages)

    def read(self) -> list[email.message.EmailMessage]:
        """Return the mails that were sent."""
        return [
            email.message_from_string(message.raw_data, policy=policy.default) for message in self._messages()
        ]


@pytest.fixture
def post(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """Deploy the report functions into the scenario's world."""
    reader = world.database.settings("reader")
    login = {f"LINKAGE_{name.upper()}": reader[name] for name in ("db_user", "db_password")}
    settings = {
        "read_ledger_function": "read-ledger",
        "table_name": world.table.name,
        "sender": "linkage@example.com",
        "recipients": ",".join(RECIPIENTS),
        "configuration_set": "linkage-test",
        "fills_dlq_url": aws.client("sqs").create_queue(QueueName="fills-dead")["QueueUrl"],
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"LINKAGE_{name.upper()}", str(value))
    replace_client(monkeypatch, "lambda", lambda: InProcessLambda(login))
    mail = aws.client("sesv2")
    mail.create_email_identity(EmailIdentity="linkage@example.com")
    mail.create_configuration_set(ConfigurationSetName="linkage-test")
    reset()
    yield Post()
    reset()


def text_of(mail: email.message.EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_scenario_13_an_empty_window_is_reported_as_empty(post: Post) -> None:
    reply = handler.send_report({}, None)
    assert reply["subject"] == "QUIET · no orders 12:00 to 18:00 · test"
    mails = post.read()
    assert len(mails) == 3
    assert "No orders were executed." in text_of(mails[0])
    assert "%" not in text_of(mails[0])


def test_scenario_14_a_database_that_is_down_is_a_failure_and_not_a_mail(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINKAGE_DB_PORT", "9")
    with pytest.raises(LedgerUnavailableError):
        handler.send_report(FIRED, None)
    assert len(post) == 0
    # The schedule's retry finds nothing claimed, and mails.
    monkeypatch.setenv("LINKAGE_DB_PORT", str(world.database.server.port))
    reset()
    handler.send_report(FIRED, None)
    assert len(post) == 3


def test_scenario_15_several_recipients_get_one_mail_each_however_often_the_schedule_fires(
    post: Post,
) -> None:
    replies = [handler.send_report(FIRED, None) for _ in range(3)]
    assert [(len(reply["sent"]), reply["already_sent"]) for reply in replies] == [(3, 0), (0, 3), (0, 3)]
    assert sorted(mail["To"] for mail in post.read()) == sorted(RECIPIENTS)


def test_a_linked_and_a_lost_order_are_in_the_mail_with_their_evidence(world: World, post: Post) -> None:
    world.signal(our_key(1), snapshot_id=str(SNAPSHOT_A))
    world.stream()
    world.fills(fill(native_id(1), client_order_id=our_key(1)))
    world.fills(fill(native_id(2), "t2", client_order_id=our_key(2)))
    world.let_grace_pass()
    reply = handler.send_report({**WINDOW, "recipients": ["ada@example.com"]}, None)
    assert reply["subject"] == "ACT: 1 lost since 18:00, bot sighook · test"
    text = text_of(post.read()[0])
    assert "roc_momo, buy 2.5 · sell 0.5" in text
    assert "50 %   1 of 2" in text
    assert f"linkage --stage test trace {native_id(2)}" in text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "9" * 60),
        ("price", "1" * 60),
        ("fee", "1e59"),
        ("price", "0"),
        ("quantity", "-1"),
        ("executed_at", 45291.75),
    ],
)
def test_scenario_44_what_could_not_be_computed_is_refused_and_the_report_of_that_hour_is_made(
    world: World, post: Post, field: str, value: object
) -> None:
    world.register("grid")
    body = {**fill(native_id(1)), field: value}
    status, problem = world.post("/v1/fills/generic", body, bot="grid")
    assert (status, problem["field"]) == (422, field)
    status, reply = world.post("/v1/fills/generic", [body, fill(native_id(2), "t2")], bot="grid")
    assert (status, next(iter(reply.items()))) == (202, ("refused", 1))
    assert world.queued() == []
    assert world.fills(body) == []
    assert world.rows("SELECT DISTINCT field FROM quarantine") == [(field,)]
    assert world.count("trade_records") == world.count("fills") == 1
    assert handler.send_report({**WINDOW, "recipients": ["ada@example.com"]}, None)["sent"]
    assert len(post) == 1


def test_scenario_44_the_greatest_and_the_least_numbers_that_are_taken_are_computed(
    world: World, post: Post
) -> None:
    most, least = "9" * 30 + "." + "9" * 18, "0." + "0" * 17 + "1"
    numbers = [(most, most, f"-{most}"), (most, least, most), (least, most, least), (least, least, "0")]
    world.signal(our_key(1), snapshot_id=str(SNAPSHOT_A), price=most, quantity=most, buy_score=f"-{most}")
    world.stream()
    for number, (price, quantity, fee) in enumerate(numbers * 2):
        event = fill(native_id(number), price=price, quantity=quantity, fee=fee)
        event["side"] = "buy" if number < len(numbers) else "sell"
        event["executed_at"] = f"2026-11-22T18:00:{number:02}Z"
        if number == 0:
            event["client_order_id"] = our_key(1)
        assert world.fills(event) == []
    assert world.count("quarantine") == 0
    assert world.sweep()["lots"]["failed"] == []
    assert handler.send_report({**WINDOW, "recipients": ["ada@example.com"]}, None)["sent"]
    assert read_ledger({"op": "verify"}, None)["result"]["holds"]
    assert read_ledger({"op": "trace", "id": native_id(0)}, None)["ok"]


def test_a_report_that_is_not_to_be_sent_is_only_returned(post: Post) -> None:
    reply = handler.send_report({**WINDOW, "send": False}, None)
    assert len(post) == 0
    assert reply["html"].startswith("<!doctype html>")
    assert set(reply["csv"]) == {"rates.csv", "orders.csv", "parameter_sets.csv", "results.csv"}


def test_a_mail_that_ses_refuses_is_a_failure_and_can_be_tried_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINKAGE_SENDER", "nobody@unverified.example")
    reset()
    with pytest.raises(Exception, match="3 mails were not sent"):
        handler.send_report(FIRED, None)
    monkeypatch.setenv("LINKAGE_SENDER", "linkage@example.com")
    reset()
    assert len(handler.send_report(FIRED, None)["sent"]) == 3


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"start": "2026-11-22T18:00:00Z"}, "start and end"),
        ({"start": "2026-11-22T18:00:00", "end": "2026-11-22T19:00:00Z"}, "start"),
        ({"start": "2026-11-22T19:00:00Z", "end": "2026-11-22T18:00:00Z"}, "before end"),
        ({**WINDOW, "recipients": ["ada@example.com\r\nBcc: eve@example.com"]}, "mail address"),
        ({**WINDOW, "recipients": ["ada"]}, "mail address"),
        ({**WINDOW, "recipients": []}, "nobody"),
        ({**WINDOW, "send": "no"}, "send"),
        ({"recipient": "ada@example.com"}, "recipient"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused_and_mails_nobody(
    post: Post, event: dict[str, Any], words: str
) -> None:
    with pytest.raises(Exception, match=words):
        handler.send_report(event, None)
    assert len(post) == 0


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({}, "op None"),
        ({"op": "drop"}, "op 'drop'"),
        ({"op": "rates"}, "start"),
        ({"op": "rates", "start": "yesterday", "end": "2026-11-22T18:00:00Z"}, "yesterday"),
        ({"op": "rates", "start": WINDOW["end"], "end": WINDOW["start"]}, "before end"),
        ({"op": "trace"}, "id"),
    ],
)
def test_read_ledger_refuses_what_it_does_not_understand(
    post: Post, event: dict[str, Any], words: str
) -> None:
    with pytest.raises(Exception, match=words):
        read_ledger(event, None)


def test_read_ledger_answers_every_operation_with_json(world: World, post: Post) -> None:
    world.signal(our_key(1), snapshot_id=str(SNAPSHOT_A))
    world.stream()
    world.fills(fill(native_id(1), client_order_id=our_key(1)))
    events = [
        {"op": "rates", **WINDOW}, {"op": "report", **WINDOW}, {"op": "verify"},
        {"op": "trace", "id": native_id(1)}, {"op": "trace", "id": our_key(1)},
    ]  # fmt: skip
    answers = [json.loads(json.dumps(read_ledger(event, None))) for event in events]
    assert all(answer["ok"] for answer in answers)
    assert answers[2]["result"]["holds"]
    assert answers[3]["result"]["orders"] == answers[4]["result"]["orders"]
