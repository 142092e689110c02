"""The ledger's read side in PostgreSQL: rates, the report of a window, one order's story.

Every read is one read-only transaction on one snapshot, so that the figures of a report agree with each
other. A window is a range of ``trade_records.order_time``; its cost follows the window.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, LiteralString, TypeVar
from uuid import UUID

from psycopg import IsolationLevel
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from linkage.adapters.postgres.connection import Connection, LedgerConnection
from linkage.adapters.postgres.read import export, report, verify
from linkage.contracts.performance import MAIL_TABLES, TABLES, By
from linkage.domain.canonical import iso_utc, normalise_decimal
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import Window
from linkage.domain.keys import normalise_key

MAX_STORIES = 10
MAX_QUARANTINED = 200
READ_SECONDS = 25.0
VERIFY_SECONDS = 580.0

Row = dict[str, Any]
Result = TypeVar("Result")


class PostgresLedgerReader:
    """A ``LedgerReader``.

    Args:
        connection: to the ledger, as the role ``reader``.
    """

    def __init__(self, connection: LedgerConnection) -> None:
        self._connection = connection

    def rates(self, window: Window) -> Mapping[str, object]:
        """Return the three rates of a window with their counts; ``RatesDocument`` as JSON-ready mapping."""

        return self._read(partial(report.rates, window=window)).model_dump(mode="json")

    def report(
        self, window: Window, *, by: Sequence[str] | None = None, verdicts: bool = False
    ) -> Mapping[str, object]:
        """Return all that the report of a window shows; ``ReportDocument`` as JSON-ready mapping.

        Args:
            window: of the report.
            by: what the tables of results are by, one for each; None for those of the mail.
            verdicts: also compare the parameter sets that closed an episode, over all the ledger.

        Raises:
            InvalidInputError: too many episodes were closed in the window, or there is no such table.
        """
        read = partial(report.report, window=window, by=_tables(by), verdicts=verdicts)
        return self._read(read)

    def export_columns(self, window: Window) -> Mapping[str, object]:
        """Return how many lots were closed in a window, and what sets and indicators have; see the module."""
        found: dict[str, object] = json_ready(self._read(partial(export.columns, window=window)))
        return found

    def export(self, window: Window, after: tuple[datetime, int] | None = None) -> Mapping[str, object]:
        """Return the next page of lots that were closed in a window, JSON-ready; see the module."""
        found: dict[str, object] = json_ready(self._read(partial(export.page, window=window, after=after)))
        return found

    def trace(self, identifier: str) -> Mapping[str, object] | None:
        """Return the whole story of the orders and signals with this id; None when there is nothing.

        Args:
            identifier: order id, the venue's own order id, or client order id.

        Returns:
            ``orders``: for each its row, disposition, link, signal, snapshot, events, fills, receipts,
            earlier links and relatives; ``signals``: those without an order.
        """
        story = self._read(partial(_trace, identifier=identifier.strip()))
        return story if story["orders"] or story["signals"] else None

    def verify(self) -> Mapping[str, object]:
        """Check the ledger's invariants on everything it holds; ``checks`` in a fixed order."""
        checks = self._connection.run(verify.verify, deadline_seconds=VERIFY_SECONDS)
        return {
            "holds": all(check.holds for check in checks),
            "checks": [
                {
                    "name": check.name,
                    "rows": check.rows,
                    "offences": check.offences,
                    "offenders": list(check.offenders),
                }
                for check in checks
            ],
        }

    def quarantine(self, *, resolved: bool = False) -> Mapping[str, object]:
        """Return what could not be understood, newest first, without its bodies.

        Args:
            resolved: also what was understood since.

        Returns:
            ``total``, at most ``MAX_QUARANTINED`` of them in ``events``, and in ``reasons`` how many of
            them all have which reason, with the age of the oldest that waits in seconds.
        """

        def read(connection: Connection) -> dict[str, Any]:
            parameters = {"resolved": resolved, "limit": MAX_QUARANTINED}
            reasons = _rows(connection, _QUARANTINE_REASONS, parameters)
            return {
                "total": sum(row["events"] for row in reasons),
                "reasons": reasons[:MAX_QUARANTINED],
                "events": _rows(connection, _QUARANTINE, parameters),
            }

        found: dict[str, object] = json_ready(self._read(read))
        return found

    def quarantined(self, quarantine_id: int) -> Mapping[str, object] | None:
        """Return one event of the quarantine with its body as it came; None when there is no such."""
        rows = self._read(partial(_rows, query=_QUARANTINED, parameters={"id": quarantine_id}))
        found: dict[str, object] | None = json_ready(rows[0]) if rows else None
        return found

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        def in_transaction(connection: Connection) -> Result:
            set_json_loads(partial(json.loads, parse_float=Decimal), connection)
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                return work(connection)

        return self._connection.run(in_transaction, deadline_seconds=READ_SECONDS)


