"""Lots in the ledger: derived from the orders that changed, book by book, without loss and at any time anew.

Which orders changed is read from the clock stamps of their rows. A stamp may become visible later than it
was made, so the next look begins at the start of the oldest transaction that was still running at this one.
For the books of changed orders everything after a boundary is matched again: after the last execution when
all that came is later than that, else after the last moment before it at which the book was flat. The
orders that have to be read are the changed ones and those that the rows after the boundary name.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row

from linkage.adapters.postgres.connection import Connection, LedgerConnection
from linkage.domain.executions import Execution, FillFact, OrderTerms, Rate, net_executions
from linkage.domain.facts import LotsMatched
from linkage.domain.lots import BookRules, BookState, Episode, Matched, OpenLot
from linkage.domain.matching import match

MATCH_SECONDS = 45.0
CHANGED_ORDERS = 5_000
"""How many changed orders are looked at in one go."""
BATCH_ORDERS = 500
"""How many of them, at least a book's, share a transaction."""
OVERLAP = timedelta(seconds=10)
"""How far each look goes back behind the last one, should the server's clock have been set back."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_OLDEST_RUNNING: LiteralString = """
SELECT least(clock_timestamp(), min(xact_start)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

_PROGRESS: LiteralString = """
SELECT nullif(changed_since, '-infinity'), after_order_id,
       EXISTS (SELECT FROM bots WHERE recorded_at >= changed_since),
       EXISTS (SELECT FROM conversion_rates WHERE recorded_at >= changed_since),
       EXISTS (SELECT FROM trading_rules WHERE recorded_at >= changed_since)
FROM lot_progress
"""

_CHANGED: LiteralString = """
  SELECT order_id, updated_at AS at FROM trade_records WHERE updated_at >= %(since)s
  UNION ALL SELECT order_id, linked_at FROM trade_strategy_link WHERE linked_at >= %(since)s
  UNION ALL SELECT order_id, ended_at FROM trade_strategy_link_history WHERE ended_at >= %(since)s
"""
# Each of these reads many orders, and there is seldom a reason to: only when there is one.
# Of the orders on a bot's account those count that have executed and are in no row of their book.
_CHANGED_BY_BOTS: LiteralString = """
  UNION ALL SELECT o.order_id, b.at
  FROM (SELECT venue, account, max(recorded_at) AS at FROM bots WHERE recorded_at >= %(since)s
        GROUP BY venue, account) b
  JOIN lot_orders o USING (venue, account)
  JOIN trade_records t ON t.order_id = o.order_id AND t.filled_quantity > 0
  WHERE NOT EXISTS (SELECT FROM fifo_allocations a WHERE a.entry_order_id = o.order_id AND a.book = o.book)
    AND NOT EXISTS (SELECT FROM fifo_allocations a WHERE a.exit_order_id = o.order_id AND a.book = o.book)
    AND NOT EXISTS (SELECT FROM fifo_open_lots l WHERE l.order_id = o.order_id AND l.book = o.book)
    AND NOT EXISTS (SELECT FROM fifo_unmatched_exits u WHERE u.order_id = o.order_id AND u.book = o.book)
"""
_CHANGED_BY_RATES: LiteralString = """
  UNION ALL SELECT f.order_id, r.recorded_at
  FROM conversion_rates r JOIN fills f ON f.fee_currency IN (r.base_currency, r.quote_currency)
    AND date_trunc('minute', f.executed_at) = r.minute
  WHERE r.recorded_at >= %(since)s
"""
_CHANGED_BY_RULES: LiteralString = """
  UNION ALL SELECT t.order_id, r.recorded_at FROM trading_rules r JOIN trade_records t USING (venue, symbol)
  WHERE r.recorded_at >= %(since)s
"""

# Where an order was is known from the rows that it made, where it belongs now from its view.
_PLACES: LiteralString = """
WITH touched AS MATERIALIZED (
  SELECT id AS order_id FROM unnest(%(ids)s::text[] COLLATE "C") AS ids(id)
  UNION SELECT order_id FROM trade_records WHERE parent_order_id = ANY (%(ids)s::text[] COLLATE "C")
  UNION SELECT order_id FROM trade_records WHERE replaces_order_id = ANY (%(ids)s::text[] COLLATE "C")
), family AS MATERIALIZED (
  SELECT array(SELECT order_id FROM touched) AS ids
), placed AS (
  SELECT o.book, o.order_id, f.at
  FROM lot_orders o
  JOIN (SELECT order_id, min(executed_at) AS at FROM fills
        WHERE order_id = ANY ((SELECT ids FROM family)::text[]) GROUP BY order_id) f USING (order_id)
  WHERE o.order_id = ANY ((SELECT ids FROM family)::text[])
  UNION ALL SELECT book, entry_order_id, opened_at FROM fifo_allocations
  WHERE entry_order_id = ANY ((SELECT ids FROM family)::text[])
  UNION ALL SELECT book, exit_order_id, closed_at FROM fifo_allocations
  WHERE exit_order_id = ANY ((SELECT ids FROM family)::text[])
  UNION ALL SELECT book, order_id, opened_at FROM fifo_open_lots
  WHERE order_id = ANY ((SELECT ids FROM family)::text[])
  UNION ALL SELECT book, order_id, executed_at FROM fifo_unmatched_exits
  WHERE order_id = ANY ((SELECT ids FROM family)::text[])
)
SELECT book, min(at), array_agg(DISTINCT order_id) FROM placed GROUP BY book ORDER BY book
"""

_LOCK: LiteralString = """
SELECT count(pg_advisory_xact_lock(lock)) FROM (
  SELECT DISTINCT hashtextextended(book, 0) AS lock FROM unnest(%(books)s::text[]) AS books(book) ORDER BY 1
) ordered
"""

_PLAN: LiteralString = """
WITH asked AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(asked)s::json) AS a(book text, at timestamptz, orders text[])
), planned AS MATERIALIZED (
  SELECT a.book COLLATE "C" AS book, a.orders, b.average_cash,
         coalesce(a.at > b.last_executed_at, false) AS appends,
         CASE WHEN a.at > b.last_executed_at THEN b.last_executed_at
              ELSE (SELECT max(closed_at) FROM episodes e
                    WHERE e.book = a.book COLLATE "C" AND e.closed_at < a.at AND e.is_boundary)
         END AS boundary
  FROM asked a LEFT JOIN lot_books b ON b.book = a.book COLLATE "C"
)
SELECT book, appends, boundary, average_cash, array(
  SELECT unnest(orders) COLLATE "C"
  UNION SELECT entry_order_id FROM fifo_allocations a
  WHERE NOT appends AND a.book = planned.book AND (boundary IS NULL OR a.closed_at > boundary)
  UNION SELECT exit_order_id FROM fifo_allocations a
  WHERE NOT appends AND a.book = planned.book AND (boundary IS NULL OR a.closed_at > boundary)
  UNION SELECT order_id FROM fifo_open_lots l WHERE NOT appends AND l.book = planned.book
  UNION SELECT order_id FROM fifo_unmatched_exits u
  WHERE NOT appends AND u.book = planned.book AND (boundary IS NULL OR u.executed_at > boundary)
)
FROM planned ORDER BY book
"""

# The cumulative record that counts is the one that ``ledger.orders`` takes. A parent is the order's own, or
# that of the order it replaces, or the order of the key that its signal names.
_FACTS: LiteralString = """
WITH asked AS MATERIALIZED (SELECT %(ids)s::text[] COLLATE "C" AS ids
), owned AS MATERIALIZED (
  SELECT o.*, t.side, t.position_id, t.reduce_only,
         coalesce(t.parent_order_id, before.parent_order_id, (
           SELECT min(entry.order_id)
           FROM trade_strategy_link link
           JOIN strategy_signals s ON s.client_order_id = link.client_order_id AND s.bot_id = link.bot_id
            AND s.meaning = link.meaning
           JOIN trade_records entry ON entry.client_order_id = s.parent_client_order_id
            AND entry.venue = t.venue AND entry.account = t.account
           WHERE link.order_id = t.order_id AND link.method <> 'parent'
         )) AS parent
  FROM lot_orders o
  JOIN trade_records t USING (order_id)
  LEFT JOIN trade_records before ON before.order_id = t.replaces_order_id
  WHERE o.order_id = ANY ((SELECT ids FROM asked)::text[])
), told AS (
  SELECT order_id, fill_id, kind, refers_to, price, quantity, quantity_unit, fee, fee_currency, executed_at
  FROM counted_fills WHERE order_id = ANY ((SELECT ids FROM asked)::text[]) AND kind <> 'CUMULATIVE'
  UNION ALL (
    SELECT DISTINCT ON (order_id) order_id, fill_id, kind, refers_to, average_price, cumulative_quantity,
           quantity_unit, total_fees, fee_currency, executed_at
    FROM counted_fills WHERE order_id = ANY ((SELECT ids FROM asked)::text[]) AND kind = 'CUMULATIVE'
    ORDER BY order_id, cumulative_quantity DESC, executed_at DESC, total_fees DESC NULLS LAST,
             average_price DESC NULLS LAST, status NULLS LAST, economics
  )
)
SELECT o.book, o.owner, o.venue, o.account, o.symbol, o.position_side, o.quantity_unit AS book_unit,
       o.base_currency, o.quote_currency, o.order_id, o.side, o.position_id, o.reduce_only, o.parent,
       f.fill_id, f.kind, f.refers_to, f.price, f.quantity, f.quantity_unit, f.fee, f.fee_currency,
       f.executed_at, rate.base_currency AS rate_from, rate.quote_currency AS rate_to,
       rate.price AS rate_price, rate.source AS rate_source
FROM owned o
JOIN told f USING (order_id)
LEFT JOIN LATERAL (
  SELECT r.base_currency, r.quote_currency, r.price, r.source FROM conversion_rates r
  WHERE r.minute = date_trunc('minute', f.executed_at)
    AND (r.base_currency, r.quote_currency) IN ((f.fee_currency, o.quote_currency),
                                                (o.quote_currency, f.fee_currency))
  ORDER BY r.base_currency = o.quote_currency, r.source LIMIT 1
) rate ON f.fee_currency <> o.quote_currency AND f.fee_currency <> o.base_currency
"""

_RULES: LiteralString = """
SELECT DISTINCT ON (r.venue, r.symbol) r.venue, r.symbol, r.quantity_step, r.minimum_notional
FROM trading_rules r
JOIN json_to_recordset(%(markets)s::json) AS m(venue text, symbol text)
  ON r.venue = m.venue COLLATE "C" AND r.symbol = m.symbol COLLATE "C"
ORDER BY r.venue, r.symbol, r.reported_at DESC
"""

Columns = tuple[tuple[LiteralString, LiteralString], ...]
Place = tuple[str, datetime, list[str]]
"""A book, the earliest moment that may have changed in it, and the orders because of which."""

ALLOCATIONS: Columns = (
    ("book", "text"), ("symbol", "text"), ("quote_currency", "text"), ("kind", "text"),
    ("matched_by", "text"), ("side", "text"), ("entry_order_id", "text"), ("entry_execution_id", "text"),
    ("exit_order_id", "text"), ("exit_execution_id", "text"), ("quantity", "numeric"),
    ("entry_price", "numeric"), ("exit_price", "numeric"), ("entry_value", "numeric"),
    ("exit_value", "numeric"), ("entry_fee", "numeric"), ("exit_fee", "numeric"), ("gross_pnl", "numeric"),
    ("net_pnl", "numeric"), ("average_net_pnl", "numeric"), ("missing", "text[]"), ("sources", "text[]"),
    ("opened_at", "timestamptz"), ("closed_at", "timestamptz"), ("episode_id", "uuid"),
)  # fmt: skip
EPISODES: Columns = (
    ("book", "text"), ("symbol", "text"), ("quote_currency", "text"), ("episode_id", "uuid"),
    ("side", "text"), ("opened_at", "timestamptz"), ("entry_order_id", "text"),
    ("entry_execution_id", "text"), ("exit_order_id", "text"), ("closed_at", "timestamptz"),
    ("entries", "integer"), ("exits", "integer"), ("entered_quantity", "numeric"),
    ("entry_value", "numeric"), ("exit_value", "numeric"), ("fees", "numeric"), ("gross_pnl", "numeric"),
    ("net_pnl", "numeric"), ("average_net_pnl", "numeric"), ("missing", "text[]"),
    ("has_dust", "boolean"), ("is_boundary", "boolean"),
)  # fmt: skip
OPEN_LOTS: Columns = (
    ("book", "text"), ("symbol", "text"), ("quote_currency", "text"), ("place", "integer"), ("side", "text"),
    ("order_id", "text"), ("execution_id", "text"), ("opened_at", "timestamptz"), ("quantity", "numeric"),
    ("entered_quantity", "numeric"), ("price", "numeric"), ("value", "numeric"), ("fee", "numeric"),
    ("missing", "text[]"), ("sources", "text[]"), ("position_id", "text"), ("episode_id", "uuid"),
)  # fmt: skip
UNMATCHED: Columns = (
    ("book", "text"), ("symbol", "text"), ("quote_currency", "text"), ("order_id", "text"),
    ("execution_id", "text"), ("side", "text"), ("executed_at", "timestamptz"), ("quantity", "numeric"),
    ("price", "numeric"), ("value", "numeric"), ("fee", "numeric"), ("missing", "text[]"),
    ("sources", "text[]"), ("parent_order_id", "text"),
)  # fmt: skip
BOOKS: Columns = (
    ("book", "text"), ("owner", "text"), ("venue", "text"), ("account", "text"), ("symbol", "text"),
    ("position_side", "text"), ("quantity_unit", "text"), ("base_currency", "text"),
    ("quote_currency", "text"), ("last_executed_at", "timestamptz"), ("last_price", "numeric"),
    ("average_cash", "numeric"),
)  # fmt: skip

TABLES: Mapping[LiteralString, Columns] = {
    "fifo_allocations": ALLOCATIONS,
    "episodes": EPISODES,
    "fifo_open_lots": OPEN_LOTS,
    "fifo_unmatched_exits": UNMATCHED,
    "lot_books": BOOKS,
}
_AFTER: Mapping[LiteralString, LiteralString] = {
    "fifo_allocations": "AND (p.boundary IS NULL OR t.closed_at > p.boundary)",
    "episodes": "AND (p.boundary IS NULL OR t.closed_at > p.boundary OR t.closed_at IS NULL)",
    "fifo_open_lots": "",
    "fifo_unmatched_exits": "AND (p.boundary IS NULL OR t.executed_at > p.boundary)",
    "lot_books": "",
}


def _delete(table: LiteralString) -> LiteralString:
    return "".join(
        [
            "DELETE FROM ",
            table,
            " t USING json_to_recordset(%(plan)s::json) AS p(book text, boundary timestamptz)",
            ' WHERE t.book = p.book COLLATE "C" ',
            _AFTER[table],
        ]
    )


def _insert(table: LiteralString) -> LiteralString:
    columns = TABLES[table]
    names = ", ".join(name for name, _ in columns)
    values = ", ".join(f"trim_scale({name})" if kind == "numeric" else name for name, kind in columns)
    types = ", ".join(f"{name} {kind}" for name, kind in columns)
    return "".join(
        [
            "INSERT INTO ",
            table,
            f" ({names}) SELECT {values}",
            f" FROM json_to_recordset(%(rows)s::json) AS r({types})",
        ]
    )


_DELETES = {table: _delete(table) for table in TABLES}
_INSERTS = {table: _insert(table) for table in TABLES}

_OPEN_LOTS_OF: LiteralString = """
SELECT book, side, order_id, execution_id, opened_at, quantity, entered_quantity, price, value, fee, missing,
       sources, position_id, episode_id
FROM fifo_open_lots WHERE book = ANY (%(books)s::text[] COLLATE "C") ORDER BY book, place
"""
_OPEN_EPISODES_OF: LiteralString = """
SELECT book, episode_id, side, opened_at, entry_order_id, entry_execution_id, exit_order_id, closed_at,
       entries, exits, entered_quantity, entry_value, exit_value, fees, coalesce(gross_pnl, 0),
       coalesce(net_pnl, 0), coalesce(average_net_pnl, 0), missing, has_dust, is_boundary
FROM episodes WHERE book = ANY (%(books)s::text[] COLLATE "C") AND closed_at IS NULL
"""


_BOOKS: LiteralString = """
SELECT o.book, array_agg(o.order_id)
FROM lot_orders o JOIN (SELECT DISTINCT order_id FROM fills) f USING (order_id)
GROUP BY o.book ORDER BY o.book
"""
_NAMES: Mapping[LiteralString, LiteralString] = {
    "fifo_allocations": "concat_ws(' ', book, entry_order_id, exit_order_id)",
    "episodes": "concat_ws(' ', book, episode_id)",
    "fifo_open_lots": "concat_ws(' ', book, order_id)",
    "fifo_unmatched_exits": "concat_ws(' ', book, order_id)",
    "lot_books": "book",
}


def _difference(table: LiteralString) -> LiteralString:
    """Return a query for (book, name) of the rows that are in the table and should not be, or vice versa."""
    # The last price is the state of nothing: an order that is undone may leave it behind.
    columns = [(name, kind) for name, kind in TABLES[table] if name != "last_price"]
    names = ", ".join(name for name, _ in columns)
    types = ", ".join(
        name + " " + kind + (' COLLATE "C"' if kind == "text" else "") for name, kind in columns
    )
    told = " ".join(["SELECT", names, "FROM json_to_recordset(%(rows)s::json) AS r(", types, ")"])
    stored = " ".join(["SELECT", names, "FROM", table, 'WHERE book = ANY (%(books)s::text[] COLLATE "C")'])
    differing = f"(({told}) EXCEPT ALL ({stored})) UNION ALL (({stored}) EXCEPT ALL ({told}))"
    return " ".join(["SELECT DISTINCT book,", _NAMES[table], "FROM (", differing, ") differing"])


@dataclass(slots=True)
class Plan:
    """What one book is matched from.

    Attributes:
        boundary: nothing at or before it changes; None: everything is matched anew.
        order_ids: the orders that have to be read.
    """

    book: str
    appends: bool
    boundary: datetime | None
    average_cash: Decimal | None
    order_ids: Sequence[str]
    terms: Any = None
    rules: BookRules = field(default_factory=BookRules)
    executions: list[Execution] = field(default_factory=list)
    state: BookState = field(default_factory=BookState)
    matched: Matched = field(default_factory=Matched)


class PostgresLots:
    """See ``ports.LotKeeper``.

    Args:
        connection: as ``recorder``.
    """

    def __init__(self, connection: LedgerConnection) -> None:
        self._connection = connection

    def match_lots(self, *, seconds: float) -> LotsMatched:
        """Match the books of the orders that changed since the last time; see the port."""
        end = time.monotonic() + seconds
        (safe,) = self._run(lambda connection: connection.execute(_OLDEST_RUNNING).fetchone())
        safe -= OVERLAP
        since, after, *reasons = self._run(lambda connection: connection.execute(_PROGRESS).fetchone())
        if since is None:  # every order is new
            since, reasons = BEGINNING, [False, False, False]
        orders, books, failed, further = 0, set[str](), list[str](), True
        while further and time.monotonic() < end:
            changed = self._run(partial(_changed, since=since, after=after, reasons=reasons))
            places = self._run(partial(_places, order_ids=[order_id for _, order_id in changed]))
            for batch in _batches(places):
                failed += self._match_books(batch)
            further = len(changed) == CHANGED_ORDERS
            if changed:
                since, after = changed[-1]
            # What is stamped later than the safe moment may have neighbours that nobody sees yet.
            self._run(partial(_keep, progress=(since, after) if further and since < safe else (safe, "")))
            orders += len(changed)
            books.update(book for book, _, _ in places)
        return LotsMatched(orders, len(books), further, sorted(set(failed)))

    def _match_books(self, places: Sequence[Place]) -> Sequence[str]:
        """Match books and return those that cannot be: one of them must not hold up its neighbours."""
        try:
            self._run(partial(_match_books, places=places))
        except (ArithmeticError, psycopg.DataError, psycopg.IntegrityError):
            if len(places) == 1:
                return [places[0][0]]
            middle = len(places) // 2
            return [*self._match_books(places[:middle]), *self._match_books(places[middle:])]
        return ()

    def rewind(self, since: datetime | None) -> None:
        """Let everything that changed since a moment, or ever, be matched anew; see the port."""
        self._run(
            lambda connection: connection.execute(
                "UPDATE lot_progress SET after_order_id = '',"
                " changed_since = least(changed_since, coalesce(%s::timestamptz, '-infinity'))",
                [since],
            )
        )

    def _run(self, work: Any) -> Any:
        return self._connection.run(work, deadline_seconds=MATCH_SECONDS)


def _changed(
    connection: Connection,
    *,
    since: datetime,
    after: str,
    reasons: Sequence[bool],
    limit: int | None = CHANGED_ORDERS,
) -> list[tuple[datetime, str]]:
    """Return (moment, order) of the next changes."""
    parts = (_CHANGED_BY_BOTS, _CHANGED_BY_RATES, _CHANGED_BY_RULES)
    query = "".join(
        [
            "SELECT at, order_id FROM (",
            _CHANGED,
            *(part for part, reason in zip(parts, reasons, strict=True) if reason),
            ") changed WHERE (at, order_id) > (%(since)s, %(after)s)",
            " GROUP BY at, order_id ORDER BY at, order_id LIMIT %(limit)s",
        ]
    )
    parameters = {"since": since, "after": after, "limit": limit}
    rows: list[tuple[datetime, str]] = connection.execute(query, parameters).fetchall()
    return rows


def _keep(connection: Connection, *, progress: tuple[datetime, str]) -> None:
    connection.execute(
        "UPDATE lot_progress SET changed_since = %s, after_order_id = %s, matched_at = clock_timestamp()",
        progress,
    )


def _places(connection: Connection, order_ids: Sequence[str]) -> list[Place]:
    """Return (book, earliest moment, orders) of every book that these orders were or are in."""
    if not order_ids:
        return []
    rows: list[Place] = connection.execute(_PLACES, {"ids": sorted(set(order_ids))}).fetchall()
    return rows


def compare(connection: Connection) -> tuple[int, Sequence[str]]:
    """Match all books afresh and return how many rows that makes, and which of the stored ones differ.

    Books whose orders changed since they were matched are left out: they are not up to date, and not wrong.

    Args:
        connection: as a role that may read everything, in a transaction that sees one moment.
    """
    since, after, *reasons = connection.execute(_PROGRESS).fetchone() or (None, "", False, False, False)
    waiting: set[str] = set()
    if since is not None:
        changed = _changed(connection, since=since, after=after, reasons=reasons, limit=None)
        waiting = {book for book, _, _ in _places(connection, [order_id for _, order_id in changed])}
    books: list[Place] = [(book, BEGINNING, ids) for book, ids in connection.execute(_BOOKS).fetchall()]
    rows, differing = 0, set[tuple[str, str]]()
    for batch in _batches(books):
        plans = {book: Plan(book, False, None, None, ids) for book, _, ids in batch}
        work_out(connection, plans)
        made = rows_of(plans.values())
        rows += sum(map(len, made.values()))
        for table in TABLES:
            parameters = {"rows": _json(made[table]), "books": list(plans)}
            differing |= set(connection.execute(_difference(table), parameters).fetchall())
    known = {"books": [book for book, _, _ in books]}
    differing |= set(
        connection.execute(
            'SELECT book, book FROM lot_books WHERE book <> ALL (%(books)s::text[] COLLATE "C")', known
        ).fetchall()
    )
    if since is None:
        return rows, ()
    return rows, sorted(name for book, name in differing if book not in waiting)


def _batches(
    places: Sequence[Place],
) -> Iterable[list[Place]]:
    batch: list[Place] = []
    for place in places:
        batch.append(place)
        if sum(len(orders) for _, _, orders in batch) >= BATCH_ORDERS:
            yield batch
            batch = []
    if batch:
        yield batch


def _match_books(connection: Connection, places: Sequence[Place]) -> None:
    with connection.transaction():
        books = [book for book, _, _ in places]
        connection.execute(_LOCK, {"books": books})
        asked = [{"book": book, "at": at, "orders": orders} for book, at, orders in places]
        with connection.pipeline():
            planned = connection.execute(_PLAN, {"asked": _json(asked)})
            lots = connection.execute(_OPEN_LOTS_OF, {"books": books})
            episodes = connection.execute(_OPEN_EPISODES_OF, {"books": books})
        plans = {row[0]: Plan(*row) for row in planned.fetchall()}
        _restore(plans, lots.fetchall(), episodes.fetchall())
        work_out(connection, plans)
        _write(connection, plans)


def _restore(
    plans: Mapping[str, Plan], lots: Sequence[tuple[Any, ...]], episodes: Sequence[tuple[Any, ...]]
) -> None:
    """Give each book that is appended to the state that its rows are."""
    open_lots: dict[str, list[OpenLot]] = defaultdict(list)
    for book, *rest in lots:
        lot = OpenLot(*rest)
        open_lots[book].append(lot._replace(missing=frozenset(lot.missing), sources=frozenset(lot.sources)))
    open_episodes = {}
    for book, *rest in episodes:
        episode = open_episodes[book] = Episode(*rest)
        episode.missing = frozenset(episode.missing)
    for plan in plans.values():
        if plan.appends:
            cash = plan.average_cash or Decimal(0)
            plan.state = BookState(open_lots.get(plan.book, ()), open_episodes.get(plan.book), cash)


def work_out(connection: Connection, plans: Mapping[str, Plan]) -> None:
    """Read the facts of the planned orders and match their books; ``matched`` of each plan has the result.

    An order that belongs to another book by now is left to that one's own turn.
    """
    wanted = {(plan.book, order_id) for plan in plans.values() for order_id in plan.order_ids}
    ids = sorted({order_id for _, order_id in wanted})
    read: Sequence[Any] = (
        connection.cursor(row_factory=namedtuple_row).execute(_FACTS, {"ids": ids}).fetchall()
    )
    orders: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in read:
        if (row.book, row.order_id) in wanted:
            orders[row.book, row.order_id].append(row)
    for (book, _), rows in orders.items():
        plan = plans[book]
        plan.terms = rows[0]
        plan.executions += [
            one for one in _executions(rows) if plan.boundary is None or one.executed_at > plan.boundary
        ]
    markets = {(plan.terms.venue, plan.terms.symbol) for plan in plans.values() if plan.terms is not None}
    told = [{"venue": venue, "symbol": symbol} for venue, symbol in sorted(markets)]
    rules = {
        (venue, symbol): BookRules(*rest)
        for venue, symbol, *rest in connection.execute(_RULES, {"markets": _json(told)}).fetchall()
    }
    for plan in plans.values():
        if plan.terms is not None:
            plan.rules = rules.get((plan.terms.venue, plan.terms.symbol), plan.rules)
            plan.matched = match(
                plan.executions, plan.terms.position_side, book=plan.book, rules=plan.rules, state=plan.state
            )


def _executions(rows: Sequence[Any]) -> list[Execution]:
    first = rows[0]
    terms = OrderTerms(
        first.order_id,
        first.side,
        first.base_currency,
        first.quote_currency,
        first.parent,
        first.position_id,
        bool(first.reduce_only) or first.parent is not None,
    )
    fills = [
        FillFact(
            row.fill_id,
            row.kind,
            row.refers_to,
            row.price,
            row.quantity,
            row.quantity_unit,
            row.fee,
            row.fee_currency,
            row.executed_at,
        )
        for row in rows
    ]
    rates = {
        (row.rate_from, row.rate_to, row.executed_at.replace(second=0, microsecond=0)): Rate(
            row.rate_price, row.rate_source
        )
        for row in rows
        if row.rate_price is not None
    }
    return net_executions(terms, fills, rates)


def rows_of(plans: Iterable[Plan]) -> dict[LiteralString, list[dict[str, Any]]]:
    """Return the rows of each table that the matched plans make."""
    made: dict[LiteralString, list[dict[str, Any]]] = {table: [] for table in TABLES}
    for plan in plans:
        terms, matched = plan.terms, plan.matched
        if terms is None:
            continue
        common = {"book": plan.book, "symbol": terms.symbol, "quote_currency": terms.quote_currency or "?"}
        made["fifo_allocations"] += [common | one._asdict() for one in matched.allocations]
        made["episodes"] += [common | _episode_row(one) for one in matched.episodes]
        made["fifo_open_lots"] += [
            common | {"place": place} | lot._asdict() for place, lot in enumerate(matched.state.lots)
        ]
        made["fifo_unmatched_exits"] += [common | one._asdict() for one in matched.unmatched]
        if plan.executions:
            last = max(plan.executions, key=lambda one: (one.executed_at, one.order_id, one.execution_id))
            made["lot_books"].append(
                common
                | {
                    "owner": terms.owner, "venue": terms.venue, "account": terms.account,
                    "position_side": terms.position_side, "quantity_unit": terms.book_unit,
                    "base_currency": terms.base_currency, "last_executed_at": last.executed_at,
                    "last_price": last.price, "average_cash": matched.state.average_cash,
                }
            )  # fmt: skip
    return made


def _episode_row(episode: Episode) -> dict[str, Any]:
    row = {name: getattr(episode, name) for name in Episode.__slots__}
    if not episode.is_priced:
        row |= {"gross_pnl": None, "net_pnl": None, "average_net_pnl": None}
    return row


def _write(connection: Connection, plans: Mapping[str, Plan]) -> None:
    """Replace the rows after each book's boundary."""
    bounds = _json([{"book": plan.book, "boundary": plan.boundary} for plan in plans.values()])
    # A book keeps its row when nothing is left after its boundary but the boundary itself.
    emptied = [plan for plan in plans.values() if not plan.executions and plan.boundary is not None]
    made = rows_of(plans.values())
    with connection.pipeline():
        if emptied:
            connection.execute(
                "UPDATE lot_books SET last_executed_at = p.boundary, average_cash = 0"
                " FROM json_to_recordset(%(plan)s::json) AS p(book text, boundary timestamptz)"
                ' WHERE lot_books.book = p.book COLLATE "C"',
                {"plan": _json([{"book": plan.book, "boundary": plan.boundary} for plan in emptied])},
            )
        kept = {plan.book for plan in emptied}
        for table in TABLES:
            gone = (
                _json([{"book": book} for book in plans if book not in kept])
                if table == "lot_books"
                else bounds
            )
            connection.execute(_DELETES[table], {"plan": gone})
            if made[table]:
                connection.execute(_INSERTS[table], {"rows": _json(made[table])})


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=_plain)


def _plain(value: Any) -> object:
    if isinstance(value, (Decimal, datetime, UUID)):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(type(value).__name__)
