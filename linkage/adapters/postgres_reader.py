"""The ledger's read side in PostgreSQL: rates, the report of a window, one order's story.

Every read is one read-only transaction on one snapshot, so that the figures of a report agree with each
other. A window is a range of ``trade_records.order_time``; its cost follows the window.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, LiteralString, TypeVar
from uuid import UUID

from psycopg import IsolationLevel
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from linkage.adapters import postgres_verify
from linkage.adapters.postgres_connection import Connection, LedgerConnection
from linkage.contracts.report import (
    BotCount,
    DispositionCount,
    Liveness,
    ModeRates,
    ModeReport,
    OrderRow,
    Period,
    Rate,
    RatesDocument,
    ReportDocument,
    SnapshotActivity,
    Turnover,
)
from linkage.domain.canonical import normalise_decimal
from linkage.domain.facts import Window
from linkage.domain.keys import normalise_key
from linkage.domain.times import iso_utc

LAST_LINKED = 5
LAST_UNLINKED = 10
MAX_ORDERS = 4_000
"""Orders in the CSV file. What a function may answer is limited to 6 MB."""
MAX_SNAPSHOTS = 200
MAX_PARAMETERS_LENGTH = 8_000
"""In characters of JSON; longer ones are in the ledger, and in a trace."""
MAX_STORIES = 10
MAX_QUARANTINED = 200
MODES = ("live", "paper", "unknown")
TEST_MODE = "test"
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

        def read(connection: Connection) -> RatesDocument:
            found = _parts(connection, _RATES_QUERY, window)
            modes = _rates_by_mode(found["counts"], found["signals"])
            return RatesDocument(period=_period(window), read_at=_now(connection), modes=modes)

        return self._read(read).model_dump(mode="json")

    def report(self, window: Window) -> Mapping[str, object]:
        """Return all that the report of a window shows; ``ReportDocument`` as JSON-ready mapping."""
        return self._read(partial(_report, window=window)).model_dump(mode="json")

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
        checks = self._connection.run(postgres_verify.verify, deadline_seconds=VERIFY_SECONDS)
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


_WINDOW: LiteralString = """
WITH in_window AS MATERIALIZED (
  SELECT order_id, coalesce(mode, 'unknown') AS mode, disposition, reason, bot_id, symbol, side, order_time
  FROM order_dispositions
  WHERE executed AND order_time >= %(start)s AND order_time < %(end)s
)
"""


def _in_window(**parts: LiteralString) -> LiteralString:
    """Return one query for several parts, each as a list of objects, over one pass of the window."""
    columns = [
        f"(SELECT coalesce(json_agg(x), '[]') FROM ({body}) x) AS {name}"  # noqa: S608 - constants of this file
        for name, body in parts.items()
    ]
    return _WINDOW + "SELECT " + ", ".join(columns)


_COUNTS: LiteralString = """
SELECT mode, disposition, reason,
       -- An external order is nobody's, also on an account on which only one bot trades.
       CASE WHEN disposition <> 'external' THEN in_window.bot_id END AS bot_id,
       count(*) AS orders, count(link.order_id) AS with_link, min(order_time) AS first_at,
       (array_agg(order_id ORDER BY order_time DESC, order_id))[1] AS example
FROM in_window LEFT JOIN trade_strategy_link link USING (order_id)
GROUP BY 1, 2, 3, 4
"""

_SIGNALS: LiteralString = """
SELECT coalesce(bot.mode, 'unknown') AS mode,
       count(DISTINCT (s.bot_id, s.client_order_id)) FILTER (WHERE s.disposition = 'sent') AS sent,
       count(DISTINCT (s.bot_id, s.client_order_id)) FILTER (WHERE s.disposition = 'suppressed')
         AS suppressed,
       count(DISTINCT (s.bot_id, s.client_order_id)) FILTER (WHERE s.disposition = 'sent' AND EXISTS (
         SELECT FROM trade_records tr
         LEFT JOIN trade_strategy_link link ON link.order_id = tr.order_id
         LEFT JOIN link_vetoes veto ON veto.order_id = tr.order_id
         WHERE tr.client_order_id = s.client_order_id AND veto.order_id IS NULL
           AND coalesce(link.bot_id, tr.bot_id, s.bot_id) = s.bot_id
       )) AS with_order
