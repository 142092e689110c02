"""The first step: facts in, and the orders that they touch as functions of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.ledger.pipeline import begin_step, json_array, one_round_trip, only_row, rows
from linkage.adapters.postgres.statements import statement
from linkage.domain.facts import FactBatch, QuarantinedEvent, Recorded, SignalKey, Touched
from linkage.domain.ids import BotId, ClientOrderId, OrderId

INSERT_FACTS: Mapping[str, LiteralString] = {
    "fills": statement(__file__, "insert_fills"),
    "order_events": statement(__file__, "insert_order_events"),
    "signals": statement(__file__, "insert_signals"),
    "snapshots": statement(__file__, "insert_snapshots"),
    "runs": statement(__file__, "insert_runs"),
    "bots": statement(__file__, "insert_bots"),
    "switches": statement(__file__, "insert_switches"),
}
"""By part of a batch."""
INSERT_QUARANTINED = statement(__file__, "insert_quarantined")

WRITE_ORDERS = (
    statement(__file__, "insert_orders"),
    statement(__file__, "lock_orders"),
    statement(__file__, "invalidate_rates"),
    statement(__file__, "update_orders"),
)
RECORD_FILL_CONFLICTS = statement(__file__, "record_fill_conflicts")
DESCRIBE_SNAPSHOTS = (statement(__file__, "lock_snapshots"), statement(__file__, "describe_snapshots"))
CHANGE_ACTIVATIONS: Sequence[LiteralString] = (
    # One change at a time: it is computed from runs of which another batch may have just recorded some.
    "LOCK TABLE strategy_activations IN SHARE ROW EXCLUSIVE MODE",
    statement(__file__, "find_activation_changes"),
    # In this order: an activation that ends makes room for the one that is open.
    statement(__file__, "delete_activations"),
    statement(__file__, "update_activations"),
    statement(__file__, "insert_activations"),
)


def record_batch(connection: Connection, batch: FactBatch) -> Recorded:
    """Insert facts and recompute the orders that they touch, in one transaction and one round trip."""
    with one_round_trip(connection):
        cursors = send_batch(connection, batch)
    inserted = {part: only_row(cursor) for part, cursor in cursors.items()}
    new = sum(answer.new_facts for answer in inserted.values())
    total = len(batch) - len(batch.quarantined)
    return Recorded(_touched(inserted), new, total - new)


def send_batch(connection: Connection, batch: FactBatch) -> Mapping[str, Any]:
    """Send the first step's statements within the caller's transaction.

    Returns:
        by part of the batch, the cursor with what was inserted.
    """
    inserted: dict[str, Any] = {}

    def insert(part: str) -> bool:
        texts = getattr(batch, part)
        if texts:
            inserted[part] = rows(connection, INSERT_FACTS[part], {"facts": json_array(texts)})
        return bool(texts)

    def run(statements: Sequence[LiteralString]) -> None:
        for query in statements:
            connection.execute(query)

    begin_step(connection)
    has_fills, has_events = insert("fills"), insert("order_events")
    if has_fills or has_events:
        run(WRITE_ORDERS)
    if has_fills:
        connection.execute(RECORD_FILL_CONFLICTS)
    insert("signals")
    if insert("snapshots"):
        run(DESCRIBE_SNAPSHOTS)
    if insert("runs"):
        run(CHANGE_ACTIVATIONS)
    insert("bots")
    insert("switches")
    if batch.quarantined:
        events = json.dumps([_quarantined_row(event) for event in batch.quarantined])
        connection.execute(INSERT_QUARANTINED, {"facts": events})
    return inserted


def _touched(inserted: Mapping[str, Any]) -> Touched:
    order_ids: set[OrderId] = set()
    for part in ("fills", "order_events"):
        if part in inserted:
            order_ids.update(inserted[part].order_ids or ())
    keys: frozenset[SignalKey] = frozenset()
    if "signals" in inserted:
        signals = inserted["signals"]
        keys = frozenset(
            SignalKey(BotId(bot_id), ClientOrderId(key))
            for bot_id, key in zip(signals.bot_ids or (), signals.client_order_ids or (), strict=True)
        )
    bots = inserted["bots"].bot_ids or () if "bots" in inserted else ()
    return Touched(frozenset(order_ids), keys, frozenset(bots))


def _quarantined_row(event: QuarantinedEvent) -> dict[str, str | None]:
    # PostgreSQL's text has no NUL; what comes with one is stored with its escape.
    return {
        name: None if value is None else value.replace("\x00", "\\u0000")
        for name, value in (
            ("source", event.source),
            ("reason", event.reason),
            ("field", event.field),
            ("body", event.body),
            ("message_id", event.message_id),
        )
    }
