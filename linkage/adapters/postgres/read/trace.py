"""The whole story of an order: what was reported of it, what decided it, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.rows import Row, fetch_rows
from linkage.adapters.postgres.statements import statement
from linkage.domain.keys import normalise_key

MAX_STORIES = 10

# By index first; the other way reads whole tables, and is tried only when the first finds nothing.
_FIND_ORDERS = statement(__file__, "find_orders")
_FIND_ORDERS_EVERYWHERE = statement(__file__, "find_orders_everywhere")
_SIGNALS_OF_KEY = statement(__file__, "signals_of_key")
_SNAPSHOT: LiteralString = "SELECT * FROM strategy_snapshots WHERE snapshot_id = %(snapshot_id)s"

_ONE_ROW: Mapping[str, LiteralString] = {
    "order": "SELECT * FROM trade_records WHERE order_id = %(order_id)s",
    "disposition": statement(__file__, "trace_disposition"),
    "link": "SELECT * FROM trade_strategy_link WHERE order_id = %(order_id)s",
    "signal": statement(__file__, "trace_signal"),
    "snapshot": statement(__file__, "trace_snapshot"),
}
_MANY_ROWS: Mapping[str, LiteralString] = {
    "events": statement(__file__, "trace_events"),
    "fills": statement(__file__, "trace_fills"),
    "receipts": statement(__file__, "trace_receipts"),
    "history": statement(__file__, "trace_history"),
    "lots": statement(__file__, "trace_lots"),
    "relatives": statement(__file__, "trace_relatives"),
}


def trace(connection: Connection, identifier: str) -> dict[str, Any]:
    """Return the stories of the orders with this id, and the signals with this key that have no order.

    Args:
        identifier: order id, the venue's own order id, or client order id.
    """
    ids = sorted({identifier, normalise_key(identifier), _as_uuid(identifier)})
    parameters = {"identifier": identifier, "ids": ids, "limit": MAX_STORIES}
    rows = fetch_rows(connection, _FIND_ORDERS, parameters) or fetch_rows(
        connection, _FIND_ORDERS_EVERYWHERE, parameters
    )
    orders = [_story(connection, row["order_id"]) for row in rows]
    with_order = {
        (story["signal"]["bot_id"], story["signal"]["client_order_id"])
        for story in orders
        if story["signal"] is not None
    }
    signals = [
        {"signal": row, "snapshot": _snapshot(connection, row["snapshot_id"])}
        for row in fetch_rows(connection, _SIGNALS_OF_KEY, parameters)
        if (row["bot_id"], row["client_order_id"]) not in with_order
    ]
    return {"identifier": identifier, "orders": orders, "signals": signals}


def _story(connection: Connection, order_id: str) -> dict[str, Any]:
    parameters = {"order_id": order_id}
    story: dict[str, Any] = {
        name: next(iter(fetch_rows(connection, query, parameters)), None) for name, query in _ONE_ROW.items()
    }
    return story | {name: fetch_rows(connection, query, parameters) for name, query in _MANY_ROWS.items()}


def _snapshot(connection: Connection, snapshot_id: UUID | None) -> Row | None:
    return next(iter(fetch_rows(connection, _SNAPSHOT, {"snapshot_id": snapshot_id})), None)


def _as_uuid(identifier: str) -> str:
    """Return 32 hex digits with the dashes of a UUID, the form of native order ids; other text as it is."""
    try:
        return str(UUID(identifier))
    except ValueError:
        return identifier