FROM strategy_signals s LEFT JOIN current_bots bot ON bot.bot_id = s.bot_id
WHERE s.signalled_at >= %(start)s AND s.signalled_at < %(end)s AND s.origin IS DISTINCT FROM 'test'
GROUP BY 1
"""

_ORDER_COLUMNS: LiteralString = """
SELECT w.order_id, w.mode, tr.venue, tr.account, w.bot_id, tr.client_order_id, tr.symbol, tr.side, tr.status,
       tr.origin, tr.order_time, tr.filled_quantity, tr.average_price, tr.notional, tr.fee, tr.fee_currency,
       w.disposition, w.reason, link.snapshot_id, snapshot.label AS snapshot_label, link.buy_score,
       link.sell_score, coalesce(link.trigger_type, tr.trigger_type) AS trigger_type, link.method,
       link.signalled_at, link.signal_price
FROM in_window w
JOIN trade_records tr USING (order_id)
LEFT JOIN trade_strategy_link link USING (order_id)
LEFT JOIN strategy_snapshots snapshot ON snapshot.snapshot_id = link.snapshot_id
WHERE w.mode <> 'test'
"""

_ORDERS: LiteralString = _ORDER_COLUMNS + "ORDER BY tr.order_time DESC, w.order_id LIMIT %(orders)s"
_LAST_LINKED: LiteralString = (
    _ORDER_COLUMNS + "AND w.disposition = 'linked' ORDER BY tr.order_time DESC, w.order_id LIMIT %(linked)s"
)

# A hint is a question to a person and never a link: a signal without an order, same symbol and side.
_LAST_UNLINKED: LiteralString = "".join(
    (
        "WITH latest AS (",
        _ORDER_COLUMNS,
        "AND w.disposition <> 'linked' ORDER BY tr.order_time DESC, w.order_id LIMIT %(unlinked)s)",
        """
SELECT latest.*, hint.client_order_id AS hint
FROM latest LEFT JOIN LATERAL (
  SELECT s.client_order_id FROM strategy_signals s
  WHERE latest.disposition IN ('lost', 'external') AND s.symbol = latest.symbol AND s.side = latest.side
    AND s.disposition = 'sent' AND s.signalled_at BETWEEN latest.order_time - INTERVAL '10 minutes'
                                                      AND latest.order_time + INTERVAL '10 minutes'
    AND NOT EXISTS (SELECT FROM trade_records known WHERE known.client_order_id = s.client_order_id)
  ORDER BY abs(extract(epoch FROM s.signalled_at - latest.order_time)), s.client_order_id LIMIT 1
) hint ON true
ORDER BY latest.order_time DESC, latest.order_id
""",
    )
)

# Values in the currency in which the instrument is quoted, fees in their own; never added up across.
_SNAPSHOTS: LiteralString = """
WITH linked AS (
  SELECT w.mode, link.snapshot_id, tr.side, tr.order_time, tr.notional, tr.fee, tr.fee_currency, tr.fees,
         coalesce(nullif(split_part(split_part(tr.symbol, ':', 1), '-', 2), ''), '?') AS currency
  FROM in_window w JOIN trade_records tr USING (order_id) JOIN trade_strategy_link link USING (order_id)
), turnover AS (
  SELECT mode, snapshot_id, currency, sum(bought) AS bought, sum(sold) AS sold, sum(fees) AS fees
  FROM (
    SELECT mode, snapshot_id, currency, notional * (side = 'buy')::int AS bought,
           notional * (side = 'sell')::int AS sold, 0 AS fees
    FROM linked WHERE notional IS NOT NULL
    UNION ALL
    SELECT mode, snapshot_id, coalesce(fee_currency, '?'), 0, 0, fee
    FROM linked WHERE fee IS NOT NULL AND fees IS NULL
    UNION ALL
    SELECT mode, snapshot_id, mixed.key, 0, 0, mixed.value::numeric
    FROM linked, jsonb_each_text(linked.fees) mixed
  ) each
  GROUP BY 1, 2, 3
)
SELECT linked.mode, linked.snapshot_id, snapshot.label, snapshot.strategy, snapshot.code_version,
       CASE WHEN length(snapshot.parameters::text) <= %(parameters)s THEN snapshot.parameters END
         AS parameters, count(*) OVER (PARTITION BY linked.mode) AS of_mode, linked.buys, linked.sells,
       linked.unpriced, linked.last_order_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object('currency', currency, 'bought', bought, 'sold', sold,
                                                     'fees', fees) ORDER BY currency)
                 FROM turnover t
                 WHERE (t.mode, t.snapshot_id) = (linked.mode, linked.snapshot_id)), '[]') AS turnover
