"""Which books have to be matched: those of the orders that changed since the last time.

Which orders changed is read from the clock stamps of their rows. A stamp may become visible later than it
was made, so the next look begins at the start of the oldest transaction that was still running at this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from psycopg.rows import class_row

from linkage.adapters.postgres.connection import Connection, only_row, rows
from linkage.adapters.postgres.statements import statement

CHANGED_ORDERS = 5_000
"""How many changed orders are looked at in one go."""
BATCH_ORDERS = 500
"""How many of them, at least a book's, share a transaction."""
OVERLAP = timedelta(seconds=10)
"""How far each look goes back behind the last one, should the server's clock have been set back."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_OLDEST_RUNNING = statement(__file__, "oldest_running")
_PROGRESS = statement(__file__, "progress")
_SAVE_PROGRESS = statement(__file__, "save_progress")
_REWIND = statement(__file__, "rewind")
_CHANGED_ORDERS = statement(__file__, "changed_orders")
_AFFECTED_BOOKS = statement(__file__, "affected_books")


class Progress(NamedTuple):
    """How far changes were turned into lots.

    Attributes:
        since: of the last change that was looked at, or, of a look that saw all, when it was safe to.
        after_order_id: the last order looked at among those that changed at that moment.
        with_bots, with_rates, with_rules: whether there are bots, rates and trading rules of since then.
    """

    since: datetime
    after_order_id: str = ""
    with_bots: bool = False
    with_rates: bool = False
    with_rules: bool = False


class ChangedOrder(NamedTuple):
    """An order that changed, and when."""

    changed_at: datetime
    order_id: str


class AffectedBook(NamedTuple):
    """A book, the earliest moment that may have changed in it, and the orders because of which."""

    book: str
    earliest_at: datetime
    order_ids: list[str]


def safe_moment(connection: Connection) -> datetime:
    """Return the moment until which every stamp is visible by now."""
    oldest: datetime = only_row(rows(connection, _OLDEST_RUNNING)).started_at
    return oldest - OVERLAP


def read_progress(connection: Connection) -> Progress | None:
    """Return how far changes were turned into lots; None if that was never done."""
    return connection.cursor(row_factory=class_row(Progress)).execute(_PROGRESS).fetchone()


def save_progress(connection: Connection, progress: Progress) -> None:
    """Save how far changes were turned into lots."""
    connection.execute(_SAVE_PROGRESS, {"since": progress.since, "after_order_id": progress.after_order_id})


def rewind(connection: Connection, since: datetime | None) -> None:
    """Let what changed since a moment, or ever, count as not looked at."""
    connection.execute(_REWIND, {"since": since})


def changed_orders(
    connection: Connection, progress: Progress, *, limit: int | None = CHANGED_ORDERS
) -> list[ChangedOrder]:
    """Return the next changes, in the order of time."""
    cursor = connection.cursor(row_factory=class_row(ChangedOrder))
    return cursor.execute(_CHANGED_ORDERS, {**progress._asdict(), "limit": limit}).fetchall()


def affected_books(connection: Connection, changed: Iterable[ChangedOrder]) -> list[AffectedBook]:
    """Return every book that changed orders were or are in."""
    order_ids = sorted({change.order_id for change in changed})
    if not order_ids:
        return []
    cursor = connection.cursor(row_factory=class_row(AffectedBook))
    return cursor.execute(_AFFECTED_BOOKS, {"order_ids": order_ids}).fetchall()


def batches(books: Sequence[AffectedBook]) -> Iterator[list[AffectedBook]]:
    """Yield books in batches that one transaction can match."""
    batch: list[AffectedBook] = []
    for affected in books:
        batch.append(affected)
        if sum(len(member.order_ids) for member in batch) >= BATCH_ORDERS:
            yield batch
            batch = []
    if batch:
        yield batch