_QUARANTINE: LiteralString = """
SELECT quarantine_id, source, reason, field, message_id, quarantined_at, resolved_at, resolution,
       extract(epoch FROM now() - quarantined_at)::bigint AS age_seconds
FROM quarantine_summary
WHERE resolved_at IS NULL OR %(resolved)s
ORDER BY quarantine_id DESC LIMIT %(limit)s
"""

_QUARANTINE_REASONS: LiteralString = """
SELECT source, reason, field, count(*) AS events,
       extract(epoch FROM now() - min(quarantined_at) FILTER (WHERE resolved_at IS NULL))::bigint
         AS oldest_seconds
FROM quarantine_summary
WHERE resolved_at IS NULL OR %(resolved)s
GROUP BY source, reason, field
ORDER BY events DESC, source, reason, field
"""

_QUARANTINED: LiteralString = """
SELECT quarantine_id, source, reason, field, message_id, quarantined_at, resolved_at, resolution,
       extract(epoch FROM now() - quarantined_at)::bigint AS age_seconds, body
FROM quarantine WHERE quarantine_id = %(id)s
"""


# Indexed ways first; the others read whole tables, and are tried only when the first find nothing.
_FIND_ORDERS: LiteralString = """
SELECT order_id FROM trade_records WHERE order_id = ANY(%(ids)s) OR client_order_id = ANY(%(ids)s)
ORDER BY order_time DESC NULLS LAST, order_id LIMIT %(limit)s
"""
_FIND_ORDERS_SLOWLY: LiteralString = """
SELECT order_id FROM trade_records
WHERE venue_order_id = %(identifier)s
   OR order_id IN (SELECT order_id FROM order_events WHERE client_order_id = ANY(%(ids)s)
                   UNION ALL
                   SELECT order_id FROM fill_receipts WHERE client_order_id = ANY(%(ids)s))
ORDER BY order_time DESC NULLS LAST, order_id LIMIT %(limit)s
"""
_SIGNALS_OF_KEY: LiteralString = """
SELECT * FROM strategy_signals WHERE client_order_id = ANY(%(ids)s)
ORDER BY signalled_at, bot_id, meaning LIMIT %(limit)s
"""