FROM (
  SELECT mode, snapshot_id, count(*) FILTER (WHERE side = 'buy') AS buys,
         count(*) FILTER (WHERE side = 'sell') AS sells, count(*) FILTER (WHERE notional IS NULL) AS unpriced,
         max(order_time) AS last_order_at
  FROM linked GROUP BY 1, 2
) linked
JOIN strategy_snapshots snapshot USING (snapshot_id)
ORDER BY linked.buys + linked.sells DESC, linked.mode, linked.snapshot_id LIMIT %(snapshots)s
"""

_BESIDE: LiteralString = """
SELECT clock_timestamp() AS read_at,
       coalesce((SELECT enabled FROM switch_intervals ORDER BY changed_at DESC LIMIT 1), true)
         AS linking_enabled,
       (SELECT count(*) FROM quarantine
        WHERE resolved_at IS NULL AND quarantined_at >= %(start)s AND quarantined_at < %(end)s)
         AS quarantined,
       (SELECT count(*) FROM order_dispositions
        WHERE executed AND first_recorded_at >= %(start)s AND first_recorded_at < %(end)s
          AND order_time < %(start)s AND disposition <> 'before_linkage' AND mode IS DISTINCT FROM 'test')
         AS late,
       (SELECT count(*) FROM trade_records
        WHERE status = 'test' AND order_time >= %(start)s AND order_time < %(end)s) AS test_orders,
       (SELECT max(order_time) FROM trade_records WHERE status IN ('filled', 'done')) AS last_order_at,
       (SELECT max(signalled_at) FROM strategy_signals) AS last_signal_at,
       (SELECT max(scheduled_at) FROM strategy_runs) AS last_run_at
