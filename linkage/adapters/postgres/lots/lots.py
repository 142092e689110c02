"""Lots in the ledger: derived from the orders that changed, book by book, without loss and at any time anew.

``changes`` says which books have to be matched, ``matching`` matches them, ``tables`` writes what came of it,
and ``check`` compares what stands there with a fresh match.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

import psycopg

from linkage.adapters.postgres.connection import Connection, LedgerConnection
from linkage.adapters.postgres.lots.changes import (
    BEGINNING,
    CHANGED_ORDERS,
    AffectedBook,
    Progress,
    affected_books,
    batches,
    changed_orders,
    read_progress,
    rewind,
    safe_moment,
    save_progress,
)
from linkage.adapters.postgres.lots.matching import match_planned, plan_books
from linkage.adapters.postgres.lots.tables import replace_rows
from linkage.domain.facts import LotsMatched

MATCH_SECONDS = 45.0
Result = TypeVar("Result")


class PostgresLots:
    """Keeps lots and episodes up to date; see ``ports.ledger.TradeLedger``.

    Args:
        connection: as ``recorder``.
    """

    def __init__(self, connection: LedgerConnection) -> None:
        self._connection = connection

    def match_lots(self, *, seconds: float) -> LotsMatched:
        """Match the books of the orders that changed since the last time; see the port."""
        end = time.monotonic() + seconds
        safe = self._run(safe_moment)
        progress = self._run(read_progress) or Progress(since=BEGINNING)
        orders, books, failed, further = 0, set[str](), list[str](), True
        while further and time.monotonic() < end:
            changed = self._run(partial(changed_orders, progress=progress))
            affected = self._run(partial(affected_books, changed=changed))
            for batch in batches(affected):
                failed += self._match_books(batch)
            further = len(changed) == CHANGED_ORDERS
            if changed:
                last = changed[-1]
                progress = progress._replace(since=last.changed_at, after_order_id=last.order_id)
            # What is stamped later than the safe moment may have neighbours that nobody sees yet.
            reached = progress if further and progress.since < safe else Progress(since=safe)
            self._run(partial(save_progress, progress=reached))
            orders += len(changed)
            books.update(book.book for book in affected)
        return LotsMatched(orders, len(books), further, sorted(set(failed)))

    def rewind(self, since: datetime | None) -> None:
        """Let everything that changed since a moment, or ever, be matched anew; see the port."""
        self._run(partial(rewind, since=since))

    def _match_books(self, affected: Sequence[AffectedBook]) -> Sequence[str]:
        """Match books and return those that cannot be: one of them must not hold up its neighbours."""
        try:
            self._run(partial(_match_books, affected=affected))
        except (ArithmeticError, psycopg.DataError, psycopg.IntegrityError):
            if len(affected) == 1:
                return [affected[0].book]
            middle = len(affected) // 2
            return [*self._match_books(affected[:middle]), *self._match_books(affected[middle:])]
        return ()

    def _run(self, work: Callable[[Connection], Result]) -> Result:
        return self._connection.run(work, deadline_seconds=MATCH_SECONDS)


def _match_books(connection: Connection, affected: Sequence[AffectedBook]) -> None:
    with connection.transaction():
        plans = plan_books(connection, affected)
        match_planned(connection, plans)
        replace_rows(connection, plans)
