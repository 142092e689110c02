"""Repairs: links of any age, and events that were not understood when they came.

Each does a part of the work per invocation and can be begun again at any time: they only compute anew what is
a function of the facts, and record facts that may be recorded twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from functions.recorder import archive, service
from functions.recorder.archive import StreamRecord
from functions.recorder.service import Message, Outcome, Ports
from linkage.contracts.messages import BadEvent, parse_message
from linkage.domain.facts import FactBatch, QuarantinedEvent, QuarantinedEventRow, RecordedOrder
from linkage.domain.ids import OrderId
from linkage.ports.quarantine import Quarantine

RELINK_ORDERS = 10_000
RETRY_EVENTS = 200

_refused_by_postgresql = re.compile(r"2[23][0-9A-Z]{3}: ").match

# A column that only rows of this table have, or that those further down do not have.
_ROWS_OF_EVENTS = {"event_hash": "order_events", "fill_id": "fills"}
_ROWS_OF_ITEMS = {
    "meaning": "signals",
    "config_hash": "snapshots",
    "run_id": "runs",
    "changed_at": "switches",
    "updated_at": "bots",
}


@dataclass(frozen=True, slots=True)
class Relinked:
    """One part of relinking. ``last`` is the order after which the next part begins; None at the end."""

    orders: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    last: RecordedOrder | None = None


def relink(since: datetime, ports: Ports, *, after: OrderId | None = None) -> Relinked:
    """Resolve again the next orders that were first recorded since then, the hot store included.

    Args:
        since: aware UTC.
        ports: what the recorder works with.
        after: of the orders recorded at ``since`` itself, only those with greater ids.

    Raises:
        LedgerUnavailableError: some parts may be done.
    """
    if not service.linking_enabled(ports)[0]:
        return Relinked(outcome=Outcome(linking_enabled=False))
    orders = ports.ledger.recorded_since(since, after=after, limit=RELINK_ORDERS)
    outcome = service.resolve_orders([order.order_id for order in orders], ports)
    return Relinked(len(orders), outcome, orders[-1] if len(orders) == RELINK_ORDERS else None)


def describe_relinked(done: Relinked) -> dict[str, Any]:
    """Return the counts of a part, JSON-ready."""
    changed = sum(1 for link in done.outcome.made if link.relinked)
    return {
        "orders": done.orders,
        "linked": len(done.outcome.made) - changed,
        "changed": changed,
        "unlinked": len(done.outcome.removed),
        "conflicts": len(done.outcome.conflicts),
        "keys_without_signal": len(done.outcome.missing),
        "linking_enabled": done.outcome.linking_enabled,
        "store_unavailable": done.outcome.store_unavailable,
    }


def retry(event: QuarantinedEventRow, quarantine: Quarantine, ports: Ports) -> tuple[Outcome, str]:
    """Take a quarantined event as if it came now; when it is understood, mark it as resolved.

    What PostgreSQL refused is quarantined as the row that it was to be, and goes in as a row; its reason,
    which we wrote, says which of the two it is. A row is never taken for an event, nor an event for a row:
    a row says of itself things that only we may say.

    Returns:
        what became of its facts, and why it stays in the quarantine: empty when it does not.

    Raises:
        LedgerUnavailableError: it stays in the quarantine.
    """
    if _refused_by_postgresql(event.reason):
        row = _row(event)
        if row is None:
            return Outcome(), "it is no row of the ledger; it has to be sent again"
        outcome = service.record_and_link(row, ports)
    elif event.source == "fills":
        bad = parse_message(event.body, ports.clock.now()).bad
        if bad:
            return Outcome(), _reason(bad[0])
        outcome = service.record_fills([Message(event.message_id or "", event.body)], ports)
    else:
        image = _image(event.body)
        if image is None:
            return Outcome(), "it is no item of the stream; the sweep archives what the hot store still has"
        outcome = archive.archive([StreamRecord(event.message_id or "", image)], ports)
    if outcome.quarantined:
        # It was counted when it came, and its alarm has rung.
        return replace(outcome, quarantined=()), _reason(outcome.quarantined[0])
    quarantine.settle(event.quarantine_id)
    return outcome, ""


def _row(event: QuarantinedEventRow) -> FactBatch | None:
    """Return the batch of one row, by the table that it was meant for."""
    try:
        row = json.loads(event.body)
    except ValueError:
        return None
    parts = _ROWS_OF_EVENTS if event.source == "fills" else _ROWS_OF_ITEMS
    part = next((part for name, part in parts.items() if isinstance(row, dict) and name in row), None)
    parts_of_batch: dict[str, Any] = {} if part is None else {part: [event.body]}
    return FactBatch(**parts_of_batch) if part else None


def _reason(bad: BadEvent | QuarantinedEvent) -> str:
    return f"{bad.field}: {bad.reason}" if bad.field else bad.reason


def _image(body: str) -> Mapping[str, Any] | None:
    try:
        image = json.loads(body)
    except ValueError:
        return None
    if isinstance(image, dict) and image.get("kind") in archive.ARCHIVED_KINDS and "body" in image:
        return image
    return None