"""

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


# The view decides for each order which bot it belongs to. That is most of the work, and done once.
_RATES_QUERY: LiteralString = _in_window(counts=_COUNTS, signals=_SIGNALS)
_REPORT_QUERY: LiteralString = _in_window(
    counts=_COUNTS,
    signals=_SIGNALS,
    snapshots=_SNAPSHOTS,
    linked=_LAST_LINKED,
    unlinked=_LAST_UNLINKED,
    orders=_ORDERS,
)
_LIMITS: Mapping[str, int] = {
    "snapshots": MAX_SNAPSHOTS,
    "parameters": MAX_PARAMETERS_LENGTH,
    "linked": LAST_LINKED,
    "unlinked": LAST_UNLINKED,
    "orders": MAX_ORDERS,
}


def _parts(connection: Connection, query: LiteralString, window: Window) -> dict[str, list[Row]]:
    (found,) = _rows(connection, query, {**_bounds(window), **_LIMITS})
    for row in found["counts"]:
        row["first_at"] = datetime.fromisoformat(row["first_at"])
    return found


def _report(connection: Connection, *, window: Window) -> ReportDocument:
    found = _parts(connection, _REPORT_QUERY, window)
    found["beside"] = _rows(connection, _BESIDE, _bounds(window))
    beside = found["beside"][0]
    counts = found["counts"]
    tests = sum(row["orders"] for row in counts if row["mode"] == TEST_MODE)
    return ReportDocument(
        period=_period(window),
        read_at=beside["read_at"],
        linking_enabled=beside["linking_enabled"],
        modes=[
            _mode_report(rates, counts, found["snapshots"])
            for rates in _rates_by_mode(counts, found["signals"])
        ],
        linked=[OrderRow(**row) for row in found["linked"]],
        unlinked=[OrderRow(**row) for row in found["unlinked"]],
        orders=[OrderRow(**row) for row in found["orders"]],
        orders_total=sum(row["orders"] for row in counts) - tests,
        late=beside["late"],
        quarantined=beside["quarantined"],
        test_orders=beside["test_orders"] + tests,
        liveness=Liveness(
            **{name: beside[name] for name in ("last_order_at", "last_signal_at", "last_run_at")}
        ),
    )


def _rates_by_mode(counts: Sequence[Row], signals: Sequence[Row]) -> list[ModeRates]:
    """Return the rates of each mode that did something; modes are never summed, tests never counted."""
    orders: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    executed: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in counts:
        orders[row["mode"]][row["disposition"]] += row["orders"]
        executed[row["mode"]][0] += row["with_link"]
        executed[row["mode"]][1] += row["orders"]
    sent = {row["mode"]: row for row in signals}
    rates = []
    for mode in (mode for mode in MODES if mode in orders or mode in sent):
        linked, lost, conflict = (orders[mode][name] for name in ("linked", "lost", "conflict"))
        of_signals = sent.get(mode, {"sent": 0, "with_order": 0, "suppressed": 0})
        rates.append(
            ModeRates(
                mode=mode,
                expected=Rate(part=linked, whole=linked + lost + conflict),
                executed=Rate(part=executed[mode][0], whole=executed[mode][1]),
                signals=Rate(part=of_signals["with_order"], whole=of_signals["sent"]),
                pending=orders[mode]["pending"],
                lost=lost,
                conflict=conflict,
                signals_suppressed=of_signals["suppressed"],
            )
        )
    return rates


def _mode_report(rates: ModeRates, counts: Sequence[Row], snapshots: Sequence[Row]) -> ModeReport:
    of_mode = [row for row in counts if row["mode"] == rates.mode]
    active = [row for row in snapshots if row["mode"] == rates.mode]
    return ModeReport(
        rates=rates,
        dispositions=_dispositions(of_mode),
        bots=_bots(of_mode),
        snapshots=[
            SnapshotActivity(**{**row, "turnover": [Turnover(**each) for each in row["turnover"]]})
            for row in active
        ],
        snapshots_total=active[0]["of_mode"] if active else 0,
    )


def _dispositions(counts: Iterable[Row]) -> list[DispositionCount]:
    groups: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for row in counts:
        groups[row["disposition"], row["reason"]].append(row)
    return sorted(
        (
            DispositionCount.model_validate(
                {
                    "disposition": disposition,
                    "reason": reason,
                    "orders": sum(row["orders"] for row in rows),
                    "first_at": min(row["first_at"] for row in rows),
                    "example": max(rows, key=lambda row: row["first_at"])["example"],
                }
            )
            for (disposition, reason), rows in groups.items()
        ),
        key=lambda each: (-each.orders, each.disposition, each.reason or ""),
    )


def _bots(counts: Iterable[Row]) -> list[BotCount]:
    groups: dict[str | None, list[Row]] = defaultdict(list)
    for row in counts:
        groups[row["bot_id"]].append(row)
    bots = []
    for bot_id, rows in groups.items():
        orders: dict[str, int] = defaultdict(int)
        for row in rows:
            orders[row["disposition"]] += row["orders"]
        total = sum(orders.values())
        linked, pending, lost, conflict = (orders[name] for name in ("linked", "pending", "lost", "conflict"))
        bots.append(
            BotCount(
                bot_id=bot_id,
                orders=total,
                linked=linked,
                pending=pending,
                lost=lost,
                conflict=conflict,
                other=total - linked - pending - lost - conflict,
                first_defect_at=min(
                    (row["first_at"] for row in rows if row["disposition"] in ("lost", "conflict")),
                    default=None,
                ),
            )
        )
    return sorted(bots, key=lambda bot: (-bot.orders, bot.bot_id or ""))


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


def _now(connection: Connection) -> datetime:
    moment: datetime = _rows(connection, "SELECT clock_timestamp() AS read_at", {})[0]["read_at"]
    return moment


def _bounds(window: Window) -> dict[str, Any]:
    return {"start": window.start, "end": window.end}


def _period(window: Window) -> Period:
    return Period(start=window.start, end=window.end)
