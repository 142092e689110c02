"""The queue of fills and order events in SQS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from linkage.domain.errors import DeliveryError

MAX_ENTRIES = 10
MAX_BATCH_BYTES = 240_000
ROUNDS = 3


class SqsEventQueue:
    """``EventQueue`` over batches of up to ten messages and 240 kB.

    Args:
        queue_url: of the fills queue.
        client: a boto3 SQS client.
    """

    def __init__(self, queue_url: str, client: Any) -> None:
        self._queue_url = queue_url
        self._client = client

    def send(self, bodies: Sequence[str]) -> None:
        """Send messages; see ``ports.EventQueue``. What was refused is sent again up to two times."""
        for batch in _batches(bodies):
            self._send_batch(batch)

    def _send_batch(self, bodies: Sequence[str]) -> None:
        waiting = {str(index): body for index, body in enumerate(bodies)}
        refused: list[dict[str, Any]] = []
        for _ in range(ROUNDS):
            entries = [{"Id": name, "MessageBody": body} for name, body in waiting.items()]
            try:
                reply = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", ""))
                raise DeliveryError(f"the queue refused a call: {code}") from error
            except BotoCoreError as error:
                raise DeliveryError(f"the queue cannot be reached: {type(error).__name__}") from error
            refused = reply.get("Failed", [])
            waiting = {entry["Id"]: waiting[entry["Id"]] for entry in refused}
            if not waiting:
                return
        raise DeliveryError(f"the queue refused {len(waiting)} messages: {refused[0].get('Code', '')}")


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
