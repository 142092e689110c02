"""SQS with an event-source mapping, as AWS documents it, in memory and deterministic from a seed.

At least once: a message may be delivered again although it was deleted. Any order. A message that was
received is invisible until its visibility time-out; with partial batch responses only the ids that the
handler named stay, an exception or a malformed response keeps the whole batch. A message received more than
``max_receive_count`` times moves to the dead-letter queue, whose retention counts from the first enqueue.

Sources: "Amazon SQS visibility timeout", "Using dead-letter queues in Amazon SQS" and "Handling errors for an
SQS event source in Lambda" in the AWS documentation.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
Handler = Callable[[dict[str, Any]], Mapping[str, Any] | None]


class CrashError(BaseException):
    """The process died here. Not an ``Exception``, so that no handler can swallow it."""


@dataclass(slots=True)
class Message:
    """One message. ``first_sent`` survives the move to a dead-letter queue; times are aware UTC."""

    message_id: str
    body: str
    first_sent: datetime
    visible_at: datetime
    receive_count: int = 0
    first_received: datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class SqsQueue:
    """One queue. Time only moves when ``advance`` is called."""

    name: str
    now: datetime
    visibility_timeout: timedelta = timedelta(minutes=6)
    retention: timedelta = timedelta(days=14)
    max_receive_count: int | None = None
    dead_letters: SqsQueue | None = None
    messages: dict[str, Message] = field(default_factory=dict)
    expired: list[Message] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __len__(self) -> int:
        return len(self.messages)

    def send(self, body: str, attributes: Mapping[str, Any] | None = None) -> str:
        """Enqueue a body and return its message id."""
        message_id = f"{self.name}-{next(self._ids):06d}"
        self.messages[message_id] = Message(
            message_id, body, self.now, self.now, attributes=dict(attributes or {})
        )
        return message_id

    def advance(self, by: timedelta) -> None:
        """Let time pass here and in the dead-letter queue; what is over its retention is gone."""
        self.now += by
        for message_id, message in list(self.messages.items()):
            if self.now - message.first_sent > self.retention:
                self.expired.append(self.messages.pop(message_id))
        if self.dead_letters is not None:
            self.dead_letters.advance(by)

    def receive(self, chooser: random.Random, limit: int) -> list[Message]:
        """Take up to ``limit`` visible messages in any order; they turn invisible."""
        visible = [message for message in self.messages.values() if message.visible_at <= self.now]
        taken: list[Message] = []
        while visible and len(taken) < limit:
            place = chooser.randrange(len(visible))
            visible[place], visible[-1] = visible[-1], visible[place]
            message = visible.pop()
            if self._is_dead(message):
                continue
            message.receive_count += 1
            message.first_received = message.first_received or self.now
            message.visible_at = self.now + self.visibility_timeout
            taken.append(message)
        return taken

    def delete(self, message_id: str) -> None:
        """Acknowledge a message; acknowledging it twice does no harm."""
        self.messages.pop(message_id, None)

    def redrive(self) -> int:
        """Move everything from the dead-letter queue back; returns how many."""
        if self.dead_letters is None:
            return 0
        moved = list(self.dead_letters.messages.values())
        self.dead_letters.messages.clear()
        for message in moved:
            message.receive_count = 0
            message.visible_at = self.now
            self.messages[message.message_id] = message
        return len(moved)

    def _is_dead(self, message: Message) -> bool:
        if self.max_receive_count is None or message.receive_count < self.max_receive_count:
            return False
        if self.dead_letters is None:
            return False
        del self.messages[message.message_id]
        message.visible_at = self.dead_letters.now
        self.dead_letters.messages[message.message_id] = message
        return True


@dataclass(slots=True)
class EventSourceMapping:
    """Invokes a handler with batches of a queue, and honours its partial batch response.

    Attributes:
        duplicate_rate: how often a delivery is followed by a second one of the same message, as happens
            when a deletion is lost; the second delivery may come in any later batch.
        deliveries: how many messages were handed to the handler, duplicates included.
        crashes: how many invocations died.
    """

    queue: SqsQueue
    handler: Handler
    seed: int
    batch_size: int = 10
    duplicate_rate: float = 0.0
    deliveries: int = 0
    duplicates: int = 0
    crashes: int = 0
    invocations: int = 0
    history: list[list[str]] = field(default_factory=list)
    _chooser: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chooser = random.Random(self.seed)

    def step(self) -> int:
        """Deliver one batch; returns how many messages it had."""
        batch = self.queue.receive(self._chooser, self._chooser.randint(1, self.batch_size))
        if not batch:
            return 0
        self.invocations += 1
        self.deliveries += len(batch)
        self.history.append([message.message_id for message in batch])
        try:
            response = self.handler(sqs_event(batch))
        except CrashError:
            self.crashes += 1
            return len(batch)
        except Exception:  # noqa: BLE001 - this is Lambda: whatever the handler raises, the batch comes again
            return len(batch)
        kept = failed_ids(response, batch)
        for message in batch:
            if message.message_id in kept:
                continue
            if self._chooser.random() < self.duplicate_rate:
                self.duplicates += 1  # the deletion was lost
            else:
                self.queue.delete(message.message_id)
        return len(batch)

    def drain(self, *, most_steps: int = 100_000) -> None:
        """Deliver until the queue is empty, letting visibility time-outs pass.

        Raises:
            AssertionError: it does not come to rest; names the seed.
        """
        for _ in range(most_steps):
            if not self.queue.messages:
                return
            if self.step() == 0:
                self.queue.advance(self.queue.visibility_timeout)
        raise AssertionError(f"the queue did not drain; seed {self.seed}, {len(self.queue)} messages left")


@dataclass(slots=True)
class SqsClient:
    """What boto3's client answers of these queues, as far as moving dead letters asks. URLs are names."""

    queues: Mapping[str, SqsQueue]

    @classmethod
    def of(cls, queue: SqsQueue) -> SqsClient:
        """Return a client of a queue and its dead letters."""
        assert queue.dead_letters is not None
        return cls({queue.name: queue, queue.dead_letters.name: queue.dead_letters})

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        """Count exactly, which SQS itself does not."""
        queue = self.queues[request["QueueUrl"]]
        visible = sum(1 for message in queue.messages.values() if message.visible_at <= queue.now)
        counts = {
            "ApproximateNumberOfMessages": str(visible),
            "ApproximateNumberOfMessagesNotVisible": str(len(queue) - visible),
        }
        return {"Attributes": {name: counts[name] for name in request["AttributeNames"]}}

    def receive_message(self, **request: Any) -> dict[str, Any]:
        """Hand out visible messages in a fixed order; they turn invisible."""
        queue = self.queues[request["QueueUrl"]]
        taken = queue.receive(random.Random(0), request["MaxNumberOfMessages"])
        for message in taken:
            message.visible_at = queue.now + timedelta(seconds=request["VisibilityTimeout"])
        return {
            "Messages": [
                {
                    "MessageId": message.message_id,
                    "ReceiptHandle": message.message_id,
                    "Body": message.body,
                    "MessageAttributes": message.attributes,
                }
                for message in taken
            ]
        }

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        """Accept everything. A copy is a new message: its retention begins anew."""
        for entry in request["Entries"]:
            self.queues[request["QueueUrl"]].send(entry["MessageBody"], entry.get("MessageAttributes"))
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]}

    def delete_message_batch(self, **request: Any) -> dict[str, Any]:
        """Delete all."""
        for entry in request["Entries"]:
            self.queues[request["QueueUrl"]].delete(entry["ReceiptHandle"])
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]}


