"""Entry points of the recorder: fills from the queue, signals from the table's stream, two schedules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from functions.recorder import dependencies, service
from functions.recorder.batch_isolation import outcome_of, tell
from functions.recorder.operations import REQUESTS, match_lots
from functions.recorder.service import Message, StreamRecord
from linkage.runtime.observability import emit_counts

Event = Mapping[str, Any]


def record_fills(event: Event, _context: object) -> dict[str, Any]:
    """Record the fills and order events of an SQS batch; reply with the messages that have to come again."""
    messages = [Message(record["messageId"], record["body"]) for record in event["Records"]]
    ports = dependencies.ports()
    outcome, failed = outcome_of(messages, lambda batch: service.record_fills(batch, ports))
    tell(outcome, fills=True)
    return _reply(message.message_id for message in failed)


def archive_signals(event: Event, _context: object) -> dict[str, Any]:
    """Archive a batch of the table's stream; reply with the record from which it has to come again."""
    records = [
        StreamRecord(record["dynamodb"]["SequenceNumber"], _texts(record["dynamodb"].get("NewImage", {})))
        for record in event["Records"]
        if record["eventName"] != "REMOVE"
    ]
    ports = dependencies.ports()
    outcome, failed = outcome_of(
        records,
        lambda batch: service.archive(batch, ports),
        put_aside=lambda record, reason: service.quarantine(record, reason, ports),
    )
    tell(outcome)
    return _reply(record.message_id for record in failed)


def sweep(event: Event, _context: object) -> dict[str, Any]:
    """Archive what the stream missed, and link what a fault left behind; or do what an operator asks for."""
    for field, request in REQUESTS.items():
        if field in event:
            return request(event)
    swept = service.sweep(dependencies.settings().sweep_hours, dependencies.ports())
    tell(swept.outcome, OldestUnarchivedSeconds=swept.oldest_unarchived_seconds)
    reply = {"archived": swept.archived, "linked": len(swept.outcome.made)}
    dependencies.logger().info("Ledger swept", extra=reply)
    return {**reply, "lots": match_lots()}


def maintain(_event: Event, _context: object) -> dict[str, Any]:
    """Do the ledger's periodic chores and publish what the alarms read."""
    health = service.maintain(dependencies.ports())
    emit_counts(dependencies.metrics(), service.health_metrics(health))
    dependencies.logger().info("Ledger maintained", extra={"dispositions": health.counts})
    return {"dispositions": health.counts, "quarantined": health.quarantined}


def _reply(identifiers: Iterable[str]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


def _texts(image: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: value["S"] for name, value in image.items() if "S" in value}
