"""The queue of fills and order events in SQS, and its dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from linkage.domain.errors import DeliveryError
from linkage.ports.queue import MovedLetters

MAX_ENTRIES = 10
MAX_BATCH_BYTES = 240_000
ROUNDS = 3
REDRIVES = "linkage-redrives"
"""The attribute in which a copy of a dead letter says how often it was moved by itself."""

_DEPTH = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


class SqsEventQueue:
    """``EventQueue`` over batches of up to ten messages and 240 kB.

    Args:
        queue_url: of the fills queue.
        client: a boto3 SQS client.
    """

    def __init__(self, queue_url: str, client: Any) -> None:
        self._queue_url = queue_url
        self._client = client

    def send(self, bodies: Sequence[str], *, redrives: int = 0) -> None:
        """Send messages; see ``ports.queue.EventQueue``. What was refused is sent again up to two times.

        Args:
            redrives: how often these were dead letters that were moved back by themselves.
        """
        for batch in _batches(bodies):
            self._send_batch(batch, redrives)

    def _send_batch(self, bodies: Sequence[str], redrives: int) -> None:
        count = {REDRIVES: {"DataType": "Number", "StringValue": str(redrives)}}
        attributes = {"MessageAttributes": count} if redrives else {}
        waiting = {str(index): body for index, body in enumerate(bodies)}
        refused: list[dict[str, Any]] = []
        for _ in range(ROUNDS):
            entries = [{"Id": name, "MessageBody": body, **attributes} for name, body in waiting.items()]
            reply = _called(self._client.send_message_batch, QueueUrl=self._queue_url, Entries=entries)
            refused = reply.get("Failed", [])
            waiting = {entry["Id"]: waiting[entry["Id"]] for entry in refused}
            if not waiting:
                return
        raise DeliveryError(f"the queue refused {len(waiting)} messages: {refused[0].get('Code', '')}")


class SqsDeadLetters:
    """``DeadLetters`` of the fills queue.

    Each message is sent again, then deleted: an interruption doubles it at worst, and a fill that is recorded
    twice is one. SQS's own task for moving messages cannot count how often it moved one.

    Args:
        source_url: of the dead letters.
        target_url: of the fills queue.
        client: a boto3 SQS client.
        hidden_seconds: how long others do not see a letter that was received here.
    """

    def __init__(self, source_url: str, target_url: str, client: Any, *, hidden_seconds: int = 120) -> None:
        self._source_url = source_url
        self._client = client
        self._hidden_seconds = hidden_seconds
        self._queue = SqsEventQueue(target_url, client)

    def waiting(self) -> int:
        """Return how many letters there are, as SQS counts them: up to a minute late."""
        return queue_depth(self._client, self._source_url)

    def move(self, *, limit: int | None = None, most_redrives: int | None = None) -> MovedLetters:
        """Move letters back; see ``ports.queue.DeadLetters``."""
        moved = left = 0
        while limit is None or moved + left < limit:
            letters = self._receive()
            if not letters:
                break
            by_redrives: dict[int, list[Mapping[str, Any]]] = {}
            for letter in letters:
                by_redrives.setdefault(_redrives(letter), []).append(letter)
            for redrives, some in by_redrives.items():
                if most_redrives is not None and redrives >= most_redrives:
                    left += len(some)
                    continue
                again = 0 if most_redrives is None else redrives + 1
                self._queue.send([letter["Body"] for letter in some], redrives=again)
                moved += self._delete(some)
        return MovedLetters(moved, left)

    def _receive(self) -> Sequence[Mapping[str, Any]]:
        reply = _called(
            self._client.receive_message,
            QueueUrl=self._source_url,
            MaxNumberOfMessages=MAX_ENTRIES,
            VisibilityTimeout=self._hidden_seconds,
            MessageAttributeNames=[REDRIVES],
            # A long poll asks every server of the queue; an empty answer means that it is empty.
            WaitTimeSeconds=2,
        )
        letters: Sequence[Mapping[str, Any]] = reply.get("Messages", [])
        return letters

    def _delete(self, letters: Sequence[Mapping[str, Any]]) -> int:
        entries = [
            {"Id": str(number), "ReceiptHandle": letter["ReceiptHandle"]}
            for number, letter in enumerate(letters)
        ]
        reply = _called(self._client.delete_message_batch, QueueUrl=self._source_url, Entries=entries)
        return len(letters) - len(reply.get("Failed", []))


def queue_depth(client: Any, queue_url: str) -> int:
    """Return how many messages a queue holds, those that somebody works on included.

    Raises:
        DeliveryError: SQS did not say.
    """
    reply = _called(client.get_queue_attributes, QueueUrl=queue_url, AttributeNames=list(_DEPTH))
    return sum(int(reply["Attributes"][name]) for name in _DEPTH)


def _redrives(letter: Mapping[str, Any]) -> int:
    text = str(letter.get("MessageAttributes", {}).get(REDRIVES, {}).get("StringValue", "0"))
    return int(text) if text.isdecimal() else 0


def _called(operation: Callable[..., Any], **request: Any) -> Any:
    try:
        return operation(**request)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        raise DeliveryError(f"the queue refused a call: {code}") from error
    except BotoCoreError as error:
        raise DeliveryError(f"the queue cannot be reached: {type(error).__name__}") from error


def _batches(bodies: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for body in bodies:
        length = len(body.encode())
        if batch and (len(batch) == MAX_ENTRIES or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(body)
        size += length
    if batch:
        yield batch