def sqs_event(messages: Sequence[Message]) -> dict[str, Any]:
    """Return the event that Lambda gets for these messages."""
    return {
        "Records": [
            {
                "messageId": message.message_id,
                "receiptHandle": f"handle-{message.message_id}-{message.receive_count}",
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": str(message.receive_count),
                    "SentTimestamp": _milliseconds(message.first_sent),
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": _milliseconds(
                        message.first_received or message.first_sent
                    ),
                },
                "messageAttributes": {},
                "md5OfBody": "00000000000000000000000000000000",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:linkage-fills",
                "awsRegion": "eu-central-1",
            }
            for message in messages
        ]
    }


def failed_ids(response: Mapping[str, Any] | None, batch: Sequence[Message]) -> set[str]:
    """Return which messages stay in the queue, by Lambda's rules for a partial batch response.

    No response, or an empty list of failures, means that all succeeded. An item without an id, or an id
    that is not of this batch, makes the whole batch a failure.
    """
    ids = {message.message_id for message in batch}
    if not response or not response.get("batchItemFailures"):
        return set()
    named: set[str] = set()
    for item in response["batchItemFailures"]:
        identifier = item.get("itemIdentifier")
        if not identifier or identifier not in ids:
            return ids
        named.add(identifier)
    return named


def shortest(history: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return a part of a failing history that still fails and of which no single element can be left out.

    Delta debugging by halves, then by single elements (Zeller and Hildebrandt, "Simplifying and isolating
    failure-inducing input", 2002).
    """
    current = list(history)
    size = max(1, len(current) // 2)
    while True:
        reduced = False
        start = 0
        while start < len(current):
            candidate = current[:start] + current[start + size :]
            if candidate and fails(candidate):
                current, reduced = candidate, True
            else:
                start += size
        if size > 1:
            size //= 2
        elif not reduced:
            return current


def new_queue(*, max_receive_count: int = 50, start: datetime | None = None) -> SqsQueue:
    """Return a fills queue with its dead-letter queue, set up like the deployed one."""
    now = start or datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
    dead = SqsQueue("dead", now, retention=timedelta(days=14))
    return SqsQueue(
        "fills", now, retention=timedelta(days=4), max_receive_count=max_receive_count, dead_letters=dead
    )


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
