"""Events that could not be taken: what waits, what was settled, what was dismissed."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.rows import class_row

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.statements import statement
from linkage.domain.facts import QuarantinedEventRow

QUARANTINED_EVENTS = statement(__file__, "quarantined_events")


def quarantined_events(
    connection: Connection, quarantine_id: int | None, after: int, limit: int
) -> Sequence[QuarantinedEventRow]:
    """Return unresolved events by ascending id: one, or those after an id."""
    cursor = connection.cursor(row_factory=class_row(QuarantinedEventRow))
    parameters = {"id": quarantine_id, "after": after, "limit": limit}
    return cursor.execute(QUARANTINED_EVENTS, parameters).fetchall()


def settle(connection: Connection, quarantine_id: int) -> None:
    """Mark an event as resolved, the first time."""
    connection.execute(
        "UPDATE quarantine SET resolved_at = clock_timestamp()"
        " WHERE quarantine_id = %(id)s AND resolved_at IS NULL",
        {"id": quarantine_id},
    )


def dismiss(connection: Connection, quarantine_id: int, reason: str) -> bool:
    """Mark an event as never to be taken, with the reason; False if it did not wait."""
    dismissed = connection.execute(
        "UPDATE quarantine SET resolved_at = clock_timestamp(), resolution = %(reason)s"
        " WHERE quarantine_id = %(id)s AND resolved_at IS NULL",
        {"id": quarantine_id, "reason": reason},
    )
    return dismissed.rowcount == 1
