"""The use case of fills and order events: understand them, and put them on the queue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from functions.webhook.service import Ports
from linkage.contracts.messages import pack_messages
from linkage.domain.errors import InvalidInputError
from linkage.sources import generic
from linkage.sources.sender import Sender


@dataclass(frozen=True, slots=True)
class EventsTaken:
    """Events are on the queue; those that cannot be understood too, to be quarantined with their reason."""

    bot_id: str
    accepted: int
    refused: Sequence[generic.RefusedEvent]


def take_events(
    document: Any, sender: Sender, ports: Ports, *, default_type: Literal["fill", "order"]
) -> EventsTaken:
    """Put fills or order events on the queue.

    One that cannot be understood does not hold up its neighbours in an array: it goes to the queue as it
    came, where the recorder quarantines it with its reason.

    Raises:
        InvalidInputError: not one event can be understood; names the field of the first.
        NotAllowedError: one speaks for another bot, venue or account.
        StoreUnavailableError: the store, which knows an order's symbol, is unavailable.
        DeliveryError: the queue is unavailable. Sending all again does no harm.
    """
    elements = generic.elements_of(document)
    keys = generic.signal_keys(elements, sender)
    facts = ports.store.get_signals(keys) if keys else {}
    signals = {key: json.loads(fact) for key, fact in facts.items()}
    reading = generic.read_events(
        elements, sender, default_type=default_type, signals=signals, now=ports.clock.now()
    )
    if not reading.events:
        first = reading.refused[0]
        field = f"{first.index}.{first.field}" if isinstance(document, list) else first.field
        raise InvalidInputError(first.detail, field)
    bodies = [event.model_dump(mode="json", by_alias=True, exclude_none=True) for event in reading.events]
    bodies.extend(dict(refused.body) for refused in reading.refused)
    # ASCII: SQS refuses some characters that JSON allows.
    texts = (json.dumps(body, separators=(",", ":"), default=str) for body in bodies)
    ports.queue.send(list(pack_messages(texts)))
    return EventsTaken(sender.bot_id, len(reading.events), reading.refused)
