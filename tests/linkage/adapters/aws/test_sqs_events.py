"""The fills queue in SQS: batches that fit, and what was refused is sent again."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from moto import mock_aws

from linkage.adapters.aws.sqs_events import REDRIVES, SqsDeadLetters, SqsEventQueue
from linkage.domain.errors import DeliveryError


class Recorded:
    """An SQS client that refuses the entries it is told to, call by call."""

    def __init__(self, *refusals: set[str], failure: Exception | None = None) -> None:
        self.calls: list[list[str]] = []
        self.refusals = list(refusals)
        self.failure = failure

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        """Answer as boto3 does."""
        if self.failure is not None:
            raise self.failure
        entries = request["Entries"]
        self.calls.append([entry["MessageBody"] for entry in entries])
        refused = self.refusals.pop(0) if self.refusals else set()
        return {
            "Failed": [
                {"Id": entry["Id"], "Code": "Busy"} for entry in entries if entry["MessageBody"] in refused
            ]
        }


def test_all_messages_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("sqs", region_name="eu-central-1")
        url = client.create_queue(QueueName="fills")["QueueUrl"]
        bodies = [json.dumps({"number": number}) for number in range(25)]
        SqsEventQueue(url, client).send(bodies)
        received: list[str] = []
        while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            received += [message["Body"] for message in messages]
    assert sorted(received) == sorted(bodies)


def test_a_batch_has_ten_messages_and_240_kilobytes_at_most() -> None:
    client = Recorded()
    SqsEventQueue("q", client).send(["x" * 100_000] * 5 + ["y"] * 12)
    assert [len(call) for call in client.calls] == [2, 2, 10, 3]


def test_only_what_was_refused_is_sent_again() -> None:
    client = Recorded({"b"}, {"b"})
    SqsEventQueue("q", client).send(["a", "b", "c"])
    assert client.calls == [["a", "b", "c"], ["b"], ["b"]]


def test_a_message_that_is_refused_three_times_is_an_error() -> None:
    with pytest.raises(DeliveryError, match="Busy"):
        SqsEventQueue("q", Recorded({"a"}, {"a"}, {"a"})).send(["a"])


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "ThrottlingException"}}, "SendMessageBatch"),
        ConnectTimeoutError(endpoint_url="https://example"),
    ],
)
def test_a_queue_that_is_away_is_an_error_of_ours(failure: Exception) -> None:
    with pytest.raises(DeliveryError):
        SqsEventQueue("q", Recorded(failure=failure)).send(["a"])


def test_nothing_to_send_asks_nobody() -> None:
    client = Recorded()
    SqsEventQueue("q", client).send([])
    assert client.calls == []


def test_a_dead_letters_copy_says_how_often_it_was_moved_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("sqs", region_name="eu-central-1")
        fills, dead = (client.create_queue(QueueName=name)["QueueUrl"] for name in ("fills", "dead"))
        SqsEventQueue(dead, client).send(["new"])
        SqsEventQueue(dead, client).send(["moved"], redrives=1)
        SqsEventQueue(dead, client).send(["tired"], redrives=2)
        letters = SqsDeadLetters(dead, fills, client)
        done = letters.move(limit=3, most_redrives=2)
        assert (done.moved, done.left, letters.waiting()) == (2, 1, 1)
        copies = client.receive_message(QueueUrl=fills, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        counts = {
            copy["Body"]: copy["MessageAttributes"][REDRIVES]["StringValue"] for copy in copies["Messages"]
        }
    assert counts == {"new": "1", "moved": "2"}
