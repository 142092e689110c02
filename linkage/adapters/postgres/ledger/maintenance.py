"""What the schedules ask of the ledger: orders without a link, missing facts, a window's health."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import class_row

from linkage.adapters.postgres.connection import Connection, json_array, only_row, rows
from linkage.adapters.postgres.statements import statement
from linkage.domain.facts import LedgerHealth, RecordedOrder, Touched, Window
from linkage.domain.ids import OrderId
from linkage.ports.store import HotItem

BACKLOG_DAYS = 60
"""How far back, by first recording, the sweep looks for orders without a link."""

UNRESOLVED_ORDERS = statement(__file__, "unresolved_orders")
RECORDED_SINCE = statement(__file__, "recorded_since")
INSERT_TRIALS = statement(__file__, "insert_trials")
COUNT_DISPOSITIONS = statement(__file__, "count_dispositions")
MISSING_FACTS: Mapping[str, LiteralString] = {
    "signal": statement(__file__, "missing_signals"),
    "snapshot": statement(__file__, "missing_snapshots"),
    "run": statement(__file__, "missing_runs"),
    "bot": statement(__file__, "missing_bots"),
    "switch": statement(__file__, "missing_switches"),
}
"""By kind of a hot item."""
_IDENTITY_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "signal": ("bot_id", "client_order_id", "meaning"),
    "snapshot": ("snapshot_id", "config_hash"),
    "run": ("run_id",),
    "bot": ("bot_id", "updated_at"),
    "switch": ("changed_at",),
}


def unresolved_orders(connection: Connection, limit: int) -> Touched:
    """Return executed orders without a link that should have one or may get one."""
    found = rows(connection, UNRESOLVED_ORDERS, {"limit": limit, "days": BACKLOG_DAYS})
    return Touched(order_ids=frozenset(OrderId(order.order_id) for order in found))


def recorded_since(
    connection: Connection, start: datetime, after: OrderId | None, limit: int
) -> Sequence[RecordedOrder]:
    """Return the orders first recorded since a moment, oldest first."""
    cursor = connection.cursor(row_factory=class_row(RecordedOrder))
    return cursor.execute(RECORDED_SINCE, {"start": start, "after": after or "", "limit": limit}).fetchall()


def insert_trials(connection: Connection, trials: Sequence[str]) -> int:
    """Add trials, as JSON, and return how many were new."""
    return connection.execute(INSERT_TRIALS, {"trials": json_array(trials)}).rowcount


def missing_facts(connection: Connection, items: Sequence[HotItem]) -> set[int]:
    """Return the places of those items whose facts are not in the ledger, of items without identity too."""
    asked: dict[str, list[dict[str, Any]]] = {}
    absent: set[int] = set()
    for number, item in enumerate(items):
        try:
            body = json.loads(item.body)
            identity = {name: body[name] for name in _IDENTITY_OF_KIND[item.kind]}
        except (KeyError, TypeError, ValueError):
            absent.add(number)
            continue
        asked.setdefault(item.kind, []).append({"number": number, **identity})
    with connection.pipeline():
        cursors = [
            rows(connection, MISSING_FACTS[kind], {"facts": json.dumps(identities)})
            for kind, identities in asked.items()
        ]
    return absent | {fact.number for cursor in cursors for fact in cursor.fetchall()}


def health(connection: Connection, window: Window) -> LedgerHealth:
    """Count the dispositions of a window, and what is in the quarantine: a defect at any age."""
    with connection.pipeline():
        dispositions = rows(connection, COUNT_DISPOSITIONS, {"start": window.start, "end": window.end})
        quarantine = rows(connection, "SELECT count(*) AS events FROM quarantine WHERE resolved_at IS NULL")
    counts = {row.disposition: row.orders for row in dispositions.fetchall()}
    executed, linked = sum(counts.values()), counts.get("linked", 0)
    judged = linked + counts.get("lost", 0) + counts.get("conflict", 0)
    return LedgerHealth(
        counts=counts,
        linkage_rate=linked / judged if judged else None,
        executed_linkage_rate=linked / executed if executed else None,
        quarantined=only_row(quarantine).events,
    )