_STORY: Mapping[str, LiteralString] = {
    "order": "SELECT * FROM trade_records WHERE order_id = %(order_id)s",
    "disposition": """SELECT disposition, reason, expected, executed, bot_id, mode FROM order_dispositions
        WHERE order_id = %(order_id)s""",
    "link": "SELECT * FROM trade_strategy_link WHERE order_id = %(order_id)s",
    "signal": """SELECT s.* FROM strategy_signals s
        JOIN trade_strategy_link link USING (bot_id, client_order_id) WHERE link.order_id = %(order_id)s
        ORDER BY s.meaning = link.meaning DESC LIMIT 1""",
    "snapshot": """SELECT snapshot.* FROM strategy_snapshots snapshot
        JOIN trade_strategy_link link USING (snapshot_id) WHERE link.order_id = %(order_id)s""",
    "events": """SELECT status, venue_status, order_type, trigger, size, client_order_id, bot_id,
        parent_order_id, replaces_order_id, ingest_via, origin, created_at, updated_at, recorded_at
        FROM order_events WHERE order_id = %(order_id)s
        ORDER BY coalesce(updated_at, created_at), recorded_at, event_hash""",
    "fills": """SELECT fill_id, kind, refers_to, price, quantity, quantity_unit, fee, fee_currency,
        executed_at, cumulative_quantity, average_price, total_fees, recorded_at
        FROM counted_fills WHERE order_id = %(order_id)s ORDER BY executed_at, fill_id""",
    "receipts": """SELECT fill_id, ingest_via, message_id, client_order_id, received_at FROM fill_receipts
        WHERE order_id = %(order_id)s ORDER BY received_at, receipt""",
    "history": """SELECT * FROM trade_strategy_link_history WHERE order_id = %(order_id)s
        ORDER BY history_id""",
    "lots": """SELECT 'closed' AS state, entry_order_id, exit_order_id, quantity, entry_price, exit_price,
        fees, net_pnl AS pnl, quote_currency, kind, missing, closed_at AS at
        FROM closed_lots WHERE entry_order_id = %(order_id)s OR exit_order_id = %(order_id)s
        UNION ALL
        SELECT 'open', entry_order_id, NULL, quantity, entry_price, mark_price, entry_fee, open_pnl,
        quote_currency, 'open', missing, opened_at FROM open_lots WHERE entry_order_id = %(order_id)s
        UNION ALL
        SELECT 'unmatched', NULL, order_id, quantity, NULL, price, fee, NULL, quote_currency, 'unmatched',
        missing, executed_at FROM unmatched_exits WHERE order_id = %(order_id)s
        ORDER BY at, entry_order_id, exit_order_id""",
    "relatives": """SELECT kin.order_id, kin.symbol, kin.side, kin.status, kin.order_time,
        CASE WHEN kin.parent_order_id = tr.order_id THEN 'child'
             WHEN kin.replaces_order_id = tr.order_id THEN 'successor'
             WHEN kin.order_id = tr.parent_order_id THEN 'parent' ELSE 'predecessor' END AS relation
        FROM trade_records tr JOIN trade_records kin
          ON kin.parent_order_id = tr.order_id OR kin.replaces_order_id = tr.order_id
          OR kin.order_id = tr.parent_order_id OR kin.order_id = tr.replaces_order_id
        WHERE tr.order_id = %(order_id)s AND kin.order_id <> tr.order_id
        ORDER BY kin.order_time, kin.order_id""",
}
_SINGLE = frozenset(["order", "disposition", "link", "signal", "snapshot"])


def _trace(connection: Connection, *, identifier: str) -> dict[str, Any]:
    ids = sorted({identifier, normalise_key(identifier), _as_uuid(identifier)})
    parameters = {"identifier": identifier, "ids": ids, "limit": MAX_STORIES}
    found = _rows(connection, _FIND_ORDERS, parameters) or _rows(connection, _FIND_ORDERS_SLOWLY, parameters)
    orders = [_story(connection, row["order_id"]) for row in found]
    told = {
        (each["signal"]["bot_id"], each["signal"]["client_order_id"]) for each in orders if each["signal"]
    }
    signals = [
        {"signal": row, "snapshot": _snapshot(connection, row["snapshot_id"])}
        for row in _rows(connection, _SIGNALS_OF_KEY, parameters)
        if (row["bot_id"], row["client_order_id"]) not in told
    ]
    result: dict[str, Any] = json_ready({"identifier": identifier, "orders": orders, "signals": signals})
    return result


def _story(connection: Connection, order_id: str) -> dict[str, Any]:
    story: dict[str, Any] = {}
    for name, query in _STORY.items():
        rows = _rows(connection, query, {"order_id": order_id})
        story[name] = (rows[0] if rows else None) if name in _SINGLE else rows
    return story


def _snapshot(connection: Connection, snapshot_id: UUID | None) -> Row | None:
    query: LiteralString = "SELECT * FROM strategy_snapshots WHERE snapshot_id = %(snapshot_id)s"
    return next(iter(_rows(connection, query, {"snapshot_id": snapshot_id})), None)


def _as_uuid(identifier: str) -> str:
    """Return 32 hex digits with the dashes of a UUID, the form of native order ids; other text as it is."""
    try:
        return str(UUID(identifier))
    except ValueError:
        return identifier


def _tables(by: Sequence[str] | None) -> Sequence[By]:
    if by is None:
        return MAIL_TABLES
    known = {str(name): name for name in TABLES}
    for name in by:
        if name not in known:
            raise InvalidInputError(f"{name!r} is not one of {', '.join(known)}", "by")
    return [known[name] for name in by]


def json_ready(value: Any) -> Any:
    """Return a value of the database as JSON knows it: decimals as text, times as ISO 8601 in UTC."""
    if isinstance(value, Decimal):
        return normalise_decimal(value)
    if isinstance(value, datetime):
        return iso_utc(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): json_ready(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    return value


def _rows(connection: Connection, query: LiteralString, parameters: Mapping[str, Any]) -> list[Row]:
    return connection.cursor(row_factory=dict_row).execute(query, parameters).fetchall()
