"""Entry points of the paper broker: signals from the table's stream, and bars by schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from functions.broker import dependencies, service
from linkage.domain.canonical import parse_utc
from linkage.domain.errors import InvalidInputError


def take_signals(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Save the sent signals of a stream batch as orders. After a failure the whole batch is redelivered."""
    images = [
        {name: value["S"] for name, value in record["dynamodb"].get("NewImage", {}).items() if "S" in value}
        for record in event["Records"]
        if record["eventName"] != "REMOVE"
    ]
    taken = service.take_signals(images, dependencies.venue(), dependencies.ports())
    if taken.accepted or taken.repeated:
        dependencies.logger().info("Paper orders taken", extra=asdict(taken))
    return {"batchItemFailures": []}


def execute_orders(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Play the bars that closed by the event's ``scheduled_time``; the reply counts what was sent.

    Raises:
        InvalidInputError: the event has no such time.
        RetryableError: the run has to be repeated.
    """
    try:
        scheduled_at = parse_utc(str(event["scheduled_time"]))
    except (KeyError, ValueError):
        raise InvalidInputError("scheduled_time has to be ISO 8601 with a zone", "scheduled_time") from None
    executed = service.execute_orders(scheduled_at, dependencies.venue(), dependencies.ports())
    reply = asdict(executed)
    if executed.books:
        dependencies.logger().info("Paper orders executed", extra=reply)
    return reply
