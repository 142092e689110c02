"""What could not be understood, and why."""

from __future__ import annotations

from typing import Any

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.rows import Row, fetch_rows
from linkage.adapters.postgres.statements import statement

MAX_QUARANTINED = 200

_EVENTS = statement(__file__, "list_quarantine")
_REASONS = statement(__file__, "quarantine_reasons")
_EVENT = statement(__file__, "quarantined_event")


def quarantine(connection: Connection, *, resolved: bool) -> dict[str, Any]:
    """Return the events of the quarantine without their bodies, and how many have which reason.

    Args:
        resolved: also those that were understood since.
    """
    parameters = {"resolved": resolved, "limit": MAX_QUARANTINED}
    reasons = fetch_rows(connection, _REASONS, parameters)
    return {
        "total": sum(row["events"] for row in reasons),
        "reasons": reasons[:MAX_QUARANTINED],
        "events": fetch_rows(connection, _EVENTS, parameters),
    }


def quarantined(connection: Connection, quarantine_id: int) -> Row | None:
    """Return one event with its body as it came; None when there is no such."""
    return next(iter(fetch_rows(connection, _EVENT, {"id": quarantine_id})), None)
