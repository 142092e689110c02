"""Whether the stored lots are what a fresh match of all fills gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from psycopg.rows import class_row

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.lots.changes import (
    BEGINNING,
    AffectedBook,
    affected_books,
    batches,
    changed_orders,
    read_progress,
)
from linkage.adapters.postgres.lots.json_rows import json_rows
from linkage.adapters.postgres.lots.matching import BookPlan, match_planned
from linkage.adapters.postgres.lots.tables import rows_of
from linkage.adapters.postgres.statements import statement

_ALL_BOOKS = statement(__file__, "all_books")
_UNKNOWN_BOOKS = statement(__file__, "unknown_books")
_DIFFERING = {
    "fifo_allocations": statement(__file__, "differing_fifo_allocations"),
    "episodes": statement(__file__, "differing_episodes"),
    "fifo_open_lots": statement(__file__, "differing_fifo_open_lots"),
    "fifo_unmatched_exits": statement(__file__, "differing_fifo_unmatched_exits"),
    "lot_books": statement(__file__, "differing_lot_books"),
}


class Differing(NamedTuple):
    """A row that is stored and should not be, or should be and is not: its book, and what it is called."""

    book: str
    name: str


def compare(connection: Connection) -> tuple[int, Sequence[str]]:
    """Match all books afresh and return how many rows that makes, and which of the stored ones differ.

    Books whose orders changed since they were matched are left out: they are not up to date, and not wrong.

    Args:
        connection: as a role that may read everything, in a transaction that sees one moment.
    """
    progress = read_progress(connection)
    waiting: set[str] = set()
    if progress is not None:
        changed = changed_orders(connection, progress, limit=None)
        waiting = {affected.book for affected in affected_books(connection, changed)}
    all_books = connection.cursor(row_factory=class_row(AffectedBook))
    books = all_books.execute(_ALL_BOOKS, {"beginning": BEGINNING}).fetchall()
    rows, differing = 0, set[Differing]()
    cursor = connection.cursor(row_factory=class_row(Differing))
    for batch in batches(books):
        plans = {affected.book: _fresh(affected) for affected in batch}
        match_planned(connection, plans)
        made = rows_of(plans.values())
        rows += sum(map(len, made.values()))
        for table, query in _DIFFERING.items():
            parameters = {"rows": json_rows(made[table]), "books": list(plans)}
            differing |= set(cursor.execute(query, parameters).fetchall())
    names = {"books": [affected.book for affected in books]}
    differing |= set(cursor.execute(_UNKNOWN_BOOKS, names).fetchall())
    if progress is None:
        return rows, ()
    return rows, sorted(row.name for row in differing if row.book not in waiting)


def _fresh(affected: AffectedBook) -> BookPlan:
    return BookPlan(
        book=affected.book, appends=False, boundary=None, average_cash=None, order_ids=affected.order_ids
    )
