"""Matching books from where they stand.

For each book everything after a boundary is matched again: after its last execution when all that came is
later than that, else after the last moment before it at which the book was flat. The orders that have to be
read are the changed ones and those that the rows after the boundary name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.rows import class_row, dict_row

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.lots.changes import AffectedBook
from linkage.adapters.postgres.lots.json_rows import json_rows
from linkage.adapters.postgres.statements import statement
from linkage.domain.executions import Execution, FillFact, OrderTerms, Rate, net_executions
from linkage.domain.lots import BookRules, BookState, Episode, Matched, OpenLot, PositionSide
from linkage.domain.matching import match

_LOCK_BOOKS = statement(__file__, "lock_books")
_PLAN_BOOKS = statement(__file__, "plan_books")
_OPEN_LOTS_OF = statement(__file__, "open_lots_of")
_OPEN_EPISODES_OF = statement(__file__, "open_episodes_of")
_ORDER_FACTS = statement(__file__, "order_facts")
_TRADING_RULES_OF = statement(__file__, "trading_rules_of")

Row = dict[str, Any]


class BookTerms(NamedTuple):
    """What all orders of a book have in common: the columns of its row that never change."""

    owner: str
    venue: str
    account: str
    symbol: str
    position_side: PositionSide
    quantity_unit: str
    base_currency: str
    quote_currency: str


class FillRow(NamedTuple):
    """A fill that counts, with what its order and its book are; see ``sql/order_facts.sql``."""

    book: str
    owner: str
    venue: str
    account: str
    symbol: str
    position_side: PositionSide
    book_unit: str
    base_currency: str
    quote_currency: str
    order_id: str
    side: str
    position_id: str | None
    reduce_only: bool | None
    parent_order_id: str | None
    fill_id: str
    kind: str
    refers_to: str | None
    price: Decimal | None
    quantity: Decimal
    quantity_unit: str
    fee: Decimal | None
    fee_currency: str | None
    executed_at: datetime
    rate_from: str | None
    rate_to: str | None
    rate_price: Decimal | None
    rate_source: str | None


@dataclass(slots=True)
class BookPlan:
    """What one book is matched from, and what came of it.

    Attributes:
        appends: all that came is later than what the book has; it is matched on from its state.
        boundary: nothing at or before it changes; None: everything is matched anew.
        average_cash: of the open position at average cost; None: the book has no row.
        order_ids: the orders that have to be read.
        terms: None while none of the orders has executed anything in this book.
    """

    book: str
    appends: bool
    boundary: datetime | None
    average_cash: Decimal | None
    order_ids: Sequence[str]
    terms: BookTerms | None = None
    executions: list[Execution] = field(default_factory=list)
    state: BookState = field(default_factory=BookState)
    matched: Matched = field(default_factory=Matched)


def plan_books(connection: Connection, affected: Sequence[AffectedBook]) -> dict[str, BookPlan]:
    """Lock books, and return by name what each has to be matched from.

    Args:
        connection: in the transaction that writes the rows.
    """
    books = [book.book for book in affected]
    connection.execute(_LOCK_BOOKS, {"books": books})
    asked = json_rows([book._asdict() for book in affected])
    with connection.pipeline():
        planned = connection.cursor(row_factory=class_row(BookPlan)).execute(_PLAN_BOOKS, {"affected": asked})
        lots = connection.cursor(row_factory=dict_row).execute(_OPEN_LOTS_OF, {"books": books})
        episodes = connection.cursor(row_factory=dict_row).execute(_OPEN_EPISODES_OF, {"books": books})
    plans = {plan.book: plan for plan in planned.fetchall()}
    _restore_states(plans, lots.fetchall(), episodes.fetchall())
    return plans


def _restore_states(plans: Mapping[str, BookPlan], lots: Sequence[Row], episodes: Sequence[Row]) -> None:
    """Give each book that is appended to the state that its rows are."""
    open_lots: dict[str, list[OpenLot]] = defaultdict(list)
    for row in lots:
        book = row.pop("book")
        open_lots[book].append(OpenLot(**_with_sets(row, "missing", "sources")))
    open_episodes = {row.pop("book"): Episode(**_with_sets(row, "missing")) for row in episodes}
    for plan in plans.values():
        if plan.appends:
            plan.state = BookState(
                lots=open_lots.get(plan.book, ()),
                episode=open_episodes.get(plan.book),
                average_cash=plan.average_cash or Decimal(0),
            )


def _with_sets(row: Row, *names: str) -> Row:
    return row | {name: frozenset(row[name]) for name in names}


def match_planned(connection: Connection, plans: Mapping[str, BookPlan]) -> None:
    """Read the facts of the planned orders and match their books; ``matched`` of each plan has the result.

    An order that belongs to another book by now is left to that one's own plan.
    """
    wanted = {(plan.book, order_id) for plan in plans.values() for order_id in plan.order_ids}
    order_ids = sorted({order_id for _, order_id in wanted})
    cursor = connection.cursor(row_factory=class_row(FillRow))
    orders: dict[tuple[str, str], list[FillRow]] = defaultdict(list)
    for row in cursor.execute(_ORDER_FACTS, {"order_ids": order_ids}).fetchall():
        if (row.book, row.order_id) in wanted:
            orders[row.book, row.order_id].append(row)
    for (book, _), rows in orders.items():
        plan = plans[book]
        plan.terms = _terms(rows[0])
        plan.executions += [
            execution
            for execution in _executions(rows)
            if plan.boundary is None or execution.executed_at > plan.boundary
        ]
    matched_plans = [(plan, plan.terms) for plan in plans.values() if plan.terms is not None]
    rules = _trading_rules(connection, {(terms.venue, terms.symbol) for _, terms in matched_plans})
    for plan, terms in matched_plans:
        plan.matched = match(
            plan.executions,
            terms.position_side,
            book=plan.book,
            rules=rules.get((terms.venue, terms.symbol)),
            state=plan.state,
        )


def _terms(row: FillRow) -> BookTerms:
    return BookTerms(
        owner=row.owner,
        venue=row.venue,
        account=row.account,
        symbol=row.symbol,
        position_side=row.position_side,
        quantity_unit=row.book_unit,
        base_currency=row.base_currency,
        quote_currency=row.quote_currency,
    )


def _executions(rows: Sequence[FillRow]) -> list[Execution]:
    """Return the executions of one order, of which these are the fills."""
    first = rows[0]
    terms = OrderTerms(
        order_id=first.order_id,
        side=first.side,
        base=first.base_currency,
        quote=first.quote_currency,
        parent_order_id=first.parent_order_id,
        position_id=first.position_id,
        closes_only=bool(first.reduce_only) or first.parent_order_id is not None,
    )
    fills = [
        FillFact(
            fill_id=row.fill_id,
            kind=row.kind,
            refers_to=row.refers_to,
            price=row.price,
            quantity=row.quantity,
            quantity_unit=row.quantity_unit,
            fee=row.fee,
            fee_currency=row.fee_currency,
            executed_at=row.executed_at,
        )
        for row in rows
    ]
    rates = {
        (row.rate_from, row.rate_to, row.executed_at.replace(second=0, microsecond=0)): Rate(
            row.rate_price, row.rate_source
        )
        for row in rows
        if row.rate_from and row.rate_to and row.rate_price is not None and row.rate_source is not None
    }
    return net_executions(terms, fills, rates)


def _trading_rules(connection: Connection, markets: set[tuple[str, str]]) -> dict[tuple[str, str], BookRules]:
    """Return what is dust in each of these markets, where the venue says so."""
    asked = json_rows([{"venue": venue, "symbol": symbol} for venue, symbol in sorted(markets)])
    rows = connection.cursor(row_factory=dict_row).execute(_TRADING_RULES_OF, {"markets": asked}).fetchall()
    return {
        (row["venue"], row["symbol"]): BookRules(row["quantity_step"], row["minimum_notional"])
        for row in rows
    }
