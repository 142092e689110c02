"""The entry points of the paper broker, on the events of the stream and the schedule, on a real table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from functions.broker.handler import execute_orders, take_signals
from linkage.domain.errors import InvalidInputError
from linkage.runtime.dependencies import reset
from tests.support.dynamodb import REGION, SignalsTable

EVENTS = Path(__file__).parent / "events"
STREAM: dict[str, Any] = json.loads((EVENTS / "stream.json").read_text())


@pytest.fixture
def queue(signals_table: SignalsTable, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="fills")["QueueUrl"]
    settings = {
        "STAGE": "test", "TABLE_NAME": signals_table.name, "FILLS_QUEUE_URL": url, "MARKET": "simulation:1",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(f"LINKAGE_{name}", value)
    reset()
    yield lambda: sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    reset()


def test_a_signal_of_the_stream_becomes_fills_on_the_queue(queue: Any) -> None:
    assert take_signals(STREAM, None) == {"batchItemFailures": []}
    assert execute_orders({"scheduled_time": "2026-11-22T12:10:00Z"}, None)["orders"] == 1
    events = [event for message in queue() for event in json.loads(message["Body"])]

    assert {event["type"] for event in events} == {"order", "fill"}
    assert {event["symbol"] for event in events} == {"BTC-USD"}
    assert execute_orders({"scheduled_time": "2026-11-22T12:10:00Z"}, None)["events"] == 0


def test_an_event_without_a_time_is_refused(queue: Any) -> None:
    with pytest.raises(InvalidInputError):
        execute_orders({}, None)
